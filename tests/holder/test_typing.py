"""A person's keys: typed immediately, but never before earlier input."""

from __future__ import annotations

from ptyjobs.holder.terminal_input import PIECE, TerminalInput
from ptyjobs.readiness.facts import Probe, Wait


class Terminal:
    """Takes `room` bytes and then no more; never read from."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.taken = b""
        self.written = 0

    def write(self, data: bytes | memoryview) -> int:
        count = min(len(data), self.room)
        self.room -= count
        self.taken += bytes(data[:count])
        return count

    def read_once(self, now: float) -> int:
        return 0

    def unread(self) -> bool:
        return False

    def probe(self) -> Probe:
        return Probe(wait=Wait.BUSY)


def test_a_key_goes_straight_in() -> None:
    typing = TerminalInput(terminal := Terminal())
    typing.type(b"x", 1.0, owner=-1)
    assert terminal.taken == b"x"
    assert typing.idle


def test_a_key_waits_behind_what_was_typed_before() -> None:
    typing = TerminalInput(terminal := Terminal(room=0))
    typing.enqueue(b"first ", owner=1)
    terminal.room = 3
    typing.type(b"second", 1.0, owner=-1)
    assert terminal.taken == b"fir"
    terminal.room = 100
    typing.pump(2.0)
    assert terminal.taken == b"first second"


def test_a_key_waits_behind_the_answer_to_a_query() -> None:
    typing = TerminalInput(terminal := Terminal(room=0))
    typing.answer(b"\x1b[1;1R", 1.0)
    typing.type(b"x", 1.0, owner=-1)
    terminal.room = 100
    typing.pump(1.01)
    assert terminal.taken == b"\x1b[1;1R"
    typing.type(b"y", 1.02, owner=-1)
    assert terminal.taken == b"\x1b[1;1R"
    typing.pump(1.04)
    assert terminal.taken == b"\x1b[1;1Rxy"


def test_a_paste_goes_in_whole_and_in_pieces() -> None:
    typing = TerminalInput(terminal := Terminal(room=PIECE + 100))
    pasted = bytes(range(256)) * 40
    typing.type(pasted, 1.0, owner=-1)
    assert terminal.taken == pasted[: PIECE + 100]
    assert typing.unsent(-1) == len(pasted) - PIECE - 100
    terminal.room = 1 << 20
    typing.pump(2.0)
    assert terminal.taken == pasted
