"""Show a job's screen on a terminal of another size: the part around the cursor, a status line.

Owns a screen of the job's size and draws the part that fits. Never draws more than `RATE` times a
second, regardless of the job's output. Answers the program's queries, because they never reach the
terminal.
"""

from __future__ import annotations

from collections.abc import Callable

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.format import cells, fit
from ptyjobs.model import Size

if TYPE_CHECKING:
    from ptyjobs.terminal import Screen

RATE = 30.0  # frames per second


class Mirror:
    """A window of size `mine` on a screen of size `size`."""

    def __init__(self, size: Size, mine: Size, write: Callable[[bytes], None]) -> None:
        from ptyjobs.terminal import Screen

        self._screen: Screen = Screen(size)
        self._mine = mine
        self._write = write
        self._next = 0.0
        self._dirty = False
        self._bar = ""  # below the window
        self._bar_end = ""

    @property
    def due(self) -> float | None:
        """Time of the next draw (monotonic seconds); None if nothing has changed."""
        return self._next if self._dirty else None

    def feed(self, data: bytes) -> bytes:
        """Process the job's output; returns the replies to queries in it."""
        self._dirty = True
        return self._screen.feed(data)

    def bar(self, text: str, end: str) -> None:
        """Show a status line below the window; `text` is cut where `end` needs the room."""
        if (text, end) != (self._bar, self._bar_end):
            self._bar, self._bar_end, self._dirty = text, end, True

    def draw(self, now: float) -> None:
        """Draw if something has changed and a draw is due."""
        if self._dirty and now >= self._next:
            self._next = now + 1.0 / RATE
            self._dirty = False
            self._write(self.picture())

    def picture(self) -> bytes:
        """The rows and columns around the cursor; the terminal itself cuts wide rows."""
        screen, mine = self._screen, self._mine
        top = max(0, min(screen.cursor_row - mine.rows + 1, screen.size.rows - mine.rows))
        left = max(0, screen.cursor_col - mine.cols + 1)
        out = ["\x1b[?2026h\x1b[?25l\x1b[?7l"]
        for row in range(mine.rows):
            line = self._line(top + row, left) if top + row < screen.size.rows else ""
            out.append(f"\x1b[{row + 1};1H\x1b[m\x1b[K{line}")
        if self._bar:
            end = f" \u00b7 {self._bar_end}"
            text = f" {self._bar}"
            text = text if cells(text + end) <= mine.cols else fit(text, mine.cols - cells(end))
            text = fit(text.rstrip() + end, mine.cols)
            out.append(f"\x1b[{mine.rows + 1};1H\x1b[0;7m{text}\x1b[m")
        out.append(f"\x1b[{screen.cursor_row - top + 1};{screen.cursor_col - left + 1}H")
        out.append("\x1b[?7h" + ("\x1b[?25h" if screen.modes.cursor_visible else ""))
        return ("".join(out) + "\x1b[?2026l").encode("utf-8", "replace")

    def _line(self, row: int, left: int) -> str:
        """A row from column `left` on, with colours."""
        from ptyjobs.render.ansi import pieces, text_cells
        from ptyjobs.terminal.style import sgr

        parts: list[str] = []
        for piece in pieces(self._screen.runs(row)):
            text = piece.text
            start = piece.col
            while text and start < left:
                start += text_cells(text[0])
                text = text[1:]
            if text:
                parts.append(sgr(piece.style) + " " * (start - left if not parts else 0))
                parts.append(text)
        return "".join(parts) + "\x1b[m"
