"""Parse the mouse syntax that a model writes into the client's mouse action.

Owns the small language `[MODIFIER-]ACTION TARGET`: `click 3,10`, `right-click OK`, `wheel-up 5,1`,
`ctrl-click Save as`. Rows and columns count from 1 here, as people count; a target that is not a
pair of numbers is a text on the screen. Never sends: the holder, which has the screen, decides
whether the program accepts the action.
"""

from __future__ import annotations

import re

from ptyjobs.errors import BadInput
from ptyjobs.input.mouse import MODIFIERS, MouseAction

_ACTIONS = {
    "click": ("left", "click"),
    "left-click": ("left", "click"),
    "middle-click": ("middle", "click"),
    "right-click": ("right", "click"),
    "press": ("left", "press"),
    "release": ("left", "release"),
    "drag": ("left", "move"),
    "move": ("none", "move"),
    "wheel-up": ("wheel-up", "press"),
    "wheel-down": ("wheel-down", "press"),
}
_CELL = re.compile(r"(\d{1,4})\s*,\s*(\d{1,4})")


def parse(text: str) -> MouseAction | None:
    """The mouse action in `text`, None if it is empty; raises BadInput."""
    if not text.strip():
        return None
    word, _, target = text.strip().partition(" ")
    modifiers = []
    while (head := word.partition("-"))[0] in MODIFIERS and head[2]:
        modifiers.append(head[0])
        word = head[2]
    action = _ACTIONS.get(word.lower())
    target = target.strip()
    if action is None or not target:
        raise BadInput(
            f"mouse: {text[:80]!r} is not understood.",
            advice=f'Write "click ROW,COL" or "click TEXT"; actions: {", ".join(_ACTIONS)}.',
        )
    button, kind = action
    cell = _CELL.fullmatch(target)
    if cell is None:
        return MouseAction(text=target, button=button, action=kind, modifiers=tuple(modifiers))
    row, col = int(cell[1]) - 1, int(cell[2]) - 1
    if row < 0 or col < 0:
        raise BadInput(f"mouse: there is no cell {target}.", advice="Rows and columns begin at 1.")
    return MouseAction(row, col, button=button, action=kind, modifiers=tuple(modifiers))
