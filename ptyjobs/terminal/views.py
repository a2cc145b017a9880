"""Read a screen: text, runs, lines and changed rows.

Owns reading. Each function takes the state of a screen and changes nothing. The subtle thing: a
lazy row is read from its pieces, because opening a copy of it costs ten times as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from .row import Row, parts
from .state import State
from .style import DEFAULT, Style
from .values import Line, Run

# -- visible rows


def text(state: State, start: int = 0) -> list[str]:
    """The visible rows of the active screen from `start` on, without trailing blanks."""
    return [_read(row) for row in (state._rows[start:] if start else state._rows)]


def row_text(state: State, row: int, start: int = 0, stop: int | None = None) -> str:
    """The cells `start <= column < stop` of a visible row; a wide character is two cells."""
    cells = state._rows[row]
    if cells.chars is None:  # each character is one cell
        return "".join(cells.texts).ljust(state.columns)[start:stop]
    return "".join(cells.chars[start:stop])


def wraps(state: State, row: int) -> bool:
    """True if a visible row is soft-wrapped: its line continues in the row below."""
    return state._rows[row].wrapped


def runs(state: State, row: int) -> list[Run]:
    """A visible row, at full width, as runs of one style each."""
    return _styled(state._rows[row], state.columns)


def has_hidden(state: State, rows: list[int] | None = None) -> bool:
    """True if visible rows (all, or these) contain text that a person could not see."""
    wanted = state._rows if rows is None else [state._rows[y] for y in rows]
    return any(_hides(row) for row in wanted if row.texts or row.chars)


def changed_rows(state: State, since: int) -> list[int]:
    """Rows of the active screen that were changed after generation `since`."""
    moved = state._moved
    return [y for y, row in enumerate(state._rows) if row.gen > since or moved[y] > since]


def written_rows(state: State, since: int) -> list[int]:
    """Rows of the active screen written after generation `since`; scrolling writes none."""
    return [y for y, row in enumerate(state._rows) if row.gen > since]


def faces(state: State) -> tuple[Row, ...]:
    """Copies of the visible rows, for `restyled`."""
    return tuple(row.copy() for row in state._rows)


def restyled(state: State, before: Sequence[Row]) -> bool:
    """True if all visible rows read as in `before`, a copy, but some have another style."""
    if len(before) != len(state._rows):
        return False
    pairs = list(zip(state._rows, before, strict=True))
    if any(_read(row) != _read(old) for row, old in pairs):
        return False
    return any(_other_style(row, old, state.columns) for row, old in pairs)


def _read(row: Row) -> str:
    return "".join(row.texts if row.chars is None else row.chars).rstrip(" ")


def _other_style(row: Row, old: Row, cols: int) -> bool:
    if row.chars is not None and old.chars is not None:  # styles are interned: a fast comparison
        return row.styles != old.styles
    if (row.texts, row.pens, row.chars) == (old.texts, old.pens, old.chars):
        return False
    return _styled(row, cols) != _styled(old, cols)


def _styled(row: Row, cols: int) -> list[Run]:
    return _lazy_runs(row, cols) if row.chars is None else _runs(row.chars, row.styles)


# -- lines of the primary screen and its scrollback


def line(state: State, number: int) -> Line:
    """A line by its absolute number; IndexError if it is not kept or does not exist yet."""
    found = line_range(state, number, number + 1)
    if not found:
        raise IndexError(f"line {number} is not kept")
    return found[0]


def line_range(state: State, start: int, stop: int) -> list[Line]:
    """Lines `start <= number < stop`, as far as they are kept."""
    first = state.history.total
    out: list[Line] = []
    for entry in state.history.slice(start, min(stop, first)):
        chars, _, wrapped = parts(entry)
        out.append(Line(chars if wrapped else chars.rstrip(" "), wrapped))
    # Rows on the screen are read directly: packing them costs ten times as much.
    for row in state._sides[0].rows[max(0, start - first) : max(0, stop - first)]:
        chars = "".join(row.texts if row.chars is None else row.chars)
        out.append(Line(chars if row.wrapped else chars.rstrip(" "), row.wrapped))
    return out


def _lazy_runs(row: Row, cols: int) -> list[Run]:
    pieces = [*zip(row.texts, row.pens, strict=True), (" " * (cols - row.used), DEFAULT)]
    runs: list[Run] = []
    for style, group in groupby((piece for piece in pieces if piece[0]), key=itemgetter(1)):
        runs.append(Run("".join(text for text, _ in group), style))
    return runs


def _runs(chars: list[str], styles: list[Style]) -> list[Run]:
    out: list[Run] = []
    at = 0
    for style, group in groupby(styles):
        stop = at + len(list(group))
        out.append(Run("".join(chars[at:stop]), style))
        at = stop
    return out


def _hides(row: Row) -> bool:
    """True if letters or digits are invisible; frames in the background's colour do not count."""
    if row.chars is None:
        pairs = zip(row.texts, row.pens, strict=True)
        return any(pen.hides and any(map(str.isalnum, text)) for text, pen in pairs)
    cells = zip(row.chars, row.styles, strict=True)
    return any(style.hides and char[:1].isalnum() for char, style in cells)
