"""The frozen values that a screen returns.

Owns `Line`, `Run`, `ShellMark` and `Modes`. None of them refers back to the screen.
"""

from __future__ import annotations

from dataclasses import dataclass

from .style import Style


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the primary screen or its scrollback; `wrapped`: it continues in the next one."""

    text: str
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Adjacent cells of one style."""

    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class ShellMark:
    """A shell's OSC 133 mark: A prompt, B typed text, C output, D end (with `exit` if reported).

    E is not from OSC 133: it is the place where bracketed paste was enabled, as line editors do
    with each prompt. `line` is absolute, `order` counts all marks since the screen was made.
    `again`: it was enabled in the cell where it was disabled: nothing was printed between.
    """

    kind: str
    line: int
    col: int
    exit: int | None = None
    order: int = 0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Modes:
    """The terminal's modes at one moment.

    `mouse`: "" x10 normal button any. `mouse_encoding`: "" utf8 sgr urxvt sgr_pixels.
    `cursor_style`: the DECSCUSR number, 0 for the default.
    """

    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False
    mouse: str = ""
    mouse_encoding: str = ""
    focus: bool = False
    kitty_flags: int = 0
    modify_other_keys: int = 0
    newline_mode: bool = False
    cursor_visible: bool = True
    cursor_style: int = 0
    synchronized: bool = False
    insert: bool = False
    origin: bool = False
    autowrap: bool = True
    reverse_video: bool = False
    reverse_wrap: bool = False
    left_right_margins: bool = False
    eight_bit_controls: bool = False
