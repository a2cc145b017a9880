"""pyte's view of the rows: cells by row and column, colours by name.

Owns what pyte's users expect of `screen.buffer`. Reading changes no row (opened rows keep their
shape); `buffer[y][x] = char` writes a cell, as pyte's users may.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import NamedTuple

from .colours import TERMINAL, palette
from .row import Row
from .style import DEFAULT, Colour, Style, intern

_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


class Cell(NamedTuple):
    """A cell like pyte's `Char`, with the whole style as one more field."""

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
    """A colour in pyte's form: a name, or six hex digits."""
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
