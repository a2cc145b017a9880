"""Draw output that places single cells: cut at each CSI, one look-up for each piece.

Owns the fast path of dense screens: position, style, a few characters, and so on. A window is split
at `ESC [`, in C, so a piece is the rest of one CSI and the text after it: `5;31H`, `38;5;9m##`.
Few of them differ, so each is parsed once (`Parsed`), and cursor and style are local variables. The
subtle thing: any other piece, and text that wraps or meets a wide character, takes the general
path, which needs cursor and style stored before it and loaded after it. A property test compares
the two paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .passes import Passes, place_of, places
from .style import after_sgr

SAMPLE = 4096  # characters of a window that decide about it
PLACE_END = re.compile(r"[0-9]{0,4}+(?:;[0-9]{0,4}+)?H")
_STYLED = re.compile(r"([0-9;:]*+m)([ -~]++)")
MAX_PIECES = 8192
MAX_PIECE = 32
MISSES = 3  # one piece in so many that is new, or for the general path, costs more than is gained
PAUSE = 8  # windows that then do without; doubled each time, up to MAX_PAUSE
MAX_PAUSE = 256

Piece = tuple[str, str, tuple[str, ...], int, int]
"""SGR parameters, text, its cells, 0, 0; or "", "", (), row, column; or "", text for the general
path, (), 0, 0."""


class Parsed(dict[str, Piece]):
    """Pieces as parsed; `misses` counts pieces that had to be parsed."""

    misses = 0

    def __missing__(self, piece: str) -> Piece:
        self.misses += 1
        parsed: Piece
        match = _STYLED.fullmatch(piece)
        if match is not None:
            # Assigned to a slice of a list, a tuple takes a third of the time of a string.
            parsed = match.group(1)[:-1], match.group(2), tuple(match.group(2)), 0, 0
        elif PLACE_END.fullmatch(piece) is not None:
            place = "\x1b[" + piece
            parsed = "", "", (), *(places.get(place) or place_of(place))
        else:
            return "", "\x1b[" + piece, (), 0, 0
        if len(piece) <= MAX_PIECE:
            if len(self) >= MAX_PIECES:
                self.clear()
            self[piece] = parsed
        return parsed


def is_dense(text: str, pos: int) -> bool:
    """True if a third of the next CSIs only place the cursor, and another CSI follows."""
    stop = pos + SAMPLE
    return text.count("\x1b[", pos, stop) < 3 * text.count("H\x1b[", pos, stop)


class Pieces(Passes):
    """The fast path for output that places single cells."""

    _parsed = Parsed()  # shared by all screens on purpose

    def _run_text(self, text: str) -> int:
        """Process text token by token; returns the number of unread characters."""
        raise NotImplementedError

    def _init_pieces(self) -> None:
        self._pause = 0
        self._next_pause = PAUSE

    def _takes_pieces(self, text: str, pos: int) -> bool:
        """True if the window of `text` at `pos` is for `_run_pieces`."""
        if not is_dense(text, pos):
            return False
        if self._pause:
            self._pause -= 1
            return False
        return True

    def _run_pieces(self, window: str) -> int:
        """Process a window of output; returns the number of unread characters."""
        pieces = window.split("\x1b[")
        before = self._parsed.misses
        left = self._run_each(iter(pieces))
        if (self._parsed.misses - before) * MISSES > len(pieces):
            self._pause = self._next_pause
            self._next_pause = min(self._next_pause * 2, MAX_PAUSE)
        else:
            self._next_pause = PAUSE
        return left

    def _run_each(self, rest: Iterator[str]) -> int:
        parsed = self._parsed.__getitem__
        columns, lines, gen = self.columns, self.lines, self.generation
        other = next(rest)
        while True:
            left = self._run_text(other) if other else 0
            while not left and (not self._plain or self._origin):
                piece = next(rest, None)
                if piece is None:
                    return 0
                left = self._run_text("\x1b[" + piece)
            if left:
                return left + sum(len(piece) + 2 for piece in rest)
            other = ""
            rows = self._rows
            y, x, pen, last = self._y, self._x, self._pen, self._last
            limit = 0 if self._pending else columns
            for style, text, cells, line, column in map(parsed, rest):
                if not text:
                    y, x = line, column
                    if y >= lines:
                        y = lines - 1
                    if x >= columns:
                        x = columns - 1
                    limit = columns
                    last = ""
                    continue
                if not cells:
                    other = text
                    break
                pen = pen.kin.get(style) or pen.after.get(style) or after_sgr(pen, style)
                row = rows[y]
                count = len(cells)
                stop = x + count
                if stop >= limit or row.wide:
                    other = text
                    break
                chars = row.chars
                if chars is None and x == row.used:
                    row.texts.append(text)
                    row.pens.append(pen)
                    row.used = stop
                else:
                    if chars is None:
                        chars = row.open(columns)
                    chars[x:stop] = cells
                    row.styles[x:stop] = [pen] * count
                row.gen = gen
                x = stop
                last = text
            self._y = y
            self._x = x
            self._pen = pen
            self._last = last
            self._pending = not limit
            if not other:
                return 0
