"""Lines printed just before a full-screen program started, which its screen hides.

Owns finding them when an answer shows the alternate screen, and choosing the lines that the first
answer after it still has to report. Never decides what an answer shows (see `fresh`). The subtle
thing: a line is identified by its absolute number, and counts only while it is where it was.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.terminal.values import Line
from ptyjobs.text.bookmark import Mark, TextScreen
from ptyjobs.text.echo import Typed, without_echo
from ptyjobs.text.rows import Rows

MOST = 100
"""Lines kept, the newest."""


def collect(mark: Mark, screen: TextScreen, typed: Typed) -> tuple[tuple[int, Line], ...]:
    """Lines of the primary screen that differ from those at `mark`, without the echo of `typed`."""
    low = max(mark.first_line, screen.floor_line)
    lines = screen.line_range(low, screen.first_line + screen.size.rows)
    old = {mark.first_line + n: text for n, text in enumerate(mark.rows)}
    at = low if mark.alternate else max(mark.line, low)
    numbers = [
        number
        for number, line in enumerate(lines, low)
        if number == mark.line or line.text.rstrip(" ") != old.get(number, "")
    ]
    found = [(n, lines[n - low]) for n in numbers if n < at]
    numbers = [n for n in numbers if n >= at]
    rest = [lines[n - low] for n in numbers]
    if at == mark.line and rest and not mark.alternate:
        if not rest[0].text.startswith(mark.cells_before.rstrip(" ")):
            typed = replace(typed, prompt="", ghost="", col=0, moved=True)
        rest = without_echo(rest, typed)
    found += zip(numbers[len(numbers) - len(rest) :], rest, strict=True)
    new = [(n, line) for n, line in found if line.text.strip(" ")]
    numbered = {n for n, _ in new}
    return tuple([*((n, line) for n, line in mark.untold if n not in numbered), *new][-MOST:])


def remaining(mark: Mark, rows: Rows, *, start: int, same: set[int]) -> list[Line]:
    """The lines of `mark.untold` that are where they were.

    Lines from `start` on are in the answer, except the numbers in `same`.
    """
    found = []
    for number, line in mark.untold:
        now = rows.texts(number, number + 1)
        kept = now and now[0].endswith(line.text.rstrip(" "))
        if number < rows.floor or (kept and (number < start or number in same)):
            found.append(line)
    return found
