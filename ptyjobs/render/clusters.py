"""Text cut where a font must not decide how wide it is.

Owns the cut: common letters stay together, because every monospaced font has them and gives them
one width; whatever else may come from another font gets its cells as a part of its own. Letters
that are shaped together (Devanagari, Arabic …) stay one part, or they would lose their form; of
symbols (Braille, emoji, arrows) each is a part, so that plots line up. Never sees a style.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ptyjobs.terminal.widths import WIDTH

COMMON = "\u0530"  # below are Latin, IPA, Greek and Cyrillic: in every monospaced font


def parts(text: str) -> Iterator[tuple[str, int, bool]]:
    """(text, cells, whether its width is the font's) of each part, left to right."""
    at = 0
    while at < len(text):
        end, common = at + 1, _is_common(text, at)
        if common:
            while end < len(text) and _is_common(text, end):
                end += 1
        elif _is_shaped(text[at]):
            while end < len(text) and (_is_shaped(text[end]) or WIDTH[text[end]] <= 0):
                end += 1
        else:
            end = _with_marks(text, end)
        piece = text[at:end]
        yield piece, sum(max(0, WIDTH[char]) for char in piece), common
        at = end


def _is_common(text: str, at: int) -> bool:
    """A letter of every font that no mark follows."""
    marked = at + 1 < len(text) and WIDTH[text[at + 1]] <= 0
    return text[at] < COMMON and not marked and WIDTH[text[at]] == 1


def _is_shaped(char: str) -> bool:
    return char >= COMMON and WIDTH[char] == 1 and unicodedata.category(char)[0] in "LM"


def _with_marks(text: str, end: int) -> int:
    while end < len(text) and WIDTH[text[end]] <= 0:
        end += 1
    return end
