"""Cursor movement and scrolling.

Owns cursor movement, tab stops, margins, saving and restoring the cursor, and the scrolling that a
line feed at the margin causes. Never writes text. Positions in arguments count from 1, as in the
sequences; 0 means 1. The subtle thing is the pending wrap: after the last column is written the
cursor stays on it, and only the next character moves to the next line.

Sources: DEC STD 070, xterm's ctlseqs, and behaviour common to xterm, tmux and ghostty.
"""

from __future__ import annotations

from .row import Row
from .state import Saved, State
from .style import DEFAULT


class Motion(State):
    """Handlers of the cursor family; names as in pyte where it has them."""

    # --- plain movement -----------------------------------------------------------------------

    def cursor_up(self, count: int | None = None) -> None:
        """CUU: up, not past the top margin when at or below it."""
        top = self._top if self._y >= self._top else 0
        self._y = max(top, self._y - (count or 1))
        self._pending = False

    def cursor_down(self, count: int | None = None) -> None:
        """CUD: down, not past the bottom margin when at or above it."""
        bottom = self._bottom if self._y <= self._bottom else self.lines - 1
        self._y = min(bottom, self._y + (count or 1))
        self._pending = False

    def cursor_up1(self, count: int | None = None) -> None:
        """CPL."""
        self.cursor_up(count)
        self.carriage_return()

    def cursor_down1(self, count: int | None = None) -> None:
        """CNL."""
        self.cursor_down(count)
        self.carriage_return()

    def cursor_forward(self, count: int | None = None) -> None:
        """CUF: right, not past the right margin when at or left of it."""
        right = self._right if self._x <= self._right else self.columns - 1
        self._x = min(right, self._x + (count or 1))
        self._pending = False

    def cursor_back(self, count: int | None = None) -> None:
        """CUB: left; with reverse wrap (45) also back over the line's start."""
        if 45 in self._dec or 1045 in self._dec:
            self._wrap_back(count or 1)
            return
        left = self._left if self._x >= self._left else 0
        self._x = max(left, self._x - (count or 1))
        self._pending = False

    def _wrap_back(self, count: int) -> None:
        count = min(count, self.lines * self.columns)
        if self._pending and self._autowrap:
            self._pending = False  # leaving the pending wrap counts as one step
            count -= 1
        extended = 1045 in self._dec
        while count > 0:
            left = self._left if self._x >= self._left else 0
            step = min(count, self._x - left)
            self._x -= step
            count -= step
            if not count or not self._autowrap or self._x != left:
                break
            if self._y == self._top and extended:
                self._y = self._bottom
            elif self._y > 0 and (extended or self._rows[self._y - 1].wrapped):
                self._y -= 1
            else:
                break
            self._x = self._right
            count -= 1
        self._pending = False

    def backspace(self) -> None:
        """BS."""
        self.cursor_back(1)

    def carriage_return(self) -> None:
        """CR: to the left margin, or to column 0 from left of it."""
        self._x = self._left if self._x >= self._left else 0
        self._pending = False

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        """CUP, HVP: clamped to the screen, or to the margins in origin mode."""
        if self._origin:
            self._go_row(line or 1)
            self._go_column(column or 1)
            return
        y = line - 1 if line else 0
        x = column - 1 if column else 0
        self._y = y if y < self.lines else self.lines - 1
        self._x = x if x < self.columns else self.columns - 1
        self._pending = False

    def cursor_to_line(self, line: int | None = None) -> None:
        """VPA."""
        self._go_row(line or 1)

    def cursor_to_column(self, column: int | None = None) -> None:
        """CHA, HPA."""
        self._go_column(column or 1)

    def _go_row(self, line: int) -> None:
        if self._origin:
            self._y = min(self._top + line - 1, self._bottom)
        else:
            self._y = min(line, self.lines) - 1
        self._pending = False

    def _go_column(self, column: int) -> None:
        if self._origin:
            self._x = min(self._left + column - 1, self._right)
        else:
            self._x = min(column, self.columns) - 1
        self._pending = False

    def forward_columns(self, count: int | None = None) -> None:
        """HPR: ignores margins."""
        if self._origin:
            self._x = min(self._x + (count or 1), self._right)
        else:
            self._x = min(self._x + (count or 1), self.columns - 1)
        self._pending = False

    def forward_lines(self, count: int | None = None) -> None:
        """VPR: ignores margins outside origin mode."""
        bottom = self._bottom if self._origin else self.lines - 1
        self._y = min(max(self._y, bottom), self._y + (count or 1), self.lines - 1)
        self._pending = False

    def _wrap(self) -> None:
        raise NotImplementedError  # in writing.py

    # --- line ends and scrolling --------------------------------------------------------------

    def index(self) -> None:
        """IND: down; at the bottom margin scroll instead."""
        self._pending = False
        if self._lead[1]:
            self._lead = (-1, "")
            self._refresh()
        if self._y == self._bottom:
            if self._left <= self._x <= self._right:
                self._scroll_line()
        elif self._y < self.lines - 1:
            self._y += 1

    def reverse_index(self) -> None:
        """RI: up; at the top margin scroll instead."""
        self._pending = False
        if self._y == self._top:
            if self._left <= self._x <= self._right:
                self._scroll_down(self._top, 1)
        elif self._y > 0:
            self._y -= 1

    def linefeed(self) -> None:
        """LF, VT, FF: index, and a carriage return in newline mode (20)."""
        self.index()
        if self._newline:
            self.carriage_return()

    def next_line(self) -> None:
        """NEL: does not scroll outside the side margins."""
        self.index()
        self.carriage_return()

    def end_line(self) -> None:
        """The pair CR LF."""
        if self._y != self._bottom or not self._whole:
            self.carriage_return()
            self.linefeed()
            return
        self._x = 0  # the most frequent scroll: of the whole screen
        self._pending = False
        rows = self._rows
        if self.alternate:
            del rows[0]
        else:
            self._push(rows.pop(0))
        fresh = Row()
        if self._pen.bg is not None:
            fresh.clear(self.columns, self._pen.blank)
        rows.append(fresh)
        self._touch_all()

    def scroll_up(self, count: int | None = None) -> None:
        """SU: the region's content moves up."""
        self._scroll_up(self._top, count or 1)
        self._unwrap_pending()

    def scroll_down(self, count: int | None = None) -> None:
        """SD: the region's content moves down."""
        self._scroll_down(self._top, count or 1)
        self._unwrap_pending()

    def _unwrap_pending(self) -> None:
        """A row moved below a pending wrap: the continuation is no longer below it."""
        if self._pending:
            self._rows[self._y].wrapped = False

    def _scroll_up(self, top: int, count: int, *, keep: bool = True) -> None:
        """Rows `top` to the bottom margin move up; from row 0 they leave into the scrollback."""
        bottom = self._bottom
        if self._left > 0 or self._right < self.columns - 1:
            self._shift_cells(top, min(count, bottom - top + 1))
            return
        rows = self._rows
        kept = keep and top == 0 and not self.alternate
        coloured = self._pen.bg is not None
        self._touch_rows(top, bottom + 1)
        for _ in range(min(count, bottom - top + 1)):
            row = rows.pop(top)
            if kept:
                self._push(row)
            fresh = Row()
            if coloured:
                fresh.clear(self.columns, self._pen.blank)
            rows.insert(bottom, fresh)
        if top > 0:
            rows[top - 1].wrapped = False

    def _scroll_line(self) -> None:
        """`_scroll_up` by one line of the whole region, the most frequent scroll."""
        top = self._top
        if self._left > 0 or self._right < self.columns - 1:
            self._scroll_up(top, 1)
            return
        rows = self._rows
        row = rows.pop(top)
        if top > 0:
            rows[top - 1].wrapped = False
        elif not self.alternate:
            self._push(row)
        row.clear(self.columns, DEFAULT if self._pen.bg is None else self._pen.blank)
        row.gen = 0  # the row is reused: its new content has not been written by the program
        rows.insert(self._bottom, row)
        if self._region_moved != self.generation:
            self._region_moved = self.generation
            self._touch_rows(top, self._bottom + 1)

    def _push(self, row: Row) -> None:
        if self._phantoms:
            self._phantoms -= 1
            return
        self.history.push(row.pack())

    def _scroll_down(self, top: int, count: int) -> None:
        """Rows `top` to the bottom margin move down."""
        bottom = self._bottom
        count = min(count, bottom - top + 1)
        if self._left > 0 or self._right < self.columns - 1:
            self._shift_cells(top, -count)
            return
        rows = self._rows
        blank = self._pen.blank
        self._touch_rows(top, bottom + 1)
        for _ in range(count):
            rows.pop(bottom)
            fresh = Row()
            fresh.clear(self.columns, blank)
            rows.insert(top, fresh)
        rows[bottom].wrapped = False
        if top > 0:
            rows[top - 1].wrapped = False

    def _shift_cells(self, top: int, count: int) -> None:
        """Move the cells between the left and right margins up (down if negative)."""
        left, stop = self._left, self._right + 1
        rows = [self._open(y) for y in range(top, self._bottom + 1)]
        order = range(len(rows)) if count > 0 else range(len(rows) - 1, -1, -1)
        blank = self._pen.blank
        for row in rows:
            row.heal(left)
            row.heal(stop)
            row.wrapped = False
        for y in order:
            row, source = rows[y], y + count
            if 0 <= source < len(rows):
                from_chars = rows[source].chars
                chars = row.chars
                assert from_chars is not None
                assert chars is not None
                chars[left:stop] = from_chars[left:stop]
                row.styles[left:stop] = rows[source].styles[left:stop]
                row.wide = row.wide or rows[source].wide
            else:
                row.erase(left, stop, blank)

    # --- margins ------------------------------------------------------------------------------

    def set_margins(self, top: int | None = None, bottom: int | None = None) -> None:
        """DECSTBM; homes the cursor. A region of less than two lines is ignored."""
        first = (top or 1) - 1
        last = min(bottom or self.lines, self.lines) - 1
        if first >= last:
            return
        if first != self._top or last != self._bottom:
            self._top, self._bottom = first, last
            self._region_moved = -1
            self._refresh()
        if self._origin:
            self.cursor_position()
        else:
            self._x = self._y = 0
            self._pending = False

    def set_side_margins(self, left: int | None = None, right: int | None = None) -> None:
        """DECSLRM, with mode 69 only; without it `CSI s` saves the cursor."""
        if not self._margins_lr:
            self.save_cursor()
            return
        first = (left or 1) - 1
        last = min(right or self.columns, self.columns) - 1
        if first >= last:
            return
        self._left, self._right = first, last
        self.cursor_position()

    # --- tab stops ----------------------------------------------------------------------------

    def tab(self) -> None:
        """HT: to the next tab stop, not past the right margin; keeps a pending wrap."""
        if self._pending and 41 in self._dec:
            self._wrap()
        right = self._right if self._x <= self._right else self.columns - 1
        if self._x < right:
            stops = self._tabs
            x = self._x + 1
            while x < right and x not in stops:
                x += 1
            self._x = x

    def forward_tabs(self, count: int | None = None) -> None:
        """CHT."""
        for _ in range(min(count or 1, self.columns)):
            self.tab()

    def back_tabs(self, count: int | None = None) -> None:
        """CBT."""
        left = self._left if self._origin else 0
        for _ in range(min(count or 1, self.columns)):
            stops = [x for x in self._tabs if left <= x < self._x]
            self._x = max(stops, default=left)
        self._pending = False

    def set_tab_stop(self) -> None:
        """HTS."""
        self._tabs.add(self._x)

    def clear_tab_stop(self, how: int = 0) -> None:
        """TBC: 0 here, 3 all."""
        if how == 0:
            self._tabs.discard(self._x)
        elif how == 3:
            self._tabs.clear()

    def reset_tab_stops(self, how: int = 0) -> None:
        """DECST8C."""
        if how == 5:
            self._tabs = set(range(8, self.columns, 8))

    # --- saved cursor -------------------------------------------------------------------------

    def save_cursor(self) -> None:
        """DECSC, SCOSC: one slot for each of the two screens."""
        self._sides[self.alternate].saved = Saved(
            self._x,
            self._y,
            self._pending,
            self._pen,
            (self._charsets[0], self._charsets[1], self._charsets[2], self._charsets[3]),
            self._gl,
            self._origin,
        )

    def restore_cursor(self) -> None:
        """DECRC, SCORC: home with defaults if nothing was saved."""
        saved = self._sides[self.alternate].saved or Saved()
        self._pen = saved.pen
        self._charsets = list(saved.charsets)
        self._gl = saved.gl
        (self._dec.add if saved.origin else self._dec.discard)(6)
        self._refresh()
        self._x = min(saved.x, self.columns - 1)
        self._y = min(saved.y, self.lines - 1)
        if saved.origin:
            self._y = min(max(self._y, self._top), self._bottom)
            self._x = min(max(self._x, self._left), self._right)
        same = (self._x, self._y) == (saved.x, saved.y)
        self._pending = (
            saved.pending and same and self._autowrap and not self._rows[self._y].wrapped
        )
