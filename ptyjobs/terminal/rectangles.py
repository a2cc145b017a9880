"""Operations on rectangles of cells (VT420).

Owns DECCRA, DECFRA, DECERA, DECSERA, DECCARA, DECRARA, DECSACE and the checksum DECRQCRA. Programs
rarely use them; conformance suites read the screen through the checksum.
"""

from __future__ import annotations

from .row import without_lead
from .strings import Strings
from .style import Style, changed, number
from .widths import WIDTH

_ON = {1: ("bold", True), 4: ("underline", 1), 5: ("blink", True), 7: ("reverse", True)}
_OFF = {22: ("bold", False), 24: ("underline", 0), 25: ("blink", False), 27: ("reverse", False)}
_OFF[28] = ("conceal", False)
_ON[8] = ("conceal", True)
Rectangle = tuple[int, int, int, int]


class Rectangles(Strings):
    """Handlers of the rectangle family."""

    def _rectangle(self, items: tuple[int, ...]) -> Rectangle | None:
        """Top, left, bottom, right (stops are past the end) from the four parameters."""
        top, left, bottom, right = (*items[:4], 0, 0, 0, 0)[:4]
        dy, dx = (self._top, self._left) if self._origin else (0, 0)
        last_row = self._bottom + 1 if self._origin else self.lines
        last_col = self._right + 1 if self._origin else self.columns
        y0 = max(top, 1) - 1 + dy
        x0 = max(left, 1) - 1 + dx
        y1 = min((bottom or self.lines) + dy, last_row)
        x1 = min((right or self.columns) + dx, last_col)
        return (y0, x0, y1, x1) if y0 < y1 and x0 < x1 else None

    def fill_rectangle(self, *items: int) -> None:
        """DECFRA: character; top; left; bottom; right."""
        area = self._rectangle(items[1:])
        code = items[0] if items else 0
        if area is None or not (32 <= code <= 126 or 160 <= code <= 255):
            return
        y0, x0, y1, x1 = area
        char = chr(code).translate(self._map) if self._map else chr(code)
        for y in range(y0, y1):
            self._open(y).put(x0, char * (x1 - x0), self._pen)

    def erase_rectangle(self, *items: int) -> None:
        """DECERA."""
        area = self._rectangle(items)
        if area is not None:
            y0, x0, y1, x1 = area
            for y in range(y0, y1):
                self._open(y).erase(x0, x1, self._pen.blank)

    def selective_erase_rectangle(self, *items: int) -> None:
        """DECSERA."""
        area = self._rectangle(items)
        if area is not None:
            y0, x0, y1, x1 = area
            for y in range(y0, y1):
                row = self._open(y)
                erase = row.erase if self._iso else row.erase_unprotected
                erase(x0, x1, self._pen.blank)

    def copy_rectangle(self, *items: int) -> None:
        """DECCRA: source rectangle and page, then the target's top, left and page."""
        area = self._rectangle(items)
        if area is None:
            return
        y0, x0, y1, x1 = area
        top, left = (*items[5:7], 0, 0)[:2]
        dy, dx = (self._top, self._left) if self._origin else (0, 0)
        ty, tx = max(top, 1) - 1 + dy, max(left, 1) - 1 + dx
        width = min(x1 - x0, self.columns - tx)
        height = min(y1 - y0, self.lines - ty)
        if width <= 0 or height <= 0:
            return
        cells: list[tuple[list[str], list[Style]]] = []
        for y in range(y0, y0 + height):
            row = self._open(y)
            assert row.chars is not None
            chars = row.chars[x0 : x0 + width]
            if chars[0] == "":
                chars[0] = " "
            if x0 == 0 < tx:
                chars[0] = without_lead(chars[0])
            if chars[-1] and WIDTH[chars[-1][0]] == 2:
                chars[-1] = " "
            cells.append((chars, row.styles[x0 : x0 + width]))
        for y, (chars, styles) in enumerate(cells, ty):
            row = self._open(y)
            row.put(tx, chars, styles[0])
            row.styles[tx : tx + width] = styles
            row.wide = row.wide or any(len(char) != 1 for char in chars)

    def set_rectangle_extent(self, how: int = 0) -> None:
        """DECSACE: 2 makes attribute changes rectangular, otherwise they follow the text."""
        if how <= 2:
            self._rectangular = how == 2

    def change_rectangle(self, params: str) -> None:
        """DECCARA: rectangle, then SGR attributes to set."""
        self._attributes(params, reverse=False)

    def reverse_rectangle(self, params: str) -> None:
        """DECRARA: rectangle, then SGR attributes to invert."""
        self._attributes(params, reverse=True)

    def _attributes(self, params: str, *, reverse: bool) -> None:
        items = [number(item) for item in params.split(";", 32)[:32]]
        area = self._rectangle(tuple(items))
        if area is None:
            return
        y0, x0, y1, x1 = area
        codes = items[4:] or [0]
        for y in range(y0, y1):
            start, stop = x0, x1
            if not self._rectangular:
                start = x0 if y == y0 else (self._left if self._origin else 0)
                stop = x1 if y == y1 - 1 else (self._right + 1 if self._origin else self.columns)
            row = self._open(y)
            for x in range(start, stop):
                row.styles[x] = _changed(row.styles[x], codes, reverse=reverse)

    def report_checksum(self, *items: int) -> None:
        """DECRQCRA: id; page; rectangle. The negated sum of the characters, without styles."""
        ident = min(items[0], 9999) if items else 0
        area = self._rectangle(items[2:])
        total = 0
        if area is not None:
            y0, x0, y1, x1 = area
            for y in range(y0, y1):
                chars, _ = self._rows[y].cells(self.columns)
                total += sum(ord(char) for cell in chars[x0:x1] for char in cell)
        self._reply(f"\x1bP{ident}!~{-total & 0xFFFF:04X}\x1b\\")


def _changed(style: Style, codes: list[int], *, reverse: bool) -> Style:
    changes: dict[str, object] = {}
    for code in codes:
        if code == 0:
            for name, value in _ON.values():
                changes[name] = not getattr(style, name) if reverse else type(value)(0)
        elif code in _ON:
            name, value = _ON[code]
            changes[name] = type(value)(not getattr(style, name)) if reverse else value
        elif code in _OFF and not reverse:
            changes[_OFF[code][0]] = _OFF[code][1]
    return changed(style, **changes) if changes else style
