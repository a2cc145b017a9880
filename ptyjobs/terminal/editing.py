"""Erasing, inserting and deleting cells.

Owns ED, EL, ECH, ICH, DCH, IL, DL, their selective forms, the column operations and DECALN. Erased
cells take the current background (BCE); selective erase keeps cells protected by DECSCA. The subtle
thing: while a wrap is pending the cursor is past the last cell, so erasing to the end of the line
keeps that cell and the wrap (tmux, xterm.js, alacritty, kitty). `grep --color` and gcc erase after
every colour change, and would otherwise lose a character of their text.
"""

from __future__ import annotations

from .motion import Motion
from .row import Row
from .style import DEFAULT, changed


class Editing(Motion):
    """Handlers of sequences that erase and shift cells."""

    # --- erasing ------------------------------------------------------------------------------

    def erase_in_line(self, how: int = 0, private: bool = False) -> None:
        """EL: 0 to the end, 1 from the start, 2 all; `private` is DECSEL."""
        if how == 0:
            if self._pending:
                self._erase_behind(private=private)
                return
            if not self._x:
                self._end_wrap_above()
            row = self._rows[self._y]
            if row.chars is None or row.wide or private or self._iso:
                self._erase_row(self._y, self._x, self.columns, selective=private)
                return
            # The most frequent sequence of a redraw, inlined for speed.
            count = self.columns - self._x
            row.chars[self._x :] = [" "] * count
            row.styles[self._x :] = [self._pen.blank] * count
            row.gen = self.generation
            row.wrapped = self._pending = False
        elif how == 1:
            self._erase_row(self._y, 0, self._x + 1, selective=private)
        elif how == 2:
            self._end_wrap_above()
            self._erase_row(self._y, 0, self.columns, selective=private)

    def _end_wrap_above(self) -> None:
        """The cursor's row is erased whole: it no longer continues the one above (xterm.js)."""
        if self._y:
            self._rows[self._y - 1].wrapped = False

    def _erase_behind(self, *, private: bool) -> None:
        """Erase to the end of the line at a pending wrap, which may be at a side margin."""
        if self._x + 1 < self.columns:
            self._erase_row(self._y, self._x + 1, self.columns, selective=private)
            self._pending = True

    def erase_in_display(self, how: int = 0, private: bool = False) -> None:
        """ED: 0 to the end, 1 from the start, 2 all, 3 the scrollback; `private` is DECSED."""
        if how == 0:
            pending = self._pending
            self.erase_in_line(0, private)
            self._erase_rows(self._y + 1, self.lines, selective=private)
            self._pending = pending
        elif how == 1:
            self._erase_rows(0, self._y, selective=private)
            self.erase_in_line(1, private)
        elif how == 2:
            self._erase_rows(0, self.lines, selective=private)
        elif how == 3 and not private:
            self.history.clear()

    def selective_erase_in_line(self, how: int = 0) -> None:
        """DECSEL."""
        self.erase_in_line(how, private=True)

    def selective_erase_in_display(self, how: int = 0) -> None:
        """DECSED."""
        self.erase_in_display(how, private=True)

    def erase_characters(self, count: int | None = None) -> None:
        """ECH."""
        self._erase_row(self._y, self._x, min(self._x + (count or 1), self.columns))

    def _erase_rows(self, start: int, stop: int, *, selective: bool = False) -> None:
        for y in range(start, stop):
            self._erase_row(y, 0, self.columns, selective=selective)

    def _erase_row(self, y: int, start: int, stop: int, *, selective: bool = False) -> None:
        self._pending = False
        row = self._rows[y]
        style = self._pen.blank
        # SPA protects from the plain erasing functions, DECSCA from the selective ones.
        selective = selective != self._iso
        if stop >= self.columns:
            row.wrapped = False
        if row.chars is None and style.bg is None and start >= row.used:
            return
        row.gen = self.generation
        if not selective and start == 0 and stop >= self.columns:
            row.clear(self.columns, style)
            return
        row.open(self.columns)
        if selective:
            row.erase_unprotected(start, stop, style)
        else:
            row.erase(start, stop, style)

    # --- within a row -------------------------------------------------------------------------

    def insert_characters(self, count: int | None = None) -> None:
        """ICH."""
        self._pending = False
        if self._left <= self._x <= self._right:
            row = self._open(self._y)
            row.insert(self._x, count or 1, self._right + 1, self._pen.blank)

    def delete_characters(self, count: int | None = None) -> None:
        """DCH."""
        self._pending = False
        if self._left <= self._x <= self._right:
            row = self._open(self._y)
            row.delete(self._x, count or 1, self._right + 1, self._pen.blank)
            row.wrapped = False

    # --- whole lines --------------------------------------------------------------------------

    def insert_lines(self, count: int | None = None) -> None:
        """IL: at the cursor, within the margins."""
        if self._inside():
            self._scroll_down(self._y, count or 1)
            self.carriage_return()

    def delete_lines(self, count: int | None = None) -> None:
        """DL: at the cursor, within the margins; nothing goes to the scrollback."""
        if self._inside():
            self._scroll_up(self._y, count or 1, keep=False)
            self.carriage_return()

    def _inside(self) -> bool:
        return self._top <= self._y <= self._bottom and self._left <= self._x <= self._right

    # --- columns ------------------------------------------------------------------------------

    def scroll_left(self, count: int | None = None) -> None:
        """SL: the region's cells move left."""
        if self._inside():
            self._shift_columns(self._left, count or 1, delete=True)

    def scroll_right(self, count: int | None = None) -> None:
        """SR: the region's cells move right."""
        if self._inside():
            self._shift_columns(self._left, count or 1, delete=False)

    def insert_columns(self, count: int | None = None) -> None:
        """DECIC."""
        if self._inside():
            self._shift_columns(self._x, count or 1, delete=False)

    def delete_columns(self, count: int | None = None) -> None:
        """DECDC."""
        if self._inside():
            self._shift_columns(self._x, count or 1, delete=True)

    def _shift_columns(self, x: int, count: int, *, delete: bool) -> None:
        self._pending = False
        for y in range(self._top, self._bottom + 1):
            row = self._open(y)
            row.wrapped = False
            shift = row.delete if delete else row.insert
            shift(x, count, self._right + 1, self._pen.blank)

    def back_index(self) -> None:
        """DECBI: left, or at the left margin shift the region's cells right."""
        self._pending = False
        if self._x == self._left:
            if self._top <= self._y <= self._bottom:
                self._shift_columns(self._left, 1, delete=False)
        elif self._x > 0:
            self._x -= 1

    def forward_index(self) -> None:
        """DECFI: right, or at the right margin shift the region's cells left."""
        self._pending = False
        if self._x == self._right:
            if self._top <= self._y <= self._bottom:
                self._shift_columns(self._left, 1, delete=True)
        elif self._x < self.columns - 1:
            self._x += 1

    # --- the whole screen ---------------------------------------------------------------------

    def alignment_display(self) -> None:
        """DECALN: fill the screen with E, margins off, cursor home."""
        self._reset_margins()
        self._refresh()
        for y in range(self.lines):
            row = Row()
            row.texts, row.pens, row.used = ["E" * self.columns], [DEFAULT], self.columns
            row.gen = self.generation
            self._rows[y] = row
        self._dec.discard(6)
        self._refresh()
        self.cursor_position()

    def set_protection(self, how: int = 0) -> None:
        """DECSCA: 1 protects characters printed from now on, 0 and 2 do not."""
        if how in (0, 1, 2):
            self._iso = False
            self._pen = changed(self._pen, protected=how == 1)

    def set_iso_protection(self, *, on: bool) -> None:
        """SPA and EPA."""
        self._iso = True
        self._pen = changed(self._pen, protected=on)
