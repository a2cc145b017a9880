"""Select the output between two calls that is still worth a model's attention.

Owns one rule: a program that redraws itself (top, a spinner, a progress display) overwrites frames
drawn before the input, so they are stale when the answer is due. Lines that are still where they
were printed, or have scrolled away, are ordinary output. Pure; reads a screen, changes none.
"""

from __future__ import annotations

from ptyjobs.text.bookmark import Mark, TextScreen

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
    lines = late.split("\n")
    if not overwritten.intersection(line.strip() for line in lines if line.strip()):
        return late
    again = overwritten.union(line.strip() for line in fresh.split("\n"))
    kept = (line for line in lines if line.strip() and line.strip() not in again)
    return "\n".join(line for line in kept if not line.startswith(CUT))
