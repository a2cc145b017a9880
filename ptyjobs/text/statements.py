"""Facts about a typed line that distinguish a new prompt from output behind the known one.

Owns two questions about the text alone: is a bracket or a quotation left open, and does it spell a
prompt. Never reads a screen. The subtle thing: a single quote is an apostrophe or Lisp's quote as
often as a quotation mark, so only pairs of them are skipped, and one alone leaves nothing open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_STRING = re.compile(r"""\\.|(?<!\w)'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
"""An escaped character or a whole string; brackets in them do not count."""

_QUOTES = "'\"`"


def left_open(text: str) -> bool:
    """True if a bracket or a double quote is left open, or the last line end is escaped."""
    bare = _STRING.sub("", text.rstrip("\r\n"))
    if '"' in bare or bare.endswith("\\"):
        return True
    depth = 0
    for char in bare:
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
    return depth > 0


def spells(text: str, rows: Sequence[str]) -> bool:
    """True if `text` holds the prompt `rows` as a string, or as its last word (`set prompt db>`).

    The rows of a prompt are separated by a line end or by `\\n`.
    """
    prompts = {sep.join(rows) for sep in ("\n", "\\n")}
    prompts |= {prompt.rstrip(" ") for prompt in prompts}
    if any(q + p + q in text for p in prompts if p.strip(" ") for q in _QUOTES):
        return True
    word = rows[-1].strip(" ") if len(rows) == 1 else ""
    return any(char.isalnum() for char in word) and text.rstrip().endswith(" " + word)
