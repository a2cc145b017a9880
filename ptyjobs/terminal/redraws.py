"""Draw the output of programs that redraw whole rows: cut at each CSI, a row at a time.

Owns the fast path of windows in which every control is part of a CSI. A window is split at `ESC [`,
in C; a piece is the rest of one CSI and the text after it, and its SGR parameters are looked up in
the style without an expression before. The texts of a row are collected until the next position or
EL; those that start in column 0 and are followed by EL become the row's own list. The subtle thing:
any other piece takes the general path, which needs cursor and style stored before it. A property
test compares the two paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .passes import place_of
from .pieces import PLACE_END, SAMPLE, Pieces
from .style import Style, after_sgr

_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\x1b"
_SGR = re.compile(r"[0-9;:]*")
SHARE = 12  # one CSI in so many must place the cursor in column 1, with another CSI after it
MAX_PLACES = 8192
_places: dict[str, tuple[int, int]] = {}  # CUP without `ESC [` → row and column, from 0


def is_redraw(text: str, pos: int) -> bool:
    """True if the next output mostly redraws rows from column 1."""
    stop = pos + SAMPLE
    return text.count("\x1b[", pos, stop) < SHARE * text.count(";1H\x1b[", pos, stop)


def only_csi(window: str) -> bool:
    """True if the window is ASCII and each of its controls begins a CSI."""
    if not window.isascii() or window.encode().translate(None, _PRINTABLE):
        return False
    return window.count("\x1b") == window.count("\x1b[")


def _place(sequence: str) -> tuple[int, int] | None:
    """Row and column of a CUP without `ESC [`; None for anything else."""
    place = _places.get(sequence)
    if place is None and PLACE_END.fullmatch(sequence) is not None:
        if len(_places) >= MAX_PLACES:
            _places.clear()
        place = _places[sequence] = place_of("\x1b[" + sequence)
    return place


class Redraws(Pieces):
    """The fast path for output that redraws whole rows."""

    def _run_redraw(self, window: str) -> int:
        """Process a window of output; returns the number of unread characters."""
        rest = iter(window.split("\x1b["))
        other = next(rest)
        while True:
            left = self._run_text(other) if other else 0
            while not left and (not self._plain or self._origin or self._pending or self._iso):
                piece = next(rest, None)
                if piece is None:
                    return 0
                left = self._run_text("\x1b[" + piece)
            if left:
                return left + sum(len(piece) + 2 for piece in rest)
            other = self._redraw(rest)
            if not other:
                return 0

    def _redraw(self, rest: Iterator[str]) -> str:
        """Draw pieces up to one for the general path, which is returned; "" if there is none."""
        columns, bottom, gen = self.columns, self.lines - 1, self.generation
        rows, y, x, pen = self._rows, self._y, self._x, self._pen
        last, places = self._last, _places
        texts: list[str] = []
        pens: list[Style] = []
        for piece in rest:
            params, final, text = piece.partition("m")
            if final:
                style = pen.after.get(params) or pen.kin.get(params)
                if style is not None:
                    pen = style
                    if text:
                        texts.append(text)
                        pens.append(pen)
                    continue
            elif piece == "K":
                stop = x + sum(map(len, texts))
                if x == 0 and stop < columns and pen.bg is None:  # nothing of the row is left
                    row = rows[y]
                    if row.chars is not None:
                        row.chars = None
                        row.styles = []
                        row.gen = gen
                    elif texts or row.used:
                        row.gen = gen
                    row.texts = texts
                    row.pens = pens
                    row.used = x = stop
                    row.wide = row.wrapped = False
                    if not stop and y:  # erased whole: it no longer continues the row above
                        rows[y - 1].wrapped = False
                    texts = []
                    pens = []
                    last = ""
                    continue
            else:
                place = places.get(piece)
                if place is not None:
                    if texts:
                        self._settle(y, x, pen, last, texts, pens)
                        texts, pens, rows = [], [], self._rows
                    last = ""
                    y, x = place
                    if y > bottom:
                        y = bottom
                    if x >= columns:
                        x = columns - 1
                    continue
            head, final, after = piece.partition("H")
            place = _place(head + final) if final else None
            if place is not None:
                if texts:
                    self._settle(y, x, pen, last, texts, pens)
                    texts, pens, rows = [], [], self._rows
                last, text = "", after
                y, x = min(place[0], bottom), min(place[1], columns - 1)
            elif "m" in piece and _SGR.fullmatch(params) is not None:
                pen = after_sgr(pen, params)
            else:
                self._settle(y, x, pen, last, texts, pens)
                return "\x1b[" + piece
            if text:
                texts.append(text)
                pens.append(pen)
        self._settle(y, x, pen, last, texts, pens)
        return ""

    def _settle(
        self, y: int, x: int, pen: Style, last: str, texts: list[str], pens: list[Style]
    ) -> None:
        """Draw the texts collected for a row, and store cursor and style."""
        self._y, self._x, self._last, self._pending = y, x, last, False
        if texts:
            stop = x + sum(map(len, texts))
            full = stop == self.columns and self._autowrap
            if (full or stop < self.columns) and self._draw_texts(y, x, texts, pens, stop):
                self._x, self._last, self._pending = stop - full, texts[-1], full
                if full:
                    self._rows[y].wrapped = False
            else:
                for text, style in zip(texts, pens, strict=True):
                    self._pen = style
                    self._run_text(text)
        self._pen = pen
