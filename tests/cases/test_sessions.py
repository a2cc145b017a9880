"""`benchmarks.sessions` reports the difference between two versions, and only that."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SESSIONS = """
[[session]]
name = "asks"
run = "sh -c 'echo $$; read x; echo got $x; read y'"
steps = ["abc"]

[[session]]
name = "silent"
run = "cat"
steps = [{input = "x", enter = false}, ["C-c"]]

[[session]]
name = "absent"
run = "no-such-program-here"
steps = ["x"]
"""


def compared(folder: Path, *, other: str) -> tuple[int, str]:
    """Exit code and output of the comparison of this version with the one of `other`."""
    (folder / "sessions.toml").write_text(SESSIONS)
    command = [sys.executable, "-m", "benchmarks.sessions", "--file", str(folder / "sessions.toml")]
    done = subprocess.run(
        [*command, "--other", other], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout


def planted(folder: Path, old: str, new: str) -> str:
    """An interpreter with a copy of the package in which the results say `new` for `old`."""
    shutil.copytree(ROOT / "ptyjobs", folder / "copy" / "ptyjobs")
    results = folder / "copy" / "ptyjobs" / "mcp" / "results.py"
    text = results.read_text()
    assert old in text
    results.write_text(text.replace(old, new))
    python = folder / "python"
    path = shlex.quote(str(folder / "copy"))
    python.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_a_version_differs_in_nothing_from_itself(tmp_path: Path) -> None:
    code, output = compared(tmp_path, other=sys.executable)
    assert "2 sessions, 5 steps: 0 differ" in output  # the pid in the text counts for nothing
    assert "not installed, 1: absent (no-such-program-here)" in output
    assert code == ("slower:" in output)  # on a busy machine, a step may be


def test_a_planted_difference_is_reported(tmp_path: Path) -> None:
    other = planted(tmp_path, "parts = [prefix, answer.unmatched]", 'parts = ["old", prefix]')
    code, output = compared(tmp_path, other=other)
    assert code == 1
    assert "asks, step 1 {'input': 'abc'}: differs in status" in output
    assert "- [s0] old · waiting for input" in output
    assert "+ [s0] waiting for input" in output
    assert "2 sessions, 5 steps: 5 differ" in output
