"""`record`, then `fixture`: a test that runs the program again and detects changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs.recordings.read import read_cast
from ptyjobs.testing.steps import Step, script
from tests.docs import generate
from tests.docs.test_examples import fenced

pytestmark = pytest.mark.live

GREET = """
import os, time
print("pid", os.getpid(), "at", time.strftime("%Y-%m-%d %H:%M"))
while (name := input("name? ")) != "bye":
    print("hello", name)
raise SystemExit(3)
"""
HEAD = '{"version": 3, "term": {"cols": 60, "rows": 10}, "command": "COMMAND"}\n'


def ptyjobs(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={"PTYJOBS_STATE": str(folder / "state"), "PATH": os.environ["PATH"], **env},
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def outcome(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
        env={"CI": "1", "PATH": os.environ["PATH"]},
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout


def recorded(folder: Path, command: str, *events: str) -> Path:
    path = folder / "bug.cast"
    head = HEAD.replace("COMMAND", command)
    path.write_text(head + "\n".join(events) + "\n")
    return path


def test_the_program_runs_again_and_a_change_of_it_is_seen(tmp_path: Path) -> None:
    (tmp_path / "greet.py").write_text(GREET)
    recorded(
        tmp_path, f"{sys.executable} greet.py",
        '[0.1, "o", "pid 7 at 2001-01-01 10:00\\r\\nname? "]', '[1, "i", "ann\\n"]',
        '[0.1, "o", "ann\\r\\nhello ann\\r\\nname? "]', '[1, "i", "bye\\n"]', '[0.1, "x", "3"]',
    )  # fmt: skip
    done = ptyjobs(tmp_path, "fixture", "bug.cast")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "test_bug.py").read_text()
    for line in ('program.type("ann")', 'program.type("bye")', "program.exit().code == 3"):
        assert line in text
    first = (tmp_path / "__screens__" / "test_bug" / "test_bug-00.txt").read_text()
    assert re.search(r"^\|pid ·+ at ·{10} ·{5}\|$", first, re.MULTILINE), first
    assert "1 passed" in outcome(tmp_path, "test_bug.py")
    (tmp_path / "greet.py").write_text(GREET.replace("hello", "hallo"))
    said = outcome(tmp_path, "test_bug.py")
    assert "|hello ann|" in said
    assert "|hallo ann|" in said
    assert "1 failed" in said


def test_the_screen_is_awaited_where_the_machine_is_slower(tmp_path: Path) -> None:
    """The second line comes from a thread, later on a slow machine than when it was recorded."""
    slow = (
        "import os, threading, time\n"
        "def late():\n    time.sleep(float(os.environ.get('LAG', '0.05')))\n    print('late')\n"
        "threading.Thread(target=late).start()\nfor _ in range(30): time.sleep(0.05)\n"
    )
    (tmp_path / "slow.py").write_text(slow)
    recorded(tmp_path, f"{sys.executable} -u slow.py", '[0.1, "o", "late\\r\\n"]')
    (tmp_path / "test_slow.py").write_text(
        "def test_slow(job, screen_snapshot):\n"
        f"    program = job(\"{sys.executable} -u slow.py\", wait=False, env={{'LAG': '1'}})\n"
        '    screen_snapshot(program, "00")\n'
    )
    screens = tmp_path / "__screens__" / "test_slow"
    screens.mkdir(parents=True)
    (screens / "test_slow-00.txt").write_text("ptyjobs screen 2\n24x80 cursor 1,0\n|late|\n")
    assert "1 passed" in outcome(tmp_path, "test_slow.py")


def test_copies_give_each_run_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "count.py").write_text(
        "n = int(open('n').read()) + 1\nopen('n', 'w').write(str(n))\nprint('run', n)\n"
    )
    (tmp_path / "n").write_text("4")
    recorded(tmp_path, f"{sys.executable} count.py", '[0.1, "o", "run 5\\r\\n"]', '[0, "x", "0"]')
    done = ptyjobs(tmp_path, "fixture", "bug.cast", "--copy", "count.py", "--copy", "n")
    assert done.returncode == 0, done.stderr
    assert "Nothing was typed" in done.stderr
    assert (tmp_path / "n").read_text() == "4"
    first = (tmp_path / "__screens__" / "test_bug" / "test_bug-00.txt").read_text()
    assert "|run 5|" in first
    for _ in range(2):
        assert "1 passed" in outcome(tmp_path, "test_bug.py")


def test_the_test_on_the_page_passes(tmp_path: Path) -> None:
    """docs/testing.md shows a test of `tests/examples/todo/todo.py`, as `fixture` writes it."""
    (code,) = fenced((generate.ROOT / "docs/testing.md").read_text(), "python")
    head = "import shutil\nfrom pathlib import Path\n\nHERE = Path(__file__).parent\n\n\n"
    (tmp_path / "test_bug.py").write_text(head + code)
    shutil.copy(generate.ROOT / "tests/examples/todo/todo.py", tmp_path)
    assert "1 passed" in outcome(tmp_path, "--screen-update", "test_bug.py")
    assert "buy milk" in (tmp_path / "__screens__" / "test_bug" / "test_bug-02.txt").read_text()


def test_a_recording_without_command_can_only_be_replayed(tmp_path: Path) -> None:
    (tmp_path / "old.raw").write_bytes(b"hello\r\n")
    done = ptyjobs(tmp_path, "fixture", "old.raw")
    assert (done.returncode, "--replay" in done.stderr) == (2, True)
    assert ptyjobs(tmp_path, "fixture", "old.raw", "--replay").returncode == 0
    assert "1 passed" in outcome(tmp_path, "test_old.py")
    gone = ptyjobs(tmp_path, "fixture", "none.cast")
    assert (gone.returncode, "no file and no job" in gone.stderr) == (3, True)


def steps_of(*events: str) -> tuple[Step, ...]:
    return script(read_cast(HEAD + "\n".join(events) + "\n")).steps


def kinds(steps: tuple[Step, ...]) -> list[tuple[str, tuple[str, ...]]]:
    return [(step.kind, step.values) for step in steps]


def test_keys_of_a_person_become_texts_and_keys() -> None:
    steps = steps_of(
        '[1, "i", "j"]', '[0.1, "o", "\\u001b[2;1H> two"]', '[1, "i", "/"]', '[0.1, "o", "/"]',
        '[0.1, "i", "o"]', '[0.1, "o", "o"]', '[0.1, "i", "n"]', '[0.1, "o", "n"]',
        '[0.1, "i", "\\n"]', '[1, "i", "\\u001b[B"]', '[0.1, "i", "\\u001b[B"]', '[1, "i", ""]',
        '[1, "r", "50x9"]', '[1, "i", "q"]',
    )  # fmt: skip
    assert kinds(steps) == [
        ("press", ("j",)), ("type", ("/on",)), ("press", ("Down", "Down")), ("secret", ()),
        ("resize", ("9", "50")), ("press", ("q",)),
    ]  # fmt: skip
    assert steps[1].enter
