"""The laws of the terminal: chunking, repaint, fast equals eager, never raises, bounded.

Each law is tried on a few hundred random strings here; `PTYJOBS_LONG=20000` (a count) makes it
that many. A failure names its seed.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptyjobs.model import Size
from ptyjobs.terminal import Screen, feeding, views
from ptyjobs.terminal import fast_path as fastest
from ptyjobs.terminal import pieces as dense_path
from ptyjobs.terminal.history import Block, History
from ptyjobs.terminal.widths import one_cell_each, rows_of
from tests.terminal.fuzz import failure, made, sources
from tests.terminal.material import (
    RECORDINGS,
    any_size,
    everything,
    flood,
    grid,
    hostile,
    pieces,
    state,
)

COUNT = int(os.environ.get("PTYJOBS_LONG", "300"))
BATCHES = 6


def seeds(batch: int) -> range:
    each = COUNT // BATCHES
    return range(batch * 1_000_000, batch * 1_000_000 + each)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_any_split_of_the_bytes_gives_the_same_screen(batch: int) -> None:
    for seed in seeds(batch):
        rng = random.Random(seed)
        data, size = hostile(rng), any_size(rng)
        whole, cut = Screen(size, scrollback=20), Screen(size, scrollback=20)
        replies = whole.feed(data)
        assert b"".join(cut.feed(piece) for piece in pieces(rng, data, 7)) == replies, seed
        assert everything(cut) == everything(whole), seed
        assert whole.errors == 0, seed


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_repaint_rebuilds_the_screen_at_any_point(batch: int) -> None:
    for seed in seeds(batch):
        rng = random.Random(seed)
        data, size = hostile(rng), any_size(rng)
        screen, copy = Screen(size), Screen(size)
        screen.feed(data)
        copy.feed(screen.repaint())
        assert state(copy) == state(screen), seed
        more = hostile(rng)
        screen._last = ""  # not part of a repaint: the character REP would repeat
        copy._last = ""
        screen.feed(more)
        copy.feed(more)
        assert state(copy) == state(screen), seed


PASSES = [
    *(b"text", b"a", b" ", b"0123456789" * 2, b"", b"", "é─│".encode(), "中x".encode()),
    *(b"\x1b[m", b"\x1b[1;31m", b"\x1b[38;5;12m", b"\x1b[38;5;200m", b"\x1b[39m", b"\x1b(B"),
]
RARE = [
    *(b"\x1b[44m", b"\x1b(0", b"\x1b[4h", b"\x1b[4l", b"\x1b[?6h", b"\x1b[?6l", b"\x1b[3b"),
    *(b"\x1b[1K", b"\x1b[?K", b"\x1b[2;3r", b"\x1b[r", b"\x1b[1;2;3H", b"\x1b[?7l", b"\x1b[?7h"),
    *(b'\x1b[1"q', b"\x1bV", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[3;3H\xcc\x81", b"\x1b[20h"),
    *(b"\x1b[?2027h", b"\x1b[?69h\x1b[2;9s", b"\x1b[!p", b"\x1bc", b"\x1b"),
]


def redraw(rng: random.Random) -> bytes:
    """Passes over rows of a small screen, with what they cannot handle in between."""
    out = []
    for _ in range(rng.randint(1, 60)):
        place = b"\x1b[%d;%dH" % (rng.randint(0, 7), rng.choice([1, 1, 1, 2, 5, 14, 30]))
        region = b"\x1b[2;%dr" % rng.randint(3, 5)
        out.append(rng.choice([place, place, b"\x1b[H", b"\x1b[3H", b"", region + place]))
        out += rng.choices(PASSES, k=rng.randint(0, 6))
        out.append(rng.choice([b"", b"\x1b[K", b"\x1b[K", b"\r\n", b"\x1b[K\r\n", b"\n"]))
        out += [rng.choice(RARE)] if rng.random() < 0.1 else []
    return b"".join(out)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_pass_over_a_row_is_what_its_tokens_are(
    monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    for seed in seeds(batch):
        rng = random.Random(seed)
        size = Size(rng.randint(1, 6), rng.choice([1, 4, 15, 24]))
        parts = [redraw(rng) for _ in range(3)]
        whole, tokens = Screen(size, scrollback=20), Screen(size, scrollback=20)
        with monkeypatch.context() as patch:
            only_tokens = re.compile(f"()({feeding.TOKEN.pattern}){'()' * 5}")
            patch.setattr(feeding, "TOKEN_OR_PASS", only_tokens)
            patch.setattr(Screen, "_takes_pieces", lambda *_: False)
            patch.setattr(feeding, "is_redraw", lambda *_: False)
            for part in parts:
                tokens.feed(part)
        for part in parts:
            whole.feed(part)
        assert everything(whole) == everything(tokens), seed
        assert whole._last == tokens._last, seed
        assert whole.errors == tokens.errors == 0, seed


def dense(rng: random.Random) -> bytes:
    """Single cells placed here and there, with what the fast path cannot handle in between."""
    out = []
    for _ in range(rng.randint(1, 80)):
        out.append(b"\x1b[%d;%dH" % (rng.randint(0, 7), rng.randint(0, 26)))
        out += rng.choices(PASSES[6:], k=rng.choice([0, 1, 1, 1, 2]))
        out.append(rng.choice([b"#*x", b"a", b"", b"wider text", "é".encode(), "中".encode()]))
        out += [rng.choice([*RARE, b"\r\n", b"\n", b"\x1b[K"])] if rng.random() < 0.05 else []
    return b"".join(out)


@pytest.mark.parametrize("make", [dense, redraw, hostile])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_pieces_of_a_dense_screen_are_what_their_tokens_are(
    monkeypatch: pytest.MonkeyPatch, batch: int, make: Callable[[random.Random], bytes]
) -> None:
    for seed in seeds(batch):
        rng = random.Random(seed)
        size = Size(rng.randint(1, 6), rng.choice([1, 4, 15, 24]))
        parts = [make(rng) for _ in range(3)]
        whole, tokens = Screen(size, scrollback=20), Screen(size, scrollback=20)
        with monkeypatch.context() as patch:
            only_tokens = re.compile(f"()({feeding.TOKEN.pattern}){'()' * 5}")
            patch.setattr(feeding, "TOKEN_OR_PASS", only_tokens)
            patch.setattr(Screen, "_takes_pieces", lambda *_: False)
            for part in parts:
                tokens.feed(part)
            patch.setattr(Screen, "_takes_pieces", lambda *_: True)
            for part in parts:
                whole.feed(part)
        assert everything(whole) == everything(tokens), seed
        assert whole._last == tokens._last, seed
        assert whole.errors == tokens.errors, seed


def test_a_dense_screen_takes_its_own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(Size(6, 20))
    monkeypatch.setattr(feeding, "TOKEN_OR_PASS", None)
    screen.feed(b"\x1b[2;3H\x1b[31m##\x1b[4;5H\x1b[32m*" * 50)
    assert screen.text() == ["", "  ##", "", "    *", "", ""]


def repaint(rng: random.Random) -> bytes:
    """Rows redrawn by CSI alone, with what the fast path cannot handle in between."""
    out: list[bytes] = []
    for _ in range(rng.randint(1, 60)):
        out.append(b"\x1b[%d;%dH" % (rng.randint(0, 7), rng.choice([0, 1, 1, 1, 1, 9, 26])))
        out += [b"\x1b[H", b"\x1b[3H", b"\x1b[;4H"][: rng.choice([0, 0, 0, 3])]
        for _ in range(rng.randint(0, 4)):
            out.append(rng.choice([b"", *SGR_ONLY, b"\x1b[31m\x1b[1m"]))
            out.append(rng.choice([b"a", b"some menu", b"Hm", b"", b"text that is wider"]))
        out.append(rng.choice([b"", b"\x1b[K", b"\x1b[K", b"\x1b[K", b"\x1b[Kmore"]))
        out += [rng.choice(CSI_ONLY)] if rng.random() < 0.1 else []
    return b"".join(out)


SGR_ONLY = [
    *(b"\x1b[m", b"\x1b[0m", b"\x1b[7m", b"\x1b[27m", b"\x1b[31m", b"\x1b[38;5;200m", b"\x1b[44m"),
    *(b"\x1b[49m", b"\x1b[4:3m", b"\x1b[1;32m", b"\x1b[38;2;1;2;3m", b"\x1b[58:5:9m", b"\x1b[999m"),
]
CSI_ONLY = [
    *(b"\x1b[2J", b"\x1b[1K", b"\x1b[2K", b"\x1b[J", b"\x1b[3X", b"\x1b[2P", b"\x1b[2@", b"\x1b[L"),
    *(
        b"\x1b[?7l",
        b"\x1b[?7h",
        b"\x1b[4h",
        b"\x1b[4l",
        b"\x1b[?6h",
        b"\x1b[?6l",
        b"\x1b[2;4r",
        b"\x1b[r",
    ),
    *(b"\x1b[3b", b"x\x1b[2b", b"\x1b[5G", b"\x1b[2A", b"\x1b[>4m", b"\x1b[?1m", b"\x1b[1$m"),
    *(b"\x1b[?1049h", b"\x1b[?1049l", b'\x1b[1"q', b'\x1b[0"q', b"\x1b[3;2f", b"\x1b[s", b"\x1b[c"),
    *(b"\x1b[blankm", b"\x1b[?69h", b"\x1b[2;8s", b"\x1b[?69l", b"\x1b[123456H"),
]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_repaint_is_what_its_tokens_are(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    taken: list[str] = []
    run = Screen._run_redraw

    def counted(screen: Screen, window: str) -> int:
        taken.append(window)
        return run(screen, window)

    monkeypatch.setattr(Screen, "_run_redraw", counted)
    for seed in seeds(batch):
        rng = random.Random(seed)
        size = Size(rng.randint(1, 6), rng.choice([1, 4, 15, 24]))
        wide = "中é\r\n".encode() * rng.randint(0, 3)
        parts = [repaint(rng), wide, repaint(rng), repaint(rng)[: rng.randint(0, 90)], repaint(rng)]
        whole, tokens = Screen(size, scrollback=20), Screen(size, scrollback=20)
        with monkeypatch.context() as patch:
            only_tokens = re.compile(f"()({feeding.TOKEN.pattern}){'()' * 5}")
            patch.setattr(feeding, "TOKEN_OR_PASS", only_tokens)
            patch.setattr(Screen, "_takes_pieces", lambda *_: False)
            patch.setattr(feeding, "is_redraw", lambda *_: False)
            replies = [tokens.feed(part) for part in parts]
            patch.setattr(feeding, "is_redraw", lambda *_: True)
            assert [whole.feed(part) for part in parts] == replies, seed
        assert everything(whole) == everything(tokens), seed
        assert whole._last == tokens._last, seed
        assert whole.errors == tokens.errors, seed
    assert taken


def test_a_program_that_redraws_rows_takes_its_own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(Size(3, 20))
    monkeypatch.setattr(feeding, "TOKEN_OR_PASS", None)
    screen.feed(b"\x1b[1;1H\x1b[31mred\x1b[m and\x1b[K\x1b[3;1H\x1b[7mlast\x1b[K" * 50)
    assert screen.text() == ["red and", "", "last"]
    assert screen._rows[0].chars is None, "it stays lazy"


def test_a_sequence_cut_by_the_end_of_a_window_goes_to_the_next_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen(Size(6, 20))
    monkeypatch.setattr(Screen, "_run_machine", None)  # small windows follow it
    screen.feed(b"\x1b[2;3H\x1b[31m##" * 20_000)
    screen.feed(b"\x1b[4;1H\x1b[31mred\x1b[m and\x1b[K" * 10_000)
    assert screen.text() == ["", "  ##", "", "red and", "", ""]


def test_a_dense_screen_without_repetition_pauses_its_path() -> None:
    rng = random.Random(7)
    screen = Screen(Size(24, 80))
    for expected in (dense_path.PAUSE, 2 * dense_path.PAUSE):
        while screen._pause == 0:
            place = rng.randint(1, 24), rng.randint(1, 60)
            colour = rng.randbytes(3)
            screen.feed(
                b"\x1b[%d;%dH\x1b[38;2;%d;%d;%dm%05d" % (*place, *colour, rng.randint(0, 99999)) * 2
            )
            screen._parsed.clear()
        assert screen._pause == expected
        while screen._pause:
            screen.feed(b"\x1b[1;1H\x1b[31mx")
    repeated = b"\x1b[1;1H\x1b[31mx\x1b[2;2H\x1b[32my" * 20
    screen.feed(repeated)
    screen.feed(repeated)
    assert screen._pause == 0
    assert screen._next_pause == dense_path.PAUSE


@pytest.mark.parametrize("place", [b"", b"\x1b[1;1H"])
def test_a_character_set_that_ncurses_sends_with_each_style_does_not_stop_rep(
    place: bytes,
) -> None:
    screen = Screen(Size(2, 20))
    screen.feed(place + b"\x1b[1mab\x1b(B\x1b[m\x1b[3b|")
    assert screen.text()[0] == "abbbb|"


def test_only_ascii_digits_place_the_cursor() -> None:
    screen = Screen(Size(4, 20))
    screen.feed("\x1b[\u0663Hx".encode())  # ARABIC-INDIC DIGIT THREE
    assert screen.text()[2] == ""
    assert screen.text()[0].endswith("x")


def test_rows_that_scroll_in_a_region_count_as_changed_but_not_as_written() -> None:
    screen = Screen(Size(6, 20))
    screen.feed(b"\x1b[4;1Habc\x1b[5;1Hdef\x1b[6;1Hstatus\x1b[1;1Htop")
    before = screen.generation
    screen.feed(b"\x1b[2;4r\x1b[4;1H\n\x1b[2;5r\x1b[5;1Hlast\n\n\x1b[1;1H\x1b[m")
    assert screen.text() == ["top", "", "last", "", "", "status"]
    assert screen.changed_rows(before) == [1, 2, 3, 4]
    assert screen.written_rows(before) == [2]
    assert screen._rows[4].chars is None


def test_a_row_that_a_pass_replaces_is_not_kept_cell_by_cell() -> None:
    screen = Screen(Size(4, 40))
    for _ in range(2):
        screen.feed(b"\x1b[2;30Hleft over\x1b[2;1H\x1b[31mnew\x1b[m text\x1b[K")
    assert screen.text()[1] == "new text"
    assert screen._rows[1].chars is None


def test_a_repaint_brings_back_a_cursor_saved_at_a_side_margin() -> None:
    screen, copy = Screen(Size(5, 20)), Screen(Size(5, 20))
    screen.feed(b"\x1b[?69h\x1b[;9szbdczcgex\x1b7")
    copy.feed(screen.repaint())
    assert state(copy) == state(screen)
    for each in (screen, copy):
        each.feed(b"\x1b[H\x1b8y")
    assert copy.text() == screen.text()
    assert screen.text()[:2] == ["zbdczcgex", "y"]


@pytest.mark.parametrize(
    "move",
    [b"\x1b[@", b"\x1b[4hx", b"\x1b[ A", b"\x1b[2'}", b"\x1b[;;;;;;3$v"],
    ids=["ICH", "insert mode", "SR", "DECIC", "DECCRA"],
)
def test_a_repaint_brings_back_a_character_that_left_its_leading_mark(
    move: bytes,
) -> None:
    screen, copy = Screen(Size(5, 10)), Screen(Size(5, 10))
    screen.feed("\u0301B\r".encode() + move)
    copy.feed(screen.repaint())
    assert state(copy) == state(screen)


def test_a_repaint_brings_back_the_scrollback() -> None:
    for seed in range(40):
        rng = random.Random(seed)
        screen = Screen(Size(5, rng.randint(2, 30)), scrollback=200)
        for _ in range(5):
            screen.feed(hostile(rng).replace(b"\x1bc", b""))
        copy = Screen(screen.size, scrollback=200)
        kept = screen.first_line - screen.floor_line
        copy.feed(screen.repaint(scrollback=kept))
        old = screen.line_range(screen.floor_line, screen.first_line)
        assert copy.line_range(copy.floor_line, copy.first_line)[-kept:] == (old if kept else [])
        assert grid(copy) == grid(screen)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_rows_are_read_alike_from_their_pieces_and_from_their_cells(batch: int) -> None:
    for seed in seeds(batch):
        rng = random.Random(seed)
        screen = Screen(any_size(rng), scrollback=20)
        screen.feed(hostile(rng))
        assert screen.text(1) == screen.text()[1:], seed
        for y, row in enumerate(screen._rows):
            chars, styles = row.cells(screen.columns)
            start, stop = sorted(rng.choices(range(screen.columns + 2), k=2))
            read = screen.row_text(y), screen.row_text(y, start, stop), screen.row_text(y, start)
            want = "".join(chars), "".join(chars[start:stop]), "".join(chars[start:])
            assert read == want, seed
            assert screen.runs(y) == views._runs(chars, styles), seed


def test_a_part_of_the_scrollback_is_the_same_however_it_is_kept() -> None:
    for seed in range(COUNT):
        rng = random.Random(seed)
        lines = [str(number) for number in range(3000)]
        history, at = History(rng.choice([0, 10, 300, 1000])), 0
        while at < len(lines):
            count = rng.choice([1, 200, 700])
            part = lines[at : at + count]
            kind = rng.randrange(3)
            if kind == 0:
                history.push_block(Block(len(part), lambda part=part: part))  # type: ignore[misc]
            elif kind == 1:
                history.extend(part)
            else:
                for line in part:
                    history.push(line)
            at += count
            start = rng.randint(-5, at + 5)
            stop = start + rng.choice([0, 1, 24, 400, 5000])
            want = lines[max(0, start, history.floor) : max(0, min(stop, at))]
            assert history.slice(start, stop) == want, seed


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_fast_way_ends_where_the_plain_way_does(batch: int) -> None:
    for seed in seeds(batch)[: max(3, COUNT // 100)]:
        rng = random.Random(seed)
        data = flood(rng)
        size = Size(rng.randint(1, 30), rng.choice([1, 5, 20, 80, 120]))
        scrollback = rng.choice([0, 5, 100, 1000, 5000])
        plain, fast = Screen(size, scrollback=scrollback), Screen(size, scrollback=scrollback)
        replies = plain.feed(data)
        step = rng.choice([40_000, 100_000, 1_000_000])
        parts = [data[at : at + step] for at in range(0, len(data), step)]
        assert b"".join(map(fast.feed_fast, parts)) == replies, seed
        assert everything(fast) == everything(plain), seed


def test_the_fast_way_is_the_same_for_lines_of_which_a_window_holds_fewer_than_the_screen() -> None:
    data = b"".join(b"%d %s\r\n" % (n, b"x" * 3000) for n in range(200))
    plain, fast = Screen(Size(50, 4000)), Screen(Size(50, 4000))
    plain.feed(data)
    fast.feed_fast(data)
    assert everything(fast) == everything(plain)


def test_the_fast_way_is_the_same_whatever_its_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short ones, so that all of their edges are met."""
    real = sources()
    for seed in range(COUNT // 5):
        rng = random.Random(seed)
        monkeypatch.setattr(fastest, "MIN_FAST", rng.choice([1, 100, 2000]))
        monkeypatch.setattr(fastest, "WINDOW", rng.choice([1, 50, 700, 5000]))
        monkeypatch.setattr(fastest, "BLOCK_LINES", rng.choice([1, 7, 128]))
        data, plan = made(rng, real)
        assert not failure(data, plan), seed


def test_mutated_sessions_are_the_same_deferred_and_eager_whatever_resizes_come_between() -> None:
    real = sources()
    for seed in range(COUNT // 5):
        data, plan = made(random.Random(seed), real)
        assert not failure(data, plan), seed


@pytest.mark.parametrize("cols", [1, 2, 3, 7, 20])
def test_rows_are_counted_as_they_are_drawn(cols: int) -> None:
    rng = random.Random(cols)
    for _ in range(COUNT):
        line = "".join(
            rng.choice("aé中👩\u200d\u0301\u200b\u2028한 ") for _ in range(rng.randrange(60))
        )
        screen = Screen(Size(200, cols))
        screen.feed(line.encode() + b"\r\n")
        if cols > 1 or one_cell_each(line):
            assert rows_of(line, cols) == screen.cursor_row, line


def test_skipping_ends_inside_a_character_as_feeding_does() -> None:
    data = ("x — 中\r\n" * 9).encode() + "中".encode()
    for cut in range(len(data) - 8, len(data)):
        plain, skipped = Screen(Size(5, 20)), Screen(Size(5, 20))
        plain.feed(data[:cut])
        skipped.skip(data[:cut])
        assert skipped.first_line == plain.first_line + plain.cursor_row
        rest = data[cut:] + b"\r\nend"
        plain.feed(rest)
        skipped.feed(rest)
        assert skipped.text()[-1] == plain.text()[-1] == "end"
        assert "\ufffd" not in "".join(skipped.text())


def test_resizing_at_any_moment_keeps_the_screen_sound() -> None:
    for seed in range(COUNT):
        rng = random.Random(seed)
        screen = Screen(any_size(rng), scrollback=50)
        for _ in range(6):
            screen.feed(hostile(rng))
            screen.resize(any_size(rng))
            assert screen.errors == 0, seed
            assert 0 <= screen.cursor_row < screen.lines, seed
            assert 0 <= screen.cursor_col < screen.columns, seed
            assert len(screen.text()) == screen.lines, seed
            for chars, styles, _ in grid(screen):  # type: ignore[misc]  # rows of three
                assert len(chars) == len(styles) == screen.columns, seed
            copy = Screen(screen.size)
            copy.feed(screen.repaint())
            assert state(copy) == state(screen), seed


def test_skipping_keeps_modes_titles_and_counts_lines() -> None:
    plain, skipped = Screen(Size(5, 20)), Screen(Size(5, 20))
    data = (
        b"x\r\n" * 50 + b"\x1b[?2004h\x1b[?1h\x1b]2;a title\x07\x1b[31mred\r\n\x1b[0m\x1b[1;32m"
        b"\x1b(0\x1b[2;4r\x1b[>1u\x1b[4h\x1b]133;A\x07\x1b[6n"
    )
    plain.feed(data)
    skipped.skip(data)
    for name in ("modes", "title", "pen"):
        assert getattr(skipped, name) == getattr(plain, name)
    assert skipped._charsets == plain._charsets
    assert skipped._bottom == plain._bottom
    assert skipped.first_line == 51  # as many as line feeds
    assert [mark.kind for mark in skipped.marks] == ["E", "A"]
    assert skipped.text() == [""] * 5
    assert skipped.feed(b"") == b""


def test_skipping_may_end_in_the_middle_of_a_sequence() -> None:
    screen = Screen(Size(5, 20))
    screen.skip(b"text\x1b]2;half")
    screen.feed(b" title\x07\x1b[Hdone")
    assert screen.title == "half title"
    assert screen.text()[0] == "done"


@settings(max_examples=COUNT, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 30), st.integers(1, 100))
def test_no_bytes_break_a_screen(data: bytes, rows: int, cols: int) -> None:
    screen = Screen(Size(rows, cols))
    screen.feed(data)
    assert screen.errors == 0
    assert len(screen.text()) == rows
    assert all(len(line) <= cols * 33 for line in screen.display)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_no_damage_to_a_recording_breaks_a_screen(path) -> None:
    data = path.read_bytes()
    for seed in range(max(2, COUNT // 100)):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 40)):
            at = rng.randrange(len(damaged))
            if rng.random() < 0.5:
                damaged[at] = rng.randrange(256)
            else:
                del damaged[at : at + rng.randint(1, 9)]
        screen = Screen(Size(24, 80))
        screen.feed(bytes(damaged))
        assert screen.errors == 0
        copy = Screen(Size(24, 80))
        copy.feed(screen.repaint())
        assert state(copy) == state(screen)


HEAVY = {
    "lone escapes": b"\x1b\x00" * 20_000,
    "an endless title": b"\x1b]2;" + b"x" * 3_000_000,
    "an endless device string": b"\x1bPq" + b"y" * 3_000_000,
    "an endless parameter": b"\x1b[" + b"1" * 1_000_000,
    "controls in a sequence": b"\x1b[" + b"\x00" * 100_000 + b"m",
    "huge counts": b"\x1b[99999S\x1b[99999T\x1b[99999@\x1b[99999P\x1b[99999L\x1b[99999b" * 500,
    "repeats": b"a\x1b[65535b" * 200,
    "stacked marks": b"a" + b"\xcc\x81" * 200_000,
    "colours": b"".join(b"\x1b[38;2;%d;%d;%dmx" % (i % 256, i // 256, 7) for i in range(10_000)),
    "links": b"".join(b"\x1b]8;;http://h/%d\x07x" % i for i in range(6_000)),
    "marks": b"\x1b]133;A\x07" * 50_000,
    "pushed titles": b"\x1b]2;t\x07\x1b[22t" * 5_000,
    "pushed keyboards": b"\x1b[>1u" * 5_000,
    "unknown sequences": b"".join(b"\x1b[%d;%dy\x1b]%d;x\x07" % (i, i, i) for i in range(5_000)),
    "queries": b"\x1b[c\x1b[6n\x1b]10;?\x07" * 5_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_hostile_output_costs_bounded_time_and_memory(name: str) -> None:
    import tracemalloc

    data = HEAVY[name]
    screen = Screen(Size(24, 80), scrollback=1000)
    started = time.process_time()
    replies = b"".join(screen.feed(data[at : at + 65536]) for at in range(0, len(data), 65536))
    assert time.process_time() - started < 10  # linear is far below, quadratic takes minutes
    assert len(replies) <= 4096
    assert screen.errors == 0
    tracemalloc.start()
    again = Screen(Size(24, 80), scrollback=1000)
    again.feed(data)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 16 << 20


CLUSTERS = "a 中e\u0301👩\u200d🚀👍🏽🇩🇪❤\ufe0f\r\n\u202e"


@settings(deadline=None)
@given(st.lists(st.sampled_from(CLUSTERS), max_size=60), st.data())
def test_grapheme_clusters_are_the_same_however_the_bytes_are_cut(
    text: list[str], data: st.DataObject
) -> None:
    encoded = b"\x1b[?2027h" + "".join(text).encode()
    cut = data.draw(st.integers(0, len(encoded)))
    whole, cut_once, fast = Screen(Size(4, 9)), Screen(Size(4, 9)), Screen(Size(4, 9))
    whole.feed(encoded)
    for part in (encoded[:cut], encoded[cut:]):
        cut_once.feed(part)
    fast.feed_fast(encoded * 20)
    slow = Screen(Size(4, 9))
    slow.feed(encoded * 20)
    assert everything(cut_once) == everything(whole)
    assert everything(fast) == everything(slow)
