"""What was typed, for the recording: only what the terminal showed.

Owns the rule of secrets in recordings. While the kernel echoes, input is shown by definition and
recorded at once. A line editor switches ECHO off and draws the line itself; so does a masked
password question, which draws stars. The two cannot be told apart when the line is sent, so it is
kept in memory and recorded only once its very text has come back as output. At a no-echo prompt
nothing is kept but the fact (an input without text).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from ptyjobs.store.jobdir import EventWriter
from ptyjobs.store.log import LogReader
from ptyjobs.text.patterns import plain

LOOK = 64 << 10
"""Bytes of output after a line in which its echo is looked for."""
KEPT = 64
"""Lines that wait for their echo; older ones are forgotten."""
LINE = 4096
"""Characters of a line typed key by key; a longer one is not recorded."""

CONTROLS = re.compile(r"(?:[\x00-\x1a\x1c-\x1f\x7f]|\x1b\[[0-9;:<]*[A-Za-z~]|\x1bO.|\x1b)*")
"""Enter, C-c, arrows and mouse reports: they hold no text that could be a secret."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text that the program may show: typed at `time` when the log ended at `offset`."""

    time: float
    offset: int
    text: str


class TypedText:
    """The input of one job on its way into its recording."""

    def __init__(self, log: LogReader, events: EventWriter) -> None:
        self._log = log
        self._events = events
        self._unproven: deque[Line] = deque(maxlen=KEPT)
        self._keys: Line | None = None  # a person's line that has no Enter yet

    def typed(self, now: float, offset: int, text: str, *, echo: bool) -> None:
        """A text or keys were typed, by a caller who was not at a no-echo prompt."""
        self._events.flush()  # what was shown before stays a moment of its own
        if text and (echo or CONTROLS.fullmatch(text)):
            self._events.event(now, offset, "i", text)
        elif text:
            self._unproven.append(Line(now, offset, text))

    def unseen(self, now: float, offset: int) -> None:
        """A secret was typed: that something was, and nothing of it."""
        self._events.event(now, offset, "i")

    def keys(self, now: float, offset: int, data: bytes, *, echo: bool, secret: bool) -> None:
        """A person pressed keys."""
        self._events.flush()
        text = data.decode("utf-8", "replace").replace("\r", "\n")
        if secret:
            self._keys = None
            if b"\r" in data or b"\n" in data:
                self.unseen(now, offset)
        elif echo:
            self._events.event(now, offset, "i", text)
        else:
            self._line(now, offset, text)

    def _line(self, now: float, offset: int, text: str) -> None:
        line = self._keys or Line(now, offset, "")
        head, enter, _ = text.partition("\n")
        line = Line(line.time, line.offset, (line.text + head)[: LINE + 1])
        self._keys = None if enter else line
        if enter:
            self.prove()
            if len(line.text) <= LINE:
                self.typed(line.time, line.offset, line.text + "\n", echo=False)

    def prove(self) -> None:
        """Record the lines that were shown; those that were not stay out for ever."""
        while self._unproven:
            line = self._unproven.popleft()
            _, shown = self._log.read(line.offset, LOOK)
            if _shows(shown, line.text):
                self._events.event(line.time, line.offset, "i", line.text)


def _shows(output: bytes, text: str) -> bool:
    """Every line of `text` stands in the output, escapes and folds left out."""
    seen = "".join(_packed(plain(row)) for row in output.split(b"\n"))
    return all(_packed(line) in seen for line in text.splitlines())


def _packed(text: str) -> str:
    return re.sub(r"\s+", "", text)
