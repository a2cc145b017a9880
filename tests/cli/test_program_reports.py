"""Reports of jobs to a terminal that shows them (OSC 7501); silence to one that does not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect
import pytest

from ptyjobs.cli import program_reports
from ptyjobs.cli.terminal import Terminal
from ptyjobs.model import Confidence, Exit, Reason, State, Status, Verdict
from ptyjobs.terminal.program_status import MAX_RECORDS, ProgramStatus, Record
from tests.cli.conftest import Shell

QUERY = b"\x1b]7501;?\x1b\\"


def job(job_id: str = "web", state: State = State.RUNNING, **more: Any) -> Status:
    return Status(job_id, state, "npm run dev", "/", **more)


def read(*statuses: Status) -> dict[str, Record]:
    """The records that our own reader has after these reports."""
    reader = ProgramStatus()
    for status in statuses:
        assert reader.feed(f"\x1b]7501;{program_reports.report(status)}\x1b\\".encode(), group=1)
    return reader._records


def waits(prompt: str = "", reason: Reason = Reason.WAITING_FOR_INPUT, says: str = "") -> Verdict:
    return Verdict(reason, Confidence.CERTAIN, prompt=prompt, says=says)


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (job(), "working: web: npm run dev", ""),
        (job(waiting=waits("> ")), "idle: web: npm run dev", ""),
        (job(waiting=waits("Password: ", Reason.PASSWORD)), "blocked (auth): Password:", "auth"),
        (job(waiting=waits(says="blocked (permission): ls?")), "blocked (permission): ls?",
         "permission"),
        (job(asks="which port"), "blocked (question): which port", "question"),
        (job(state=State.COMPLETED, exit=Exit(code=0)), "done: code 0", ""),
        (job(state=State.FAILED, exit=Exit(code=3)), "error: code 3", ""),
        (job(state=State.KILLED, exit=Exit(signal=9), reason="killed"),
         "error: ended by SIGKILL, killed", ""),
    ],
)  # fmt: skip
def test_states(status: Status, words: str, kind: str) -> None:
    (path, record), *others = read(status).items()
    assert (path, others) == ("ptyjobs/web", [])
    assert (record.words, record.kind, record.app) == (words, kind, "ptyjobs")


def test_hostile_and_long_texts_are_a_report_all_the_same() -> None:
    bad = "\x1b]0;x\x07" + "ä" * 500 + "\n"
    records = read(job("a" * 64, asks=bad), job("a" * 63 + "b", progress="normal 40"))
    assert len(records) == 2
    first, second = records.values()
    assert first.state == "blocked"
    assert "ä" in first.message
    assert (second.state, second.progress) == ("working", 40)


class Collected(Terminal):
    """A terminal that shows reports."""

    def __init__(self) -> None:
        self.dumb, self.wants_reports, self.data = False, True, b""

    def write(self, data: bytes) -> None:
        self.data += data


def test_changes_are_sent_and_what_is_gone_is_cleared() -> None:
    terminal = Collected()
    reader = ProgramStatus()
    reports = program_reports.ProgramReports(terminal)

    def records(*statuses: Status, again: bool = False) -> tuple[int, list[str]]:
        terminal.data = b""
        reports.update(statuses, now=0.0, again=again)
        reader.feed(terminal.data, group=1)
        return len(terminal.data), sorted(reader._records)

    assert records(job("a"), job("b"))[1] == ["ptyjobs/a", "ptyjobs/b"]
    assert records(job("a"), job("b"))[0] == 0
    assert records(job("a"), job("b"), again=True)[0] > 0
    assert records(job("b"))[1] == ["ptyjobs/b"]
    assert len(records(*(job(f"j{n}") for n in range(500)))[1]) <= MAX_RECORDS
    terminal.data = b""
    reports.clear()
    reader.feed(terminal.data, group=1)
    assert reader._records == {}
    terminal.wants_reports = False
    assert records(job("a")) == (0, [])


@contextmanager
def terminal(shell: Shell, *words: str) -> Iterator[pexpect.spawn[bytes]]:
    child = pexpect.spawn(
        sys.executable, ["-m", "ptyjobs", *words], env=shell.env, timeout=20, dimensions=(24, 80)
    )
    try:
        yield child
    finally:
        child.close(force=True)


def expect(child: pexpect.spawn[bytes], state: str, *, job_id: str = "sh") -> None:
    child.expect(rb"\x1b\]7501;state=%s:[^\x1b]*id=ptyjobs/%s:" % (state.encode(), job_id.encode()))


@pytest.mark.live
def test_attach_reports_its_job_to_a_terminal_that_answers(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc --noprofile -i")
    with terminal(shell, "attach", "sh") as child:
        child.expect_exact(QUERY)
        for part in (QUERY[:5], QUERY[5:]):  # an answer in two pieces is no input
            child.send(part)
        expect(child, "idle")
        child.send(b"printf 'ask\\n'; stty -echo; read x; stty echo; sleep 2; exit 3\r")
        child.expect_exact(b"ask\r\n")
        expect(child, "blocked:kind=auth")
        child.send(b"secret\r")
        expect(child, "working")
        expect(child, "error")
        child.expect(pexpect.EOF)
    assert "7501" not in shell.run("logs", "sh").stdout


@pytest.mark.live
def test_detaching_and_the_end_of_top_take_the_records_back(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc --noprofile -i")
    shell.run("run", "-d", "--name", "web", "--", "sleep 600")
    clear = rb"\x1b\]7501;state=clear:id=ptyjobs\x1b"
    with terminal(shell, "attach", "sh") as child:
        child.expect_exact(QUERY)
        child.send(QUERY)
        expect(child, "idle")
        child.send(b"\x1c")
        child.expect(clear)
    with terminal(shell, "top") as child:
        child.expect_exact(QUERY)
        child.send(QUERY)
        expect(child, "working", job_id="web")
        expect(child, "idle")
        child.send(b"q")
        child.expect(clear)
        child.expect(pexpect.EOF)


@pytest.mark.live
def test_a_terminal_that_does_not_answer_gets_no_report(shell: Shell) -> None:
    with terminal(shell, "run", "--name", "sh", "--", "bash --norc --noprofile -i") as child:
        child.send(b"sleep 2; exit\r")
        child.expect(pexpect.EOF)
        assert child.before is not None
        assert re.findall(rb"\x1b\]7501;[^\x1b]*", child.before) == [b"\x1b]7501;?"]


def cut(*pieces: bytes) -> list[bool]:
    found = object.__new__(Terminal)
    found._tail, found._string, found._alternate, found._titles = b"", False, False, 0
    found.write = lambda data: None  # type: ignore[method-assign]  # no terminal
    between = []
    for piece in pieces:
        found.pass_on(piece)
        between.append(found.between)
    return between


def test_no_report_within_a_sequence_or_a_character() -> None:
    assert cut(b"text", b"\x1b", b"[", b"3", b"1m") == [True, False, False, False, True]
    assert cut(b"\x1bPq" + b"#" * 100, b"~" * 100, b"\x1b", b"\\") == [False, False, False, True]
    assert cut(b"\x1b]0;a", b"b\x07c", b"\x07") == [False, True, True]
    assert cut("ä".encode()[:1], "ä".encode()[1:], "😀".encode()[:3], b"\x80") == [
        False, True, False, True,
    ]  # fmt: skip
