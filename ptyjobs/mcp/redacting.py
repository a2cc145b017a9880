"""Redact secrets in everything a model reads, in one place.

Owns `Border`: results with their facts, errors, resources, progress messages, pictures. Never
decides what is a secret (`client.known_secrets`, the holder) and never searches for one
(`text.redaction`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ptyjobs.mcp.results import SEPARATOR, Result

if TYPE_CHECKING:
    from ptyjobs.terminal import Screen
    from ptyjobs.text.redaction import Redactor

_JOB = re.compile(r"\A\[[\w.-]+\] ")
_OURS = frozenset({"job_id", "taskId", "uri"})
"""Facts that the caller must be able to hand back as they are."""


class Border:
    """Redacts everything that one server sends to its clients."""

    def __init__(self, redactor: Redactor, *, counted: bool = True) -> None:
        """`counted`: status lines state the number of redactions."""
        self._redactor = redactor
        self._counted = counted

    def result(self, result: Result) -> Result:
        """Redact `result` and add the number of redactions to its status line."""
        if not self._redactor:
            return result
        job = _JOB.match(result.text)
        head = job[0] if job else ""
        clean = self._redactor.redact(result.text[len(head) :], status=bool(head))
        text = head + clean.text
        if clean.count and self._counted:
            text = _counted(text, clean.count)
        return replace(
            result,
            text=text,
            facts=self.facts(result.facts),
            structured=None if result.structured is None else self.facts(result.structured),
        )

    def text(self, text: str) -> str:
        """Redact a text outside a result: a resource, a progress message, a description."""
        return self._redactor.redact(text).text if self._redactor else text

    def facts(self, facts: Any) -> Any:
        """Redact every string in structured values."""
        if not self._redactor:
            return facts
        if isinstance(facts, str):
            return self._redactor.redact(facts).text
        if isinstance(facts, dict):
            return {k: v if k in _OURS else self.facts(v) for k, v in facts.items()}
        if isinstance(facts, (list, tuple)):
            return [self.facts(value) for value in facts]
        return facts


def _counted(text: str, count: int) -> str:
    words = "1 secret redacted" if count == 1 else f"{count:,} secrets redacted"
    line, end, rest = text.partition("\n")
    if text.startswith("["):
        return f"{line}{SEPARATOR}{words}{end}{rest}"
    return f"{text}\n({words})"


def hide(screen: Screen, redactor: Redactor) -> int:
    """Mask secrets in a scratch screen before it is drawn; returns the number masked."""
    rows = screen.text()
    spans = redactor.spans("\n".join(rows))
    if not spans:
        return 0
    here = (screen.cursor_row, screen.cursor_col)
    places = []  # find all before masking the first: masking changes the row's text
    start = 0
    for row, text in enumerate(rows):
        for first, last, _ in spans:
            begin, end = max(first - start, 0), min(last - start, len(text))
            if begin < end:
                left, right = (_column(screen, row, text[:at]) for at in (begin, end))
                places.append((row, left, right - left))
        start += len(text) + 1
    screen.feed(b"\x1b[?6;69l\x1b[4l")
    for row, col, width in places:
        screen.feed(f"\x1b[{row + 1};{col + 1}H\x1b[0;7m{' ' * width}\x1b[0m".encode())
    screen.feed(f"\x1b[{here[0] + 1};{here[1] + 1}H".encode())
    return len(spans)


def _column(screen: Screen, row: int, before: str) -> int:
    """The column after the text `before` in a row; a wide character takes two."""
    cols = screen.size.cols
    return next((col for col in range(cols) if screen.row_text(row, 0, col) == before), cols)
