"""Search the output since the send for `until` patterns.

Owns the stream that the patterns see: the program's output after the mark, decoded, escape
sequences removed, line ends as `\\n`, the echo of the typed text skipped where the output begins
with it. The search is pexpect's (`searcher_re`), so a list of patterns means the same as there:
the first index of the earliest match wins. Memory is bounded by `WINDOW`. Never renders: a line
editor's redraw can repeat the typed text here, so a match is a candidate that the holder confirms
on the screen.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from pexpect.expect import searcher_re

from ptyjobs.errors import BadPattern

WINDOW = 64 << 10  # characters kept for searching, counted back from the newest
MAX_PATTERNS = 20
MAX_LENGTH = 2000

ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC up to BEL or ST
    rb"|[ -/]*[0-OQ-WYZ\\`-~])"  # two-character and charset escapes
)
_OPEN = re.compile(rb"\x1b[^\x1b]{0,4096}\Z")


def compile_patterns(patterns: Sequence[str]) -> list[re.Pattern[str]]:
    """Compile each pattern (MULTILINE); BadPattern names an invalid one."""
    if isinstance(patterns, str):  # its characters would be the patterns
        raise BadPattern(f"{patterns[:100]!r} is not a list.", advice="Give a list of patterns.")
    if len(patterns) > MAX_PATTERNS:
        raise BadPattern(
            f"{len(patterns)} patterns are too many.", advice=f"At most {MAX_PATTERNS}."
        )
    compiled = []
    for pattern in patterns:
        if not pattern or len(pattern) > MAX_LENGTH:
            raise BadPattern(
                "A pattern is empty." if not pattern else "A pattern is too long.",
                advice=f"Give a regular expression of 1 to {MAX_LENGTH} characters.",
            )
        try:
            compiled.append(re.compile(pattern, re.MULTILINE))
        except (re.error, RecursionError, OverflowError) as error:
            raise BadPattern(
                f"{pattern[:100]!r} is not a regular expression: {error}.",
                advice=r"Escape literal brackets and dots with a backslash, e.g. '\(y/n\)'.",
            ) from None
    return compiled


class Until:
    """Watches one wait's output for its patterns."""

    def __init__(self, patterns: Sequence[re.Pattern[str]], *, typed: str = "") -> None:
        self._searcher = searcher_re(list(patterns))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._carry = b""
        self._text = ""
        self._echo = typed.replace("\r\n", "\n").replace("\r", "\n")
        self._cr = False

    def feed(self, data: bytes) -> tuple[int, str] | None:
        """(index of the pattern, matched text) once a pattern matches."""
        data = self._carry + data
        open_escape = _OPEN.search(data)
        self._carry = b""
        if open_escape and not ESCAPES.match(data, open_escape.start()):
            self._carry = data[open_escape.start() :]
            data = data[: open_escape.start()]
        text = self._decoder.decode(ESCAPES.sub(b"", data))
        if not text:
            return None
        text = self._line_ends(text)
        fresh = self._skip_echo(text)
        if not fresh:
            return None
        self._text = (self._text + fresh)[-WINDOW:]
        return self.search()

    def search(self) -> tuple[int, str] | None:
        """The earliest match in the window."""
        index = self._searcher.search(self._text, len(self._text))
        if index < 0:
            return None
        return index, str(self._searcher.match.group(0))

    def lines(self) -> str:
        """The lines of the window that contain the last match, as far as they have been printed."""
        match = self._searcher.match
        start = self._text.rfind("\n", 0, match.start()) + 1
        end = self._text.find("\n", match.end())
        return self._text[start : end if end >= 0 else len(self._text)]

    def drop(self) -> None:
        """Forget all output so far: only later output can match."""
        self._text = ""

    def _line_ends(self, text: str) -> str:
        if self._cr and text.startswith("\n"):
            text = text[1:]
        self._cr = text.endswith("\r")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _skip_echo(self, text: str) -> str:
        if not self._echo:
            return text
        count = 0
        while count < min(len(text), len(self._echo)) and text[count] == self._echo[count]:
            count += 1
        if count == len(text):
            self._echo = self._echo[count:]
            return ""
        self._echo = ""
        return text[count:]


def plain(raw: bytes) -> str:
    """One log line as text, without escapes and text replaced through CR or backspace."""
    text = ESCAPES.sub(b"", raw).decode("utf-8", "replace").rstrip("\r\n")
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part), "")
    while "\b" in text:
        shorter = re.sub(r"[^\x08]\x08|^\x08+", "", text)
        if shorter == text:
            break
        text = shorter
    return text
