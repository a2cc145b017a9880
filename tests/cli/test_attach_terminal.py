"""Effects of attach on the person's own terminal: title, scrollback, other sizes, status line."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs, prepare
from ptyjobs.config import Config
from tests.cli.conftest import Outer, Shell
from tests.faults import world

pytestmark = pytest.mark.live


def title(outer: Outer) -> str:
    return outer.tmux("display-message", "-p", "-t", "=0:", "#{pane_title}").strip()


def test_the_title_is_restored(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("printf '\\033]2;mine\\007'; $PTYJOBS attach sh")
    outer.sees("detaches")
    assert title(outer) == "sh: C-\\ detaches, C-] holds"
    outer.type("printf '\\033[22;0t\\033]2;theirs\\007'", "Enter")
    assert world.eventually(lambda: title(outer) == "theirs")
    outer.type("C-\\")
    outer.sees("left:0")
    assert title(outer) == "mine"


def test_the_scrollback_gets_the_history_once_and_no_copy_of_the_screen(
    shell: Shell, outer: Outer
) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "seq -f line%g 1 60; exec bash --norc")
    shell.run("wait", "sh")
    outer.open("$PTYJOBS attach sh", rows=12, cols=60)
    outer.sees("line60", "sh: C-\\ detaches")
    outer.type("echo mo''re", "Enter")
    outer.sees("more", unless="detaches")
    outer.type("C-\\")
    outer.sees("left:0")
    shown = outer.screen(history=500).split()
    assert [word for word in shown if word.startswith("line")] == [f"line{n}" for n in range(1, 61)]
    assert shown.count("more") == 1
    assert "sh:" not in shown


def test_output_takes_the_hint_away_before_it_scrolls(
    shell: Shell, outer: Outer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    shell.run("run", "-d", "--name", "j", "--", f"mkfifo {gate}; read x < {gate}; seq 50; sleep 99")
    outer.open("$PTYJOBS attach j", rows=10, cols=60)
    outer.sees("j: C-\\ detaches")
    gate.write_text("go\n")
    outer.sees("50")
    outer.type("C-\\")
    outer.sees("left:0")
    assert "j: C-" not in outer.screen(history=500)


def test_two_sizes_of_wrapped_lines_show_the_same_text(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("$PTYJOBS attach sh", rows=30, cols=100, name="large")
    outer.sees("detaches", name="large")
    outer.open("$PTYJOBS attach sh", rows=12, cols=40, name="small")
    outer.sees("detaches", name="small")
    text = "".join(chr(97 + n % 26) for n in range(90))
    outer.type(f"echo {text}", "Enter", name="small")
    rows = [text[:40], text[40:80], text[80:]]
    for name in ("small", "large"):
        shown = outer.sees("\n".join(rows), name=name, unless="detaches")
        assert shown.splitlines()[0].startswith("bash")
    outer.type("C-\\", name="small")
    outer.sees("left:0", name="small")
    outer.type("clear; tput cols", "Enter", name="large")
    outer.sees("100", name="large")


def test_a_smaller_terminal_that_joins_and_leaves_costs_no_line_of_the_scrollback(
    shell: Shell, outer: Outer
) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "seq -f first%g 1 60; exec bash --norc")
    shell.run("wait", "sh")
    outer.open("echo own; $PTYJOBS attach sh", rows=30, cols=100, name="large")
    outer.sees("first60", "detaches", name="large")
    expected = [f"first{n}" for n in range(1, 61)]

    def prints(word: str, count: int, *, at: str) -> None:
        expected.extend(f"{word}{n}" for n in range(1, count + 1))
        outer.type(f"seq -f {word}%g 1 {count}", "Enter", name=at)
        for name in ("large", at):
            outer.sees(f"\n{word}{count}\n", name=name)

    def scrollback() -> list[str]:
        lines = outer.screen(name="large", history=2000).split()
        return [line for line in lines if re.fullmatch(r"[a-z]+\d+", line)]

    prints("before", 40, at="large")
    outer.open("$PTYJOBS attach sh", rows=12, cols=40, name="small")
    outer.sees("before40", "detaches", name="small")
    assert world.eventually(lambda: scrollback() == expected), scrollback()
    prints("with", 40, at="small")
    assert world.eventually(lambda: scrollback() == expected), scrollback()
    outer.type("C-\\", name="small")
    outer.sees("left:0", name="small")
    prints("after", 5, at="large")
    assert world.eventually(lambda: scrollback() == expected), scrollback()
    outer.type("C-\\", name="large")
    outer.sees("left:0", name="large")
    assert scrollback() == expected
    assert outer.screen(name="large", history=2000).split().count("own") == 1


def test_a_status_line_says_what_the_job_does(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("$PTYJOBS attach --status-line sh", rows=10, cols=60)
    outer.sees("sh · waits", "C-\\ detaches")
    outer.type("tput lines; sleep 99", "Enter")
    shown = outer.sees("sleep", "\n9\n")
    assert world.eventually(lambda: "sleep in" in outer.screen().splitlines()[9])
    assert shown.splitlines()[9].startswith(" sh · ")
    outer.open("$PTYJOBS attach sh", rows=10, cols=60, name="1")
    assert world.eventually(lambda: re.search(r" · with \S+@pts/\d+", outer.screen()))
    outer.type("C-\\", name="1")
    assert world.eventually(lambda: " · with " not in outer.screen())
    outer.tmux("resize-window", "-t", "=0:", "-x", "30", "-y", "10")
    narrow = re.compile(r" sh · sleep.*… · C-\\ detaches\s*\Z")
    assert world.eventually(lambda: narrow.match(outer.screen().splitlines()[9])), outer.screen()
    outer.type("C-\\")
    outer.sees("left:0", unless="detaches")


def test_keys_of_one_who_only_watches_are_said_to_be_dropped(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    shell.run("send", "sh", "PS1='$ '; clear; seq 3")
    outer.open("$PTYJOBS attach -r sh", rows=12, cols=70)
    outer.sees("$", "detaches")
    outer.type("x")
    outer.sees("read only: keys are not sent")
    outer.type("y")
    outer.sees("3\n$", unless="read only")
    outer.type("z")
    shell.run("send", "sh", "echo more")
    assert "read only" not in outer.sees("more")
    outer.type("C-\\")
    shown = outer.sees("left:0")
    assert "read only" not in outer.screen(history=500)
    assert "xyz" not in shown


def test_who_attaches_after_the_agent_asked_sees_what_it_asked(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    with Jobs(Config(state_dir=str(shell.state))) as agent:
        agent.wait("sh", until="person", message="log in, please", timeout=0)
        outer.open("$PTYJOBS attach sh", cols=100)
        outer.sees("asked: log in, please (C-] holds")
        outer.type("x")
        outer.sees("x", unless="asked:")
        agent.kill("sh")
        outer.sees("[sh has been killed on request")


def test_a_recording_is_written_when_its_terminal_is_closed(
    shell: Shell, outer: Outer, tmp_path: Path
) -> None:
    outer.open("$PTYJOBS record -o closed.cast -- bash --norc")
    outer.sees("bash")
    outer.type("echo recorded $((40+2)) words", "Enter")
    outer.sees("recorded 42 words")
    outer.tmux("kill-session", "-t", "=0:")
    file = tmp_path / "closed.cast"
    assert world.eventually(lambda: file.exists() and "recorded 42 words" in file.read_text())
    assert world.eventually(lambda: shell.run("list", "--running", "--ids").stdout == "")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=str(tmp_path / "own"), replies=False)) as client:
        yield client


def test_of_two_terminals_one_answers(jobs: Jobs) -> None:
    code = (
        "import os, sys, tty\ntty.setraw(0)\nos.write(1, b'\\x1b[6nasked')\nseen = b''\n"
        "while not seen.endswith(b'.'): seen += os.read(0, 100)\nprint(repr(seen), end='\\r\\n')\n"
    )
    spec = prepare(jobs.config, argv=(sys.executable, "-c", code))
    job_id = jobs.start(spec).job_id
    jobs.wait(job_id, until="pattern", patterns=["asked"], timeout=10)
    first, second = (jobs.follow(job_id, input=True) for _ in range(2))
    for follow in (first, second):
        follow.send(b"\x1b[1;6R")
    first.send(b"\x1b[A")
    for _ in range(2):  # the holder has read all input before the second one
        jobs.status(job_id)
    second.send(b".")
    answer = jobs.wait(job_id, until="exited", timeout=10)
    assert answer.fresh.text.count("\\x1b[1;6R") == 1
    assert "\\x1b[A" in answer.fresh.text


GETPASS = """python3 -c "import getpass; print('got', len(getpass.getpass('word: ')))" """
RELAYED = """python3 -c "import pty, sys; pty.spawn(['sh', '-c', sys.argv[1]])" """


@pytest.mark.parametrize(
    "program",
    [
        "stty -echo; printf 'word: '; read x; stty echo; echo got ${#x}",
        GETPASS,
        RELAYED + shlex.quote(GETPASS),  # as behind ssh: the outer terminal is raw
    ],
    ids=["stty", "getpass", "relay"],
)
def test_a_recording_with_input_holds_no_password(
    outer: Outer, tmp_path: Path, program: str
) -> None:
    command = shlex.quote(f"{program}; read y")
    outer.open(f"$PTYJOBS record --input -o out.cast -- sh -c {command}")
    outer.sees("word:")
    outer.type("xyzzy-plugh", "Enter")
    outer.sees("got 11")
    outer.type("shown", "Enter")
    outer.sees("recorded in out.cast")
    cast = (tmp_path / "out.cast").read_text()
    typed = [event[2] for event in map(json.loads, cast.splitlines()[1:]) if event[1] == "i"]
    assert "".join(typed) == "shown\n"
    assert "plugh" not in cast
