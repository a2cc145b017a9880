"""The screen of a job as a fold over its log: a flood that is passed over while it flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptyjobs.model import Fresh, Size
from ptyjobs.store import fold as folds
from ptyjobs.store.fold import Fold
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import FreshText, mark

SIZE = Size(10, 40)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of everything: the same decisions about less output."""
    for name in vars(folds):
        if name.isupper() and isinstance(value := getattr(folds, name), int) and value >= 1 << 10:
            monkeypatch.setattr(folds, name, value // 100)


class World:
    """One log, the fold over it and a caller who waits for all of it."""

    def __init__(self, place: Path, data: bytes) -> None:
        place.mkdir()
        log = LogWriter(place, limit=1 << 30)
        log.append(data)
        log.close()
        self.end = len(data)
        self.fold = Fold(LogReader(place), size=SIZE)
        start = mark(self.fold.screen, offset=0, echo=False, canonical=False)
        self.fresh = FreshText(start, budget=400)  # its head ends in the first slice
        self.fold.begin()

    def observe(self, screen: Screen) -> bool:
        self.fresh.observe(screen)
        return not self.fresh.head_full

    def flows(self, end: int) -> None:
        """A flood has reached `end` while a call waits."""
        before = -1
        while before != (before := self.fold.offset):
            self.fold.ahead(end, self.observe)

    def answer(self) -> Fresh:
        self.fold.catch_up(self.end, self.observe)
        return self.fresh.finish(self.fold.screen, prompt_row=False, end=self.end)[0]


def lines(count: int) -> bytes:
    row = "{} \x1b[3{}m\u4e2d coloured\x1b[m and a rest \x1b]2;title {}\x07\r\n"
    return "".join(row.format(n, n % 8, n) for n in range(count)).encode()


@pytest.mark.parametrize("step", [777, 5_000, 40_000, 150_000])
def test_what_is_passed_over_early_leaves_the_same_answer_and_screen(
    tmp_path: Path, step: int
) -> None:
    data = lines(4_000) + b"\x1b[?2004h\x1b[1;4mthe end"
    plain, early = World(tmp_path / "plain", data), World(tmp_path / "early", data)
    for end in range(step, early.end, step):
        early.flows(end)
    assert early.fold.offset > early.end - folds.FAR - step  # else this would test nothing
    assert early.answer() == plain.answer()
    ours, theirs = early.fold.screen, plain.fold.screen
    assert ours.repaint() == theirs.repaint()
    assert (ours.first_line, ours.title) == (theirs.first_line, theirs.title)


def test_output_that_addresses_the_screen_is_not_passed_over(tmp_path: Path) -> None:
    data = lines(2_000) + b"\x1b[2J\x1b[5;7Hstays\x1b[1;1H" + lines(1) * 4_000
    world = World(tmp_path / "job", data)
    address = data.index(b"\x1b[2J")
    world.flows(world.end)
    assert folds.HEAD <= world.fold.offset <= address
    world.answer()
    assert world.fold.offset == world.end


def test_a_new_caller_begins_anew(tmp_path: Path) -> None:
    """Little output follows its start: it gets all of it, however much was skipped."""
    data = lines(4_000)
    world = World(tmp_path / "job", data)
    world.flows(world.end)
    first = world.fold.offset
    assert first > folds.FAR
    world.fold.begin()
    seen: list[str] = []

    def look(screen: Screen) -> bool:
        seen.extend(screen.text())
        return True

    world.fold.catch_up(world.end, look)
    numbers = {int(row.split()[0]) for row in seen if "coloured" in row and row[:1].isdigit()}
    whole = [int(line.split()[0]) for line in data[first:].split(b"\r\n")[1:-1]]
    assert not set(whole) - numbers


def coloured(count: int) -> bytes:
    """Output of `grep --color`: it erases to the end of the row after each colour."""
    row = "file{}.py\x1b[35m\x1b[K:\x1b[m\x1b[K the \x1b[1;31m\x1b[Kword\x1b[m\x1b[K in line {}\r\n"
    return "".join(row.format(n % 7, n) for n in range(count)).encode()


def test_edits_of_the_row_are_passed_over_where_all_of_them_scroll_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"\x1b[3;1Hup here\r\n" + coloured(2_000) + b"\x1b[32mlast\x1b[K"
    world = World(tmp_path / "job", data)
    fed: list[int] = []
    feed = Screen.feed_fast

    def counted(screen: Screen, piece: bytes) -> bytes:
        fed.append(len(piece))
        return feed(screen, piece)

    monkeypatch.setattr(Screen, "feed_fast", counted)
    world.answer()
    whole = Screen(SIZE)
    feed(whole, data)
    assert world.fold.screen.repaint() == whole.repaint()
    assert sum(fed) < folds.HEAD + folds.SLICE + folds.TAIL


def test_edits_of_a_row_that_stays_are_drawn(tmp_path: Path) -> None:
    """A counter under a text, for hours: the text is still there."""
    data = b"the text\r\n" + b"".join(b"\r\x1b[K%d" % n for n in range(20_000))
    world = World(tmp_path / "job", data)
    world.answer()
    assert world.fold.screen.text()[:2] == ["the text", "19999"]


def test_addresses_in_the_tail_keep_what_is_above(tmp_path: Path) -> None:
    data = b"the text\r\n" + coloured(2_000) + b"\x1b[1;1Hover\x1b[9;1H" + b"\n" * 30
    world = World(tmp_path / "job", data)
    world.answer()
    whole = Screen(SIZE)
    whole.feed_fast(data)
    assert world.fold.screen.repaint() == whole.repaint()


@pytest.mark.parametrize("line", [b"a line\r\n", b"a line\x1b[K\r\n"])
def test_a_row_outside_of_the_margins_stays_while_lines_scroll(tmp_path: Path, line: bytes) -> None:
    data = b"\x1b[10;1Hthe bar\x1b[1;9r\x1b[1;1H" + line * 10_000
    world = World(tmp_path / "job", data)
    world.flows(world.end // 2)
    world.answer()
    assert world.fold.screen.text()[8:] == ["", "the bar"]


def test_a_backlog_is_folded_while_a_caller_waits(tmp_path: Path) -> None:
    """As without a wait; its answer has the lines that scrolled by in between."""
    data = b"\x1b[2;1H" + lines(300)
    world, plain = World(tmp_path / "job", data), World(tmp_path / "plain", data)
    while world.fold.idle(world.end, world.observe):
        pass
    assert world.fold.offset > world.end - folds.RECENT
    assert world.answer() == plain.answer()
    assert world.fold.screen.repaint() == plain.fold.screen.repaint()


def test_in_pauses_of_a_flood_only_what_addresses_the_screen_is_drawn(tmp_path: Path) -> None:
    frame = b"".join(b"\x1b[%d;1H%d" % (row, row) for row in range(1, 11))
    drawn = World(tmp_path / "drawn", frame * 1_000)
    for _ in range(10_000):
        drawn.fold.draw(drawn.end, drawn.observe)
    assert drawn.fold.offset > drawn.end - folds.RECENT
    assert drawn.fold.screen.text() == [str(row) for row in range(1, 11)]
    passing = World(tmp_path / "passing", lines(2_000))
    passing.fold.draw(passing.end, passing.observe)
    assert passing.fold.offset == 0


def test_lines_that_the_log_drops_while_they_flow_are_counted(tmp_path: Path) -> None:
    line, place = b"a line\r\n" * 500, tmp_path / "job"
    place.mkdir()
    log = LogWriter(place, limit=20 * folds.TAIL)
    world = Fold(LogReader(place), size=SIZE)
    world.begin()
    for _ in range(300):
        log.append(line)
        world.ahead(log.end)
    assert log.floor > 0
    world.catch_up(log.end)
    log.close()
    # Skipped output leaves a blank screen: at each end of it at most one screen is uncounted.
    assert 150_000 - world.screen.first_line < 3 * SIZE.rows


def arriving(world: World, data: bytes, step: int, every: int) -> None:
    """The output arrives in reads of `step` bytes; between reads a waiting call skips it."""
    for number, at in enumerate(range(0, len(data), step)):
        piece = data[at : at + step]
        world.fold.push(at, piece, piece.count(b"\n"))
        if number % every == 0:
            world.fold.ahead(at + len(piece), world.observe)


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("step", [655, 1_001, 4_096])
@pytest.mark.parametrize("colours", [0, 40, 3])
def test_lines_counted_as_they_come_are_those_that_a_reader_of_the_log_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, every: int, colours: int
) -> None:
    """Reads cut lines, characters and sequences anywhere."""
    rows = []
    for number in range(6_000):
        pen = f"\x1b[3{number % 8}m" if colours and number % colours == 0 else ""
        rows.append(f"{number} {pen}\u4e2d\u6587 of a row \u20ac that scrolls by\r\n")
    data = "".join(rows).encode() + b"\x1b[1;4mthe end"
    plain, live = World(tmp_path / "plain", data), World(tmp_path / "live", data)
    counted: list[int] = []
    skip = Screen.skip_lines

    def noted(screen: Screen, lines: int, last: bytes) -> bool:
        done = skip(screen, lines, last)
        counted.append(lines * done)
        return done

    monkeypatch.setattr(Screen, "skip_lines", noted)
    arriving(live, data, step, every)
    if not colours:
        assert sum(counted) > 4_000  # else this would test nothing
    assert live.answer() == plain.answer()
    ours, theirs = live.fold.screen, plain.fold.screen
    assert ours.repaint() == theirs.repaint()
    assert (ours.first_line, ours.title) == (theirs.first_line, theirs.title)


@pytest.mark.parametrize("kept", [0, 300], ids=["from disk", "from memory"])
def test_a_peek_draws_the_last_line_and_folds_nothing(tmp_path: Path, kept: int) -> None:
    data = lines(400) + b"the last line\r\n> "
    world = World(tmp_path / "job", data)
    for at in range(len(data) - kept, len(data), 20):
        world.fold.push(at, data[at : at + 20], 0)
    screen = world.fold.peek(world.end)
    shown = [row.rstrip() for row in screen.text() if row.strip()]
    assert shown[-2:] == ["the last line", ">"]
    assert "\x1b" not in "".join(shown)
    assert screen.row_text(screen.cursor_row, 0, screen.cursor_col) == "> "
    assert world.fold.offset == 0
    assert not any(row.strip() for row in world.fold.screen.text())
