"""Show a job's screen on a terminal of another size: the part around the cursor, a status line.

Owns a screen of the job's size and draws the part that fits. Never draws more than `RATE` times a
second, regardless of the job's output. Answers the program's queries, because they never reach the
terminal. The subtle thing is the scrollback: lines that leave the job's screen scroll off the
terminal as well, so that its own scrollback has them. Lines that the job's screen would take
back at this terminal's size are kept, and shown above it.
"""

from __future__ import annotations

from collections.abc import Callable

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.format import cells, fit
from ptyjobs.model import Size

if TYPE_CHECKING:
    from ptyjobs.terminal import Screen
    from ptyjobs.terminal.row import Entry
    from ptyjobs.terminal.values import Run

RATE = 30.0  # frames per second
PIECE = 4096  # bytes of output between two looks at the scrollback: fewer lines than it keeps
BEHIND = 1000  # lines that are written to the terminal's scrollback before the next frame


class Mirror:
    """A window of size `mine` on a screen of size `size`."""

    def __init__(self, size: Size, mine: Size, write: Callable[[bytes], None]) -> None:
        from ptyjobs.terminal import Screen

        self._screen: Screen = Screen(size)
        self._mine = mine
        self._write = write
        self.pushed = 0  # number of the first line that the terminal's scrollback lacks
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
        replies = b""
        for start in range(0, len(data), PIECE):
            replies += self._screen.feed(data[start : start + PIECE])
            if self._screen.first_line - self.pushed > BEHIND:
                self._push()
        return replies

    @property
    def size(self) -> Size:
        """The job's size."""
        return self._screen.size

    @property
    def total(self) -> int:
        """Lines that have left the job's screen."""
        return self._screen.first_line

    def start(self, data: bytes, behind: int) -> None:
        """Process a repaint; the terminal's scrollback lacks the last `behind` lines above it."""
        self.pushed = 1 << 40
        self.feed(data)
        self.pushed = self._screen.first_line - behind

    def resize(self, size: Size) -> None:
        """Follow a change of the job's size; `pushed` is renumbered."""
        self._screen.anchors["pushed"] = (self.pushed, 0)
        self._screen.resize(size)
        self.pushed = self._screen.anchors.pop("pushed")[0]

    def redraw(self) -> None:
        """Draw the whole window now: something else was drawn over it."""
        self._dirty = True
        self.draw(self._next)

    def _push(self) -> None:
        """Scroll the lines that the job's screen will not take back off the terminal."""
        from ptyjobs.terminal.reflow import pulled

        lines = self._screen.history.slice(self.pushed, self._screen.first_line)
        kept = pulled(self._screen, self._mine.rows, self._mine.cols)
        lines = lines[: max(0, len(lines) - kept)]
        if lines:
            self.pushed += len(lines)
            rows = self._mine.rows + bool(self._bar)
            self._write(scrolled_off(lines, Size(rows, self._mine.cols), self.size.cols))

    def bar(self, text: str, end: str) -> None:
        """Show a status line below the window; `text` is cut where `end` needs the room."""
        if (text, end) != (self._bar, self._bar_end):
            self._bar, self._bar_end, self._dirty = text, end, True

    def draw(self, now: float) -> None:
        """Draw if something has changed and a draw is due."""
        if self._dirty and now >= self._next:
            self._next = now + 1.0 / RATE
            self._dirty = False
            self._push()
            self._write(self.picture())

    def picture(self) -> bytes:
        """The rows and columns around the cursor; the terminal itself cuts wide rows."""
        screen, mine = self._screen, self._mine
        top = max(0, min(screen.cursor_row - mine.rows + 1, screen.size.rows - mine.rows))
        left = max(0, screen.cursor_col - mine.cols + 1)
        above = [] if screen.alternate else self._above(mine.rows - screen.size.rows)
        out = ["\x1b[?2026h\x1b[?25l\x1b[?7l"]
        for row in range(mine.rows):
            at = row - len(above)
            line = above[row] if at < 0 else ""
            if 0 <= at < screen.size.rows - top:
                line = self._line(screen.runs(top + at), left)
            out.append(f"\x1b[{row + 1};1H\x1b[m\x1b[K{line}")
        if self._bar:
            end = f" \u00b7 {self._bar_end}"
            text = f" {self._bar}"
            text = text if cells(text + end) <= mine.cols else fit(text, mine.cols - cells(end))
            text = fit(text.rstrip() + end, mine.cols)
            out.append(f"\x1b[{mine.rows + 1};1H\x1b[0;7m{text}\x1b[m")
        row = len(above) + screen.cursor_row - top
        out.append(f"\x1b[{row + 1};{screen.cursor_col - left + 1}H")
        out.append("\x1b[?7h" + ("\x1b[?25h" if screen.modes.cursor_visible else ""))
        return ("".join(out) + "\x1b[?2026l").encode("utf-8", "replace")

    def _above(self, most: int) -> list[str]:
        """The last lines above the job's screen that the terminal's scrollback lacks."""
        from ptyjobs.terminal.row import Row
        from ptyjobs.terminal.values import Run

        screen = self._screen
        start = max(self.pushed, screen.first_line - max(0, most))
        cells = [
            Row.unpack(entry, screen.columns).cells(screen.columns)
            for entry in screen.history.slice(start, screen.first_line)
        ]
        return [
            self._line([Run(char, style) for char, style in zip(*row, strict=True) if char], 0)
            for row in cells
        ]

    def _line(self, runs: list[Run], left: int) -> str:
        """A row from column `left` on, with colours."""
        from ptyjobs.render.ansi import pieces, text_cells
        from ptyjobs.terminal.style import sgr

        parts: list[str] = []
        for piece in pieces(runs):
            text = piece.text
            start = piece.col
            while text and start < left:
                start += text_cells(text[0])
                text = text[1:]
            if text:
                parts.append(sgr(piece.style) + " " * (start - left if not parts else 0))
                parts.append(text)
        return "".join(parts) + "\x1b[m"


def scrolled_off(entries: list[Entry], size: Size, cols: int) -> bytes:
    """Bytes that write rows of `cols` columns and scroll them off a terminal of `size`."""
    from ptyjobs.terminal import Screen
    from ptyjobs.terminal.painter import Painter
    from ptyjobs.terminal.row import Row
    from ptyjobs.terminal.style import DEFAULT

    paint = Painter()
    paint.rows([Row.unpack(entry, cols) for entry in entries], cols)
    paint.pen(DEFAULT)
    text = paint.encode() + b"\r\n"
    scratch = Screen(size, scrollback=0)
    scratch.feed(text)
    erase = b"\x1b[?2026h\x1b[?25l\x1b[?7h\x1b[m" + erased(size.rows)
    return erase + text + b"\x1b[%d;1H" % size.rows + b"\n" * scratch.cursor_row


def erased(rows: int) -> bytes:
    """Bytes that erase the rows one by one: terminals save a display that is erased at once."""
    return b"\x1b[H" + b"\x1b[2K\r\x1b[B" * (rows - 1) + b"\x1b[2K\x1b[H"
