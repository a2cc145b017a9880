"""Split text where its width must not depend on a font.

Owns the split. Common letters stay together, because every monospaced font has them at one width;
every other character may come from another font, so it is a separate part with its own cells.
Letters that are shaped together (Devanagari, Arabic …) stay one part, or they would lose their
form; each symbol (Braille, emoji, arrows) is a part, so that plots align. Never sees a style.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from ptyjobs.terminal.widths import WIDTH

COMMON = "\u0530"  # Latin, IPA, Greek and Cyrillic are below: in every monospaced font


def parts(text: str) -> Iterator[tuple[str, int, bool]]:
    """(text, cells, True if the font sets its width) of each part, left to right."""
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
    """True for a letter that every font has, without a following mark."""
    marked = at + 1 < len(text) and WIDTH[text[at + 1]] <= 0
    return text[at] < COMMON and not marked and WIDTH[text[at]] == 1


def _is_shaped(char: str) -> bool:
    return char >= COMMON and WIDTH[char] == 1 and unicodedata.category(char)[0] in "LM"


def _with_marks(text: str, end: int) -> int:
    while end < len(text) and WIDTH[text[end]] <= 0:
        end += 1
    return end
