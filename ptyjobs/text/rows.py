"""The lines of a screen, read once for an answer.

Owns the text of the visible rows of the primary screen, and of the lines between them and the
mark's screen if those are few. Never compares them with the mark's (`changes` does). The subtle
thing: it is a copy, so it is made for one answer, from a screen that does not change meanwhile, and
dropped with it.
"""

from __future__ import annotations

from ptyjobs.terminal.values import Line
from ptyjobs.text.bookmark import Mark, TextScreen


class Rows:
    """Lines of the primary screen by their absolute numbers.

    `first`: row 0 of the screen. `floor`: the oldest line kept. `stop`: the line after the last.
    `written`: lines of the active screen that were written since the mark.
    """

    __slots__ = ("_lines", "_low", "_screen", "_texts", "first", "floor", "stop", "written")

    def __init__(self, screen: TextScreen, mark: Mark) -> None:
        rows = screen.size.rows
        self._screen = screen
        self.first, self.floor = screen.first_line, screen.floor_line
        self.stop = self.first + rows
        near = self.floor <= mark.first_line <= self.first <= mark.first_line + rows
        self._low = mark.first_line if near else self.first
        self._lines = screen.line_range(self._low, self.stop)
        self._texts = [line.text.rstrip(" ") for line in self._lines]
        self.written = {n + self.first for n in screen.written_rows(mark.generation)}

    def range(self, start: int, stop: int) -> list[Line]:
        """Lines `start <= number < stop`, as far as they are kept."""
        low = self._low
        if start >= low:
            return self._lines[start - low : max(0, stop - low)]
        return self._screen.line_range(start, stop)

    def texts(self, start: int, stop: int) -> list[str]:
        """The same lines as text, without trailing blanks."""
        low = self._low
        if start >= low:
            return self._texts[start - low : max(0, stop - low)]
        return [line.text.rstrip(" ") for line in self._screen.line_range(start, stop)]
