"""Where on the cursor's row, or above it, a prompt begins.

Owns telling a prompt apart from output that ends on its row. Never decides whether there is a
prompt at all (the verdict does). What the program marked (OSC 133) is believed first: only so a
prompt of several rows is known as one. Else it is compared with the prompts that were seen before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ptyjobs.core.echo import prompt_pattern
from ptyjobs.core.mark import TextScreen


def marked_start(screen: TextScreen, *, after: int, line: int, stop: int) -> tuple[int, int] | None:
    """The cell where the marked prompt begins that the cursor stands in, as (line, column).

    Only a mark of an `order` beyond `after` that stands on a visible line `line <= n <= stop`
    counts, and only if neither a command's output nor its end was marked behind it.
    """
    for mark in reversed(screen.marks):
        if mark.order <= after or mark.kind in ("C", "D"):
            return None
        if mark.kind == "A":
            inside = max(line, screen.first_line) <= mark.line <= stop
            return (mark.line, mark.col) if inside else None
    return None


def split(text: str, prompts: Sequence[str]) -> int | None:
    """Where a prompt like one of `prompts` begins that ends `text`; None when there is none."""
    # The longest: after a nested program its short prompt ends the outer one's row as well.
    return min((at for p in prompts if (at := _start(text, p)) is not None), default=None)


def _start(text: str, known: str) -> int | None:
    """Where a prompt like `known` begins that ends `text`; None when there is none.

    Like: the same but for digits; or the same beginning and the same last character, so that a
    directory in it may change.
    """
    body = known.rstrip(" ")
    if not body:
        return None
    match = re.search(f"(?:{prompt_pattern(known)})$", text)
    if match is not None:
        before = text[: match.start()]
        # `>> ` after `> ` is another prompt and no output.
        return match.start() if not set(before) <= set(known) else 0
    if not text.rstrip(" ").endswith(body[-1]):
        return None
    for length in range(len(body) - 1, max(2, len(body) // 3 - 1), -1):
        at = text.rfind(body[:length])
        if at >= 0 and any(char.isalnum() for char in body[:length]):
            return at
    return None
