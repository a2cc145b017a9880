"""How many cells a character takes, remembered.

Owns the width rule: Unicode's, one code point at a time, as `wcwidth` has it. A character of width
0 (mark, joiner, variation selector) joins the cell before it, so a joined emoji keeps all its code
points in the text while each part keeps its own cells: what xterm and tmux do, and what programs
that count columns with wcwidth(3) expect.
"""

from __future__ import annotations

import wcwidth as _wcwidth

MAX_REMEMBERED = 65536
"""Code points whose width is kept; a file of every character there is must not grow us further."""

MAX_JOINED = 32
"""Code points in one cell; more marks than that are dropped (text can be stacked without end)."""


class Widths(dict[str, int]):
    """`WIDTH[character]` is 0, 1 or 2; -1 for what must not be drawn at all."""

    def __missing__(self, character: str) -> int:
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        width = _wcwidth.wcwidth(character)
        # Line and paragraph separators and the like: no terminal draws them.
        self[character] = width
        return width


WIDTH = Widths()


def text_width(text: str) -> int:
    """The cells that `text` takes on a line that is long enough."""
    if text.isascii():
        return len(text)
    return sum(width for width in map(WIDTH.__getitem__, text) if width > 0)
