"""Map each sequence to its handler.

Owns the two tables, control characters and short escapes in `SIMPLE`, `CSI` sequences by prefix,
intermediates and final byte, and the parsing of parameters. The methods themselves are in the
classes of this package; a sequence that is not listed is counted and ignored.

A CSI entry is the method's name and the form of its parameters: `count` passes them unchanged, with
0 and empty meaning the default; `numbers` passes all, with missing ones as 0.
"""

from __future__ import annotations

import re

from .style import number

MAX_PARAMS = 32

# name, fixed keyword arguments
SIMPLE: dict[str, tuple[str, dict[str, object]]] = {
    "\r\n": ("end_line", {}),
    "\x07": ("bell", {}),
    "\x08": ("backspace", {}),
    "\x09": ("tab", {}),
    "\x0a": ("linefeed", {}),
    "\x0b": ("linefeed", {}),
    "\x0c": ("linefeed", {}),
    "\x0d": ("carriage_return", {}),
    "\x0e": ("shift_out", {}),
    "\x0f": ("shift_in", {}),
    "\x1b6": ("back_index", {}),
    "\x1b7": ("save_cursor", {}),
    "\x1b8": ("restore_cursor", {}),
    "\x1b9": ("forward_index", {}),
    "\x1b=": ("set_keypad", {"on": True}),
    "\x1b>": ("set_keypad", {"on": False}),
    "\x1bD": ("index", {}),
    "\x1bE": ("next_line", {}),
    "\x1bH": ("set_tab_stop", {}),
    "\x1bM": ("reverse_index", {}),
    "\x1bN": ("_shift_once", {"slot": 2}),
    "\x1bO": ("_shift_once", {"slot": 3}),
    "\x1bV": ("set_iso_protection", {"on": True}),
    "\x1bW": ("set_iso_protection", {"on": False}),
    "\x1bZ": ("report_device_attributes", {}),
    "\x1bc": ("reset", {}),
    "\x1bn": ("_lock", {"slot": 2}),
    "\x1bo": ("_lock", {"slot": 3}),
    "\x1b\\": ("nothing", {}),
    "\x1b#8": ("alignment_display", {}),
    "\x1b F": ("set_eight_bit", {"on": False}),
    "\x1b G": ("set_eight_bit", {"on": True}),
}

CSI: dict[str, tuple[str, str]] = {
    "@": ("insert_characters", "numbers"),
    "A": ("cursor_up", "numbers"),
    "B": ("cursor_down", "numbers"),
    "C": ("cursor_forward", "numbers"),
    "D": ("cursor_back", "numbers"),
    "E": ("cursor_down1", "numbers"),
    "F": ("cursor_up1", "numbers"),
    "G": ("cursor_to_column", "numbers"),
    "H": ("cursor_position", "numbers2"),
    "I": ("forward_tabs", "numbers"),
    "J": ("erase_in_display", "numbers"),
    "?J": ("selective_erase_in_display", "numbers"),
    "K": ("erase_in_line", "numbers"),
    "?K": ("selective_erase_in_line", "numbers"),
    "L": ("insert_lines", "numbers"),
    "M": ("delete_lines", "numbers"),
    "P": ("delete_characters", "numbers"),
    "S": ("scroll_up", "numbers"),
    "T": ("scroll_down", "single"),
    "X": ("erase_characters", "numbers"),
    "Z": ("back_tabs", "numbers"),
    "^": ("scroll_down", "numbers"),
    "`": ("cursor_to_column", "numbers"),
    "a": ("forward_columns", "numbers"),
    "b": ("repeat", "numbers"),
    "c": ("report_device_attributes", "numbers"),
    ">c": ("report_secondary_attributes", "numbers"),
    "=c": ("report_tertiary_attributes", "numbers"),
    "d": ("cursor_to_line", "numbers"),
    "e": ("forward_lines", "numbers"),
    "f": ("cursor_position", "numbers2"),
    "g": ("clear_tab_stop", "numbers"),
    "h": ("set_mode", "all"),
    "?h": ("set_private_mode", "all"),
    "l": ("reset_mode", "all"),
    "?l": ("reset_private_mode", "all"),
    ">m": ("set_key_modifiers", "given"),
    "?m": ("report_key_modifiers", "numbers"),
    "n": ("report_device_status", "numbers"),
    "?n": ("report_private_status", "numbers2"),
    ">q": ("report_version", "numbers"),
    " q": ("set_cursor_style", "numbers"),
    '"q': ("set_protection", "numbers"),
    "r": ("set_margins", "numbers2"),
    "?r": ("restore_modes", "all"),
    "s": ("set_side_margins", "numbers2"),
    "?s": ("save_modes", "all"),
    "t": ("window", "all"),
    "u": ("restore_cursor", "none"),
    "?u": ("report_kitty_flags", "none"),
    ">u": ("kitty_push", "numbers"),
    "<u": ("kitty_pop", "numbers"),
    "=u": ("kitty_set", "numbers2"),
    "x": ("report_parameters", "numbers"),
    "!p": ("soft_reset", "none"),
    "$p": ("report_mode", "numbers"),
    "?$p": ("report_private_mode", "numbers"),
    '"p': ("set_level", "numbers2"),
    "$w": ("report_state", "numbers"),
    "?W": ("reset_tab_stops", "numbers"),
    " @": ("scroll_left", "numbers"),
    " A": ("scroll_right", "numbers"),
    "'}": ("insert_columns", "numbers"),
    "'~": ("delete_columns", "numbers"),
    "$v": ("copy_rectangle", "all"),
    "$x": ("fill_rectangle", "all"),
    "$z": ("erase_rectangle", "all"),
    "${": ("selective_erase_rectangle", "all"),
    "$r": ("change_rectangle", "raw"),
    "$t": ("reverse_rectangle", "raw"),
    "*x": ("set_rectangle_extent", "numbers"),
    "*y": ("report_checksum", "all"),
}

_SEQUENCE = re.compile(r"([<=>?]?)([0-9;:]*)([ -/]*)([@-~])")


def parse(body: str) -> tuple[str, str] | None:
    """Parse the text after `CSI`: (key in the table, parameter text); None if it is malformed."""
    found = _SEQUENCE.fullmatch(body)
    if found is None:
        return None
    prefix, params, between, final = found.groups()
    return prefix + between + final, params


def arguments(params: str, how: str) -> tuple[object, ...] | None:
    """The parameters in the handler's form; None if the sequence must be ignored."""
    if how == "raw":
        return (params,)
    if how == "none":
        return ()
    if ":" in params:
        return None
    values = [number(item) for item in params.split(";", MAX_PARAMS)[:MAX_PARAMS]]
    if how == "all":
        return tuple(values)
    if how == "given":
        return tuple(values[:2]) if params else ()
    if how == "single":
        # `CSI T` with five parameters was mouse highlighting: not a scroll.
        return (values[0],) if len(values) == 1 else None
    return tuple(values[: 2 if how == "numbers2" else 1])
