"""Fast paths for large output: `feed_fast` and `skip`.

Owns the shortcut through heavy output. `feed_fast` ends in the same state as `feed`: a stretch of
text, CR LF, tabs, SGR and EL alone needs no rendering except for its last rows, which are held back
from window to window; lines for the scrollback are kept as text in `history.Block`s and rendered
when first read. `skip` is for bytes that will never be shown: it keeps the terminal's state (modes,
titles, marks, margins, pen) and counts lines, but draws nothing.
"""

from __future__ import annotations

import re
from typing import Any

from ptyjobs.model import Size

from .feeding import SMALL_WINDOW, Feeding
from .history import Block
from .parser import At
from .passes import POSSESSIVE
from .row import Entry, Row
from .style import Style, after_sgr
from .widths import one_cell_each, rows_of

MIN_FAST = 1 << 15  # bytes below which the normal path is as fast
BLOCK_LINES = 128
MAX_LINE_BYTES = 4096  # on average; longer lines are mostly escape sequences

WINDOW = 1 << 16  # bytes per step, so that the strings made from them stay in the CPU cache
LAST = 3  # bytes at the end that may be an incomplete character

_SIMPLE = re.compile(
    r"(?:[^\x00-\x08\x0a-\x1f\x7f-\x9f]++|\r\n|\x1b\[(?:[0-9;:]{0,40}+m|0?K))*" + POSSESSIVE
)
_TEXT = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte in b"\t\r\n")
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_SGR = re.compile(r"\x1b\[[0-9;:]{0,40}+m")
_WITHOUT_CELLS = re.compile(r"\x1b\[(?:[0-9;:]{0,40}+m|0?K)")
_KEPT = (  # every branch starts with ESC, so that the regex engine finds it quickly
    r"\x1b(?:\[[0-?]*+[ -/]*+[hlrsuqpt]"  # modes, margins, saved cursor, resets, keyboard, titles
    r"|\][^\x07\x18\x1a\x1b]*+(?:\x07|\x1b\\)"
    r"|[()*+./-][ -/]*+[0-~]"
    r"|[78=>cno]| [FG]"
)
_STATEFUL = re.compile(_KEPT + ")")
_STATEFUL_OR_SGR = re.compile(_KEPT + r"|\[[0-9;:]*+m)")


class Fast(Feeding):
    """Fast paths for heavy output."""

    @staticmethod
    def _scratch(size: Size, scrollback: int) -> Any:
        """An empty screen; overridden by `Screen`, which this module cannot import."""
        raise NotImplementedError

    def _block(self, text: str, count: int, style: Style, blank: Style) -> Block:
        """Lines for the scrollback, drawn on a screen of their own when first read."""
        make, cols = self._scratch, self.columns

        def render() -> list[Entry]:
            # Two rows: the last line written ends on the upper one, all others have scrolled off.
            screen = make(Size(2, cols), count)
            screen._y = 1
            screen._pen = style
            screen._rows[1].clear(cols, blank)
            screen._phantoms = 1  # the row above
            screen._run(text)
            return [*screen.history.slice(0, count), screen._rows[0].pack()]

        return Block(count, render)

    def feed_fast(self, data: bytes) -> bytes:
        """Like `feed`, but faster: the same state and the same replies."""
        if len(data) < MIN_FAST:
            return self.feed(data)
        self.generation += 1
        held: list[str] | None = None  # the last passed lines, which may stay visible
        at = data.find(b"\n", 0, WINDOW) + 1  # windows begin at line starts
        self._run(self._decoder.decode(data[:at]))
        while at < len(data):
            stop = data.rfind(b"\n", at, at + WINDOW) + 1 or min(at + WINDOW, len(data))
            piece = data[at:stop]
            at = stop
            text = self._decoder.decode(piece)
            lines = self._passable(piece, text, passing=held is not None)
            if lines is not None:
                held = self._pass(held, lines)
            else:
                self._draw_held(held)
                held = None
                self._mixed(text)
        self._draw_held(held)
        return self._take_replies()

    def _passable(self, piece: bytes, text: str, *, passing: bool) -> list[str] | None:
        """The lines of `text`, decoded from `piece`, if all of them only scroll through."""
        if not self._whole or self._newline or (self._phantoms and not passing):
            return None
        if self._machine.at is not At.GROUND or not text.endswith("\r\n"):
            return None
        if b"\x1b" in piece and _SIMPLE.fullmatch(text) is None:
            return None
        lines = text.split("\r\n")
        lines.pop()
        if len(text) > len(lines) * MAX_LINE_BYTES:
            return None
        return lines if b"\x1b" in piece or _no_controls(piece, lines) else None

    def _pass(self, held: list[str] | None, lines: list[str]) -> list[str] | None:
        """Let lines scroll through after the held ones; the new held lines, None if all drawn."""
        if held is None:
            head = self.lines + 1  # the screen's lines scroll off and the cursor reaches the bottom
            self._draw_held(lines[:head])
            if len(lines) < head:
                return None
            held, lines = [], lines[head:]
        lines = held + lines
        tail = 2 * self.lines + 1
        if len(lines) > tail:
            middle = lines[:-tail]
            counts = self._row_counts(middle)
            if counts is None:
                self._draw_held(lines)
                return None
            self._pass_over(middle, counts)
        return lines[-tail:]

    def _draw_held(self, lines: list[str] | None) -> None:
        if lines:
            self._run("\r\n".join(lines) + "\r\n")

    def _mixed(self, text: str) -> None:
        """Process text of any content."""
        pos, end = 0, len(text)
        while pos < end:
            if self._machine.at is At.GROUND:
                found = _SIMPLE.match(text, pos)
                stop = text.rfind("\n", pos, found.end() if found else pos) + 1
                if stop - pos >= MIN_FAST:
                    if not self._flood(text[pos:stop]):
                        self._run(text[pos:stop])
                    pos = stop
                    continue
            # A cut sequence ends soon; the rest may take the fast path again.
            cut = pos + (MIN_FAST if self._machine.at is At.GROUND else SMALL_WINDOW)
            self._run(text[pos:cut])
            pos = cut

    def _flood(self, text: str) -> bool:
        """Process lines of text and SGR; False if the fast path does not apply."""
        if not self._whole or self._newline or self._phantoms:
            return False
        lines = text.split("\r\n")
        lines.pop()
        if len(text) > len(lines) * MAX_LINE_BYTES:
            return False
        self._draw_held(self._pass(None, lines))
        return True

    def _row_counts(self, lines: list[str]) -> list[int] | None:
        """Number of rows of each line; None if only drawing can tell."""
        texts, bare = lines, "\n".join(lines)
        if "\x1b" in bare:
            bare = _WITHOUT_CELLS.sub("", bare)
            texts = bare.split("\n")
        cols = self.columns
        if "\t" in bare:
            if self._tabs != set(range(8, cols, 8)) or not bare.isascii():
                return None
            bare = bare.expandtabs(8)
            texts = bare.split("\n")
            if max(map(len, texts)) > cols:
                return None  # a tab in the last column does not move
        longest = max(map(len, texts))
        if one_cell_each(bare):
            if longest > cols:
                return [-(-len(text) // cols) or 1 for text in texts]
        elif cols < 2:
            return None  # there is no room for a wide character on any line
        elif longest * 2 > cols:
            return [rows_of(text, cols) for text in texts]
        return [1] * len(lines)

    def _pass_over(self, lines: list[str], counts: list[int]) -> None:
        """Move `lines` into the scrollback undrawn, as if they had scrolled through."""
        rows = self._rows
        if not self.alternate:
            for row in rows[:-1]:
                self._push(row)
        style = self._pen
        blank = rows[-1].cells(1)[1][0]
        for start in range(0, len(lines), BLOCK_LINES):
            piece = lines[start : start + BLOCK_LINES]
            count = sum(counts[start : start + BLOCK_LINES])
            text = "\r\n".join(piece) + "\r\n"
            after = _pen_after(style, text)
            if not self.alternate:
                self.history.push_block(self._block(text, count, style, blank))
            style = after
            blank = style.blank
        self._pen = style
        fresh = Row()
        fresh.clear(self.columns, style.blank)
        rows[:] = [*(Row() for _ in range(self.lines - 1)), fresh]
        self._touch_all()
        if not self.alternate:
            self._phantoms = self.lines - 1

    def skip(self, data: bytes) -> None:
        """Process output that will never be shown.

        Modes, titles, margins, character sets, alternate screen, marks and the pen are as `feed`
        would leave them, and lines are counted; cells, cursor and scrollback are not: the screen
        is blank afterwards with the cursor at the bottom left. Queries are not answered.
        """
        if plain(data) and self.skip_lines(data.count(b"\n"), data[-LAST:]):
            return
        self.generation += 1
        self._last = ""
        text = self._decoder.decode(data)
        replies, self.replies_on = self.replies_on, False
        if self._machine.at is not At.GROUND:
            text = text[self._run_machine(text, 0) :]
        lines = text.count("\n")
        reset = max(text.rfind("\x1b[m"), text.rfind("\x1b[0m"), 0)
        self._run_tokens(_STATEFUL.findall(text, 0, reset))
        self._run_tokens(_STATEFUL_OR_SGR.findall(text, reset))
        shifts = max(text.rfind("\x0e"), text.rfind("\x0f"))
        if shifts >= 0:
            self._run_tokens([text[shifts]])
        last = text.rfind("\x1b")
        if last >= 0 and _STATEFUL_OR_SGR.match(text, last) is None:
            self._run_machine(text, last)  # perhaps incomplete: the next bytes continue it
        self.replies_on = replies
        self._replies.clear()
        self._pass_blank(lines)

    def skip_lines(self, lines: int, last: bytes) -> bool:
        """`skip` of `plain` output with counted lines; `last` is its last `LAST` bytes.

        Returns False and changes nothing if the output before it ends within a sequence.
        """
        if self._machine.at is not At.GROUND:
            return False
        self.generation += 1
        self._last = ""
        self._decoder.reset()
        self._decoder.decode(last)  # a character may be incomplete at the end
        self._pass_blank(lines)
        return True

    @property
    def has_margins(self) -> bool:
        """True if margins limit scrolling to a part of the screen."""
        return self._margins_lr or self._top > 0 or self._bottom < self.lines - 1

    def _pass_blank(self, lines: int) -> None:
        """Record that `lines` lines have scrolled through undrawn; the screen is blank."""
        self._clear_rows()
        if not self.alternate:
            self.history.skip(lines)
        self._x, self._y, self._pending = 0, self.lines - 1, False


def _no_controls(piece: bytes, lines: list[str]) -> bool:
    """True if the lines of `piece`, which has no ESC, contain no control except tabs.

    The same test as `_SIMPLE`, five times faster.
    """
    if piece.translate(None, _TEXT) or 0x80 <= piece[0] < 0xC0 or _C1.search(piece) is not None:
        return False  # (the first byte may end a C1 control that began in the previous piece)
    bare = "".join(lines)
    return "\r" not in bare and "\n" not in bare


def plain(data: bytes) -> bool:
    """True for text without sequences; `in` is a hundred times faster than a regex."""
    if b"\x1b" in data or b"\x0e" in data or b"\x0f" in data:
        return False
    return len(data) >= LAST


def _pen_after(style: Style, text: str) -> Style:
    """The style after lines of text and SGR: only sequences after the last reset count."""
    if "\x1b" not in text:
        return style
    at = max(text.rfind("\x1b[m"), text.rfind("\x1b[0m"), 0)
    for token in _SGR.findall(text, at):
        style = after_sgr(style, token[2:-1])
    return style
