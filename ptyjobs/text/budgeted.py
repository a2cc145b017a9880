"""The lines of an answer within its budget.

Owns the head of a long answer, which is kept while its lines scroll off, its tail, the line that
reports the gap between them, and the join of soft-wrapped rows. Never decides which lines belong to
an answer (see `fresh`). The subtle thing: a slice of output may be folded without being drawn, so
lost lines are counted by their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptyjobs.model import Fresh
from ptyjobs.terminal.values import Line
from ptyjobs.terminal.widths import WIDTH
from ptyjobs.text import sanitize
from ptyjobs.text.bookmark import Mark, TextScreen

HEAD_SHARE = 0.5
MAX_STEP = 4096
"""Lines taken from the screen per step while the head is kept."""

TAIL_STEP = 512
"""Lines taken per step from the end, until they suffice."""

MAX_CLEARED = 2048
"""Maximum lines in a slice that also clears the scrollback. More in one step means that they were
skipped unseen, and lines that are merely lost must never be reported as cleared."""


class KeptHead:
    """The first lines of an answer, kept while they scroll off the screen; bounded memory.

    `room`: characters after which it is full. `scrollback` is the screen's. `next`: the number of
    the first line not kept.
    """

    def __init__(self, mark: Mark, *, room: int, scrollback: int) -> None:
        self._room = room
        self._scrollback = scrollback
        self._seen = (mark.floor_line, mark.first_line)
        self._chars = 0
        self.lines: list[Line] = []
        self.next = mark.line
        self.cleared = False  # the scrollback was erased: only the current contents are left

    @property
    def full(self) -> bool:
        """True once it is complete; before, a slice must hold fewer lines than the scrollback."""
        return self._chars >= self._room

    def observe(self, screen: TextScreen) -> None:
        """Keep the head of the lines that scrolled off; cheap once it is full."""
        floor, first = screen.floor_line, screen.first_line
        moved = floor > self._seen[0] and first - floor < self._scrollback
        if moved and first - self._seen[1] <= MAX_CLEARED:
            self.cleared = True  # only erasing the scrollback makes it shorter
            self.lines.clear()
            self._chars = 0
            self.next = floor
        self._seen = (floor, first)
        while not self.full and floor <= self.next < first:
            stop = min(first, self.next + MAX_STEP)
            for line in screen.line_range(self.next, stop):
                self.lines.append(line)
                self._chars += len(line.text) + 1
                self.next += 1
                if self.full:
                    break


def tail_lines(screen: TextScreen, floor: int, stop: int, *, budget: int) -> list[Line]:
    """As many of the lines before `stop` as fit the second half of the budget."""
    room = budget - int(budget * HEAD_SHARE)
    out: list[Line] = []
    at, chars = stop, 0
    while at > floor and chars <= room:
        step = screen.line_range(max(floor, at - TAIL_STEP), at)
        if not step:
            break
        out[:0] = step
        at -= len(step)
        chars += sum(len(line.text) + 1 for line in step)
    return out


def whole(rows: Sequence[Line], *, mark: Mark, end: int, budget: int, hint: str) -> Fresh:
    """The answer of all its rows, which may still exceed the budget."""
    lines = trimmed(joined(rows))
    cut = sanitize.budget("\n".join(lines), budget, head_share=HEAD_SHARE, hint=hint)
    return Fresh(
        text=cut.text,
        offset=mark.offset,
        end=end,
        lines=len(lines),
        omitted_lines=cut.omitted_lines,
        omitted_chars=cut.omitted_chars,
    )


def with_gap(
    first: Sequence[Line],
    last: Sequence[Line],
    *,
    lost: int,
    printed: int | None,
    hole: bool,
    mark: Mark,
    end: int,
    budget: int,
    hint: str,
) -> Fresh:
    """The answer from its first and last rows; the `lost` rows between them are no longer kept.

    `printed`: line feeds logged since the mark, if known; `hole`: bytes of it are missing.
    """
    head, tail = trimmed(joined(first)), trimmed(joined(last))
    room = int(budget * HEAD_SHARE)
    above = sanitize.head("\n".join(head), room)
    below = sanitize.tail("\n".join(tail), budget - room)
    shown = sum(part.count("\n") + 1 for part in (above, below) if part)
    rows = len(head) + lost + len(tail)
    if printed is not None:  # a line may wrap, so there are at most as many lines as rows
        rows = printed if hole else min(rows, printed + 1)
    total = max(shown, rows)
    # Lines dropped unseen are counted by line number; their bytes are known from the log.
    size = max(0, end - mark.offset - len(above.encode()) - len(below.encode()))
    middle = sanitize.gap(0 if total > shown else size, total - shown, hint)
    text = "\n".join(part for part in (above, middle, below) if part)
    return Fresh(
        text=text,
        offset=mark.offset,
        end=end,
        lines=total,
        omitted_lines=total - shown,
        omitted_chars=size,
    )


def joined(rows: Sequence[Line]) -> list[str]:
    """Logical lines: soft-wrapped rows joined, trailing blanks removed."""
    out: list[str] = []
    open_line = ""
    for row in rows:
        # A wide character that did not fit left a blank in the last column. A printed space looks
        # the same there and is lost, which is far rarer.
        if open_line.endswith(" ") and row.text and WIDTH[row.text[0]] == 2:
            open_line = open_line[:-1]
        open_line += row.text
        if not row.wrapped:
            out.append(open_line.rstrip(" "))
            open_line = ""
    if open_line:
        out.append(open_line.rstrip(" "))
    return out


def trimmed(lines: list[str]) -> list[str]:
    """Without the blank lines at both ends."""
    start, stop = 0, len(lines)
    while start < stop and not lines[start].strip():
        start += 1
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    return [line.rstrip() for line in lines[start:stop]]
