"""Encode mouse actions in the protocol that the program enabled.

Owns the five encodings and the actions that each tracking mode reports. Never invents: if the
program has not enabled the mouse, or not for this action, that is an error, because the bytes would
be read as typed text. Source: xterm's ctlseqs, "Mouse Tracking".
"""

from __future__ import annotations

from collections.abc import Collection

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.errors import BadInput, Hint
from ptyjobs.model import Size

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

BUTTONS = {
    "left": 0, "middle": 1, "right": 2, "none": 3,
    "wheel-up": 64, "wheel-down": 65, "wheel-left": 66, "wheel-right": 67,
}  # fmt: skip
MODIFIERS = {"shift": 4, "alt": 8, "ctrl": 16}
ACTIONS = ("press", "release", "click", "move")
_MOTION = 32


@dataclass(frozen=True, slots=True)
class MouseAction:
    """A mouse action at a cell (row and column from 0) or at the first cell of a visible text.

    `button`, `action` and `modifiers` take the words listed in `mouse`.
    """

    row: int | None = None
    col: int | None = None
    text: str = ""
    button: str = "left"
    action: str = "click"
    modifiers: tuple[str, ...] = ()


class MouseModes(Protocol):
    """`mouse`: "" x10 normal button any; `mouse_encoding`: "" utf8 sgr urxvt sgr_pixels."""

    @property
    def mouse(self) -> str: ...
    @property
    def mouse_encoding(self) -> str: ...


def mouse(
    row: int,
    col: int,
    *,
    button: str,
    action: str,
    modifiers: Collection[str] = (),
    modes: MouseModes,
    size: Size,
    cell: tuple[int, int],
) -> bytes:
    """The bytes of a mouse action at a cell (from 0), in the enabled mode and encoding.
    `button`: left, middle, right, none (only with move), wheel-up, wheel-down, wheel-left,
    wheel-right; `action`: press, release, click (press and release), move; `modifiers`: any of
    shift, alt, ctrl; `size` of the screen; `cell`: height and width of a cell in pixels, for
    sgr_pixels. Raises BadInput for an unknown word, a cell outside the screen or the encoding's
    reach, and an action that the program's tracking mode does not report.
    """
    _check_words(button, action, modifiers)
    if row < 0 or col < 0:
        raise BadInput(
            "There is no such cell.",
            advice="Rows and columns count from 0.",
            hint=Hint.CELL_ORIGIN,
        )
    if row >= size.rows or col >= size.cols:
        raise BadInput(
            f"The cell is outside the screen of {size.rows} rows and {size.cols} columns; "
            "nothing was sent.",
            advice="Rows and columns count from 0.",
            hint=Hint.CELL_ORIGIN,
        )
    if action == "click":
        steps = (
            ["press"]
            if button.startswith("wheel") or modes.mouse == "x10"
            else ["press", "release"]
        )
    else:
        steps = [action]
    bits = sum(MODIFIERS[m] for m in set(modifiers))
    for step in steps:
        _check_reported(button, step, modes)
    return b"".join(_one(row, col, button, step, bits, modes, cell) for step in steps)


def _check_words(button: str, action: str, modifiers: Collection[str]) -> None:
    if button not in BUTTONS:
        raise BadInput(f"There is no mouse button {button!r}.", advice=f"Use {_any(BUTTONS)}.")
    if action not in ACTIONS:
        raise BadInput(f"There is no mouse action {action!r}.", advice=f"Use {_any(ACTIONS)}.")
    for word in modifiers:
        if word not in MODIFIERS:
            raise BadInput(f"There is no modifier {word!r}.", advice=f"Use {_any(MODIFIERS)}.")
    if button == "none" and action != "move":
        raise BadInput("Only a move can have no button.")
    if button.startswith("wheel") and action in ("release", "move"):
        raise BadInput(f"A wheel has no {action}.", advice="Use action press.")


def _any(words: Collection[str]) -> str:
    return ", ".join(words)


def _check_reported(button: str, action: str, modes: MouseModes) -> None:
    if not modes.mouse:
        raise BadInput(
            "The program did not ask for the mouse; nothing was sent.", advice="Use keys instead."
        )
    refused = False
    if action == "release":
        refused = modes.mouse == "x10"
    elif action == "move":
        refused = modes.mouse not in (("any",) if button == "none" else ("button", "any"))
    elif modes.mouse == "x10":
        refused = BUTTONS[button] > 2
    if refused:
        raise BadInput(
            f"The program asked for mouse tracking {modes.mouse!r}, which does not report "
            f"{button} {action}; nothing was sent."
        )


def _one(
    row: int,
    col: int,
    button: str,
    action: str,
    bits: int,
    modes: MouseModes,
    cell: tuple[int, int],
) -> bytes:
    encoding = modes.mouse_encoding
    released = action == "release"
    code = BUTTONS[button] + (_MOTION if action == "move" else 0)
    code += 0 if modes.mouse == "x10" else bits  # X10 mode reports no modifiers
    if encoding in ("sgr", "sgr_pixels"):
        x, y = col + 1, row + 1
        if encoding == "sgr_pixels":
            x, y = col * cell[1] + cell[1] // 2, row * cell[0] + cell[0] // 2
        return f"\x1b[<{code};{x};{y}{'m' if released else 'M'}".encode()
    if released:  # the older encodings do not report which button it was
        code = 3 + (code & ~3)
    if encoding == "urxvt":
        return f"\x1b[{code + 32};{col + 1};{row + 1}M".encode()
    limit = 2015 if encoding == "utf8" else 223
    if row + 1 > limit or col + 1 > limit:
        raise BadInput(f"The mouse encoding of this program ends at row and column {limit}.")
    values = (code + 32, col + 33, row + 33)
    if encoding == "utf8":
        return b"\x1b[M" + "".join(map(chr, values)).encode()
    return b"\x1b[M" + bytes(values)
