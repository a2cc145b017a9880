"""Assemble typed keys into lines, for a report or the journal.

Owns one unfinished line for each typist. Its input is limited to text that the recording may hold
(`input_log` has the rule for secrets), so a line typed at a no-echo prompt is only `HIDDEN`. Never
reads a screen: completions by a line editor are not in a line, and arrow keys are omitted.
"""

from __future__ import annotations

import re
from collections.abc import Callable

HIDDEN = "(typed unseen)"
LINE = 500  # maximum characters kept of a line
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:<]*[A-Za-z~]|O.|.)?")
_ERASE = "\x08\x7f"
_KILL, _WORD = "\x15", "\x17"
_ENDS = {"\x03": "C-c", "\x04": "C-d", "\x1a": "C-z", "\x1c": "C-\\"}


class TypedLines:
    """Assembles keys into lines; calls `on_line(who, line, offset)` with each."""

    def __init__(self, on_line: Callable[[str, str, int], None]) -> None:
        self._on_line = on_line
        self._open: dict[str, str] = {}

    def feed(self, who: str, text: str | None, offset: int) -> None:
        """`who` typed `text`; None: hidden input."""
        if text is None:
            self._on_line(who, HIDDEN, offset)
            return
        line = self._open.pop(who, "")
        for char in _ESCAPE.sub("", text).replace("\r\n", "\n"):
            if char in "\r\n":
                self._on_line(who, line, offset)
                line = ""
            elif char in _ERASE:
                line = line[:-1]
            elif char == _KILL:
                line = ""
            elif char == _WORD:
                line = line.rstrip().rpartition(" ")[0]
            elif char in _ENDS:
                self._on_line(who, f"{line} {_ENDS[char]}".strip(), offset)
                line = ""
            elif char.isprintable() and len(line) < LINE:
                line += char
        if line:
            self._open[who] = line

    def flush(self, who: str, offset: int) -> None:
        """End the unfinished line of `who`."""
        if line := self._open.pop(who, ""):
            self._on_line(who, line, offset)
