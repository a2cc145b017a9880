"""Write cells as bytes with as few style changes as possible.

Owns the text of rows in a repaint. Never sets modes or margins: the caller ensures that text goes
to the cursor and wraps at the right edge.
"""

from __future__ import annotations

from .row import Row
from .style import DEFAULT, Style, sgr


class Painter:
    """Collects output and tracks the terminal's resulting style."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._style = DEFAULT

    def add(self, text: str) -> None:
        """Append output that does not change the style."""
        self._out.append(text)

    def pen(self, style: Style) -> None:
        """Switch to `style`, writing only the differences."""
        old = self._style
        if style is old:
            return
        if style.protected != old.protected:
            self.add(f'\x1b[{int(style.protected)}"q')
        if style.link != old.link:
            self.add(f"\x1b]8;;{style.link}\x1b\\")
        self.add(sgr(style))
        self._style = style

    def cells(self, chars: list[str], styles: list[Style]) -> None:
        """Print cells, a run of one style at a time."""
        start = 0
        for at in range(1, len(chars) + 1):
            if at == len(chars) or styles[at] is not styles[start]:
                self.pen(styles[start])
                self.add("".join(chars[start:at]))
                start = at

    def rows(self, rows: list[Row], cols: int) -> None:
        """Print rows one below the other from column 0, without a line end after the last."""
        continued = False
        for index, row in enumerate(rows):
            chars, styles = row.cells(cols)
            end = cols if row.wrapped else _content_end(chars, styles)
            start = 0
            if continued:
                # One cell must be printed to make the line above wrap; if the screen then scrolls,
                # the new line takes that cell's background, which is removed again.
                start = 2 if cols > 1 and chars[1] == "" else 1
                end = max(end, start)
                self.cells(chars[:start], styles[:start])
                if styles[0].bg is not None and start < cols:
                    self.pen(DEFAULT)
                    self.add("\x1b[K")
            self.cells(chars[start:end], styles[start:end])
            continued = row.wrapped
            if not continued and index + 1 < len(rows):
                self.pen(DEFAULT)  # a line that scrolls in takes the background
                self.add("\r\n")

    def encode(self) -> bytes:
        """All output so far."""
        return "".join(self._out).encode("utf-8", "replace")


def _content_end(chars: list[str], styles: list[Style]) -> int:
    end = len(chars)
    while end and chars[end - 1] == " " and styles[end - 1] is DEFAULT:
        end -= 1
    return end
