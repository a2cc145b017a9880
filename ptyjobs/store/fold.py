"""The screen of a job as a fold over its log.

Owns the `Screen` and the offset up to which it has been folded. Folds only on demand (for a reader,
or for a query that needs the cursor), from recent bytes kept in memory or else from the log on
disk. Never on the read path of a flood: `push` keeps at most `RECENT` bytes. The subtle thing: more
than `FAR` bytes behind, lines that only scroll by are skipped (modes, titles and line counts are
carried), because they will never be visible. Output that addresses the screen is folded, since its
cells may stay for hours, unless it is more than `HARD` bytes behind. Output that edits only the
cursor's row (`grep --color` erases to its end after each colour) is skipped if the tail scrolls so
far that every row of the screen is rewritten. An onlooker's question about a flood folds nothing:
`peek` draws the last few KB on a screen of their own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ptyjobs.model import Size
from ptyjobs.store.log import LogReader
from ptyjobs.terminal import LAST, Screen, plain

RECENT = 256 << 10  # bytes kept in memory for the next fold
HEAD = 128 << 10  # maximum bytes folded at the beginning of an interval
SLICE = 256 << 10  # bytes folded between two calls of the observers
FIRST = 8 << 10  # the same while an observer collects: no more lines than the scrollback holds
FAR = 3 << 20  # bytes behind at which lines in the middle are skipped
TAIL = 1 << 20  # bytes folded before the end after a skip
SKIP = 256 << 10  # bytes skipped at once
PASSED = 256  # stretches of a flood whose lines have been counted
DRAW = 16 << 10  # bytes drawn at once in a flood; the terminal's buffer takes longer to fill
HARD = 32 << 20  # bytes behind at which the middle is skipped unconditionally
IDLE_SLICE = 64 << 10  # bytes folded at once while idle
PEEK = 4 << 10  # bytes before the end that a peek draws

_SAFE_START = re.compile(rb"[\r\n\x1b]")  # cannot be inside a character or a sequence

# Both begin with a literal, so the search is a memory search: fifty times as fast as for a set.
ADDRESSES = re.compile(
    rb"\x1b(?:\[[0-9;]*[ABCDEFGHJKLMPSTX@`adefr]|[78DM]|\[\?[0-9;]*(?:47|1049)h)"
)
"""Output that moves the cursor or edits the screen instead of only scrolling it."""

ROWS = re.compile(rb"\x1b(?:\[[0-9;]*[ABDEFHJLMSTadefr]|[78DM]|\[\?[0-9;]*(?:47|1049)h)")
"""The same without what can only change the cursor's own row: CUF, CHA, EL, ECH, DCH, ICH, HPA."""

QUERY = re.compile(
    rb"\x1b(?:\[[<=>?]?[0-9;]*\$?[cnptquxy]"  # DA, DSR, DECRQM, XTVERSION, kitty, window reports
    rb"|\][0-9;]*;?\?"  # OSC 4/10/11/12 ?
    rb"|P[$+]q"  # DECRQSS, XTGETTCAP
    rb"|Z)"
)
"""Anything that may ask the terminal something. Too wide on purpose: a hit only costs a fold.

Not ENQ: nothing answers it, and binary output is full of it.
"""


def addresses(data: bytes, pattern: re.Pattern[bytes] = ADDRESSES) -> bool:
    """True if it may move the cursor; `in` is fifteen times as fast as a failing regex search."""
    return b"\x1b" in data and pattern.search(data) is not None


Observer = Callable[[Screen], bool]
"""Looks at the screen after a slice; True while it must see every line that scrolls by."""


@dataclass(slots=True)
class Passed:
    """A stretch of a flood that contains only lines, counted as it arrived."""

    start: int
    end: int
    lines: int
    last: bytes  # its last bytes


class Fold:
    """One job's screen, updated on demand."""

    def __init__(self, log: LogReader, *, size: Size, start: int = 0) -> None:
        self.log = log
        self.size = size
        self._screen = Screen(size)
        self.offset = start
        self._recent: list[bytes] = []
        self._recent_start = start
        self._recent_bytes = 0
        self._tail = b""  # last bytes seen, for queries split between reads
        self._passed: deque[Passed] = deque(maxlen=PASSED)
        self._counting = False  # lines are counted on arrival, since `ahead` was called
        self.replies_on = True

    @property
    def screen(self) -> Screen:
        return self._screen

    def push(self, offset: int, data: bytes, newlines: int) -> bool:
        """Take new output at `offset` with its number of line feeds.

        True if it may hold a query, so that a fold is due at once.
        """
        if self._recent_bytes + len(data) > RECENT:
            self._recent, self._recent_bytes = [], 0
            self._recent_start = offset
        elif not self._recent:
            self._recent_start = offset
        self._recent.append(data)
        self._recent_bytes += len(data)
        if self._counting and plain(data):
            self._count(offset, data, newlines)
        if b"\x1b" not in data and not self._tail:
            return False
        window = self._tail + data
        escape = window.rfind(b"\x1b", max(0, len(window) - 32))
        self._tail = window[escape:] if escape >= 0 else b""
        return QUERY.search(window) is not None

    def catch_up(self, end: int, *observers: Observer) -> bytes:
        """Fold up to log offset `end`; returns the screen's replies to queries.

        Each observer is called with the screen after each slice, so that it sees lines before a
        long output scrolls them away.
        """
        replies = self._fold_to(end, observers)
        self._ahead_from = None
        self._stop_counting()
        return replies if self.replies_on else b""

    def _fold_to(self, end: int, observers: tuple[Observer, ...]) -> bytes:
        replies = b""
        skipped = False
        collecting = bool(observers)
        while self.offset < end:
            start = self.offset if self._ahead_from is None else self._ahead_from
            if end - start > FAR and not skipped and self.offset >= self._far_start:
                skipped = True
                self._skip_to(end - TAIL, hard=end - TAIL - start > HARD)
                continue
            limit = FIRST if collecting else TAIL if skipped else SLICE
            first, data = self._next(min(limit, end - self.offset))
            if not data:
                self.offset = end  # a gap up to the end: lost to a full disk or to the quota
                break
            replies += self._screen.feed_fast(data)
            self.offset = first + len(data)
            collecting = any([observe(self._screen) for observe in observers])
            if observers and not collecting:  # the beginning of every interval has been kept
                self._began = min(self._began, self.offset - HEAD)
        if self.offset >= self._recent_start + self._recent_bytes:
            self._recent, self._recent_bytes, self._recent_start = [], 0, self.offset
        return replies

    @property
    def _far_start(self) -> int:
        return self._began + HEAD

    _began = 0
    _ahead_from: int | None = None  # where `ahead` started the work that `catch_up` must continue

    def begin(self) -> None:
        """Start a reader's interval: its first slice will be folded, never skipped."""
        self._began = self.offset
        self._ahead_from = None
        self._stop_counting()

    def _stop_counting(self) -> None:
        self._counting = False
        self._passed.clear()

    def idle(self, end: int, *observers: Observer) -> bool:
        """Fold part of a backlog while idle; True if more is worthwhile.

        A quiet full-screen program keeps its screen up to date, so that a later read, or a pending
        answer, need not fold hours of output. Not used for a job that floods.
        """
        if end - self.offset < RECENT // 2:
            return False
        self.catch_up(min(end, self.offset + IDLE_SLICE), *observers)
        return True

    def ahead(self, end: int, *observers: Observer) -> None:
        """Skip lines of a flood while it flows, as `catch_up` would afterwards.

        Only lines that scroll by: output that addresses the screen is left to `catch_up`. No call
        takes longer than the terminal's buffer lasts: the beginning of an interval is folded in
        small pieces, and lines are counted on arrival, read by read.
        """
        if self.offset < self._far_start:
            self._fold_to(min(end, self.offset + DRAW, self._far_start), observers)
        self._counting = True
        due = self._ahead_from is not None or end - self.offset > 2 * FAR
        if not due or self.offset < self._far_start:
            return
        while end - self.offset > TAIL + 2 * SKIP and not self._screen.has_margins:
            before = self.offset
            if not self._pass_counted() and not self._pass_read():
                return
            if self._ahead_from is None:
                self._ahead_from = before

    def _pass_counted(self) -> bool:
        """Skip the next stretch if its lines have been counted."""
        while self._passed and self._passed[0].start < self.offset:
            self._passed.popleft()
        if not self._passed or self._passed[0].start > self.offset:
            return False
        known = self._passed.popleft()
        if not self._screen.skip_lines(known.lines, known.last):
            return False
        self.offset = known.end
        return True

    def _pass_read(self) -> bool:
        """Skip the output before the next counted stretch if it only scrolls."""
        limit = min(SKIP, self._passed[0].start - self.offset) if self._passed else SKIP
        first, data = self._next(limit)
        if not data or addresses(data):
            return False
        self._screen.skip(data)
        self.offset = first + len(data)
        return True

    def _count(self, offset: int, data: bytes, lines: int) -> None:
        last = data[-LAST:]
        newest = self._passed[-1] if self._passed else None
        if newest is not None and newest.end == offset and offset - newest.start < SKIP:
            newest.end, newest.lines, newest.last = offset + len(data), newest.lines + lines, last
        else:
            self._passed.append(Passed(offset, offset + len(data), lines, last))

    def draw(self, end: int, *observers: Observer) -> None:
        """Fold part of the output that cannot be skipped, in a pause of a flood."""
        if not RECENT // 2 <= end - self.offset <= HARD:
            return
        _, data = self._next(DRAW)
        if self._screen.has_margins or addresses(data, ROWS):
            self.catch_up(self.offset + len(data), *observers)

    def _skip_to(self, target: int, *, hard: bool) -> None:
        pattern = ROWS if self._scrolls(target) else ADDRESSES
        while self.offset < target:
            first, data = self._next(min(SKIP, target - self.offset))
            if not data:
                self.offset = target
                return
            if hard or not (self._screen.has_margins or addresses(data, pattern)):
                self._screen.skip(data)
            else:
                self._screen.feed_fast(data)
            self.offset = first + len(data)

    def _scrolls(self, target: int) -> bool:
        """True if the output from `target` on scrolls every present row off the screen."""
        _, data = self.log.read(target, TAIL)
        return not addresses(data, ROWS) and data.count(b"\n") > 2 * self.size.rows

    def peek(self, end: int) -> Screen:
        """A scratch screen with only the last output up to `end`; nothing is folded.

        Shows the last lines of output that scrolls; of a screen drawn by addresses, whatever was
        drawn last.
        """
        data = self._last(end)
        start = _SAFE_START.search(data)
        screen = Screen(self.size, scrollback=0)
        screen.replies_on = False
        screen.feed(data if start is None or len(data) < PEEK else data[start.start() :])
        return screen

    def _last(self, end: int) -> bytes:
        """The last `PEEK` bytes before `end`, from memory if available, else from disk."""
        if self._recent_start + self._recent_bytes == end and self._recent_bytes >= PEEK:
            parts: list[bytes] = []
            size = 0
            for part in reversed(self._recent):
                parts.append(part[-PEEK:])
                size += len(parts[-1])
                if size >= PEEK:
                    break
            return b"".join(reversed(parts))[-PEEK:]
        _, data = self.log.read(max(0, end - PEEK), PEEK)
        return data

    def _next(self, limit: int) -> tuple[int, bytes]:
        """Bytes from `offset` on, from memory if available, else from disk."""
        if self._recent and self.offset >= self._recent_start:
            joined = b"".join(self._recent)
            self._recent = [joined]
            position = self.offset - self._recent_start
            return self.offset, joined[position : position + limit]
        first, data = self.log.read(self.offset, limit)
        return first, data

    def resize(self, size: Size) -> None:
        self.size = size
        self._screen.resize(size)
