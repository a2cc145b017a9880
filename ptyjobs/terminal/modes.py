"""The modes that a program sets and resets.

Owns SM/RM, DECSET/DECRST with their side effects (alternate screen, origin, margins), saving and
restoring modes, the DECRQM value of each, the kitty keyboard stack and the resets. Never replies by
itself. Mode numbers: xterm's ctlseqs; 2026 and 2027 from the terminal-wg documents.
"""

from __future__ import annotations

from .row import Row
from .state import MAX_STACK
from .style import DEFAULT
from .values import Modes, ShellMark
from .writing import Writing

_MOUSE = {9: "x10", 1000: "normal", 1002: "button", 1003: "any"}
_ENCODING = {1005: "utf8", 1006: "sgr", 1015: "urxvt", 1016: "sgr_pixels"}
_KNOWN_DEC = frozenset(
    (1, 3, 5, 6, 7, 12, 25, 40, 41, 45, 66, 69, 1004, 1007, 1034, 1036, 1045, 2004, 2026, 2027)
)
_UNSAVED = frozenset((3, 6, 47, 1047, 1048, 1049))  # saving these would save more than a mode
_KNOWN_ANSI = frozenset((2, 4, 12, 20))
MAX_MODES = 512


class ModeHandlers(Writing):
    """Handlers of the mode family."""

    @property
    def modes(self) -> Modes:
        """All modes as one frozen value."""
        dec = self._dec
        return Modes(
            application_cursor=1 in dec,
            application_keypad=self._keypad,
            bracketed_paste=2004 in dec,
            mouse=self._mouse,
            mouse_encoding=self._mouse_encoding,
            focus=1004 in dec,
            kitty_flags=self._kitty_flags,
            modify_other_keys=self._modify_other_keys,
            newline_mode=self._newline,
            cursor_visible=25 in dec,
            cursor_style=self._cursor_style,
            synchronized=2026 in dec,
            insert=self._insert,
            origin=self._origin,
            autowrap=self._autowrap,
            reverse_video=5 in dec,
            reverse_wrap=45 in dec or 1045 in dec,
            left_right_margins=self._margins_lr,
            eight_bit_controls=self._eight_bit,
        )

    def set_mode(self, *modes: int, private: bool = False) -> None:
        """SM, or DECSET when `private`."""
        for mode in modes:
            self._set_dec(mode) if private else self._set_ansi(mode, on=True)
        self._refresh()

    def reset_mode(self, *modes: int, private: bool = False) -> None:
        """RM, or DECRST when `private`."""
        for mode in modes:
            self._reset_dec(mode) if private else self._set_ansi(mode, on=False)
        self._refresh()

    def set_private_mode(self, *modes: int) -> None:
        """DECSET."""
        self.set_mode(*modes, private=True)

    def reset_private_mode(self, *modes: int) -> None:
        """DECRST."""
        self.reset_mode(*modes, private=True)

    def _set_ansi(self, mode: int, *, on: bool) -> None:
        if mode not in _KNOWN_ANSI:
            self._note_unknown(f"mode {mode}")
        elif on:
            self._ansi.add(mode)
        else:
            self._ansi.discard(mode)

    def _set_dec(self, mode: int) -> None:
        if mode in _MOUSE:
            self._mouse = _MOUSE[mode]
            return
        if mode in _ENCODING:
            self._mouse_encoding = _ENCODING[mode]
            return
        if mode in (47, 1047, 1048, 1049):
            if mode in (1048, 1049):
                self.save_cursor()
            if mode != 1048:
                self._enter_alternate(clear=mode == 1049)
            return
        if mode == 6:
            self._dec.add(6)
            self._refresh()
            self.cursor_position()
        elif mode == 3:
            self._column_mode()
        elif mode == 5:
            self._touch_all()
        elif mode == 66:
            self._keypad = True
        elif mode == 2004:
            if mode not in self._dec and not self.alternate:
                self._mark_here("E", again=self._paste_left == self._cell())
        elif mode not in _KNOWN_DEC:
            self._note_unknown(f"mode ?{mode}")
            return
        self._dec.add(mode)

    def _reset_dec(self, mode: int) -> None:
        if mode in _MOUSE:
            self._mouse = ""
            return
        if mode in _ENCODING:
            if self._mouse_encoding == _ENCODING[mode]:
                self._mouse_encoding = ""
            return
        if mode in (47, 1047, 1048, 1049):
            if mode != 1048:
                self._leave_alternate(keep=mode == 47)
            if mode in (1048, 1049):
                self.restore_cursor()
            return
        if mode == 6:
            self._dec.discard(6)
            self._refresh()
            self.cursor_position()
        elif mode == 3:
            self._column_mode()
        elif mode == 5:
            self._touch_all()
        elif mode == 66:
            self._keypad = False
        elif mode == 7:
            self._pending = False
        elif mode == 69:
            self._left, self._right = 0, self.columns - 1
        elif mode == 2004:
            if mode in self._dec:
                self._paste_left = self._cell()
        elif mode not in _KNOWN_DEC:
            self._note_unknown(f"mode ?{mode}")
            return
        self._dec.discard(mode)

    def _cell(self) -> tuple[int, int]:
        """The cursor's absolute line, and its column."""
        return self.history.total + self._y, self.columns if self._pending else self._x

    def _mark_here(self, kind: str, code: int | None = None, *, again: bool = False) -> None:
        line, col = self._cell()
        self.marks.append(ShellMark(kind, line, col, code, self._mark_order, again))
        self._mark_order += 1

    def _column_mode(self) -> None:
        """DECCOLM clears and homes if 40 allows it; the width is the pty's and does not change."""
        if 40 in self._dec:
            self._reset_margins()
            self._refresh()
            self._clear_rows()
            self.cursor_position()

    def save_modes(self, *modes: int) -> None:
        """XTSAVE."""
        for mode in modes:
            if len(self._saved_modes) < MAX_MODES and mode not in _UNSAVED:
                self._saved_modes[mode] = self.mode_state(mode) == 1

    def restore_modes(self, *modes: int) -> None:
        """XTRESTORE."""
        for mode in modes:
            if mode in self._saved_modes:
                change = self.set_mode if self._saved_modes[mode] else self.reset_mode
                change(mode, private=True)

    def mode_state(self, mode: int, *, private: bool = True) -> int:
        """The DECRPM value of a mode: 1 set, 2 reset, 0 unknown, 4 always reset."""
        if not private:
            if mode in (1, 5, 7, 10, 11, 13, 14, 15, 16, 17, 18, 19):
                return 4
            return 0 if mode not in _KNOWN_ANSI else 1 if mode in self._ansi else 2
        if mode in (47, 1047, 1049):
            return 1 if self.alternate else 2
        if mode == 1048:
            return 1 if self._sides[self.alternate].saved else 2
        if mode in _MOUSE:
            return 1 if self._mouse == _MOUSE[mode] else 2
        if mode in _ENCODING:
            return 1 if self._mouse_encoding == _ENCODING[mode] else 2
        if mode == 66:
            return 1 if self._keypad else 2
        return 0 if mode not in _KNOWN_DEC else 1 if mode in self._dec else 2

    # --- alternate screen ---------------------------------------------------------------------

    def _enter_alternate(self, *, clear: bool) -> None:
        if not self.alternate:
            side = self._sides[1]
            if len(side.rows) != self.lines:
                side.rows[:] = [Row() for _ in range(self.lines)]
            self.alternate = True
            self._rows = side.rows
            self._touch_all()
            self._unwrap_pending()
        if clear:
            self._clear_rows()

    def _leave_alternate(self, *, keep: bool) -> None:
        """`keep`: mode 47 shows the same content when it is set again."""
        if self.alternate:
            side = self._sides[1]
            if not keep:
                side.rows.clear()
            side.kitty.clear()
            self.alternate = False
            self._rows = self._sides[0].rows
            self._touch_all()
            self._unwrap_pending()

    def _clear_rows(self) -> None:
        style = self._pen.blank
        for row in self._rows:
            row.clear(self.columns, style)
            row.gen = self.generation

    # --- keyboards ----------------------------------------------------------------------------

    def set_keypad(self, *, on: bool) -> None:
        """DECKPAM and DECKPNM."""
        self._keypad = on

    @property
    def _kitty_flags(self) -> int:
        stack = self._sides[self.alternate].kitty
        return stack[-1] if stack else 0

    def kitty_push(self, flags: int = 0) -> None:
        """`CSI > flags u`."""
        stack = self._sides[self.alternate].kitty
        if len(stack) >= MAX_STACK:
            del stack[0]
        stack.append(flags & 31)

    def kitty_pop(self, count: int | None = None) -> None:
        """`CSI < count u`."""
        stack = self._sides[self.alternate].kitty
        del stack[max(0, len(stack) - (count or 1)) :]

    def kitty_set(self, flags: int = 0, how: int = 0) -> None:
        """`CSI = flags ; how u`: 1 replaces, 2 adds, 3 removes."""
        stack = self._sides[self.alternate].kitty
        old = stack.pop() if stack else 0
        flags &= 31
        stack.append(flags if how in (0, 1) else old | flags if how == 2 else old & ~flags)

    def set_key_modifiers(self, what: int = -1, value: int = 0) -> None:
        """`CSI > 4 ; n m`: modifyOtherKeys; without arguments reset to the default."""
        if what in (4, -1):
            self._modify_other_keys = value if value <= 3 else 0

    def set_cursor_style(self, style: int = 0) -> None:
        """DECSCUSR."""
        if style <= 6:
            self._cursor_style = style

    # --- resets -------------------------------------------------------------------------------

    def soft_reset(self) -> None:
        """DECSTR: modes, margins, pen and saved cursor; the content stays."""
        self._dec -= {1, 6, 66, 69, 45, 1045}
        self._dec |= {7, 25}
        self._ansi.discard(4)
        self._keypad = False
        self._reset_margins()
        self._charsets = ["B"] * 4
        self._gl = 0
        self._single_shift = None
        self._pen = DEFAULT
        self._pending = False
        self._sides[self.alternate].saved = None
        self._modify_other_keys = 0
        self._sides[self.alternate].kitty.clear()
        self._refresh()

    def reset(self) -> None:
        """RIS: everything but the size, the scrollback and the counters."""
        self._reset_state()

    def set_level(self, level: int = 0, controls: int = 0) -> None:
        """DECSCL: a soft reset, and 7- or 8-bit replies."""
        if 61 <= level <= 65:
            self.soft_reset()
            self._level = level - 60
            self._eight_bit = level > 61 and controls in (0, 2)

    def set_eight_bit(self, *, on: bool) -> None:
        """S8C1T and S7C1T: the form of the introducer in replies."""
        self._eight_bit = on
