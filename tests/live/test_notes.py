"""The words "the input was not read", "before this input" and "waiting", where they would be false.

Each also has a session in which it is true. Texts are those that a model reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.mcp import results
from ptyjobs.model import Answer, Reason
from tests.live.test_field import Session, program

pytestmark = pytest.mark.live

UNREAD = "the input was not read"
LATE = "before this input"
WAITING = "waiting"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Jobs]:
    """A second reader of the same jobs, with a read position of its own."""
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


def words(answer: Answer) -> str:
    return results.of_answer(answer).text


KEY = "import os, tty; tty.setcbreak(0); print('key?', flush=True); os.read(0, 1); input('name? ')"
SLURP = "import os, time; print('go', flush=True); os.read(0, 9); print('read'); time.sleep(60)"
THREAD = """
import threading
threading.Thread(target=lambda: [print('got', input('> ')) for _ in range(9)]).start()
"""
SHORT = "import sys; print('three:', flush=True); sys.stdin.buffer.raw.read(3); input('rest? ')"


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (program(KEY), ["x"]),
        (program(SLURP), ["x", "Enter"]),
        (program(THREAD), ["x", "Enter"]),
        (program(SHORT), ["x", "y", "z", "Enter"]),
        ("bash --norc", ["e", "c", "h", "o"]),
        ("bash -c 'seq 200 | less; read -p \"Again: \" x'", ["q"]),
        ("dash -c 'read x; read y'", ["x", "Enter"]),
    ],
    ids=["key", "slurp", "thread", "part", "editor", "pager", "lines"],
)
def test_input_that_a_program_took_is_not_called_unread(
    jobs: Jobs, command: str, keys: list[str]
) -> None:
    session = Session(jobs, command)
    assert UNREAD not in words(session.first)
    assert UNREAD not in words(session.send(keys=keys, timeout=2))


def test_a_line_without_enter_is_called_unread(jobs: Jobs) -> None:
    assert UNREAD in words(Session(jobs, "cat").send("abc", enter=False, timeout=2))


def test_a_prompt_that_came_again_is_not_output_before_the_input(jobs: Jobs, other: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    for _ in range(3):
        assert LATE not in words(session.send("echo a"))
    assert session.send("sleep 0.4", timeout=0.05).verdict.reason is Reason.TIMEOUT
    assert other.wait("j", timeout=20).verdict.reason.ready
    answer = session.send("echo b")
    assert LATE not in words(answer)
    assert answer.fresh.text == "b"


def test_frames_that_were_overwritten_are_not_output_before_the_input(
    jobs: Jobs, other: Jobs
) -> None:
    source = (
        "import time\n"
        "for name in ('first', 'second'):\n"
        "  for n in range(9): print(end=f'\\r{name} {n}', flush=True); time.sleep(0.05)\n"
        "  input('\\r\\x1b[Kmore? ')"
    )
    session = Session(jobs, program(source))
    assert session.send("y", timeout=0.05).verdict.reason is Reason.TIMEOUT
    assert other.wait("j", timeout=20).verdict.reason.ready
    assert LATE not in words(session.send("y"))


def test_a_new_question_between_two_calls_is_output_before_the_input(
    jobs: Jobs, other: Jobs
) -> None:
    source = "import time\ninput('one? '); time.sleep(0.4); print('note'); input('two? ')"
    session = Session(jobs, program(source))
    assert session.send("a", timeout=0.05).verdict.reason is Reason.TIMEOUT
    assert other.wait("j", timeout=20).verdict.reason.ready
    answer = session.send("b")
    assert answer.fresh.late == "note\ntwo?"
    assert LATE in words(answer)


@pytest.mark.parametrize(
    "source",
    [
        "input('> '); time.sleep(60)",
        "input('> '); print('> not yet\\n> ', end='', flush=True); time.sleep(60)",
        "input('> ')\nwhile 1: pass",
        "input('> ')\nwhile 1: print('.', end='', flush=True); time.sleep(0.1)",
        "input('> '); subprocess.run(['sleep', '60'])",
    ],
    ids=["sleeps", "prints a prompt", "computes", "ticks", "waits for a child"],
)
def test_a_program_that_works_is_not_called_waiting(jobs: Jobs, source: str) -> None:
    session = Session(jobs, program("import subprocess, time\n" + source))
    assert WAITING in words(session.first)
    assert WAITING not in words(session.send("x", timeout=1.5))


def test_an_answer_to_a_query_that_nobody_read_is_neither_prompt_nor_block(jobs: Jobs) -> None:
    session = Session(jobs, "bash --norc")
    prompt = session.first.verdict.prompt
    answer = session.send("printf '\\033[6n'")
    assert answer.verdict.prompt.startswith(prompt)  # what it left in the line is shown
    assert not answer.verdict.continuation
    assert session.send(keys=["C-u"]).verdict.prompt == prompt
    assert session.send("echo hi").fresh.text == "hi"
