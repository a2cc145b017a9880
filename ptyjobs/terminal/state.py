"""The fields of a screen, and their reset.

Owns the list of all state that a terminal remembers. Each family of handlers is a class derived
from `State` (motion, editing, writing, modes, replies, strings, rectangles, and feeding, which
calls them); `views`, `reflow` and `repaint` are functions over it; `screen.Screen` combines them.
Fields with an underscore belong to this package. Rows and columns count from 0.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from . import charsets
from .history import History
from .row import Row
from .style import DEFAULT, Style
from .values import ShellMark

MAX_MARKS = 4096
MAX_TITLE = 4096
MAX_STACK = 16
MAX_UNKNOWN = 64


@dataclass(frozen=True, slots=True)
class Saved:
    """The state saved by DECSC."""

    x: int = 0
    y: int = 0
    pending: bool = False
    pen: Style = DEFAULT
    charsets: tuple[str, str, str, str] = (charsets.ASCII,) * 4
    gl: int = 0
    origin: bool = False


@dataclass(slots=True)
class Side:
    """State that the primary and the alternate screen each have separately."""

    rows: list[Row]
    saved: Saved | None = None
    kitty: list[int] = field(default_factory=list)  # flag stack, the last entry is active


class State:
    """All fields of a screen; the derived classes change them."""

    columns: int
    lines: int

    def _init_state(self, rows: int, cols: int, scrollback: int) -> None:
        self.columns = cols
        self.lines = rows
        self.history = History(scrollback)
        self.generation = 0
        self.errors = 0
        self.bells = 0
        self.unknown: dict[str, int] = {}
        self.marks: deque[ShellMark] = deque(maxlen=MAX_MARKS)
        self._mark_order = 0
        self._paste_left: tuple[int, int] | None = None
        """The cell (absolute line, column) where bracketed paste was last disabled."""
        self.anchors: dict[str, tuple[int, int]] = {}
        """The caller's places (absolute line, column), which a resize updates."""
        self._phantoms = 0  # rows that leave the screen unseen and uncounted (see fast_path.py)
        self._moved = [0] * rows  # generation in which the row at this place was last replaced
        self._all_moved = -1  # generation in which all rows were replaced
        self._region_moved = -1  # generation in which those between the present margins were
        self._reset_state()

    def _reset_state(self) -> None:
        """RIS: all except the size, the scrollback and the counters."""
        self._sides = (Side([Row() for _ in range(self.lines)]), Side([]))
        self.alternate = False
        self._rows = self._sides[0].rows
        self._reset_line = self.history.total  # a resize restores no line from before it
        self._touch_all()
        self._x = self._y = 0
        self._pending = False  # the next character wraps first
        self._pen = DEFAULT
        self._iso = False  # protection is by SPA, not by DECSCA
        self._last = ""  # the character drawn last, for REP
        self._lead = (-1, "")  # row, and zero-width characters before its first cell
        self._reset_margins()
        self._charsets = [charsets.ASCII] * 4
        self._gl = 0
        self._single_shift: int | None = None
        self._dec: set[int] = {7, 25}
        self._ansi: set[int] = set()
        self._saved_modes: dict[int, bool] = {}
        self._mouse = ""
        self._mouse_encoding = ""
        self._keypad = False
        self._modify_other_keys = 0
        self._cursor_style = 0
        self._eight_bit = False
        self._level = 4
        self._rectangular = False  # DECSACE: attribute changes of rectangles
        self._tabs = set(range(8, self.columns, 8))
        self.title = ""
        self.icon_title = ""
        self._titles: list[tuple[str, str]] = []
        self.cwd = ""
        self.progress = ""
        self._colours: dict[int, tuple[int, int, int]] = {}
        self._refresh()

    def _reset_margins(self) -> None:
        self._top = 0
        self._bottom = self.lines - 1
        self._region_moved = -1
        self._left = 0
        self._right = self.columns - 1

    def _refresh(self) -> None:
        """Recompute whether text may take the fast path (see feeding.py)."""
        self._autowrap = 7 in self._dec
        self._origin = 6 in self._dec
        self._insert = 4 in self._ansi
        self._newline = 20 in self._ansi
        self._margins_lr = 69 in self._dec
        self._map = charsets.MAPS.get(self._charsets[self._gl])
        self._plain = not (
            self._insert
            or self._margins_lr
            or self._map
            or self._lead[1]
            or self._single_shift is not None
        )
        self._clusters = 2027 in self._dec
        self._whole = (
            self._plain
            and not self._clusters
            and self._autowrap
            and self._top == 0
            and self._bottom == self.lines - 1
        )

    # --- changes ------------------------------------------------------------------------------

    def _touch_all(self) -> None:
        if self._all_moved != self.generation:
            self._all_moved = self.generation
            self._moved = [self.generation] * self.lines

    def _touch_rows(self, start: int, stop: int) -> None:
        if stop > start:
            self._moved[start:stop] = [self.generation] * (stop - start)

    def _open(self, y: int) -> Row:
        """Row `y`, opened for changes."""
        row = self._rows[y]
        if row.chars is None:
            row.open(self.columns)
        row.gen = self.generation
        return row

    def _note_unknown(self, shape: str) -> None:
        """Count a sequence without a handler, by its shape without parameters."""
        shape = shape[:12]
        if shape not in self.unknown and len(self.unknown) >= MAX_UNKNOWN:
            shape = "other"
        self.unknown[shape] = self.unknown.get(shape, 0) + 1
