"""Resize: soft-wrapped lines are reflowed, rows move to and from the scrollback."""

from __future__ import annotations

import random

from ptyjobs.model import Size
from ptyjobs.terminal import Screen
from ptyjobs.terminal.reflow import pulled


def screen_with(data: bytes, rows: int = 4, cols: int = 10) -> Screen:
    screen = Screen(Size(rows, cols))
    screen.feed(data)
    return screen


def test_narrower_cuts_lines_again() -> None:
    screen = screen_with(b"0123456789abcde\r\nx")
    screen.resize(Size(4, 6))
    assert screen.text() == ["012345", "6789ab", "cde", "x"]
    assert (screen.cursor_row, screen.cursor_col) == (3, 1)


def test_wider_joins_them() -> None:
    screen = screen_with(b"0123456789abcde\r\nx")
    screen.resize(Size(4, 20))
    assert screen.text() == ["0123456789abcde", "x", "", ""]
    assert (screen.cursor_row, screen.cursor_col) == (1, 1)


def test_there_and_back_is_the_same() -> None:
    screen = screen_with(b"0123456789abcde\r\n\x1b[31mred line that is long\x1b[m\r\nend", rows=6)
    before = [screen.runs(row) for row in range(6)]
    for cols in (4, 7, 33, 10):
        screen.resize(Size(6, cols))
    assert [screen.runs(row) for row in range(6)] == before


def test_hard_line_ends_stay() -> None:
    screen = screen_with(b"0123456789\r\nabc")
    screen.resize(Size(4, 20))
    assert screen.text() == ["0123456789", "abc", "", ""]


def test_a_wide_character_moves_as_a_whole() -> None:
    screen = screen_with("abc中d".encode())
    screen.resize(Size(4, 4))
    assert screen.text() == ["abc", "中d", "", ""]
    screen.resize(Size(4, 10))
    assert screen.text() == ["abc中d", "", "", ""]


def test_rows_go_to_the_scrollback_and_come_back() -> None:
    screen = screen_with(b"1\r\n2\r\n3\r\n4")
    screen.resize(Size(2, 10))
    assert screen.text() == ["3", "4"]
    assert screen.first_line == 2
    screen.resize(Size(4, 10))
    assert screen.text() == ["1", "2", "3", "4"]
    assert screen.first_line == 0


def test_rows_from_before_a_reset_do_not_come_back() -> None:
    screen = screen_with(b"1\r\n2\r\n3\r\n4\r\n5\r\n0123456789ab\x1bcnew\x1b[4;1Hend")
    screen.resize(Size(6, 10))
    assert screen.text() == ["new", "", "", "end", "", ""]
    screen.resize(Size(4, 5))  # the reset's line gets another number
    screen.resize(Size(6, 5))
    assert screen.text() == ["new", "", "", "end", "", ""]
    screen.feed(b"\r\n5\r\n6\r\n7")
    screen.resize(Size(9, 10))
    assert screen.text()[:4] == ["new", "", "", "end"]
    numbers = range(screen.floor_line, screen.first_line)
    assert [screen.line_range(n, n + 1)[0].text for n in numbers][:2] == ["1", "2"]  # still there


def test_blank_rows_below_the_cursor_go_first() -> None:
    screen = screen_with(b"1\r\n2")
    screen.resize(Size(2, 10))
    assert screen.text() == ["1", "2"]
    assert screen.first_line == 0


def test_the_scrollback_is_cut_again_too() -> None:
    screen = screen_with(b"0123456789abcde\r\n" * 5, rows=2)
    screen.resize(Size(2, 20))
    assert [line.text for line in screen.line_range(0, 99)] == ["0123456789abcde"] * 5 + [""]


def test_the_alternate_screen_is_cut_not_joined() -> None:
    screen = screen_with(b"primary line\x1b[?1049h\x1b[H0123456789abc")
    screen.resize(Size(4, 5))
    assert screen.text() == ["01234", "abc", "", ""]
    screen.feed(b"\x1b[?1049l")
    assert screen.text() == ["prima", "ry li", "ne", ""]
    assert (screen.cursor_row, screen.cursor_col) == (2, 2)


def test_marks_and_anchors_follow_their_line() -> None:
    screen = screen_with(b"0123456789abcde\r\n\x1b]133;A\x07$ ", rows=4)
    screen.anchors["mark"] = (2, 2)
    assert screen.marks[0].line == 2
    screen.resize(Size(4, 20))
    assert (screen.marks[0].line, screen.anchors["mark"]) == (1, (1, 2))
    screen.resize(Size(4, 5))
    assert (screen.marks[0].line, screen.anchors["mark"]) == (3, (3, 2))


def test_margins_are_dropped() -> None:
    screen = screen_with(b"\x1b[2;3r")
    screen.resize(Size(6, 10))
    assert screen.margins is None


def test_the_same_size_changes_nothing() -> None:
    screen = screen_with(b"a\x1b[2;3r")
    generation = screen.generation
    screen.resize(Size(4, 10))
    assert screen.generation == generation
    assert screen.margins is not None


def test_the_lines_that_a_resize_would_bring_back_are_known_before_it() -> None:
    rng = random.Random(7)
    some = 0
    for _ in range(300):
        screen = Screen(Size(rng.randint(2, 8), rng.randint(4, 12)))
        for _ in range(rng.randint(0, 30)):
            screen.feed(b"x" * rng.randint(0, 30) + rng.choice((b"\r\n", b"\r\n", b"\x1b[H")))
            if rng.random() < 0.03:
                screen.feed(b"\x1bc")
        rows, cols = rng.randint(2, 16), rng.randint(4, 30)
        count = pulled(screen, rows, cols)
        some += count > 0
        first = screen.first_line
        screen.anchors["back"] = first - count, 0
        screen.anchors["off"] = max(screen.floor_line, first - count - 1), 0
        off = first - count - 1 >= screen.floor_line
        screen.resize(Size(rows, cols))
        assert not count or screen.anchors["back"][0] >= screen.first_line
        assert not off or screen.anchors["off"][0] < screen.first_line or count == 0
    assert some > 50
