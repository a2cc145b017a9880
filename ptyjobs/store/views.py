"""Views of a job's output: the current screen and pages of its whole text, live or ended.

Owns the reading side: `view` of a screen, `page` of a log, `screen_at` any offset of a recording.
Never talks to a holder: reads files by offset. The subtle thing: a page ends at a line end of the
*log*, so its `next` offset is exact and pages concatenate to the whole text.
"""

from __future__ import annotations

from ptyjobs.model import Page, Size, View
from ptyjobs.store.fold import Fold
from ptyjobs.store.jobdir import JobDir
from ptyjobs.store.log import LogReader
from ptyjobs.terminal import Screen
from ptyjobs.text.patterns import ESCAPES

ESCAPE_REACH = 256  # bytes before a page in which an escape sequence is looked for
PAGE_ROWS = 500  # rows of the scratch screen a page is rendered on


def view(screen: Screen, *, lines: int, end: int) -> View:
    """The rendered current view; of a line-oriented program its last `lines` lines."""
    rows = screen.text()
    while rows and not rows[-1]:
        rows.pop()
    first = screen.first_line
    above = 0
    if not screen.alternate:
        last = screen.first_line + max(len(rows), 1)
        first = max(screen.floor_line, last - lines)
        above = first - screen.floor_line
        rows = [line.text for line in screen.line_range(first, last)] if rows else []
        if not rows and above:
            rows = [line.text for line in screen.line_range(first, screen.first_line)]
    return View(
        text="\n".join(rows),
        size=screen.size,
        cursor=(screen.cursor_row, screen.cursor_col),
        alternate=screen.alternate,
        title=screen.title,
        end=end,
        first_line=first,
        lines_above=above,
        hidden=screen.has_hidden(),
        generation=screen.generation,
    )


def screen_at(
    job: JobDir, *, offset: int | None = None, time: float | None = None, reach: int | None = None
) -> Screen:
    """The screen of a recording at a log offset or at `time` seconds; at its end by default.

    With `reach` only so many bytes before that moment are folded: fast in a log of any length, but
    modes that were set earlier are unknown.
    """
    end = job.log.end if offset is None else min(offset, job.log.end)
    if time is not None:
        end = min(end, _offset_at(job, time))
    floor = job.log.floor
    start = floor if reach is None else max(floor, end - reach)
    spec = job.spec()
    size = spec.size if spec else Size()
    later: list[tuple[int, Size]] = []
    for event in job.events():
        if event.offset > end or (time is not None and event.time > time):
            break
        if (changed := event.size) is not None:
            if event.offset <= start:
                size = changed
            else:
                later.append((event.offset, changed))
    fold = Fold(job.log, size=size, start=start)
    fold.begin()
    for at, other in later:
        fold.catch_up(at)
        fold.resize(other)
    fold.catch_up(max(start, end))
    return fold.screen


def _offset_at(job: JobDir, time: float) -> int:
    """Log offset of the output printed up to `time` seconds after the start."""
    end = job.log.floor
    for event in job.events():
        if event.time > time:
            break
        if event.code == "o":
            end = max(end, event.offset)
    return end


def _render(data: bytes, size: Size) -> str:
    """The text of a piece of log, soft-wrapped lines joined."""
    screen = Screen(Size(PAGE_ROWS, size.cols), scrollback=200_000)
    screen.feed(data)
    last = screen.first_line + screen.cursor_row
    parts: list[str] = []
    for line in screen.line_range(screen.floor_line, last + 1):
        parts.append(line.text)
        if not line.wrapped:
            parts.append("\n")
    text = "".join(parts)
    if screen.alternate:
        text = "\n".join(screen.text())
    return text.rstrip("\n")


def page(log: LogReader, *, size: Size, since: int | None, limit: int, last: bool = False) -> Page:
    """At most `limit` characters of the text from log offset `since` (default: the floor).

    With `last` the end of the text instead, from a line's beginning.
    """
    floor, end = log.floor, log.end
    if last and since is None:
        since = _line_start(log, max(floor, end - 4 * limit))
    start = max(floor if since is None else since, floor)
    first, data = log.read(start, max(4 * limit, 4096))
    lost = first - start if data else max(0, end - start)
    skipped = _escape_rest(log, first, data)
    first, data = first + skipped, data[skipped:]
    if first + len(data) < end:
        newline = data.rfind(b"\n")
        if newline >= 0:
            data = data[: newline + 1]
    text = _render(data, size)
    while len(text) > limit and data:
        if last:
            cut = data.find(b"\n", len(data) - int(len(data) * limit / len(text) * 0.9))
            if cut < 0 or cut + 1 >= len(data):
                text = text[-limit:]
                break
            first, data = first + cut + 1, data[cut + 1 :]
        else:
            cut = data.rfind(b"\n", 0, max(1, int(len(data) * limit / len(text) * 0.9)))
            if cut < 0:
                data = data[: max(1, int(len(data) * limit / len(text) * 0.9))]
            else:
                data = data[: cut + 1]
        text = _render(data, size)
    following = first + len(data)
    return Page(text, first, following, end, floor, lost=lost, more=following < end)


def _escape_rest(log: LogReader, offset: int, data: bytes) -> int:
    """Bytes of `data`, which begins at `offset`, that end an escape sequence begun before it."""
    at = max(log.floor, offset - ESCAPE_REACH)
    first, before = log.read(at, offset - at)
    start = before.rfind(b"\x1b") if first + len(before) == offset else -1
    match = ESCAPES.match(before + data[:ESCAPE_REACH], start) if start >= 0 else None
    return max(0, match.end() - len(before)) if match else 0


def _line_start(log: LogReader, offset: int) -> int:
    """The offset of the first line that begins at or after `offset`."""
    if offset <= log.floor:
        return log.floor
    first, data = log.read(offset, 64 << 10)
    newline = data.find(b"\n")
    return first + newline + 1 if newline >= 0 else first
