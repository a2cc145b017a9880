"""Overwritten frames are not repeated; text that is still visible is."""

from __future__ import annotations

from ptyjobs.model import Size
from ptyjobs.terminal import Screen
from ptyjobs.text.bookmark import Mark, mark
from ptyjobs.text.late import standing


def frame(number: int) -> bytes:
    return b"\x1b[Hload %d\x1b[K\r\nsame\r\nkeys: q\r\n> " % number


def taken(screen: Screen) -> Mark:
    return mark(screen, offset=0, echo=True, canonical=True)


def test_a_frame_that_was_redrawn_is_stale() -> None:
    screen = Screen(Size(6, 40))
    screen.feed(frame(1))
    before = taken(screen)
    screen.feed(frame(2))
    late = "load 1\n[... 3 lines left out ...]\nsame\nkeys: q"
    assert standing(late, before, screen, fresh="load 2\nsame\nkeys: q") == ""


def test_lines_that_stand_or_have_scrolled_away_stay() -> None:
    screen = Screen(Size(4, 40))
    screen.feed(b"one\r\ntwo\r\n$ ")
    before = taken(screen)
    screen.feed(b"ls\r\na\r\nb\r\nc\r\n$ ")
    assert standing("one\ntwo", before, screen, fresh="a\nb\nc") == "one\ntwo"


def test_a_log_beside_a_status_row_keeps_its_lines() -> None:
    screen = Screen(Size(6, 40))
    screen.feed(b"built a\r\nbuilt b\r\n10 %\r\n> ")
    before = taken(screen)
    screen.feed(b"\x1b[A\r20 %\x1b[K\r\n> ")
    assert standing("built a\nbuilt b\n10 %", before, screen, fresh="20 %") == "built a\nbuilt b"


def test_lines_that_are_kept_no_longer_are_believed() -> None:
    screen = Screen(Size(4, 40), scrollback=2)
    screen.feed(b"one\r\n$ ")
    before = taken(screen)
    screen.feed(b"x\r\n" * 40)
    assert standing("one", before, screen, fresh="x") == "one"
