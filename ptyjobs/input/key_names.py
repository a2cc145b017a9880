"""Translate recorded input to text, named keys, pastes and mouse actions: the inverse of `keys`.

Owns the names for byte sequences. The table is made by encoding every key in every mode that
changes its bytes, so it cannot disagree with `keys`. Never guesses: unknown sequences stay bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from ptyjobs.errors import BadKey
from ptyjobs.input import keys

NAMES = (
    "Enter", "Escape", "Tab", "BSpace", "Up", "Down", "Left", "Right", "Home", "End", "PPage",
    "NPage", "IC", "DC", "BTab", *(f"F{n}" for n in range(1, 13)),
)  # fmt: skip
MODIFIERS = ("", "S-", "C-", "M-", "C-S-", "M-S-", "C-M-")


@dataclass(frozen=True, slots=True)
class _Modes:
    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False
    newline_mode: bool = False
    kitty_flags: int = 0
    modify_other_keys: int = 0


_MODES = (_Modes(), _Modes(application_cursor=True), _Modes(modify_other_keys=2),
          _Modes(kitty_flags=1))  # fmt: skip
_PIECES = re.compile(
    r"\x1b\[200~(?P<paste>.*?)\x1b\[201~"
    r"|\x1b\[<(?P<button>\d+);(?P<col>\d+);(?P<row>\d+)(?P<end>[Mm])"
    r"|(?P<key>\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|\x1b[^\x1b]|[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
_BUTTONS = {0: "click", 1: "middle-click", 2: "right-click", 64: "wheel-up", 65: "wheel-down"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A piece of input. `kind`: text, key (its name), paste, mouse (as in mouse_syntax), bytes."""

    kind: str
    value: str


def pieces(text: str) -> Iterator[Typed]:
    """The pieces of recorded input in order; line ends are Enter."""
    for match in _PIECES.finditer(text.replace("\r\n", "\n").replace("\n", "\r")):
        if match["text"]:
            yield Typed("text", match["text"])
        elif match["paste"] is not None:
            yield Typed("paste", match["paste"].replace("\r", "\n"))
        elif match["button"]:
            yield from _mouse(match)
        else:
            yield _key(match["key"])


def _key(data: str) -> Typed:
    name = _table().get(data.encode())
    return Typed("key", name) if name else Typed("bytes", data)


def _mouse(match: re.Match[str]) -> Iterator[Typed]:
    """Button presses are clicks; their releases and plain motion are dropped."""
    action = _BUTTONS.get(int(match["button"]))
    if action and match["end"] == "M":
        yield Typed("mouse", f"{action} {match['row']},{match['col']}")


@cache
def _table() -> dict[bytes, str]:
    characters = [f"C-{chr(n)}" for n in (*range(ord("a"), ord("z") + 1), *b"\\]^_ ")]
    characters += [f"M-{chr(n)}" for n in range(33, 127)]
    table: dict[bytes, str] = {}
    named = (f"{modifier}{name}" for modifier in MODIFIERS for name in NAMES)
    for name in (*named, *characters):
        for modes in _MODES:
            try:
                table.setdefault(keys.encode([name], modes=modes), name)
            except BadKey:  # no bytes in these modes
                continue
    return table
