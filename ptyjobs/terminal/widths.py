"""Cell widths of characters, cached.

Owns the width rule: Unicode's, one code point at a time, as in `wcwidth`, except that spacing marks
(Mc) take one cell, as in glibc's wcwidth(3), tmux and xterm.js. A character of width 0 (mark,
joiner, variation selector) joins the cell before it, so a joined emoji keeps all its code points in
the text while each part keeps its own cells: as in xterm, and as programs expect that count columns
with wcwidth(3). A program that counts grapheme clusters says so (mode 2027): then a cluster has the
cells of its first character.
"""

from __future__ import annotations

import unicodedata

import wcwidth as _wcwidth

MAX_REMEMBERED = 65536
"""Code points whose width is cached; bounds memory for a file of all Unicode characters."""

MAX_JOINED = 32
"""Code points in one cell; further marks are dropped (marks can be stacked without limit)."""

EMOJI_PRESENTATION = "\ufe0f"
_JOINER = "\u200d"

_ASCII = bytes(range(128))


class Widths(dict[str, int]):
    """`WIDTH[character]` is 0, 1 or 2; -1 for a character that must not be drawn at all."""

    def __missing__(self, character: str) -> int:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        width = _wcwidth.wcwidth(character)
        if width == 0 and unicodedata.category(character) == "Mc":
            width = 1
        # Line and paragraph separators and similar characters: no terminal draws them.
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
    """True if every character takes one cell; ASCII controls, e.g. line feeds, count as one too."""
    if text.isascii():
        return True
    # Deleting bytes is far faster than testing characters one by one.
    rare = text.encode("utf-8", "replace").translate(None, _ASCII).decode()
    return set(map(WIDTH.__getitem__, set(rare))) == {1}


def rows_of(text: str, cols: int) -> int:
    """Number of rows that a line takes on a wrapping screen of at least two columns."""
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
