"""Select the output between two calls that is still worth a model's attention.

Owns one rule: a program that redraws itself (top, a spinner, a progress display) overwrites frames
drawn before the input, so they are stale when the answer is due. Lines that are still where they
were printed, or have scrolled away, are ordinary output. Pure; reads a screen, changes none.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptyjobs.text.bookmark import Mark, TextScreen
from ptyjobs.text.changes import unchanged
from ptyjobs.text.fresh import FreshText
from ptyjobs.text.prompts import split
from ptyjobs.text.rows import Rows

LATE_LIMIT = 2000
"""Characters of output between two calls that the later one reports."""

CUT = "[... "
"""Start of the line that reports an omission in the late text itself (`sanitize.budget`)."""


def standing(late: str, mark: Mark, screen: TextScreen, *, fresh: str) -> str:
    """`late` without the lines that were overwritten since `mark`, the moment of the input.

    Of a partly overwritten frame, lines that `fresh`, the answer, shows again are omitted too.
    """
    if not late or mark.first_line < screen.floor_line:
        return late
    now = screen.line_range(mark.first_line, mark.first_line + len(mark.rows))
    overwritten = {
        row.strip()
        for number, (row, line) in enumerate(zip(mark.rows, now, strict=False), mark.first_line)
        if number != mark.line and row.rstrip() != line.text.rstrip()
    }
    overwritten -= {line.text.strip() for line in now}  # moved, not overwritten
    lines = late.split("\n")
    if not overwritten.intersection(line.strip() for line in lines if line.strip()):
        return late
    again = overwritten.union(line.strip() for line in fresh.split("\n"))
    kept = (line for line in lines if line.strip() and line.strip() not in again)
    return "\n".join(line for line in kept if not line.startswith(CUT))


def between(before: Mark, screen: TextScreen, *, end: int, prompts: Sequence[str] = ()) -> str:
    """The output between `before`, the last answer, and now. `end` is the log's end.

    A question that came in between belongs to it, unless it is like one of `prompts`, the earlier
    ones: the next input answers it, and its row is then part of the echo.
    """
    fresh = FreshText(before, typed="", budget=LATE_LIMIT, view="auto", prompts=prompts)
    done, prompt = fresh.finish(screen, prompt_row=True, end=end, exited=False)
    if done.view != "lines":
        return ""
    text = done.text.strip("\n")
    asked = prompt.rstrip(" ")
    row = screen.first_line + screen.cursor_row
    shown = not asked or asked in text or prompt == before.cells_before
    if (
        not shown
        and row not in unchanged(before, screen, Rows(screen, before))
        and split(prompt, prompts) != 0
    ):
        text = f"{text}\n{asked}".strip("\n")
    return last_lines(text, LATE_LIMIT)


def last_lines(text: str, limit: int) -> str:
    """The end of `text`, at most `limit` characters, starting at the beginning of a line."""
    if len(text) <= limit:
        return text
    cut = text[-limit:]
    return cut[cut.find("\n") + 1 :]
