"""What was typed, for the recording: only what the terminal showed.

Owns the rule of secrets in recordings. While the kernel echoes, input is shown by definition and
recorded at once; so are keys that hold no text (Enter, arrows, C-c). With ECHO off a program draws
by itself, and a password question draws a mask or nothing. Two rules tell these apart:

* A line that came whole (text and Enter in one piece) counts once its very text is in the output.
* Keys that came one by one count once the screen has changed for them, unless they are `masked`:
  the cursor moved over a substitute, or one substitute glyph is all that is new.

What counts for neither stays out of the recording for ever. At a no-echo prompt, and for the Enter
behind a masked text, an input without text says that there was one. Never records what a terminal
sends by itself. The subtle thing: a key is judged late, when output has come or the next key comes,
so events are written with their true time but out of order; readers sort.
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
SPACE = " "  # alone it is a key that ticks a box or turns a page


@dataclass(frozen=True, slots=True)
class Display:
    """What the screen shows at one moment."""

    rows: tuple[str, ...]
    cursor: tuple[int, int]
    runs: tuple[tuple[Run, ...], ...] = ()  # with styles: a highlight that moves is shown, too


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
    """The input of one job on its way into its recording."""

    def __init__(
        self, log: LogReader, events: EventWriter, look: Look, told: OnTyped | None = None
    ) -> None:
        """`told`: called with all that is recorded; its text is None for what is not to be seen."""
        self._told = told
        self._who = ""  # whose input is coming
        self._log = log
        self._events = events
        self._look = look
        self._unproven: deque[Line] = deque(maxlen=KEPT)
        self._keys: tuple[Line, Display] | None = None  # for which nothing has been shown yet
        self._masked = False  # text before the next Enter was hidden

    def typed(self, now: float, offset: int, text: str, *, echo: bool, who: str = "") -> None:
        """A text or keys were typed, by a caller who was not at a no-echo prompt."""
        self._by(who, offset)
        self._events.flush()  # what was shown before stays a moment of its own
        if echo or "\n" not in text or CONTROLS.fullmatch(text):
            self._pieces(now, offset, text, echo=echo)
        else:
            self._unproven.append(Line(now, offset, text, who))

    def unseen(self, now: float, offset: int, *, who: str = "") -> None:
        """A secret was typed: that something was, and nothing of it."""
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
        """Record keys without text at once, and text when it has been shown."""
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
        line, before = self._keys or (Line(now, offset, "", self._who), self._look(offset))
        self._keys = replace(line, text=(line.text + text)[: LINE + 1]), before

    def _control(self, now: float, offset: int, text: str) -> None:
        """Keys without text; of text before them, for which nothing was shown, the words count."""
        self._judge(offset)
        line, enter = self._keys[0] if self._keys else None, "\n" in text
        self._keys = None
        if line is not None:
            self._unproven.append(replace(line, text=line.text + text if enter else line.text))
        if self._masked and enter:
            self._hidden(now, offset, self._who)
        elif line is None or not enter:
            self._event(now, offset, text, self._who)
        self._masked = self._masked and not enter

    def _judge(self, offset: int) -> None:
        """Decide on the pending keys once there is output; without any they stay pending."""
        if self._keys is None or self._keys[0].offset == offset:
            return
        line, before = self._keys
        self._keys = None
        after = self._look(offset)
        if len(line.text) > LINE or after == before:
            return
        if line.text != SPACE and masked(before, after, line.text):
            self._masked = True
        else:
            self._event(line.time, line.offset, line.text, line.who)

    def _by(self, who: str, offset: int) -> None:
        """What comes is typed by `who`; what another has begun is judged before that."""
        if who != self._who:
            self.prove(offset)
            self._keys = None
            self._who = who

    def _event(self, now: float, offset: int, text: str, who: str) -> None:
        if text:
            self._events.event(now, offset, "i", text, who=who)
            if self._told is not None:
                self._told(who, text, offset)

    def _hidden(self, now: float, offset: int, who: str) -> None:
        self._events.event(now, offset, "i", who=who)
        if self._told is not None:
            self._told(who, None, offset)

    def prove(self, offset: int) -> None:
        """Record what was shown by now; lines that were not stay out for ever."""
        self._judge(offset)
        while self._unproven:
            line = self._unproven.popleft()
            _, shown = self._log.read(line.offset, LOOK)
            if len(line.text) <= LINE and _shows(shown, line.text):
                self._event(line.time, line.offset, line.text, line.who)
            elif line.text.endswith("\n"):
                self._hidden(line.time, line.offset, line.who)


def masked(before: Display, after: Display, text: str) -> bool:
    """True if what changed looks like a mask: a substitute glyph in place of `text`.

    Either the cursor moved over as many new cells as there are characters, none of them the one
    that was typed; or all that is new are copies of one other glyph in one row.
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
    """Every line of `text` stands in the output, escapes and folds left out."""
    seen = "".join(_packed(plain(row)) for row in output.split(b"\n"))
    return all(_packed(line) in seen for line in text.splitlines())


def _packed(text: str) -> str:
    return re.sub(r"\s+", "", text)
