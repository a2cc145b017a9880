"""Record typed input, but only input that the terminal showed.

Owns the rule for secrets in recordings. While the kernel echoes, input is shown by definition and
recorded at once; so are keys without text (Enter, arrows, C-c). With ECHO off, a program draws its
own input, and a password prompt draws a mask or nothing. Two rules tell these cases apart:

* A line that was typed whole (text and Enter in one write) is recorded once its exact text appears
  in the output.
* Keys that were typed one by one are recorded once the screen has changed after them, unless they
  are `masked`: the cursor moved over a substitute, or one substitute glyph is the only new text.

Text that meets neither rule is never recorded. At a no-echo prompt, and for Enter after masked
text, an input event without text records only that something was typed. Never records a terminal's
own replies. The subtle thing: a key is judged late, when output has arrived or the next key is
typed, so events carry their true time but are written out of order; readers sort.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ptyjobs.input.terminal_replies import typed_only
from ptyjobs.store.jobdir import EventWriter
from ptyjobs.store.log import LogReader
from ptyjobs.terminal.values import Run
from ptyjobs.text.patterns import plain

LOOK = 64 << 10
"""Bytes of output after a line in which its echo is looked for."""
KEPT = 64
"""Lines that wait for their echo; older ones are forgotten."""
LINE = 4096
"""Characters of keys that are judged together; more are not recorded."""

CONTROLS = re.compile(r"(?:[\x00-\x1a\x1c-\x1f\x7f]|\x1b\[[0-9;:<]*[A-Za-z~]|\x1bO.|\x1b)+")
"""Enter, C-c, arrows and mouse reports: they hold no text that could be a secret."""
APART = 2  # rows that change beside a prompt without meaning an answer to a key
FEW = 2  # different characters of repeated keys, such as j and k; a secret has more
SPACE = " "  # alone it is a key that ticks a box or turns a page


@dataclass(frozen=True, slots=True)
class Display:
    """Contents of the screen at one moment."""

    rows: tuple[str, ...]
    cursor: tuple[int, int]
    runs: tuple[tuple[Run, ...], ...] = ()  # with styles: a moving highlight counts as a change
    cursor_visible: bool = True


Look = Callable[[int], Display]
"""The screen as it is at a log offset that is not behind the last one asked for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text that the program may show: typed at `time` when the log ended at `offset`."""

    time: float
    offset: int
    text: str
    who: str = ""


OnTyped = Callable[[str, str | None, int], None]
"""Called with the name of a typist, a text and its log offset."""


class TypedText:
    """Typed input of one job that has not been recorded yet."""

    def __init__(
        self, log: LogReader, events: EventWriter, look: Look, on_typed: OnTyped | None = None
    ) -> None:
        """`on_typed` gets each recorded input; its text is None if it must stay hidden."""
        self._on_typed = on_typed
        self._who = ""  # author of the pending input
        self._log = log
        self._events = events
        self._look = look
        self._unproven: deque[Line] = deque(maxlen=KEPT)
        self._keys: tuple[Line, Display, int] | None = (
            None  # nothing was shown for them, up to here
        )
        self._apart = False  # the screen changed after them, but only apart from the cursor
        self._masked = False  # text before the next Enter was hidden

    def typed(self, now: float, offset: int, text: str, *, echo: bool, who: str = "") -> None:
        """Text or keys were typed by a caller, not at a no-echo prompt."""
        self._by(who, offset)
        self._events.flush()  # input shown so far keeps a moment of its own
        if echo or "\n" not in text or CONTROLS.fullmatch(text):
            self._pieces(now, offset, text, echo=echo)
        else:
            self._unproven.append(Line(now, offset, text, who))

    def unseen(self, now: float, offset: int, *, who: str = "") -> None:
        """A secret was typed: record only that something was typed."""
        self._by(who, offset)
        self._hidden(now, offset, who)

    def keys(
        self, now: float, offset: int, data: bytes, *, echo: bool, secret: bool, who: str = ""
    ) -> None:
        """A person pressed keys, or their terminal replied to the program."""
        self._by(who, offset)
        data = typed_only(data, cursor=lambda: self._look(offset).cursor)
        if not data:
            return
        self._events.flush()
        if secret:
            if b"\r" in data or b"\n" in data:
                self._hidden(now, offset, who)
            return
        text = data.decode("utf-8", "replace").replace("\r", "\n")
        self._pieces(now, offset, text, echo=echo)

    def _pieces(self, now: float, offset: int, text: str, *, echo: bool) -> None:
        """Record keys without text at once, and text once it has been shown."""
        if echo:
            self._event(now, offset, text, self._who)
            return
        at = 0
        for control in (*CONTROLS.finditer(text), None):
            if piece := text[at : control.start() if control else None]:
                self._wait_for(now, offset, piece)
            if control is None:
                return
            at = control.end()
            self._control(now, offset, control[0])

    def _wait_for(self, now: float, offset: int, text: str) -> None:
        self._judge(offset)
        if self._keys is None:
            self._keys = Line(now, offset, "", self._who), self._look(offset), offset
        line, before, until = self._keys
        self._keys = replace(line, text=(line.text + text)[: LINE + 1]), before, until

    def _control(self, now: float, offset: int, text: str) -> None:
        """Record keys without text; pending text before them is now judged as a line."""
        self._judge(offset)
        line, enter = self._keys[0] if self._keys else None, "\n" in text
        self._keys = None
        if line is not None and self._apart and len(set(line.text)) <= FEW:
            self._event(line.time, line.offset, line.text, line.who)
            line = None
        self._apart = False
        if line is not None:
            self._unproven.append(replace(line, text=line.text + text if enter else line.text))
        if self._masked and enter:
            self._hidden(now, offset, self._who)
        elif line is None or not enter:
            self._event(now, offset, text, self._who)
        self._masked = self._masked and not enter

    def _judge(self, offset: int) -> None:
        """Judge the pending keys once there is output; without output they stay pending."""
        if self._keys is None or self._keys[2] == offset:
            return
        line, before, _ = self._keys
        after = self._look(offset)
        if self._apart if after == before else apart(before, after):
            self._keys, self._apart = (line, after, offset), True
            return
        self._keys, self._apart = None, False
        if len(line.text) > LINE or after == before:
            return
        if line.text != SPACE and masked(before, after, line.text):
            self._masked = True
        else:
            self._event(line.time, line.offset, line.text, line.who)

    def _by(self, who: str, offset: int) -> None:
        """Set the author of the next input; settle the previous author's input first."""
        if who != self._who:
            self.prove(offset)
            self._keys = None
            self._who = who

    def _event(self, now: float, offset: int, text: str, who: str) -> None:
        if text:
            self._events.event(now, offset, "i", text, who=who)
            if self._on_typed is not None:
                self._on_typed(who, text, offset)

    def _hidden(self, now: float, offset: int, who: str) -> None:
        self._events.event(now, offset, "i", who=who)
        if self._on_typed is not None:
            self._on_typed(who, None, offset)

    def prove(self, offset: int) -> None:
        """Record the input shown so far; text that was not shown is never recorded."""
        self._judge(offset)
        while self._unproven:
            line = self._unproven.popleft()
            _, shown = self._log.read(line.offset, LOOK)
            if len(line.text) <= LINE and _shows(shown, line.text):
                self._event(line.time, line.offset, line.text, line.who)
            elif line.text.endswith("\n"):
                self._hidden(line.time, line.offset, line.who)


def apart(before: Display, after: Display) -> bool:
    """True if a visible cursor stayed where it was and only a row or two away from it changed."""
    if not after.cursor_visible or after.cursor != before.cursor:
        return False
    rows = [
        row
        for row, (old, new) in enumerate(zip(_rows(before), _rows(after), strict=False))
        if old != new
    ]
    return len(rows) <= APART and after.cursor[0] not in rows


def _rows(display: Display) -> list[object]:
    """Text and style of each row."""
    return list(zip(display.rows, display.runs or ((),) * len(display.rows), strict=False))


def masked(before: Display, after: Display, text: str) -> bool:
    """True if the change looks like a mask: a substitute glyph in place of `text`.

    Either the cursor moved over as many new cells as `text` has characters, none of them one of
    these characters; or the only new text is copies of one other glyph in one row.
    """
    row, col = after.cursor
    start = col - len(text)
    if after.cursor[0] == before.cursor[0] == row and before.cursor[1] == start >= 0:
        old, new = before.rows[row].ljust(col), after.rows[row].ljust(col)
        passed = new[start:col]
        if passed.isspace() or old[start:col] != passed:
            return not any(char in passed for char in text if char != SPACE)
    changed = [(a, b) for a, b in zip(before.rows, after.rows, strict=False) if a != b]
    if len(changed) != 1:
        return False
    width = max(map(len, changed[0]))
    cells = zip(changed[0][0].ljust(width), changed[0][1].ljust(width), strict=True)
    glyphs = {new for old, new in cells if new not in (old, SPACE)}
    return len(glyphs) == 1 and not glyphs & set(text)


def _shows(output: bytes, text: str) -> bool:
    """True if every line of `text` appears in the output, ignoring escapes and line wraps."""
    seen = "".join(_packed(plain(row)) for row in output.split(b"\n"))
    return all(_packed(line) in seen for line in text.splitlines())


def _packed(text: str) -> str:
    return "".join(text.split())
