"""Where on the cursor's row, or above it, a prompt begins.

Owns telling a prompt apart from output that ends on its row. Never decides whether there is a
prompt at all (the verdict does). What the program marked (OSC 133, or where its line editor began)
is believed first: only so a prompt of several rows is known as one. Else it is compared with the
prompts that were seen before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ptyjobs.terminal import values
from ptyjobs.text.bookmark import TextScreen
from ptyjobs.text.echo import prompt_pattern

UPPER_ROWS = 3
"""Rows of a prompt over its last one. More than that behind a line editor's start are output."""


def marked_start(
    screen: TextScreen, *, after: int, line: int, stop: int, prompts: Sequence[str]
) -> tuple[int, int] | None:
    """The cell where the marked prompt begins that the cursor stands in, as (line, column).

    Only a mark of an `order` beyond `after` that stands on a visible line `line <= n <= stop`
    counts, and only if neither a command's output nor its end was marked behind it. Without marks
    of its own a line editor still shows where it begins: it switches bracketed paste on. That is
    believed of rows over the cursor's alone (some editors print the prompt first), not of the
    first time, which may be a program's start, and not behind a known prompt.
    """
    low = max(line, screen.first_line)
    editor: values.Mark | None = None
    for mark in reversed(screen.marks):
        if mark.order <= after or mark.kind in ("C", "D"):
            break
        if mark.kind == "A":
            return (mark.line, mark.col) if low <= mark.line <= stop else None
        if editor is not None:
            break
        editor = mark if mark.kind == "E" else None
    if editor is None or not low <= editor.line < stop <= editor.line + UPPER_ROWS:
        return None
    first = next(mark.order for mark in screen.marks if mark.kind == "E")
    before = screen.row_text(editor.line - screen.first_line, 0, editor.col)
    if first == editor.order or split(before, prompts) is not None:
        return None
    return editor.line, editor.col


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
