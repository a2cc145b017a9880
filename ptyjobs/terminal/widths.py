"""How many cells a character takes, remembered.

Owns the width rule: Unicode's, one code point at a time, as `wcwidth` has it, but one cell for
spacing marks (Mc), as glibc's wcwidth(3), tmux and xterm.js count them. A character of width
0 (mark, joiner, variation selector) joins the cell before it, so a joined emoji keeps all its code
points in the text while each part keeps its own cells: what xterm does, and what programs that
count columns with wcwidth(3) expect. A program that counts grapheme clusters says so (mode 2027):
then a cluster has the cells of its first character.
"""

from __future__ import annotations

import unicodedata

import wcwidth as _wcwidth

MAX_REMEMBERED = 65536
"""Code points whose width is kept; a file of every character there is must not grow us further."""

MAX_JOINED = 32
"""Code points in one cell; more marks than that are dropped (text can be stacked without end)."""

EMOJI_PRESENTATION = "\ufe0f"
_JOINER = "\u200d"

_ASCII = bytes(range(128))


class Widths(dict[str, int]):
    """`WIDTH[character]` is 0, 1 or 2; -1 for what must not be drawn at all."""

    def __missing__(self, character: str) -> int:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        width = _wcwidth.wcwidth(character)
        if width == 0 and unicodedata.category(character) == "Mc":
            width = 1
        # Line and paragraph separators and the like: no terminal draws them.
        self[character] = width
        return width


WIDTH = Widths()


def is_regional(char: str) -> bool:
    """True for a regional indicator, half of a flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def joins(before: str, char: str, cluster: str) -> bool:
    """True if `char` belongs to the grapheme cluster that ends in `before` (UAX #29, emoji).

    `cluster`: the content of the cell before the cursor.
    """
    if WIDTH[char] == 0 or not before or not cluster:
        return WIDTH[char] == 0
    if before == _JOINER:
        return WIDTH[char] == 2 and len(cluster) > 1
    if "\U0001f3fb" <= char <= "\U0001f3ff":  # a skin tone
        return WIDTH[cluster[0]] == 2
    return is_regional(char) and is_regional(before) and len(cluster) == 1


def one_cell_each(text: str) -> bool:
    """Whether every character takes one cell; line feeds are as ASCII here."""
    if text.isascii():
        return True
    # Deleting bytes is quicker by far than looking at characters one by one.
    rare = text.encode("utf-8", "replace").translate(None, _ASCII).decode()
    return set(map(WIDTH.__getitem__, set(rare))) == {1}


def rows_of(text: str, cols: int) -> int:
    """The rows that a line takes on a screen of at least two columns that wraps."""
    if len(text) * 2 <= cols:
        return 1
    widths = list(map(WIDTH.__getitem__, text))
    if max(widths) < 2:
        return -(-widths.count(1) // cols) or 1
    if 2 * widths.count(2) + widths.count(1) <= cols:
        return 1
    rows, used = 1, 0
    for width in widths:
        if width > 0:
            if used + width > cols:  # a wide character leaves the last column empty
                rows += 1
                used = 0
            used += width
    return rows
