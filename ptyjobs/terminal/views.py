"""What a screen shows: text, runs, lines, changed rows, and pyte's view of the same.

Owns reading. Nothing here changes a row (opened rows keep their shape), except that pyte's
`buffer[y][x] = char` writes a cell, as pyte's users may.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from itertools import groupby
from typing import NamedTuple

from .colours import TERMINAL, palette
from .feeding import Feeding
from .row import Entry, Row, parts
from .style import DEFAULT, Colour, Style, intern
from .values import Line, Run

_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


class Cell(NamedTuple):
    """A cell as pyte's `Char` has it, with the whole style as one field more."""

    data: str
    fg: str = "default"
    bg: str = "default"
    bold: bool = False
    italics: bool = False
    underscore: bool = False
    strikethrough: bool = False
    reverse: bool = False
    blink: bool = False
    style: Style = DEFAULT


def colour_name(colour: Colour) -> str:
    """A colour as pyte writes it: a name, or six hex digits."""
    if colour is None:
        return "default"
    if isinstance(colour, int):
        if colour < 8:
            return _NAMES[colour]
        if colour < 16:
            return "bright" + _NAMES[colour - 8]
        colour = palette(colour, TERMINAL)
    return "{:02x}{:02x}{:02x}".format(*colour)


def cell(char: str, style: Style) -> Cell:
    """The pyte-like cell of a character and a style."""
    return Cell(
        char,
        colour_name(style.fg),
        colour_name(style.bg),
        style.bold,
        style.italic,
        style.underline > 0,
        style.strike,
        style.reverse,
        style.blink,
        style,
    )


class RowView(MutableMapping[int, Cell]):
    """`buffer[y]`: columns to cells."""

    def __init__(self, row: Row, cols: int) -> None:
        self._row = row
        self._cols = cols

    def __getitem__(self, x: int) -> Cell:
        chars, styles = self._row.cells(self._cols)
        return cell(chars[x], styles[x]) if 0 <= x < self._cols else Cell(" ")

    def __setitem__(self, x: int, value: Cell) -> None:
        chars = self._row.open(self._cols)
        chars[x] = value.data
        self._row.styles[x] = intern(getattr(value, "style", DEFAULT))
        self._row.wide = True

    def __delitem__(self, x: int) -> None:
        self[x] = Cell(" ")

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._cols))

    def __len__(self) -> int:
        return self._cols


class BufferView(MutableMapping[int, RowView]):
    """`screen.buffer`: rows by number."""

    def __init__(self, rows: list[Row], cols: int) -> None:
        self._rows = rows
        self._cols = cols

    def __getitem__(self, y: int) -> RowView:
        return RowView(self._rows[y], self._cols)

    def __setitem__(self, y: int, value: RowView) -> None:
        for x in range(self._cols):
            self[y][x] = value[x]

    def __delitem__(self, y: int) -> None:
        self._rows[y].clear(self._cols, DEFAULT)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self._rows)))

    def __len__(self) -> int:
        return len(self._rows)


class Views(Feeding):
    """Reading the screen."""

    # --- visible rows -------------------------------------------------------------------------

    def text(self) -> list[str]:
        """The visible rows of the active screen, blanks at their right removed."""
        return [
            "".join(row.texts if row.chars is None else row.chars).rstrip(" ") for row in self._rows
        ]

    def row_text(self, row: int, start: int = 0, stop: int | None = None) -> str:
        """The cells `start <= column < stop` of a visible row; a wide character is two cells."""
        chars, _ = self._rows[row].cells(self.columns)
        return "".join(chars[start:stop])

    def wraps(self, row: int) -> bool:
        """Whether a visible row is softly wrapped: its line goes on in the row below."""
        return self._rows[row].wrapped

    def runs(self, row: int) -> list[Run]:
        """A visible row as runs of one style each, all its columns."""
        chars, styles = self._rows[row].cells(self.columns)
        return _runs(chars, styles)

    def has_hidden(self, rows: list[int] | None = None) -> bool:
        """Whether visible rows (all, or these) hold text that a person could not see."""
        wanted = self._rows if rows is None else [self._rows[y] for y in rows]
        return any(_hides(row) for row in wanted)

    def changed_rows(self, since: int) -> list[int]:
        """Rows of the active screen that were touched after generation `since`."""
        moved = self._moved
        return [y for y, row in enumerate(self._rows) if row.gen > since or moved[y] > since]

    def written_rows(self, since: int) -> list[int]:
        """Rows of the active screen written after generation `since`; scrolling writes none."""
        return [y for y, row in enumerate(self._rows) if row.gen > since]

    # --- lines of the primary screen and its scrollback ---------------------------------------

    @property
    def first_line(self) -> int:
        """The absolute number of row 0 of the primary screen."""
        return self.history.total

    @property
    def floor_line(self) -> int:
        """The absolute number of the oldest line kept."""
        return self.history.floor

    def _entries(self, start: int, stop: int) -> list[Entry]:
        first = self.history.total
        out = self.history.slice(start, min(stop, first))
        rows = self._sides[0].rows
        out += [row.pack() for row in rows[max(0, start - first) : max(0, stop - first)]]
        return out

    def line(self, number: int) -> Line:
        """A line by its absolute number; IndexError when it is not kept or not there yet."""
        found = self.line_range(number, number + 1)
        if not found:
            raise IndexError(f"line {number} is not kept")
        return found[0]

    def line_range(self, start: int, stop: int) -> list[Line]:
        """Lines `start <= number < stop`, as far as they are kept."""
        first = self.history.total
        out: list[Line] = []
        for entry in self.history.slice(start, min(stop, first)):
            text, _, wrapped = parts(entry)
            out.append(Line(text if wrapped else text.rstrip(" "), wrapped))
        # Rows on the screen are read as they are: packing them costs ten times as much.
        for row in self._sides[0].rows[max(0, start - first) : max(0, stop - first)]:
            text = "".join(row.texts if row.chars is None else row.chars)
            out.append(Line(text if row.wrapped else text.rstrip(" "), row.wrapped))
        return out

    # --- as pyte has it -----------------------------------------------------------------------

    @property
    def buffer(self) -> BufferView:
        """Cells by row and column."""
        return BufferView(self._rows, self.columns)

    @property
    def display(self) -> list[str]:
        """The visible rows at full width."""
        return ["".join(row.cells(self.columns)[0]) for row in self._rows]


def _runs(chars: list[str], styles: list[Style]) -> list[Run]:
    out: list[Run] = []
    at = 0
    for style, group in groupby(styles):
        stop = at + len(list(group))
        out.append(Run("".join(chars[at:stop]), style))
        at = stop
    return out


def _hides(row: Row) -> bool:
    """Whether letters or digits cannot be seen; a frame in its background's colour says nothing."""
    if row.chars is None:
        pairs = zip(row.texts, row.pens, strict=True)
        return any(pen.hides and any(map(str.isalnum, text)) for text, pen in pairs)
    cells = zip(row.chars, row.styles, strict=True)
    return any(style.hides and char[:1].isalnum() for char, style in cells)
