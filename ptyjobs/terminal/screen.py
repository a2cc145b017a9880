"""`Screen`: the terminal of a job, a pyte screen that interprets real programs correctly.

Owns the composition: the families of handlers, the loop that feeds them, the functions that read,
resize and repaint them, and pyte's names for all of these. Pure: bytes in, replies and values out.
"""

from __future__ import annotations

from typing import Any

import pyte

from ptyjobs.model import Size

from . import reflow, views
from .fast_path import Fast
from .pyte_cells import BufferView, Cell, cell
from .repaint import repaint
from .style import DEFAULT, Style, after_sgr

SCROLLBACK = 10_000
_SIZE = Size()


class Cursor:
    """pyte's cursor, a view of the screen's own fields."""

    __slots__ = ("_screen",)

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @property
    def x(self) -> int:
        """The column; `columns` while a wrap is pending, as in pyte."""
        screen = self._screen
        return screen.columns if screen.pending_wrap else screen.cursor_col

    @x.setter
    def x(self, value: int) -> None:
        screen = self._screen
        screen._x = max(0, min(value, screen.columns - 1))
        screen._pending = value >= screen.columns

    @property
    def y(self) -> int:
        """The row."""
        return self._screen.cursor_row

    @y.setter
    def y(self, value: int) -> None:
        self._screen._y = max(0, min(value, self._screen.lines - 1))

    @property
    def hidden(self) -> bool:
        """True if the program has hidden it."""
        return not self._screen.modes.cursor_visible

    @property
    def attrs(self) -> Cell:
        """The style of the next character, as a pyte cell."""
        return cell(" ", self._screen.pen)


class Screen(Fast, pyte.Screen):  # type: ignore[misc]  # properties where pyte has attributes
    """A terminal of `size`, with up to `scrollback` lines before its primary screen.

    `feed(data)` processes the job's output and returns the terminal's replies. Row and column
    numbers count from 0; lines of the primary screen have absolute numbers, which only a resize of
    the width changes.
    """

    def __init__(
        self, size: Size = _SIZE, *, scrollback: int = SCROLLBACK, version: str = "0"
    ) -> None:
        # pyte's own __init__ would build dictionaries that are not used.
        self.version = version
        self._init_feeding()
        self._init_replies()
        self._init_state(max(1, size.rows), max(1, size.cols), max(0, scrollback))
        self._size = Size(self.lines, self.columns)
        self._dirty: set[int] = set(range(self.lines))
        self._dirty_seen = 0

    @staticmethod
    def _scratch(size: Size, scrollback: int) -> Screen:
        return Screen(size, scrollback=scrollback)

    # --- cursor and size ----------------------------------------------------------------------

    @property
    def size(self) -> Size:
        """Rows and columns."""
        if (self._size.rows, self._size.cols) != (self.lines, self.columns):
            self._size = Size(self.lines, self.columns)
        return self._size

    @property
    def cursor_row(self) -> int:
        return self._y

    @property
    def cursor_col(self) -> int:
        """The column, at most the last one; see `pending_wrap`."""
        return self._x

    @property
    def pending_wrap(self) -> bool:
        """True if the last column was just written: the next character goes to the next line."""
        return self._pending

    @property
    def pen(self) -> Style:
        """The style of the next character."""
        return self._pen

    # --- contents: see views.py ---------------------------------------------------------------

    text = views.text
    row_text = views.row_text
    wraps = views.wraps
    runs = views.runs
    has_hidden = views.has_hidden
    changed_rows = views.changed_rows
    written_rows = views.written_rows
    faces = views.faces
    restyled = views.restyled
    line = views.line
    line_range = views.line_range
    repaint = repaint

    @property
    def first_line(self) -> int:
        """The absolute number of row 0 of the primary screen."""
        return self.history.total

    @property
    def floor_line(self) -> int:
        """The absolute number of the oldest line kept."""
        return self.history.floor

    # --- pyte's names -------------------------------------------------------------------------

    @property
    def cursor(self) -> Cursor:  # type: ignore[override]  # reads the fields above
        return Cursor(self)

    @property
    def buffer(self) -> BufferView:  # type: ignore[override]  # computed
        """Cells by row and column."""
        return BufferView(self._rows, self.columns)

    @property
    def display(self) -> list[str]:
        """The visible rows at full width."""
        return ["".join(row.cells(self.columns)[0]) for row in self._rows]

    @property
    def default_char(self) -> Cell:  # type: ignore[override]  # our Cell is pyte's Char and more
        return cell(" ", DEFAULT)

    @property
    def mode(self) -> set[int]:  # type: ignore[override]  # computed, so not settable
        """pyte's set of modes: ANSI numbers unchanged, DEC numbers shifted by 5."""
        return self._ansi | {mode << 5 for mode in self._dec}

    @property
    def margins(self) -> pyte.screens.Margins | None:  # type: ignore[override]  # computed
        if self._top == 0 and self._bottom == self.lines - 1:
            return None
        return pyte.screens.Margins(self._top, self._bottom)

    @property
    def tabstops(self) -> set[int]:  # type: ignore[override]  # computed
        return self._tabs

    @property
    def icon_name(self) -> str:  # type: ignore[override]  # computed
        return self.icon_title

    @property
    def dirty(self) -> set[int]:  # type: ignore[override]  # filled when asked for
        """Rows changed since the caller last cleared the set."""
        self._dirty.update(self.changed_rows(self._dirty_seen))
        self._dirty_seen = self.generation
        return self._dirty

    def resize(self, size: Size | int | None = None, columns: int | None = None) -> None:
        """Resize: `resize(Size(rows, cols))`, or pyte's `resize(lines, columns)`."""
        if not isinstance(size, Size):
            size = Size(size or self.lines, columns or self.columns)
        reflow.resize(self, max(1, size.rows), max(1, size.cols))

    def select_graphic_rendition(self, *attrs: int, **_: Any) -> None:
        """pyte's SGR, for a stock pyte stream."""
        params = ";".join(map(str, attrs))
        self._pen = after_sgr(self._pen, params)

    def debug(self, *args: Any, **kwargs: Any) -> None:
        """pyte's hook for unknown sequences: counts."""
        self._note_unknown("pyte")


class Stream(pyte.ByteStream):
    """A pyte byte stream that uses the screen's own tokeniser; replies are dropped."""

    def feed(self, data: bytes) -> None:  # type: ignore[override]  # as pyte's ByteStream does
        if self.listener is None:
            raise RuntimeError("Listener is not set")
        if isinstance(self.listener, Screen):
            self.listener.feed(data)
        else:
            super().feed(data)
