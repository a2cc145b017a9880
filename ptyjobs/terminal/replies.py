"""Replies to a program's queries.

Owns DA, DSR, CPR, DECRQM, XTVERSION, window and colour reports, DECRQSS, XTGETTCAP, and the limit
on the amount of replies. Never waits and never sends: `feed` returns the bytes to its caller. Two
subtle things: no reply ever contains text that came from the program (a file could otherwise type
commands at a shell), and replies are rate-limited, so that a hostile file cannot cause a flood.

Without a reply prompt_toolkit waits 2 s, fish 4 up to 10 s, neovim 1 s on leaving.
"""

from __future__ import annotations

from .colours import RGB, TERMINAL, palette
from .modes import ModeHandlers
from .style import sgr

REPLIES_PER_SECOND = 4096
MAX_BUDGET = 4096
CELL = (20, 10)  # cell size reported to programs, in pixels: height, width

_CAPABILITIES = {"TN": b"xterm-256color", "Co": b"256", "colors": b"256", "RGB": b"8/8/8"}


class Replies(ModeHandlers):
    """Handlers that reply."""

    version = "0"
    replies_on = True
    """Off while a person's own terminal is attached: that terminal replies."""

    def _init_replies(self) -> None:
        self._replies: list[bytes] = []
        self.reply_budget = MAX_BUDGET
        self._refilled = 0.0
        self.replies_dropped = 0

    def refill_replies(self, now: float) -> None:
        """Refill the reply allowance up to `now` (seconds of any monotonic clock)."""
        if now > self._refilled:
            more = int((now - self._refilled) * REPLIES_PER_SECOND)
            if more:
                self.reply_budget = min(MAX_BUDGET, self.reply_budget + more)
                self._refilled = now

    def _reply(self, text: str) -> None:
        if not self.replies_on:
            return
        if self._eight_bit:
            for seven, eight in (("\x1b[", "\x9b"), ("\x1bP", "\x90"), ("\x1b\\", "\x9c")):
                text = text.replace(seven, eight)
        data = text.encode("latin-1", "replace")
        if len(data) > self.reply_budget:
            self.replies_dropped += 1
            return
        self.reply_budget -= len(data)
        self._replies.append(data)

    def _take_replies(self) -> bytes:
        if not self._replies:
            return b""
        out = b"".join(self._replies)
        self._replies.clear()
        return out

    # --- identity -----------------------------------------------------------------------------

    def report_device_attributes(self, mode: int = 0, private: bool = False) -> None:
        """DA1: a VT220 with colours."""
        if mode == 0 and not private:
            self._reply("\x1b[?62;22c")

    def report_secondary_attributes(self, mode: int = 0) -> None:
        """DA2."""
        if mode == 0:
            self._reply("\x1b[>1;10;0c")

    def report_tertiary_attributes(self, mode: int = 0) -> None:
        """DA3."""
        if mode == 0:
            self._reply("\x1bP!|00000000\x1b\\")

    def report_version(self, mode: int = 0) -> None:
        """XTVERSION."""
        if mode == 0:
            self._reply(f"\x1bP>|ptyjobs({self.version})\x1b\\")

    def report_parameters(self, kind: int = 0) -> None:
        """DECREQTPARM."""
        if kind in (0, 1):
            self._reply(f"\x1b[{kind + 2};1;1;128;128;1;0x")

    # --- status -------------------------------------------------------------------------------

    def report_device_status(self, mode: int = 0, private: bool = False) -> None:
        """DSR 5 and 6 (CPR), and the DEC forms."""
        row = self._y + 1 - (self._top if self._origin else 0)
        col = self._x + 1 - (self._left if self._origin else 0)
        if not private:
            if mode == 5:
                self._reply("\x1b[0n")
            elif mode == 6:
                self._reply(f"\x1b[{row};{col}R")
            return
        answers = {
            6: f"\x1b[?{row};{col}R",
            15: "\x1b[?13n",  # no printer
            25: "\x1b[?21n",  # user-defined keys are locked
            26: "\x1b[?27;1;0;0n",  # North American keyboard
            53: "\x1b[?50n",  # no locator
            55: "\x1b[?50n",
            56: "\x1b[?57;0n",
            62: "\x1b[0*{",  # no macro space
            63: f"\x1bP{self._checksum_id(0)}!~0000\x1b\\",
            75: "\x1b[?70n",  # data integrity: ready, no errors
            85: "\x1b[?83n",  # not configured for several sessions
        }
        if mode in answers:
            self._reply(answers[mode])

    def report_private_status(self, mode: int = 0, ident: int = 0) -> None:
        """DECDSR."""
        if mode == 63:
            self._reply(f"\x1bP{self._checksum_id(ident)}!~0000\x1b\\")
        else:
            self.report_device_status(mode, private=True)

    def _checksum_id(self, ident: int) -> int:
        return min(ident, 9999)

    def report_mode(self, mode: int = 0) -> None:
        """DECRQM for an ANSI mode."""
        mode = min(mode, 9999)
        self._reply(f"\x1b[{mode};{self.mode_state(mode, private=False)}$y")

    def report_private_mode(self, mode: int = 0) -> None:
        """DECRQM for a private mode."""
        mode = min(mode, 9999)
        self._reply(f"\x1b[?{mode};{self.mode_state(mode)}$y")

    def report_kitty_flags(self) -> None:
        """`CSI ? u`."""
        self._reply(f"\x1b[?{self._kitty_flags}u")

    def report_key_modifiers(self, what: int = 0) -> None:
        """`CSI ? 4 m`."""
        if what == 4:
            self._reply(f"\x1b[>4;{self._modify_other_keys}m")

    def report_state(self, kind: int = 0) -> None:
        """DECRQPSR: 2 asks for the tab stops."""
        if kind == 2:
            stops = "/".join(str(x + 1) for x in sorted(self._tabs) if x < self.columns)
            self._reply(f"\x1bP2$u{stops}\x1b\\")
        elif kind == 1:
            self._reply(f"\x1bP1$u{self._cursor_report()}\x1b\\")

    def _cursor_report(self) -> str:
        pen = self._pen
        looks = pen.bold * 1 + bool(pen.underline) * 2 + pen.blink * 4 + pen.reverse * 8
        flags = self._origin * 1 + (self._single_shift == 2) * 2 + (self._single_shift == 3) * 4
        flags += self._pending * 8
        sets = "".join(c if len(c) == 1 else "B" for c in self._charsets)
        return (
            f"{self._y + 1};{self._x + 1};1;{chr(0x40 + looks)};{chr(0x40 + pen.protected)};"
            f"{chr(0x40 + flags)};{self._gl};2;@;{sets}"
        )

    # --- size ---------------------------------------------------------------------------------

    def window(self, what: int = 0, which: int = 0, *_: int) -> None:
        """XTWINOPS: the reports and the title stack; no operation that moves a window."""
        height, width = CELL
        answers = {
            11: "\x1b[1t",
            13: "\x1b[3;0;0t",
            14: f"\x1b[4;{self.lines * height};{self.columns * width}t",
            15: f"\x1b[5;{self.lines * height};{self.columns * width}t",
            16: f"\x1b[6;{height};{width}t",
            18: f"\x1b[8;{self.lines};{self.columns}t",
            19: f"\x1b[9;{self.lines};{self.columns}t",
            20: "\x1b]L\x1b\\",  # titles come from the program: never reported back
            21: "\x1b]l\x1b\\",
        }
        if what in answers:
            self._reply(answers[what])
        elif what == 22:
            if len(self._titles) >= 16:
                del self._titles[0]
            self._titles.append((self.title, self.icon_title))
        elif what == 23 and self._titles:
            title, icon = self._titles.pop()
            self.title = title if which in (0, 2) else self.title
            self.icon_title = icon if which in (0, 1) else self.icon_title

    # --- strings ------------------------------------------------------------------------------

    def _report_setting(self, name: str) -> None:
        """DECRQSS."""
        known = {
            "m": sgr(self._pen)[2:-1] or "0",
            "r": f"{self._top + 1};{self._bottom + 1}",
            "s": f"{self._left + 1};{self._right + 1}",
            " q": str(self._cursor_style or 1),
            '"p': f"6{self._level};{0 if self._eight_bit else 1}",
            '"q': str(int(self._pen.protected)),
            "t": str(self.lines),
            "*|": str(self.lines),
            "$|": str(self.columns),
            "*x": "2" if self._rectangular else "0",
        }
        if name in known:
            self._reply(f"\x1bP1$r{known[name]}{name}\x1b\\")
        else:
            self._reply("\x1bP0$r\x1b\\")

    def _report_capabilities(self, names: str) -> None:
        """XTGETTCAP: names in hex; unknown names are refused without repeating them."""
        for name in names.split(";")[:32]:
            try:
                plain = bytes.fromhex(name).decode("ascii")
            except ValueError:
                plain = ""
            if plain in _CAPABILITIES:
                value = _CAPABILITIES[plain].hex().upper()
                self._reply(f"\x1bP1+r{plain.encode().hex().upper()}={value}\x1b\\")
            else:
                self._reply("\x1bP0+r\x1b\\")

    def _report_colour(self, code: str, colour: RGB, end: str) -> None:
        red, green, blue = (f"{part:02x}" * 2 for part in colour)
        self._reply(f"\x1b]{code};rgb:{red}/{green}/{blue}{end}")

    def _colour(self, slot: int) -> RGB:
        """A palette entry (0-255) or a special colour (10, 11, 12 as 1000 + n)."""
        if slot in self._colours:
            return self._colours[slot]
        if slot >= 1000:
            return TERMINAL.bg if slot == 1011 else TERMINAL.fg
        return palette(slot, TERMINAL)
