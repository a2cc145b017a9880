"""A person's keys: typed immediately, but never before earlier input."""

from __future__ import annotations

import pytest

from ptyjobs.holder.terminal_input import (
    HANDLED_MOST,
    PAINTED_MOST,
    PIECE,
    TYPED_GAP,
    TYPED_MOST,
    TYPED_SILENT,
    Gap,
    TerminalInput,
    line_cuts,
)
from ptyjobs.readiness.facts import Probe, Wait


class Terminal:
    """Takes `room` bytes and then no more; never read from."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.taken = b""
        self.written = 0
        self.screen = ""
        self.wait = Wait.BUSY
        self.works, self.asleep = False, b""
        self.full = False

    def write(self, data: bytes | memoryview) -> int:
        count = min(len(data), self.room)
        self.room -= count
        self.taken += bytes(data[:count])
        return count

    def read_once(self, now: float) -> int:
        return 0

    def unread(self) -> bool:
        return self.full

    def probe(self) -> Probe:
        return Probe(wait=self.wait, works=self.works, asleep=self.asleep)

    def showing(self, text: str) -> int:
        return self.screen.count(text)

    def draws(self, screen: str) -> None:
        self.screen = screen
        self.written += len(screen)


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


def field(terminal: Terminal) -> TerminalInput:
    """A text typed into a text field, its Enter still to come."""
    typing = TerminalInput(terminal)
    text = "make a file"
    typing.enqueue(f"{text}\r".encode(), owner=1, cuts=[(len(text), Gap.TYPED)])
    typing.pump(10.0)
    typing.pump(10.0)
    assert terminal.taken == b"make a file"
    return typing


def entered(terminal: Terminal, typing: TerminalInput, at: float) -> bool:
    typing.pump(at)
    return terminal.taken.endswith(b"\r")


def test_enter_in_a_text_field_follows_the_drawn_text_by_a_pause() -> None:
    terminal = Terminal()
    terminal.screen = "before: make a file"
    typing = field(terminal)
    terminal.draws("before: make a file, and a spinner")  # not yet this one
    assert not entered(terminal, typing, 10.1)
    terminal.draws("before: make a file > make a file")
    assert not entered(terminal, typing, 10.2)
    assert not entered(terminal, typing, 10.19 + TYPED_GAP)
    assert entered(terminal, typing, 10.21 + TYPED_GAP)


def test_enter_waits_until_a_user_interface_that_still_starts_reads_the_text() -> None:
    terminal = Terminal()
    terminal.full = True
    typing = field(terminal)
    assert not entered(terminal, typing, 13.0)
    terminal.full = False
    terminal.draws("make a file")
    assert not entered(terminal, typing, 13.1)
    assert entered(terminal, typing, 13.2 + TYPED_GAP)


@pytest.mark.parametrize(
    ("wait", "drawn", "seconds"),
    [
        (Wait.SOFT, "", PAINTED_MOST),  # it waits, and draws nothing: the text is hidden
        (Wait.SOFT, "***", PAINTED_MOST),
        (Wait.BUSY, "spinner", TYPED_MOST),
        (Wait.BUSY, "", TYPED_SILENT),
    ],
)
def test_enter_does_not_wait_forever_for_a_text_that_is_not_drawn(
    wait: Wait, drawn: str, seconds: float
) -> None:
    terminal = Terminal()
    typing = field(terminal)
    terminal.wait = wait
    terminal.draws(drawn)
    assert not entered(terminal, typing, 10.0 + seconds - 0.01)
    entered(terminal, typing, 10.0 + seconds + 0.01)
    assert not entered(terminal, typing, 10.0 + seconds + TYPED_GAP)
    assert entered(terminal, typing, 10.0 + seconds + TYPED_GAP + 0.02)


@pytest.mark.parametrize(("works", "asleep"), [(True, b""), (False, b"futex\nrunning")])
def test_enter_waits_for_the_other_threads_of_the_one_that_reads(
    works: bool, asleep: bytes
) -> None:
    terminal = Terminal()
    typing = field(terminal)
    terminal.wait, terminal.works, terminal.asleep = Wait.SOFT, works, asleep
    assert not entered(terminal, typing, 12.0)
    terminal.draws("make a file")
    assert not entered(terminal, typing, 12.1)
    assert entered(terminal, typing, 12.2 + TYPED_GAP)


def test_enter_is_left_when_the_call_is_answered_and_other_input_is_not() -> None:
    terminal = Terminal()
    typing = field(terminal)
    assert typing.leave(1) == 0
    assert typing.unsent(2) == 1  # a later wait is no turn before it
    terminal.draws("make a file")
    assert not entered(terminal, typing, 10.1)
    assert entered(terminal, typing, 10.1 + TYPED_GAP)

    typing = TerminalInput(terminal := Terminal(room=3))
    typing.enqueue(b"make a file\r", owner=1, cuts=[(11, Gap.TYPED)])
    typing.pump(10.0)
    assert typing.leave(1) == 9
    assert typing.idle


def test_a_key_does_not_wait_for_an_enter_that_was_left() -> None:
    terminal = Terminal()
    typing = field(terminal)
    typing.leave(1)
    typing.hurry()
    typing.enqueue(b"\x03", owner=2)
    typing.pump(10.0)
    assert terminal.taken == b"make a file\r\x03"


def test_keys_of_a_person_do_not_wait_for_an_enter_that_was_left() -> None:
    terminal = Terminal()
    typing = field(terminal)
    typing.leave(1)
    typing.type(b"\x1b[I", 10.0, owner=-1)
    assert terminal.taken == b"make a file"  # the focus is no key
    typing.type(b"\x03", 10.0, owner=-1)
    assert terminal.taken == b"make a file\r\x1b[I\x03"


@pytest.mark.parametrize(("gap", "latest"), [(Gap.DRAWN, 0.02), (Gap.PAINTED, HANDLED_MOST)])
def test_enter_follows_the_drawn_text_at_once_in_a_program_that_polls(
    gap: Gap, latest: float
) -> None:
    typing = TerminalInput(terminal := Terminal())
    typing.enqueue(b"text\r", owner=1, cuts=[(4, gap)])
    typing.pump(10.0)
    typing.pump(10.0)
    assert not entered(terminal, typing, 10.01)  # nothing is drawn yet
    terminal.draws("text")
    assert not entered(terminal, typing, 9.99 + latest)
    assert entered(terminal, typing, 10.01 + latest)


@pytest.mark.parametrize(
    ("data", "cuts"),
    [
        (b"text\r", [(4, Gap.PAINTED)]),
        (b"a\rbc\r", [(1, Gap.PAINTED), (2, Gap.READ), (4, Gap.PAINTED)]),
        (b"a\r\r", [(1, Gap.PAINTED), (2, Gap.READ)]),
        (b"\x1b[200~a\rb\x1b[201~\r", [(15, Gap.PAINTED)]),
        (b"x\r" * 21, [(41, Gap.PAINTED)]),
    ],
)
def test_lines_are_typed_one_by_one_unless_they_are_pasted(
    data: bytes, cuts: list[tuple[int, Gap]]
) -> None:
    assert line_cuts(data, Gap.PAINTED) == cuts


def test_lines_behind_a_deadline_are_not_typed_later() -> None:
    typing = TerminalInput(terminal := Terminal())
    typing.enqueue(b"one\rtwo\r", owner=1, cuts=line_cuts(b"one\rtwo\r", Gap.PAINTED))
    typing.pump(10.0)
    assert terminal.taken == b"one"
    assert typing.leave(1) == len(b"\rtwo\r")
    assert typing.idle
