"""Display of an attached user's terminal: the job's output or a window on its screen, and a hint.

Owns the painting while attached. Never reads keys and never talks to the holder. While the terminal
has the job's size, the output is passed on as it is; for a terminal of another size, or with a
status line, the screen is drawn here (`viewport.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ptyjobs.cli.terminal import RESTORE, Terminal, plain
from ptyjobs.cli.viewport import Mirror, erased
from ptyjobs.model import Size

HINT_AFTER = 0.3  # seconds until the hint is shown: short commands need none
NOTICE = 30.0  # seconds that a notice is shown, at most until the next key or output
HINT = 2.0  # seconds that it covers the last row, at most until the next key or output
_CLEAR = b"\x1b[H\x1b[2J"


class Display:
    """The terminal of one attached user."""

    def __init__(self, terminal: Terminal, *, status_line: bool, words: Callable[[], str]) -> None:
        """`words`: the text of the hint."""
        self._terminal = terminal
        self._words = words
        self.bar_due = 0.0 if status_line and not terminal.dumb else None
        self.mirror: Mirror | None = None
        self.hint_at: float | None = None
        self.hint_until: float | None = None
        self.hint_next = False  # the next repaint gets the hint
        self.notice = ""  # text of the hint, if not the detach key
        self._below: tuple[bytes, Size] | None = None  # the repaint that the hint covers
        self._change: tuple[int | None, int] | None = None  # a change of the job's size
        self._base: int | None = None  # number of the mirror's first line in the job's scrollback
        self.painted = False

    def unbar(self) -> None:
        """Erase the status line: nothing of ours remains on the terminal."""
        size = self._terminal.size()
        if self.bar_due is not None and self.mirror is not None and size is not None:
            self._terminal.write(f"\x1b[{size.rows};1H\x1b[m\x1b[2K".encode())

    def size(self) -> Size | None:
        """The size of the terminal area that shows the job."""
        size = self._terminal.size()
        if size is None or self.bar_due is None or size.rows < 2:
            return size
        return Size(size.rows - 1, size.cols)

    def show(self, data: bytes) -> bytes:
        """Show output; returns the replies to queries in it, unless the terminal has them."""
        self.unhint()
        if self.mirror is not None:
            return self.mirror.feed(data)
        if self._terminal.dumb:
            self._terminal.write(self._terminal.strip(data))
        else:
            self._terminal.pass_on(data)
        return b""

    def resized(self, size: Size, *, top: int | None, moved: int) -> None:
        """The job's size has changed; a repaint follows.

        `top`: number of lines above its screen now. `moved`: how many of them were on it before.
        """
        if self.mirror is not None:
            self.mirror.resize(size)
            moved = self.mirror.total - self.mirror.pushed
        elif self._change is not None:
            moved += self._change[1]
        self._change = top, moved

    def paint(self, data: bytes, size: Size, *, top: int | None = None) -> None:
        """Show a repaint of the job's screen; `top`: number of lines above the screen."""
        if self._terminal.dumb:
            if not self.painted:
                self._terminal.write(plain(data, size))
            self.painted = True
            return
        mine = self.size()
        if not self.painted:
            self._terminal.title(self._words())
        more = self.painted and self.wants_history
        behind = self._behind(size, top)
        if mine is not None and (size != mine or self.bar_due is not None):
            self._enter_mirror(data, size, mine, top, behind)
        else:
            if more:  # `data` has more of the scrollback than the terminal lacks
                data = _with_scrollback(data, size, max(0, behind or 0))
            self.mirror = None
            self._pass_repaint(data, mine)
        if not self.painted:
            self.painted = True
            self.hint_at = None if self.bar_due is not None else time.monotonic() + HINT_AFTER
        elif self.hint_next:
            self.hint_next = False
            self._hint(data, size)

    @property
    def wants_history(self) -> bool:
        """True if the next repaint needs the lines above the job's screen.

        A repaint may be asked for again before the last one has come, so no caller decides it.
        """
        return not self.painted or self.mirror is not None or self._change is not None

    def _behind(self, size: Size, top: int | None) -> int | None:
        """Lines above the job's screen that the terminal's scrollback lacks; None for all."""
        change, self._change = self._change, None
        if not self.painted:
            return None
        if change is not None:
            since, moved = change
            return moved + (top - since if top is not None and since is not None else 0)
        if self.mirror is None:
            return 0
        if size != self.mirror.size:
            self.mirror.resize(size)
        elif top is not None and self._base is not None:
            return top - self._base - self.mirror.pushed
        return self.mirror.total - self.mirror.pushed

    def _enter_mirror(
        self, data: bytes, size: Size, mine: Size, top: int | None, behind: int | None
    ) -> None:
        if self.mirror is None:  # the modes that the program has set concern its own screen
            self._terminal.write(RESTORE.encode())
        if not self.painted:
            self._terminal.write(self._away().encode())
        self.mirror = mirror = Mirror(size, mine, self._terminal.write)
        if behind is None:
            mirror.feed(data)
        else:
            mirror.start(data, behind)
        self._base = None if top is None else top - mirror.total
        self.bar_due = None if self.bar_due is None else 0.0
        self._terminal.passing = False

    def _away(self) -> str:
        """Scroll instead of erasing: the previous contents stay readable in the scrollback."""
        whole = self._terminal.size()
        return f"\x1b[{whole.rows};1H" + "\n" * whole.rows if whole else ""

    def _pass_repaint(self, data: bytes, mine: Size | None) -> None:
        """Paint the job's screen without erasing the display: terminals save erased screens."""
        away = "" if self.painted else self._away()
        data = data.replace(_CLEAR, erased(mine.rows if mine else 24))
        self._terminal.pass_on(RESTORE.encode() + away.encode() + data)

    def _hint(self, data: bytes, size: Size) -> None:
        """Show the detach key once, briefly in the last row (it is in the title as well).

        `data` is the repaint just painted; painting it again removes the hint.
        """
        mine = self._terminal.size()
        if mine is None:
            return
        if self.mirror is not None:  # its next picture would cover the hint
            self.mirror.redraw()
        seconds = NOTICE if self.notice else HINT
        words, self.notice = f" {self.notice or self._words()} "[: mine.cols], ""
        self._terminal.write(f"\x1b[?25l\x1b[{mine.rows};1H\x1b[0;7m{words}\x1b[m".encode())
        self._below = data, size
        self.hint_until = time.monotonic() + seconds

    def forget_hint(self) -> None:
        """The terminal was resized: the repaint below the hint no longer fits."""
        self._below = None

    def unhint(self) -> None:
        """Remove the hint, before anything else is drawn and before detaching."""
        below, self._below, self.hint_until = self._below, None, None
        if below is None:
            return
        if self.mirror is not None:
            self.mirror.redraw()
        else:
            self.paint(*below)


def _with_scrollback(data: bytes, size: Size, lines: int) -> bytes:
    """The repaint `data` with only the last `lines` lines above the screen."""
    from ptyjobs.terminal import Screen

    screen = Screen(size)
    screen.feed(data)
    return screen.repaint(scrollback=lines)
