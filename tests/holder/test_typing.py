"""A person's keys on their way into the terminal: at once, but never before what came first."""

from __future__ import annotations

from types import SimpleNamespace

from ptyjobs.holder.job import PIECE, Job


class Terminal:
    """Takes `room` bytes and then no more; nothing is ever read from it."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.taken = b""

    def write(self, data: bytes | memoryview) -> int:
        count = min(len(data), self.room)
        self.room -= count
        self.taken += bytes(data[:count])
        return count

    def read(self, *, more: object = None) -> bytes:
        return b""


def a_job(terminal: Terminal) -> Job:
    job = Job(SimpleNamespace(), SimpleNamespace(hot=False))
    job.pty = terminal
    return job


def test_a_key_goes_straight_in() -> None:
    job = a_job(terminal := Terminal())
    job.type(b"x", 1.0, owner=-1)
    assert terminal.taken == b"x"
    assert not job.queue


def test_a_key_waits_behind_what_was_typed_before() -> None:
    job = a_job(terminal := Terminal(room=0))
    job.enqueue(b"first ", owner=1)
    terminal.room = 3
    job.type(b"second", 1.0, owner=-1)
    assert terminal.taken == b"fir"
    terminal.room = 100
    job.pump(2.0)
    assert terminal.taken == b"first second"


def test_a_key_waits_behind_the_answer_to_a_query() -> None:
    job = a_job(terminal := Terminal(room=0))
    job.replies, job.hold_input = b"\x1b[1;1R", 1.03
    job.type(b"x", 1.0, owner=-1)
    terminal.room = 100
    job.pump(1.01)
    assert terminal.taken == b"\x1b[1;1R"
    job.type(b"y", 1.02, owner=-1)
    assert terminal.taken == b"\x1b[1;1R"
    job.pump(1.04)
    assert terminal.taken == b"\x1b[1;1Rxy"


def test_a_paste_goes_in_whole_and_in_pieces() -> None:
    job = a_job(terminal := Terminal(room=PIECE + 100))
    pasted = bytes(range(256)) * 40
    job.type(pasted, 1.0, owner=-1)
    assert terminal.taken == pasted[: PIECE + 100]
    assert job.unsent(-1) == len(pasted) - PIECE - 100
    terminal.room = 1 << 20
    job.pump(2.0)
    assert terminal.taken == pasted
