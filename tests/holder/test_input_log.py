"""Typed input is in the recording if and only if the terminal showed it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs, prepare
from ptyjobs.client.sync import Follow
from ptyjobs.config import Config
from ptyjobs.holder.input_log import Display, masked
from ptyjobs.input.terminal_replies import typed_only, without_replies
from ptyjobs.recordings import read
from tests.faults import world

FIELD = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?1049h\\x1b[2J\\x1b[3;1H[ ] one\\x1b[4;1H[ ] two\\x1b[1;1H")
at = 0
while True:
    key = os.read(0, 1)
    if key == b"q": break
    if key == b"j":
        os.write(1, b"\\x1b[%d;1H\\x1b[m%s\\x1b[%d;1H\\x1b[7m[ ]\\x1b[m" % (3 + at, b"[ ]", 4 - at))
        at = 1 - at
    elif key == b"\\r":
        os.write(1, b"\\x1b[6;1Hdone")
    else:
        os.write(1, ECHO)
os.write(1, b"\\x1b[?1049l")
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=str(tmp_path / "state"))) as client:
        yield client


@contextlib.contextmanager
def person(jobs: Jobs, echo: str) -> Iterator[tuple[str, Callable[[bytes], None]]]:
    """A raw-mode program, and a function that presses keys as an attached person."""
    code = FIELD.replace("ECHO", echo)
    job_id = jobs.start(prepare(jobs.config, argv=(sys.executable, "-c", code)), wait=10).job_id
    follow: Follow = jobs.follow(job_id, input=True)

    def press(data: bytes) -> None:
        before = jobs.status(job_id).end
        follow.send(data)
        world.eventually(lambda: jobs.status(job_id).end > before, within=1.0)

    yield job_id, press
    follow.close()


def typed(jobs: Jobs, job_id: str) -> list[str]:
    moments = read(jobs.registry.find(job_id).path).moments
    return [moment.data.decode() for moment in moments if moment.code == "i"]


@pytest.mark.live
def test_keys_that_something_was_shown_for_are_recorded(jobs: Jobs) -> None:
    with person(jobs, "key") as (job_id, press):
        for key in (b"\x1b[2;1R", b"o", b"n", b"e", b"j", b"\r", b"\x1b]11;rgb:00/00/00\x07", b"q"):
            press(key)
        jobs.wait(job_id, until="exited", timeout=10)
    assert typed(jobs, job_id) == ["o", "n", "e", "j", "\n", "q"]


@pytest.mark.live
@pytest.mark.parametrize("echo", ["b'*'", "b''"])
def test_a_masked_text_is_not_and_its_enter_is_a_secret(jobs: Jobs, echo: str) -> None:
    with person(jobs, echo) as (job_id, press):
        for key in (b"h", b"u", b"n", b"t", b"\r", b"j", b"q"):
            press(key)
        jobs.wait(job_id, until="exited", timeout=10)
    assert typed(jobs, job_id) == ["", "j", "q"]
    folder = jobs.registry.find(job_id).path
    assert '"h"' not in (folder / "events").read_text()


@pytest.mark.live
def test_a_text_is_no_longer_shown_because_a_clock_beside_it_changes(jobs: Jobs) -> None:
    """A relay (ssh, tmux) has no echo of its own: only the screen says that this is a secret."""
    clock = r"b'\x1b7\x1b[9;1H%d\x1b8' % key[0]"
    with person(jobs, clock) as (job_id, press):
        for key in (b"h", b"u", b"n", b"t", b"\r", b"+", b"+", b"+", b"\r", b"q"):
            press(key)
        jobs.wait(job_id, until="exited", timeout=10)
    assert typed(jobs, job_id) == ["", "+++", "\n", "q"]


def shown(*rows: str, cursor: tuple[int, int]) -> Display:
    return Display(rows, cursor)


@pytest.mark.parametrize(
    ("before", "after", "text", "expected"),
    [
        (shown("> ", cursor=(0, 2)), shown("> *", cursor=(0, 3)), "s", True),
        (shown("> **", cursor=(0, 4)), shown("> ****", cursor=(0, 6)), "ab", True),
        (shown("> ", cursor=(0, 2)), shown("> s", cursor=(0, 3)), "s", False),
        (shown("> ", "", cursor=(0, 2)), shown("> *", "weak", cursor=(0, 3)), "s", True),
        (shown("> name", cursor=(9, 0)), shown("> •", cursor=(9, 0)), "s", True),
        (shown("> a", "  b", cursor=(9, 0)), shown("  a", "> b", cursor=(9, 0)), "j", False),
        (shown("[ ] a", cursor=(9, 0)), shown("[x] a", cursor=(9, 0)), "x", False),
        (shown("word", cursor=(0, 0)), shown("word", cursor=(0, 1)), "l", False),
    ],
)
def test_masks(before: Display, after: Display, text: str, expected: bool) -> None:
    assert masked(before, after, text) is expected


def test_replies_are_no_keys_but_a_shifted_f3_is() -> None:
    data = b"a\x1b[2;1R\x1b[?64;1;2c\x1b[?2026;2$y\x1b[I\x1b[1;2Rb\x1bP>|xterm\x1b\\\x1b[A"
    assert typed_only(data, cursor=lambda: (5, 5)) == b"a\x1b[1;2Rb\x1b[A"
    assert without_replies(data, cursor=lambda: (0, 1)) == b"a\x1b[Ib\x1b[A"
