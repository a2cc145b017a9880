"""Resize a screen.

Owns resizing. The alternate screen is cropped or extended: the program redraws it. On the primary,
soft-wrapped lines are joined and wrapped again at the new width, scrollback included, and rows move
to and from the scrollback so that the cursor's line stays where a person expects it. The subtle
thing is numbering: the oldest kept line keeps its absolute number, so the numbers of later lines
shift when a width change makes more or fewer of them; `marks` and `anchors` are renumbered too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .row import Entry, Row, Spans, entry_cells, parts
from .state import Side, State
from .style import DEFAULT, Style


@dataclass(slots=True)
class _Lines:
    """The lines of a screen being rewrapped, and the new places of the old ones."""

    entries: list[Entry] = field(default_factory=list)
    starts: list[tuple[int, list[int], int]] = field(default_factory=list)
    # for each old line: index of the first new line of its group, the cell offsets at which the
    # group's new lines start, and the cell offset of the old line in the group

    def place(self, line: int, col: int) -> tuple[int, int]:
        """The new (line, column) of an old one."""
        first, offsets, start = self.starts[line]
        offset = start + col
        index = len(offsets) - 1
        while index > 0 and offsets[index] > offset:
            index -= 1
        return first + index, offset - offsets[index]


def resize(state: State, rows: int, cols: int) -> None:
    """Resize both screens, their cursors, margins and tab stops."""
    if (rows, cols) == (state.lines, state.columns):
        return
    state.generation += 1
    old_cols = state.columns
    alternate = state._sides[1]
    x, y, pending = state._x, state._y, state._pending
    if state.alternate:
        saved = state._sides[0].saved
        primary_at = (saved.x, saved.y, saved.pending) if saved else (0, 0, False)
    else:
        primary_at = (x, y, pending)
    placed = _resize_primary(state, rows, cols, primary_at)
    if state.alternate:
        _crop(alternate.rows, rows, cols, keep=y)
        y = max(0, min(y - max(0, y - rows + 1), rows - 1))
        pending = pending and x < cols and cols == old_cols
        x = min(x, cols - 1)
        saved = state._sides[0].saved
        if saved:
            state._sides[0].saved = replace(saved, x=placed[0], y=placed[1], pending=placed[2])
        _clamp_saved(alternate, rows, cols)
    else:
        alternate.rows.clear()
        x, y, pending = placed
        for side in state._sides:
            _clamp_saved(side, rows, cols)
    state.lines, state.columns = rows, cols
    state._x, state._y, state._pending = x, y, pending
    state._moved = [state.generation] * rows
    added = {t for t in range(8, cols, 8) if t >= old_cols}
    state._tabs = {t for t in state._tabs if t < cols} | added
    state._dec.discard(69)
    state._reset_margins()
    state._refresh()


def _resize_primary(
    state: State, rows: int, cols: int, at: tuple[int, int, bool]
) -> tuple[int, int, bool]:
    """Fit the primary's rows; returns the new cursor (x, y, pending)."""
    screen = state._sides[0].rows
    history = state.history
    floor = history.floor
    behind = len(history)
    x, y, pending = at
    offset = x + 1 if pending else x  # a pending wrap is a place past the last cell
    if cols != state.columns:
        old = [*history.slice(floor, history.total), *(row.pack() for row in screen)]
        lines = _rewrap(old, cols, state.columns)
        top, _ = lines.place(behind, 0)
        cursor, new_x = lines.place(behind + y, offset)
        highest, _ = lines.place(max(0, state._reset_line - floor), 0)
        state._reset_line = floor + highest
        _carry_marks(state, lines, floor)
        entries = lines.entries
    else:
        entries = [*history.slice(floor, history.total), *(row.pack() for row in screen)]
        top, cursor, new_x = behind, behind + y, offset
        highest = max(0, state._reset_line - floor)
    new_pending = pending and new_x >= cols
    new_x = min(new_x, cols - 1)
    top = _fitted(entries, rows, top=top, cursor=cursor, highest=highest)
    history.replace(entries[:top], start=floor)
    fresh = [Row.unpack(entry, cols) for entry in entries[top : top + rows]]
    fresh += [Row() for _ in range(rows - len(fresh))]
    fresh[-1].wrapped = False
    screen[:] = fresh
    return new_x, min(cursor - top, rows - 1), new_pending


def _fitted(entries: list[Entry], rows: int, *, top: int, cursor: int, highest: int) -> int:
    """The index of the screen's first line, after a resize to `rows`; `top` was it before."""
    end = len(entries)
    while end > cursor + 1 and entries[end - 1] == "":
        end -= 1
    if end > top + rows:
        top = end - rows
    elif end == len(entries) and top + rows > end:
        top = max(highest, end - rows)
    return min(top, cursor)


def pulled(state: State, rows: int, cols: int) -> int:
    """Number of scrollback lines that a resize would bring back to the primary screen."""
    history = state.history
    floor = max(history.floor, history.total - rows * -(-cols // state.columns))
    behind = history.total - floor
    saved = state._sides[0].saved
    y = state._y if not state.alternate else saved.y if saved else 0
    old = [*history.slice(floor, history.total), *(r.pack() for r in state._sides[0].rows)]
    lines = _rewrap(old, cols, state.columns)
    highest, _ = lines.place(max(0, state._reset_line - floor), 0)
    top, _ = lines.place(behind, 0)
    cursor, _ = lines.place(behind + y, 0)
    top = _fitted(lines.entries, rows, top=top, cursor=cursor, highest=highest)
    first = next((n for n in range(behind) if lines.place(n, 0)[0] >= top), behind)
    return behind - first


def _carry_marks(state: State, lines: _Lines, floor: int) -> None:
    """Update marks and anchors to the new numbers of their lines."""

    def moved(line: int, col: int) -> tuple[int, int]:
        if 0 <= line - floor < len(lines.starts):
            number, column = lines.place(line - floor, col)
            return floor + number, column
        return line, col

    for index, mark in enumerate(state.marks):
        line, col = moved(mark.line, mark.col)
        state.marks[index] = replace(mark, line=line, col=col)
    for name, (line, col) in state.anchors.items():
        state.anchors[name] = moved(line, col)


def _clamp_saved(side: Side, rows: int, cols: int) -> None:
    """Keep a saved cursor on the screen."""
    saved = side.saved
    if saved is not None:
        x, y = min(saved.x, cols - 1), min(saved.y, rows - 1)
        side.saved = replace(saved, x=x, y=y, pending=saved.pending and x == cols - 1)


def _crop(rows: list[Row], height: int, cols: int, *, keep: int) -> None:
    """Crop or extend without reflow; row `keep` stays visible."""
    if len(rows) > height:
        top = max(0, keep - height + 1)
        rows[:] = rows[top : top + height]
    rows += [Row() for _ in range(height - len(rows))]
    for index, row in enumerate(rows):
        rows[index] = Row.unpack(row.pack(), cols)
        rows[index].wrapped = False


def _rewrap(entries: list[Entry], cols: int, old_cols: int) -> _Lines:
    out = _Lines()
    at = 0
    while at < len(entries):
        entry = entries[at]
        if isinstance(entry, str) and len(entry) <= cols and entry.isascii():
            out.starts.append((len(out.entries), [0], 0))
            out.entries.append(entry)
            at += 1
            continue
        stop = at
        while stop < len(entries) - 1 and parts(entries[stop])[2]:
            stop += 1
        _rewrap_group(out, entries[at : stop + 1], cols, old_cols)
        at = stop + 1
    return out


def _rewrap_group(out: _Lines, group: list[Entry], cols: int, old_cols: int) -> None:
    """Join the lines of one soft-wrapped group and wrap them at the new width."""
    cells: list[tuple[str, Style]] = []
    first = len(out.entries)
    old_starts: list[int] = []
    for index, entry in enumerate(group):
        mine = entry_cells(entry)
        old_starts.append(len(cells))
        if index + 1 < len(group):
            following = entry_cells(group[index + 1])
            if len(mine) == old_cols and mine[-1][0] == " " and _starts_wide(following):
                mine.pop()  # the wide character did not fit there
        cells += mine
    offsets: list[int] = []
    at = 0
    while at < len(cells) or not offsets:
        offsets.append(at)
        stop = min(at + cols, len(cells))
        if stop < len(cells) and cells[stop][0] == "" and stop - 1 > at:
            stop -= 1
        out.entries.append(_pack(cells[at:stop], wrapped=stop < len(cells)))
        at = stop
    out.starts += [(first, offsets, start) for start in old_starts]


def _starts_wide(cells: list[tuple[str, Style]]) -> bool:
    return len(cells) > 1 and cells[1][0] == ""


def _pack(cells: list[tuple[str, Style]], *, wrapped: bool) -> Entry:
    text = "".join(char for char, _ in cells)
    spans: list[int | Style] = []
    at = 0
    for char, style in cells:
        at += len(char)
        if spans and spans[-1] is style:
            spans[-2] = at
        else:
            spans += (at, style)
    if not wrapped and all(style is DEFAULT for style in spans[1::2]):
        return text.rstrip(" ")
    done: Spans = tuple(spans)
    return text, done, wrapped
