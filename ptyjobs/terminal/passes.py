"""Draw a whole pass over a row at once: position, text in its styles, erase, line end.

Owns the fast path of output that addresses the screen. A program redraws row by row: it places the
cursor, prints text in several styles and erases the rest of the row. `PLACE` and `AFTER_PLACE` are
one such pass, and `_draw_pass` writes its cells with one assignment per list. The subtle thing: a
pass that starts in column 0 and erases the rest replaces the row, whatever was in it, so the row
becomes lazy and its old content is never opened. Everything else (wide characters, wraps, margins,
protected cells, a background colour to erase with) takes the general path, token by token; a
property test compares the two.
"""

from __future__ import annotations

import sys

from . import charsets
from .rectangles import Rectangles
from .row import Row
from .style import DEFAULT, Style, after_sgr
from .widths import one_cell_each

POSSESSIVE = "+" if sys.version_info >= (3, 11, 5) else ""
"""Appended to the quantifier of a group. Before Python 3.11.5 a possessive group that fails in its
middle keeps what it matched so far (CPython issue 106052). Nothing after these groups can fail, so
without it they match the same, a little slower."""
TEXT = r"[ -~\x80-\U0010ffff]"  # faster than the complement of the controls
PLACE = r"\x1b\[[0-9]{0,4}+(?:;[0-9]{0,4}+)?H"
_STYLE = r"\x1b(?:\[[0-9;:]*+m|\(B)"  # SGR, and G0 = ASCII, which sgr0 of terminfo(5) includes
BEGINS_PASS = rf"{_STYLE}|{TEXT}|\x1b\[K"  # or a PLACE
AFTER_PLACE = (
    rf"(\x1b\[[0-9;:]*+m)?{POSSESSIVE}({TEXT}++)?"  # most have one style: no need to split
    rf"((?:{_STYLE}{TEXT}*+)*{POSSESSIVE})(\x1b\[K)?{POSSESSIVE}(\r?\n)?"
)
ASCII_G0 = "\x1b(B"  # ncurses sends it with each sgr0: REP still repeats the character before it
MAX_PLACES = 8192
places: dict[str, tuple[int, int]] = {}  # shared by all screens: CUP → row and column, from 0


def place_of(sequence: str) -> tuple[int, int]:
    line, _, column = sequence[2:-1].partition(";")
    if len(places) >= MAX_PLACES:
        places.clear()
    place = max(int(line or 1), 1) - 1, max(int(column or 1), 1) - 1
    places[sequence] = place
    return place


class Passes(Rectangles):
    """The fast path for passes over a row."""

    def _draw_pass(
        self, place: str, style: str, text: str, more: str, erase: str, end: str
    ) -> bool:
        """Draw one pass; False, with nothing changed, if it needs the general path."""
        if not self._plain or self._origin:
            return False
        columns = self.columns
        if place:
            y, x = places.get(place) or place_of(place)
            if y >= self.lines:
                y = self.lines - 1
            if x >= columns:
                x = columns - 1
            last = text  # REP repeats only the character directly before it
        elif self._pending:
            return False
        else:
            y, x, last = self._y, self._x, text or self._last
        pen = self._pen
        if style:
            style = style[2:-1]
            pen = pen.after.get(style) or pen.kin.get(style) or after_sgr(pen, style)
        stop = x + len(text)
        texts, pens = ([text], [pen]) if text else ([], [])
        if more:
            if ASCII_G0 in more:
                if self._charsets[0] != charsets.ASCII:
                    return False
                more = more.replace(ASCII_G0, "")
            # Splitting takes half the time of an expression's findall with two groups.
            parts = more.split("\x1b[")
            piece = parts[0]
            if piece:
                texts.append(piece)
                pens.append(pen)
                stop += len(piece)
            del parts[0]
            for part in parts:
                params, _, piece = part.partition("m")
                pen = pen.after.get(params) or pen.kin.get(params) or after_sgr(pen, params)
                if piece:
                    texts.append(piece)
                    pens.append(pen)
                    stop += len(piece)
            if texts:
                last = texts[-1]
            text += more
        if stop > columns or (stop == columns and not self._autowrap):
            return False
        if not text.isascii() and (self._clusters or not one_cell_each(text)):
            return False
        erases = erase != "" and stop < columns  # at a pending wrap, EL keeps the last cell
        if erases and (pen.bg is not None or self._iso):
            return False
        if (texts or erases) and not self._draw_texts(y, x, texts, pens, stop, erases=erases):
            return False
        row = self._rows[y]
        if erases:
            row.wrapped = False
            if not stop and y:  # erased whole: it no longer continues the row above
                self._rows[y - 1].wrapped = False
        self._pen = pen
        self._y = y
        if stop < columns:
            self._x = stop
            self._pending = False
        else:
            self._x = columns - 1
            self._pending = self._autowrap
            row.wrapped = False
        if end:
            self.end_line() if end == "\r\n" else self.linefeed()
            self._last = ""
        else:
            self._last = "" if erase else last
        return True

    def _draw_texts(
        self,
        y: int,
        x: int,
        texts: list[str],
        pens: list[Style],
        stop: int,
        *,
        erases: bool = False,
    ) -> bool:
        """Replace the cells `x <= column < stop` of a row, then blank the rest if it `erases`.

        False, with nothing changed, if the row has wide characters to split.
        """
        row = self._rows[y]
        if x == 0 and erases:  # nothing of the row is left
            if texts or row.used or row.chars is not None:
                row.gen = self.generation
            row.chars = None
            row.styles = []
            row.texts = texts
            row.pens = pens
            row.used = stop
            row.wide = False
            return True
        if row.chars is None and x == row.used:
            if not texts:
                return True
            row.texts += texts
            row.pens += pens
            row.used = stop
        elif row.chars is None and x == 0 and stop >= row.used:
            row.texts = texts
            row.pens = pens
            row.used = stop
        elif row.wide:
            return False
        else:
            _overwrite(row, self.columns, x, texts, pens, stop, erases)
        row.gen = self.generation
        return True


def _overwrite(
    row: Row,
    columns: int,
    x: int,
    texts: list[str],
    pens: list[Style],
    stop: int,
    erases: bool,
) -> None:
    """Replace the cells `x <= column < stop` of a row, then blank the rest if it `erases`."""
    chars = row.chars
    if chars is None:
        chars = row.open(columns)
    if len(texts) == 1:
        chars[x:stop] = texts[0]
        row.styles[x:stop] = pens * (stop - x)
    elif texts:
        chars[x:stop] = "".join(texts)
        styles: list[Style] = []
        for text, pen in zip(texts, pens, strict=True):
            styles += [pen] * len(text)
        row.styles[x:stop] = styles
    if erases:
        rest = columns - stop
        chars[stop:] = [" "] * rest
        row.styles[stop:] = [DEFAULT] * rest
