"""Interpret output: decode bytes, tokenise, call handlers (`feed`).

Owns decoding, the tokenising regular expression and the loop. The subtle thing is speed: pure
Python can afford about a microsecond per sequence, so

* one possessive regular expression cuts the text into tokens, in C, as a plain list of strings;
* an SGR sequence seen before is one look-up in the current style's cache;
* any other sequence seen before is one look-up in `_known`, parsed arguments included;
* a run of plain lines is one token, most of which goes to the scrollback without becoming rows.

Text that the expression does not recognise starts with a lone ESC and goes to `parser.Machine`.

An exception in a handler drops only its own sequence and is counted in `errors`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any

from .parser import MAX_SEQUENCE, At, Done, Machine
from .parser_table import CSI, SIMPLE, arguments, parse
from .passes import AFTER_PLACE, ASCII_G0, BEGINS_PASS, PLACE, POSSESSIVE, TEXT, place_of, places
from .redraws import Redraws, is_redraw, only_csi
from .style import after_sgr

WINDOW = 1 << 16  # characters tokenised at once
SMALL_WINDOW = 256  # after a damaged sequence, so that hostile input takes linear time
MAX_CUT = 64  # characters of a sequence that the end of a window cut, read again in the next one
MAX_KNOWN = 8192

_BLOCK = rf"{TEXT}++\r\n(?:{TEXT}*+\r\n){{3,}}{POSSESSIVE}"  # plain lines
_TOKENS = (
    r"\x1b\[[0-?]*+[ -/]*+[@-~]"  # CSI
    rf"|{TEXT}++"
    r"|\r\n"
    r"|\x1b\][^\x00-\x1f]*+(?:\x07|\x1b\\)"  # OSC
    r"|\x1b[ -/]*+[0-OQ-WYZ\\`-~]"  # other escapes
    r"|[\x00-\x1f\x7f]"
)
TOKEN = re.compile(rf"{_BLOCK}|{_TOKENS}")
# The most frequent start is tried first, and nothing twice; the rest of a pass follows unless
# group 2, a token, has matched.
TOKEN_OR_PASS = re.compile(
    rf"(?:({PLACE})|({_BLOCK}|(?!{BEGINS_PASS})(?:{_TOKENS}))|)(?(2)|{AFTER_PLACE})"
)
_C1 = re.compile("[\x80-\x9f]")
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")

Match = tuple[str, str, str, str, str, str, str]
"""Of TOKEN_OR_PASS: place, token, style, text, rest, erase, line end; a token stands alone."""

Handler = tuple[Callable[..., None], tuple[Any, ...]]


class Feeding(Redraws):
    """The loop, and the cache of parsed sequences."""

    _known: dict[str, Handler] = {}  # noqa: RUF012  # shared by all screens on purpose

    def _init_feeding(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._machine = Machine()
        self._init_pieces()

    def feed(self, data: bytes) -> bytes:
        """Process output of the job; returns the replies that it requests, in stream order.

        Never raises. This is the normal path; `feed_fast` reaches the same state faster if the
        output is large.
        """
        self.generation += 1
        self._run(self._decoder.decode(data))
        return self._take_replies()

    def _run(self, text: str) -> None:
        if not text.isascii() and _C1.search(text) is not None:
            # C1 controls as code points (8-bit controls in UTF-8) become their two-character forms.
            text = _C1.sub(lambda c1: "\x1b" + chr(ord(c1.group()) - 0x40), text)
        if "\x7f" in text:
            text = text.replace("\x7f", "")  # DEL is ignored everywhere
        pos, end = 0, len(text)
        window = WINDOW
        while pos < end:
            if self._machine.at is not At.GROUND:
                pos = self._run_machine(text, pos)
                window = SMALL_WINDOW
                continue
            stop = min(end, pos + window)
            if text.find("\x1b", pos, stop) < 0:
                left = self._run_tokens(TOKEN.findall(text, pos, stop))
            elif self._takes_pieces(text, pos):
                left = self._run_pieces(text[pos:stop])
            elif is_redraw(text, pos) and only_csi(text[pos:stop]):
                left = self._run_redraw(text[pos:stop])
            else:
                found = TOKEN_OR_PASS.findall(text, pos, stop)
                left = self._run_passes(found, only_ascii=text.isascii())
            pos = stop - left
            if left > MAX_CUT or (left and stop == end):
                pos = self._run_machine(text, pos)
                window = SMALL_WINDOW
            else:
                window = min(window * 4, WINDOW)

    def _run_machine(self, text: str, pos: int) -> int:
        out: list[Done] = []
        pos = self._machine.step(text, pos, out)
        for done in out:
            self._guard(self._execute, done)
        return pos

    def _guard(self, handler: Callable[..., None], *args: Any) -> None:
        try:
            handler(*args)
        except Exception:  # see _run_tokens
            self.errors += 1

    def _run_passes(self, found: list[Match], *, only_ascii: bool) -> int:
        """Like `_run_tokens`, for matches of TOKEN_OR_PASS: a token, or the parts of a pass."""
        known, draw_pass, known_place = self._known, self._draw_pass, places.get
        lines, columns, gen = self.lines, self.columns, self.generation
        rest = iter(found)
        while True:
            try:
                plain = self._plain and not self._origin
                rows = self._rows
                for place, token, style, text, more, erase, end in rest:
                    if (
                        place and text and plain and not more and not erase
                        and (only_ascii or text.isascii())
                    ):  # fmt: skip
                        # A few cells in one style, the most frequent pass: inlined for speed.
                        y, x = known_place(place) or place_of(place)
                        cells = len(text)
                        stop = x + cells
                        if y < lines and stop < columns:
                            row = rows[y]
                            chars = row.chars
                            if x == row.used if chars is None else not row.wide:
                                pen = self._pen
                                if style:
                                    style = style[2:-1]
                                    pen = (
                                        pen.kin.get(style)
                                        or pen.after.get(style)
                                        or after_sgr(pen, style)
                                    )
                                    self._pen = pen
                                if chars is None:
                                    row.texts.append(text)
                                    row.pens.append(pen)
                                    row.used = stop
                                else:
                                    chars[x:stop] = text
                                    row.styles[x:stop] = [pen] * cells
                                row.gen = gen
                                self._y = y
                                self._x = stop
                                self._last = text
                                self._pending = False
                                if end:
                                    self._last = ""
                                    if end == "\r\n":
                                        self.end_line()
                                    elif y == self._bottom and not self._newline:
                                        self._scroll_line()
                                    else:
                                        self.linefeed()
                                continue
                    elif token:
                        handler = known.get(token)
                        if handler is not None:
                            handler[0](self, *handler[1])
                            if token != ASCII_G0:  # as in _run_tokens
                                self._last = ""
                        elif self._run_tokens([token]):
                            return 1 + sum(len("".join(parts)) for parts in rest)
                        plain = self._plain and not self._origin
                        rows = self._rows
                        continue
                    if not draw_pass(place, style, text, more, erase, end):
                        parts = (place, style, text, more, erase, end)
                        self._run_tokens(TOKEN.findall("".join(parts)))
                        plain = self._plain and not self._origin
                        rows = self._rows
                return 0
            except Exception:  # see _run_tokens
                self.errors += 1

    def _run_text(self, text: str) -> int:
        return self._run_tokens(TOKEN.findall(text))

    def _run_tokens(self, tokens: list[str]) -> int:
        """Execute tokens; returns the number of unread characters, from a lone ESC on."""
        known = self._known
        draw_plain = self._draw_plain
        rest = iter(tokens)
        while True:
            try:
                for token in rest:
                    if token >= " ":
                        if token[-1] == "\n":
                            self._print_lines(token)
                        elif token.isascii() and self._plain and not self._pending:
                            draw_plain(token)
                        else:
                            self.draw(token)
                        continue
                    if token[-1] == "m" and token[1] == "[":
                        style = self._pen.after.get(token[2:-1])
                        if style is not None:
                            self._pen = style
                            continue
                    handler = known.get(token)
                    if handler is not None:
                        handler[0](self, *handler[1])
                        if token != ASCII_G0:
                            self._last = ""  # REP repeats only the character directly before it
                    elif token == "\x1b":
                        return 1 + sum(map(len, rest))
                    else:
                        self._meet(token)
                return 0
            except Exception:
                # No output may break a screen, which outweighs the project's rule against
                # catch-alls: the sequence is dropped and counted, and processing continues.
                self.errors += 1

    def _draw_plain(self, text: str) -> None:
        """`_draw` for ASCII in the default character set, without insert mode or side margins."""
        x = self._x
        stop = x + len(text)
        columns = self.columns
        if stop > columns:
            self._draw(text)
            return
        row = self._rows[self._y]
        row.gen = self.generation
        self._last = text
        chars = row.chars
        if chars is None:
            if x == row.used:
                row.texts.append(text)
                row.pens.append(self._pen)
                row.used = stop
            elif x == 0 and stop >= row.used:
                row.texts = [text]
                row.pens = [self._pen]
                row.used = stop
            else:
                row.open(columns)
                row.put(x, text, self._pen)
        elif row.wide:
            row.put(x, text, self._pen)
        else:
            chars[x:stop] = text
            row.styles[x:stop] = [self._pen] * (stop - x)
        if stop < columns:
            self._x = stop
        else:
            self._x = columns - 1
            self._pending = self._autowrap
            row.wrapped = False

    # --- sequences met for the first time -----------------------------------------------------

    def _meet(self, token: str) -> None:
        """Execute a whole token and cache the way to do it."""
        sgr = _SGR.fullmatch(token)
        if sgr is not None:
            self._pen = after_sgr(self._pen, sgr.group(1))
            return
        if token.startswith("\x1b]"):
            body, end = (token[2:-1], "\x07") if token[-1] == "\x07" else (token[2:-2], "\x1b\\")
            self.operating_system_command(body, end=end)
            return
        if token.startswith("\x1b["):
            handler = self._csi_handler(token[2:])
        else:
            handler = self._simple_handler(token)
        if handler is None:
            return
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        if len(token) <= 32:
            self._known[token] = handler
        handler[0](self, *handler[1])
        if token != ASCII_G0:
            self._last = ""

    def _execute(self, done: Done) -> None:
        """Execute a sequence completed by the machine."""
        if done.kind == "OSC":
            self.operating_system_command(done.text, end=done.end)
        elif done.kind == "DCS":
            self.device_control_string(done.text)
        else:
            start = {"control": "", "escape": "\x1b", "CSI": "\x1b["}[done.kind]
            self._meet(start + done.text)

    def _csi_handler(self, body: str) -> Handler | None:
        parsed = parse(body) if len(body) <= MAX_SEQUENCE else None
        if parsed is None:
            self._note_unknown("CSI malformed")
            return None
        key, params = parsed
        if key == "m":
            self._pen = after_sgr(self._pen, params)
            return None
        entry = CSI.get(key)
        args = None if entry is None else arguments(params, entry[1])
        if entry is None or args is None:
            self._note_unknown(f"CSI {key}")
            return None
        return getattr(type(self), entry[0]), args

    def _simple_handler(self, token: str) -> Handler | None:
        entry = SIMPLE.get(token)
        if entry is not None:
            method = getattr(type(self), entry[0])
            if not entry[1]:
                return method, ()
            keywords = entry[1]
            return (lambda screen: method(screen, **keywords)), ()
        if len(token) == 1:
            return type(self).nothing, ()  # NUL, DEL, ENQ and other controls without effect
        if token[1] in "()*+-./" and 3 <= len(token) <= 5:
            return type(self).define_charset, (token[2:], token[1])
        if token[1] not in "%#~|}":
            self._note_unknown(f"ESC {token[1:]}")
        return None

    def nothing(self) -> None:
        """Handler of recognised sequences without effect here."""

    def bell(self) -> None:
        """BEL."""
        self.bells += 1
