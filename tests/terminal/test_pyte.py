"""The screen where a pyte screen is expected."""

from __future__ import annotations

import pyte

from ptyjobs.model import Size
from ptyjobs.terminal import Screen, Stream


def test_it_is_a_pyte_screen() -> None:
    screen = Screen(Size(3, 10))
    assert isinstance(screen, pyte.Screen)
    assert (screen.lines, screen.columns) == (3, 10)


def test_buffer_cells_are_chars() -> None:
    screen = Screen(Size(3, 10))
    Stream(screen).feed("\x1b[1;31;44ma中\x1b[m!".encode())
    cell = screen.buffer[0][0]
    assert (cell.data, cell.fg, cell.bg, cell.bold) == ("a", "red", "blue", True)
    assert [screen.buffer[0][x].data for x in range(5)] == ["a", "中", "", "!", " "]
    assert cell._replace(data="b").data == "b"
    assert pyte.screens.Char(*cell[:9]) == cell[:9]


def test_cursor_margins_modes_display_and_title() -> None:
    screen = Screen(Size(3, 10))
    Stream(screen).feed(b"\x1b]2;t\x07\x1b[2;3r\x1b[?2004h\x1b[2;1H0123456789")
    assert (screen.cursor.y, screen.cursor.x) == (1, 10)  # pyte's way to say a wrap is pending
    assert screen.margins == (1, 2)
    assert 2004 << 5 in screen.mode
    assert pyte.modes.DECAWM in screen.mode
    assert screen.display == [" " * 10, "0123456789", " " * 10]
    assert screen.title == "t"


def test_dirty_rows_are_the_callers_to_clear() -> None:
    screen = Screen(Size(3, 10))
    screen.dirty.clear()
    Stream(screen).feed(b"\x1b[2;1Hx")
    assert screen.dirty == {1}
    screen.dirty.clear()
    assert screen.dirty == set()


def test_a_stock_stream_works_too() -> None:
    screen = Screen(Size(3, 10))
    stream = pyte.ByteStream(screen)
    stream.feed(b"\x1b[2;3Hhi\x1b[1m!\r\n\x1b[Kx\x1b[?25l")
    assert screen.display == [" " * 10, "  hi!     ", "x" + " " * 9]
    assert screen.cursor.hidden


def test_our_stream_feeds_a_stock_screen() -> None:
    screen = pyte.Screen(10, 3)
    Stream(screen).feed(b"hi")
    assert screen.display[0] == "hi        "
