"""Rows of the primary screen that differ from those at the mark.

Owns finding rows redrawn in place: where the answer begins, and the changed rows above the mark.
Never removes an echo and never reads a prompt. The subtle thing: lines are compared by their
absolute numbers, so output that only scrolls changes nothing here. Rows with the same text count
as changed where a person still sees a difference: another style in a form, or a repaint of the
whole screen, as a pager makes after a search.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ptyjobs.terminal.values import Line
from ptyjobs.text.bookmark import Mark, TextScreen, looks, text_below
from ptyjobs.text.rows import Rows

NEAR = 4
"""Rows compared above the mark. If all of them have changed, the screen was cleared."""

UPPER_ROWS = 3
"""Rows of a prompt above its last one: the most that a line editor rewrites above its row."""

CONTEXT = 3
"""Unchanged rows shown between two changed ones, as in a menu."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`start`: the line where the answer begins. `moved`: the mark's row lost its prompt, so the
    answer begins in its first column. `above`: changed rows above the mark, to be shown first."""

    start: int
    moved: bool
    above: tuple[Line, ...] = ()


def changes(mark: Mark, screen: TextScreen, rows: Rows, typed: Sequence[str]) -> Changes:
    """Find where the answer after `mark` begins. `typed` are the lines that were sent as text."""
    cursor = screen.first_line + screen.cursor_row
    higher = cursor < mark.line
    first = typed[0] if typed else ""
    other, repainted = _changed_above(mark, screen, rows, higher=higher)
    if not other:
        return Changes(min(cursor, mark.line), higher or _overwritten(mark, rows, first))
    top = mark.first_line
    if higher or repainted or mark.alternate:
        return Changes(top + min(other), moved=True)
    blocks = _blocks(other)
    overwritten = _overwritten(mark, rows, first, below_change=max(other) == len(mark.above) - 1)
    reaches = len(mark.above) - blocks[-1].stop <= CONTEXT
    if overwritten:
        start = top + blocks.pop().start if reaches else mark.line
    else:
        start = mark.line
        if reaches and not typed:
            blocks[-1] = range(blocks[-1].start, len(mark.above))
    above: list[Line] = []
    for block in blocks:
        above += rows.range(top + block.start, top + block.stop)
    return Changes(start, overwritten, tuple(above))


def unchanged_frame(mark: Mark, screen: TextScreen, start: int) -> tuple[int, bool]:
    """Measure the part of the form around the cursor that new rows only pushed down.

    Returns the number of rows directly above the cursor that are unchanged since the mark, and
    True if the rows below the cursor are unchanged too. Rows that only follow the mark were printed
    since, even if they read like those above it: the frame is no higher than the part of the
    answer above the mark's line.
    """
    cursor = screen.first_line + screen.cursor_row
    if not mark.form or cursor <= mark.line:
        return 0, False
    rows = screen.text()
    at = mark.line - mark.first_line
    below = _stripped(rows[screen.cursor_row + 1 :]) == _stripped(mark.rows[at + 1 :])
    if not below:
        return 0, False
    count = 0
    while (
        count < min(at, screen.cursor_row, mark.line - start)
        and rows[screen.cursor_row - count - 1] == mark.rows[at - count - 1]
        and mark.rows[at - count - 1]
    ):
        count += 1
    return count, True


def unchanged(mark: Mark, screen: TextScreen, rows: Rows) -> set[int]:
    """Lines of the mark's screen that read as they did and were not written since.

    A row that a soft wrap joins with a changed one belongs to a changed line.
    """
    first = mark.first_line
    if mark.cols != screen.size.cols or first < screen.floor_line:
        return set()
    now = rows.range(first, first + len(mark.rows))
    texts = rows.texts(first, first + len(mark.rows))
    pairs = enumerate(zip(texts, mark.rows, strict=False), first)
    found = {n for n, (text, old) in pairs if text == old}
    found -= rows.written
    line: list[int] = []
    for number, row in enumerate(now, first):
        if row.wrapped:
            line.append(number)
        elif line:
            line.append(number)
            if not found.issuperset(line):
                found.difference_update(line)
            line = []
    return found.difference(line)  # the rest of that line is below


def unseen(mark: Mark, screen: TextScreen, rows: Rows, *, exclude: Iterable[int]) -> bool:
    """True if a visible row, outside the lines `exclude`, has changed its text since the mark."""
    if mark.cols != screen.size.cols:
        return False
    skip = set(exclude)
    for line, text in enumerate(rows.texts(rows.first, rows.stop), rows.first):
        at = line - mark.first_line
        old = mark.rows[at] if 0 <= at < len(mark.rows) else ""
        if line not in skip and text != old:
            return True
    return False


def _changed_above(
    mark: Mark, screen: TextScreen, rows: Rows, *, higher: bool
) -> tuple[set[int], bool]:
    """Changed rows above the mark (0 is the mark's top row); True if all rows near it changed."""
    above, top = mark.above, mark.first_line
    if top < screen.floor_line:
        return set(), False
    now = rows.texts(top, mark.line)
    now += [""] * (len(above) - len(now))
    other = {n for n, text in enumerate(above) if now[n] != text}
    near = [n for n, text in enumerate(above) if text][-NEAR:] if other else []
    repainted = bool(near) and other.issuperset(near)
    if mark.alternate or screen.alternate:
        return other, repainted
    scrolled = screen.first_line - top
    written = {number - top for number in rows.written if number < top + len(above)}
    if len(written) > UPPER_ROWS:
        visible = [n for n, text in enumerate(above) if text and n >= scrolled]
        if len(visible) > UPPER_ROWS and written.issuperset(visible):
            # Everything was repainted, so rows that read as before count: a pager may have jumped.
            return other | set(visible), True
    if not scrolled and (higher or (mark.form and text_below(screen))):
        other |= written
    if not scrolled and mark.looks:
        # The screen may be less high than it was.
        pairs = zip(looks(screen), mark.looks[: len(above)], strict=False)
        other |= {n for n, (now_looks, old) in enumerate(pairs) if now_looks != old}
    return other, repainted


def _blocks(rows: set[int]) -> list[range]:
    """Runs of changed rows, with the few unchanged ones between them."""
    blocks: list[range] = []
    for row in sorted(rows):
        if blocks and row - blocks[-1].stop <= CONTEXT:
            blocks[-1] = range(blocks[-1].start, row + 1)
        else:
            blocks.append(range(row, row + 1))
    return blocks


def _overwritten(mark: Mark, rows: Rows, first: str, *, below_change: bool = False) -> bool:
    """The mark's row has lost its prompt: cleared with nothing above it, or overwritten."""
    if mark.alternate or mark.line < rows.floor:
        return False
    own = rows.range(mark.line, mark.line + 1)
    if not own:
        return bool(mark.cells_before.strip(" "))
    text, known = own[0].text, mark.cells_before.rstrip(" ")
    if first and text[mark.col : mark.col + len(first)] == first:
        return False  # the echo is present; irb marks an open block in its prompt
    if known:
        return not text.startswith(known)
    if text[: mark.col].strip(" "):
        return not first.strip(" ") or text.strip(" ") != first.strip(" ")  # else indented anew
    old = (mark.cells_before + mark.cells_after).rstrip(" ")
    return below_change and bool(text.strip(" ")) and text.rstrip(" ") != old


def _stripped(rows: Sequence[str]) -> list[str]:
    """The rows without trailing blank rows."""
    out = list(rows)
    while out and not out[-1].strip(" "):
        out.pop()
    return out
