"""Print text to the screen.

Owns drawing, wrapping, wide and joined characters, insert mode, the character sets and REP. The
fast paths (`_draw_plain`, `_print_lines`) have the same effect as the general one for text of one
cell per character; a property test compares them.
"""

from __future__ import annotations

from itertools import groupby

from . import charsets
from .editing import Editing
from .row import Entry, Row
from .style import DEFAULT
from .widths import EMOJI_PRESENTATION, MAX_JOINED, WIDTH, is_regional, joins

MAX_REPEAT = 65535


class Writing(Editing):
    """Handlers that put characters into cells."""

    def draw(self, data: str) -> None:
        """Print text (no controls in it) at the cursor."""
        if self._single_shift is not None and data:
            table = charsets.MAPS.get(self._charsets[self._single_shift])
            self._single_shift = None
            self._refresh()
            first = data[0].translate(table) if table else data[0]
            self._draw(first)
            data = data[1:]
        if self._map:
            data = data.translate(self._map)
        self._draw(data)

    def _draw(self, data: str) -> None:
        if not data:
            return
        before, self._last = self._last, data
        if data.isascii() and not self._lead[1]:
            self._draw_narrow(data)
            return
        if self._clusters:
            self._draw_clusters(data, before[-1:])
            return
        if self._lead[1]:
            data = self._draw_lead(data)
        widths = set(map(WIDTH.__getitem__, data))
        if widths == {1}:
            self._draw_narrow(data)
        elif widths == {2}:
            self._draw_wide(data)
        else:
            for width, group in groupby(data, WIDTH.__getitem__):
                text = "".join(group)
                self._draw_run(self._draw_lead(text) if self._lead[1] else text, width)

    def _draw_clusters(self, data: str, before: str) -> None:
        """Mode 2027: print grapheme clusters, each in the cells of its first character.

        `before`: the character that was printed right before. Emoji presentation (U+FE0F) makes a
        narrow one wide, and two regional indicators are one flag of two cells.
        """
        for char in data:
            if joins(before, char, self._cluster()):
                self._join(char)
                if char == EMOJI_PRESENTATION:
                    self._widen()
            else:
                width = 2 if is_regional(char) else WIDTH[char]
                self._draw_run(self._draw_lead(char) if self._lead[1] else char, width)
            before = char

    def _cluster(self) -> str:
        """The content of the cell before the cursor."""
        x = self._x if self._pending else self._x - 1
        chars = self._open(self._y).chars
        if x < 0 or chars is None:
            return ""
        return chars[x] or (chars[x - 1] if x else "")

    def _widen(self) -> None:
        """Give the narrow cell before the cursor the next one as well, where there is one."""
        x = self._x - 1
        row = self._open(self._y)
        if self._pending or x < 0 or row.chars is None or row.chars[x] == "" or x >= self._right:
            return
        row.put(x, [row.chars[x], ""], self._pen)
        row.wide = True
        if x + 2 <= self._right:
            self._x = x + 2
        else:
            self._x = x + 1
            self._pending = self._autowrap

    def _draw_run(self, text: str, width: int) -> None:
        """Print characters of one width."""
        if width == 1:
            self._draw_narrow(text)
        elif width == 2:
            self._draw_wide(text)
        elif width == 0:
            for mark in text:
                self._join(mark)

    def _draw_lead(self, data: str) -> str:
        """Draw a row's first character, after pending zero-width ones; returns the rest."""
        if WIDTH[data[0]] < 1:
            return data
        row, lead = self._lead
        self._lead = (-1, "")
        self._refresh()
        if self._y != row or self._x or self._pending:
            return data
        self._draw_run(data[0], WIDTH[data[0]])
        chars = self._open(self._y).chars
        assert chars is not None
        chars[0] = lead + chars[0]
        self._rows[self._y].wide = True
        return data[1:]

    def _draw_narrow(self, text: str) -> None:
        """Print characters of one cell each."""
        at = 0
        while at < len(text):
            if self._pending:
                self._wrap()
            x = self._x
            limit = self._right + 1 if x <= self._right else self.columns
            piece = text[at : at + limit - x]
            at += len(piece)
            row = self._rows[self._y]
            if row.chars is None and x == row.used and not self._insert:
                row.texts.append(piece)
                row.pens.append(self._pen)
                row.used = x + len(piece)
                row.gen = self.generation
            else:
                row = self._open(self._y)
                if self._insert:
                    row.insert(x, len(piece), limit, DEFAULT)
                row.put(x, piece, self._pen)
            x += len(piece)
            if x < limit:
                self._x = x
                continue
            self._x = limit - 1
            row.wrapped = row.wrapped and limit < self.columns
            if self._autowrap:
                self._pending = True
            elif at < len(text):
                # Without autowrap each further character replaces the last one at the margin.
                self._open(self._y).put(limit - 1, text[-1], self._pen)
                return

    def _draw_wide(self, text: str) -> None:
        """Print characters of two cells each."""
        at = 0
        while at < len(text):
            if self._pending:
                self._wrap()
            limit = self._right + 1 if self._x <= self._right else self.columns
            if limit - self._x < 2:
                if limit - self._left < 2:
                    return  # it does not fit on any line
                if self._autowrap:
                    row = self._open(self._y)
                    row.put(self._x, " ", self._pen.blank)
                    self._wrap()
                    limit = self._right + 1
                else:
                    self._x = limit - 2
            x = self._x
            piece = text[at : at + (limit - x) // 2]
            at += len(piece)
            stop = x + 2 * len(piece)
            cells = [""] * (stop - x)
            cells[::2] = piece
            row = self._open(self._y)
            if self._insert:
                row.insert(x, stop - x, limit, DEFAULT)
            row.put(x, cells, self._pen)
            row.wide = True
            if stop < limit:
                self._x = stop
            else:
                self._x = limit - 1
                self._pending = self._autowrap
                row.wrapped = row.wrapped and limit < self.columns

    def _wrap(self) -> None:
        """The line is full: continue on the next one, with the soft-wrap flag set."""
        self._pending = False
        if self._x == self.columns - 1:
            self._rows[self._y].wrapped = True
        self._x = self._left if self._x >= self._left else 0
        y = self._y
        row = self._rows[y]
        if y == self._bottom:
            self._scroll_up(self._top, 1)
        elif y < self.lines - 1:
            self._y = y + 1
        else:
            row.wrapped = False  # stays on the last line, outside the margins

    def _join(self, mark: str) -> None:
        """Add a zero-width character to the cell before the cursor."""
        x = self._x if self._pending else self._x - 1
        if not self._autowrap and self._x == self.columns - 1:
            cell = self._open(self._y).chars
            assert cell is not None
            x = self._x if cell[self._x] != " " else x
        if x < 0:  # no cell before it: kept for the character that follows
            held = self._lead[1] if self._lead[0] == self._y else ""
            self._lead = (self._y, (held + mark)[:MAX_JOINED])
            self._refresh()
            return
        row = self._open(self._y)
        chars = row.chars
        assert chars is not None
        if chars[x] == "" and x > 0:
            x -= 1
        if len(chars[x]) < MAX_JOINED:
            chars[x] += mark
            row.wide = True

    def repeat(self, count: int | None = None) -> None:
        """REP: the last character once more, `count` times."""
        if self._last:
            again = self._last[-1]
            if WIDTH[again] <= 0:
                return
            most = self.lines * self.columns
            self._draw(again * min(count or 1, MAX_REPEAT, most))

    # --- character sets -----------------------------------------------------------------------

    def define_charset(self, code: str, mode: str) -> None:
        """SCS: `mode` is the character that names the slot: ( ) * + and - . / for 96-sets."""
        slot = "()*+".find(mode)
        if slot < 0:
            slot = " -./".find(mode)
            code = charsets.ASCII  # 96-character sets leave the ASCII half unchanged
        if slot >= 0 and self._charsets[slot] != code:  # ncurses resets it with each attribute
            self._charsets[slot] = code
            self._refresh()

    def shift_in(self) -> None:
        """SI: G0."""
        self._lock(0)

    def shift_out(self) -> None:
        """SO: G1."""
        self._lock(1)

    def _lock(self, slot: int) -> None:
        self._gl = slot
        self._refresh()

    def _shift_once(self, slot: int) -> None:
        """SS2, SS3: for one character."""
        self._single_shift = slot
        self._refresh()

    # --- many lines at once -------------------------------------------------------------------

    def _print_lines(self, block: str) -> None:
        """Print text whose lines all end in CR LF, none holding another control."""
        self._print_each(block.split("\r\n")[:-1], block)
        self._last = ""

    def _print_each(self, lines: list[str], block: str) -> None:
        at = 0
        # Up to the bottom of the screen line by line; from there on the screen only scrolls.
        while at < len(lines) and (self._y < self.lines - 1 or at == 0 or not self._whole):
            if lines[at]:
                self.draw(lines[at])
            self.end_line()
            at += 1
        rest = lines[at:]
        if not rest:
            return
        bottom = self._rows[-1]
        if self._pen is DEFAULT and not (self._phantoms or bottom.used or bottom.chars):
            entries = plain_entries(rest, self.columns, ascii_only=block.isascii())
            if entries is not None:
                self._scroll_through(entries)
                return
        for line in rest:
            if line:
                self.draw(line)
            self.end_line()

    def _scroll_through(self, entries: list[Entry]) -> None:
        """Scroll plain lines in the default style in from the bottom row."""
        rows = self._rows
        count = len(entries)
        leaving = max(0, count - (self.lines - 1))
        above = rows[:-1]
        if not self.alternate:
            for row in above[:count]:
                self._push(row)
            self.history.extend(entries[:leaving])
        fresh = above[count:]
        for entry in entries[leaving:]:
            row = Row.unpack(entry, self.columns)
            row.gen = self.generation
            fresh.append(row)
        fresh.append(Row())
        rows[:] = fresh
        self._touch_all()


def plain_entries(lines: list[str], cols: int, *, ascii_only: bool) -> list[Entry] | None:
    """The rows that plain lines take, in their scrollback form.

    None if only drawing can tell: zero-width marks, or wide text that wraps.
    """
    if ascii_only and max(map(len, lines)) <= cols:
        return [line.rstrip(" ") for line in lines]
    out: list[Entry] = []
    for line in lines:
        if not line.isascii():
            widths = list(map(WIDTH.__getitem__, line))
            if min(widths) < 1 or sum(widths) > cols:
                return None
        elif len(line) > cols:
            last = (len(line) - 1) // cols * cols
            spans = (cols, DEFAULT)
            out += [(line[at : at + cols], spans, True) for at in range(0, last, cols)]
            line = line[last:]
        out.append(line.rstrip(" "))
    return out
