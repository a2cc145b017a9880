"""One row of the screen.

Owns the cells of a row: their characters and their styles. Never knows its own number. The subtle
thing is the two shapes of a row. A row that has only been printed from left to right is *lazy*:
a list of pieces of text, each with one style, all characters one cell wide. Any other change opens
it into two lists, one character and one style per cell; a wide character is followed by a cell with
the empty string (pyte's convention). Most rows of a log are never opened, which gives most of the
speed and nearly all of the memory savings.

A row that leaves the screen is packed into an `Entry`: the bare text if it is in the default style,
otherwise `(text, spans, wrapped)` with `spans = (end, style, end, style, ...)`, ends counted in
code points of the text.
"""

from __future__ import annotations

from itertools import groupby

from .style import DEFAULT, Style
from .widths import WIDTH, one_cell_each

Spans = tuple[int | Style, ...]
Entry = str | tuple[str, Spans, bool]


class Row:
    """See the module's docstring. `gen` is the screen generation of its last change."""

    __slots__ = ("chars", "gen", "pens", "styles", "texts", "used", "wide", "wrapped")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.pens: list[Style] = []
        self.used = 0
        self.chars: list[str] | None = None
        self.styles: list[Style] = []
        self.wrapped = False
        self.wide = False  # may hold wide or joined characters: one cell is not one code point
        self.gen = 0

    # --- shapes -------------------------------------------------------------------------------

    def open(self, cols: int) -> list[str]:
        """Convert to one character and one style per cell; returns the characters."""
        if self.chars is not None:
            return self.chars
        chars = list("".join(self.texts))
        styles: list[Style] = []
        for text, pen in zip(self.texts, self.pens, strict=True):
            styles += [pen] * len(text)
        rest = cols - self.used
        if rest > 0:
            chars += [" "] * rest
            styles += [DEFAULT] * rest
        self.chars = chars
        self.styles = styles
        self.texts = []
        self.pens = []
        return chars

    def clear(self, cols: int, style: Style) -> None:
        """Blank all cells in `style`."""
        self.texts = []
        self.pens = []
        self.used = 0
        self.wrapped = False
        self.wide = False
        if style is DEFAULT:
            self.chars = None
            self.styles = []
        else:
            self.chars = [" "] * cols
            self.styles = [style] * cols

    def copy(self) -> Row:
        other = Row()
        other.texts = self.texts[:]
        other.pens = self.pens[:]
        other.used = self.used
        other.chars = None if self.chars is None else self.chars[:]
        other.styles = self.styles[:]
        other.wrapped = self.wrapped
        other.wide = self.wide
        other.gen = self.gen
        return other

    def pack(self) -> Entry:
        """The row's form in the scrollback: without trailing blanks unless its line continues."""
        if self.chars is None:
            return self._pack_lazy()
        if self.wrapped:
            chars, styles = self.chars, self.styles
        else:
            end = self.content_end()
            chars, styles = self.chars[:end], self.styles[:end]
        text = "".join(chars)
        if styles and styles.count(styles[0]) == len(styles):
            return _entry(text, [len(text), styles[0]], self.wrapped)
        spans: list[int | Style] = []
        at = 0
        for style, group in groupby(styles):
            n = len(list(group))
            spans += (at + n, style)
            at += n
        if self.wide:
            ends = [0]
            for char in chars:
                ends.append(ends[-1] + len(char))
            spans = [ends[s] if isinstance(s, int) else s for s in spans]
        return _entry(text, spans, self.wrapped)

    def _pack_lazy(self) -> Entry:
        if len(self.texts) == 1 and self.pens[0] is DEFAULT and not self.wrapped:
            return self.texts[0].rstrip(" ")
        text = "".join(self.texts)
        spans: list[int | Style] = []
        at = 0
        for piece, pen in zip(self.texts, self.pens, strict=True):
            at += len(piece)
            if spans and spans[-1] is pen:  # interned: comparing all fields costs ten times as much
                spans[-2] = at
            else:
                spans += (at, pen)
        if not self.wrapped and spans and spans[-1] is DEFAULT:
            text = text.rstrip(" ")
            before = spans[-4] if len(spans) > 2 else 0
            assert isinstance(before, int)
            if len(text) <= before:
                text = "".join(self.texts)[:before]
                del spans[-2:]
            else:
                spans[-2] = len(text)
        return _entry(text, spans, self.wrapped)

    @classmethod
    def unpack(cls, entry: Entry, cols: int) -> Row:
        """Inverse of `pack`: an `entry` longer than `cols` is cut."""
        row = cls()
        text, spans, row.wrapped = parts(entry)
        if len(text) <= cols and one_cell_each(text):
            at = 0
            for end, style in zip(spans[::2], spans[1::2], strict=True):
                assert isinstance(end, int)
                assert isinstance(style, Style)
                row.texts.append(text[at:end])
                row.pens.append(style)
                at = end
            row.used = at
            return row
        cells = entry_cells(entry)[:cols]
        row.wide = True
        if cells and cells[-1][0] != "" and len(cells) == cols and WIDTH[cells[-1][0][0]] == 2:
            cells[-1] = (" ", cells[-1][1])
        row.chars = [char for char, _ in cells] + [" "] * (cols - len(cells))
        row.styles = [style for _, style in cells] + [DEFAULT] * (cols - len(cells))
        return row

    # --- reading ------------------------------------------------------------------------------

    def text(self) -> str:
        """The characters; trailing blanks are included as far as the row was opened."""
        return "".join(self.texts if self.chars is None else self.chars)

    def cells(self, cols: int) -> tuple[list[str], list[Style]]:
        """A character and a style for each column; does not change the row."""
        if self.chars is not None:
            return self.chars, self.styles
        row = self.copy()
        return row.open(cols), row.styles

    def content_end(self) -> int:
        """Number of cells up to the last that is not a default blank (of an opened row)."""
        assert self.chars is not None
        chars, styles = self.chars, self.styles
        end = len(chars)
        while end and chars[end - 1] == " " and styles[end - 1] is DEFAULT:
            end -= 1
        return end

    # --- changing (of an opened row) ----------------------------------------------------------

    def heal(self, x: int) -> None:
        """Blank a wide character that spans the left edge of column `x`."""
        chars = self.chars
        assert chars is not None
        if 0 < x < len(chars) and chars[x] == "":
            chars[x - 1] = chars[x] = " "

    def put(self, x: int, chars: str | list[str], style: Style) -> None:
        """Overwrite cells from `x`; the caller ensures that they fit."""
        mine = self.chars
        assert mine is not None
        stop = x + len(chars)
        if self.wide:
            self.heal(x)
            self.heal(stop)
        mine[x:stop] = chars
        self.styles[x:stop] = [style] * (stop - x)

    def erase(self, start: int, stop: int, style: Style) -> None:
        """Blank the cells `start <= x < stop`."""
        if self.wide:
            self.heal(start)
            self.heal(stop)
        assert self.chars is not None
        self.chars[start:stop] = [" "] * (stop - start)
        self.styles[start:stop] = [style] * (stop - start)

    def erase_unprotected(self, start: int, stop: int, style: Style) -> None:
        """Blank the cells that DECSCA does not protect."""
        assert self.chars is not None
        for x in range(start, stop):
            if not self.styles[x].protected:
                self.erase(x, x + 1, style)

    def insert(self, x: int, count: int, limit: int, style: Style) -> None:
        """Shift the cells from `x` to the right within `limit`, inserting blanks."""
        chars = self.chars
        assert chars is not None
        count = min(count, limit - x)
        self.heal(x)
        self.heal(limit)
        self.heal(limit - count)
        if x == 0 and self.wide:
            chars[0] = without_lead(chars[0])
        chars[x:limit] = [" "] * count + chars[x : limit - count]
        self.styles[x:limit] = [style] * count + self.styles[x : limit - count]

    def delete(self, x: int, count: int, limit: int, style: Style) -> None:
        """Shift the cells right of `x` to the left within `limit`, appending blanks."""
        chars = self.chars
        assert chars is not None
        count = min(count, limit - x)
        self.heal(x)
        self.heal(x + count)
        self.heal(limit)
        chars[x:limit] = chars[x + count : limit] + [" "] * count
        self.styles[x:limit] = self.styles[x + count : limit] + [style] * count


def without_lead(char: str) -> str:
    """A cell's content without leading zero-width characters, which only column 0 may have.

    Elsewhere, a repaint would join them to the cell before.
    """
    while len(char) > 1 and WIDTH[char[0]] == 0:
        char = char[1:]
    return char


def _entry(text: str, spans: list[int | Style], wrapped: bool) -> Entry:
    if not wrapped and all(s is DEFAULT for s in spans[1::2]):
        return text
    return text, tuple(spans), wrapped


def parts(entry: Entry) -> tuple[str, Spans, bool]:
    """An entry's text, spans and soft-wrap flag."""
    if isinstance(entry, str):
        return entry, ((len(entry), DEFAULT) if entry else ()), False
    return entry


def entry_cells(entry: Entry) -> list[tuple[str, Style]]:
    """A (characters, style) pair for each cell of an entry; a wide one is followed by an empty."""
    text, spans, _ = parts(entry)
    out: list[tuple[str, Style]] = []
    at = 0
    for end, style in zip(spans[::2], spans[1::2], strict=True):
        assert isinstance(end, int)
        assert isinstance(style, Style)
        for char in text[at:end]:
            width = WIDTH[char]
            if width > 0:
                out.append((char, style))
                if width == 2:
                    out.append(("", style))
            elif out:
                back = 2 if out[-1][0] == "" and len(out) > 1 else 1
                out[-back] = (out[-back][0] + char, out[-back][1])
        at = end
    return out
