"""A screen as JSON, for the thumbnail on a card.

Owns the format: `full` (a full-screen program, aligned to its top, not to its last line) and
`lines` of runs `[text]` or `[text, fg, bg, flags, cells]`. Never resolves theme colours: a colour
is "" (the terminal's default), an index of the theme's 16, "fg" or "bg" (reversed), or "#rrggbb".
Flags: b bold, i italic, u underlined, s struck out, f faint. `cells` is not 0 if the width of the
text must not depend on the font.
"""

from __future__ import annotations

from typing import Any

from ptyjobs.render.ansi import pieces
from ptyjobs.terminal import Screen
from ptyjobs.terminal.colours import DARK, colour, hexa
from ptyjobs.terminal.style import DEFAULT, Colour, Style

Run = list[Any]


def picture(job_id: str, screen: Screen) -> dict[str, Any]:
    """The message that shows `screen` on the card of `job_id`."""
    lines = [_line(screen, row) for row in range(screen.size.rows)]
    while lines and not lines[-1]:
        lines.pop()
    head = {"type": "picture", "job_id": job_id, "full": screen.alternate}
    return {**head, "lines": lines}


def _line(screen: Screen, row: int) -> list[Run]:
    runs: list[Run] = []
    reverse = screen.modes.reverse_video
    for piece in pieces(screen.runs(row)):
        cells = 0 if piece.text.isascii() else piece.cols
        if not cells and piece.style == DEFAULT and not reverse:
            run: Run = [piece.text]
        else:
            run = [piece.text, *_look(piece.style, reverse=reverse), cells]
        last = runs[-1] if runs else []
        if last and last[1:4] == run[1:4] and len(last) == len(run) and bool(cells) == _fixed(last):
            last[0] += piece.text
            if cells:
                last[4] += cells
        else:
            runs.append(run)
    if runs and _unstyled(runs[-1]):
        _strip(runs[-1])
        if not runs[-1][0]:
            runs.pop()
    return runs


def _unstyled(run: Run) -> bool:
    return len(run) == 1 or run[1:4] == ["", "", ""]


def _strip(run: Run) -> None:
    """Remove the blanks at its end: the browser scales a picture by its widest line."""
    text = run[0].rstrip(" ")
    if _fixed(run):
        run[4] -= len(run[0]) - len(text)
    run[0] = text


def _fixed(run: Run) -> bool:
    return len(run) > 4 and run[4] > 0


def _look(style: Style, *, reverse: bool) -> tuple[str | int, str | int, str]:
    """Foreground, background and flags in the browser's format."""
    fg, bg = style.fg, style.bg
    if style.bold and isinstance(fg, int) and fg < 8:
        fg += 8  # as xterm does, and xterm.js in the live view
    front, back = _colour(fg), _colour(bg)
    if style.reverse != reverse:
        front, back = ("bg" if back == "" else back), ("fg" if front == "" else front)
    if style.conceal:
        front = "bg" if back == "" else back
    marks = (
        ("b", style.bold), ("i", style.italic), ("u", style.underline), ("s", style.strike),
        ("f", style.faint),
    )  # fmt: skip
    return front, back, "".join(letter for letter, on in marks if on)


def _colour(value: Colour) -> str | int:
    if value is None:
        return ""
    if isinstance(value, int) and value < 16:
        return value
    return hexa(colour(value, DARK.fg, DARK))
