"""The bytes that rebuild a screen (law 3).

Owns `repaint`: fed to a fresh screen of the same size it gives the same screen, cell by cell, with
modes, margins, tab stops, cursors, titles and an incomplete sequence at the end of the output. A
viewer that attaches later gets it before the live bytes. Not reproduced: shell marks, bells,
counters, and the character that REP would repeat.

The order matters: the state of a saved cursor is set up first and painted over; then the primary
and the alternate screen; margins after painting; the cursor after them; modes that change how text
is drawn last.
"""

from __future__ import annotations

from .feeding import Feeding
from .painter import Painter
from .row import Row
from .state import Saved, State
from .style import DEFAULT

_MOUSE = {"x10": 9, "normal": 1000, "button": 1002, "any": 1003}
_ENCODING = {"utf8": 1005, "sgr": 1006, "urxvt": 1015, "sgr_pixels": 1016}
_LATE = frozenset((3, 6, 7, 25, 66, 69))  # DEC modes set at a fixed place in the order
_PROGRESS = {"normal": 1, "error": 2, "indeterminate": 3, "paused": 4}


def repaint(state: Feeding, *, scrollback: int = 0) -> bytes:
    """Bytes that make a fresh screen of this size equal to this one.

    `scrollback`: number of its lines to print before the screen, so that they scroll off.
    """
    paint = Painter()
    paint.add("\x1b[?1049l\x1b[!p\x1b[?5l\x1b[?2004l\x1b[?25h")
    if state._level != 4:
        paint.add(f'\x1b[6{state._level};1"p')
    if 3 in state._dec:
        paint.add("\x1b[?3h")  # before mode 40, which would make it clear the screen
    _paint_names(state, paint)
    _paint_saved_modes(state, paint)
    _paint_side(state, paint, 0, scrollback)
    if state.alternate:
        paint.add("\x1b[?47h")
        _paint_side(state, paint, 1, 0)
    elif state._sides[1].rows or state._sides[1].saved is not None:
        paint.add("\x1b[?47h")
        kept = bool(state._sides[1].rows)  # 1047 discards the content, 47 keeps it
        _paint_side(state, paint, 1, 0)
        paint.add("\x1b[?47l" if kept else "\x1b[?1047l")
    _paint_settings(state, paint)
    _paint_cursor(state, paint)
    _paint_modes(state, paint)
    paint.add(state._machine.pending())
    return paint.encode() + state._decoder.getstate()[0]


def _paint_side(state: State, paint: Painter, index: int, scrollback: int) -> None:
    side = state._sides[index]
    if side.saved is not None:
        _paint_saved(state, paint, side.saved)
    paint.pen(DEFAULT)
    paint.add("\x1b[H\x1b[2J")
    rows = side.rows
    if scrollback > 0 and index == 0:
        total = state.history.total
        entries = state.history.slice(total - scrollback, total)
        rows = [*(Row.unpack(entry, state.columns) for entry in entries), *rows]
    paint.rows(rows, state.columns)
    for flags in side.kitty:
        paint.add(f"\x1b[>{flags}u")


def _paint_saved(state: State, paint: Painter, saved: Saved) -> None:
    """Put the terminal into the saved state, save it, and leave the state again."""
    if saved.origin:
        paint.add("\x1b[?6h")
    paint.pen(DEFAULT)
    margin = saved.pending and saved.x < state.columns - 1  # the column was a side margin's
    if margin:
        paint.add(f"\x1b[?69h\x1b[1;{saved.x + 1}s")
    paint.add(f"\x1b[{saved.y + 1};{saved.x + 1}H")
    if saved.pending:
        paint.add("x")  # any character: it is painted over
    paint.pen(saved.pen)
    _paint_charsets(paint, saved.charsets, saved.gl)
    paint.add("\x1b7")
    if margin:
        paint.add("\x1b[?69l")
    if saved.origin:
        paint.add("\x1b[?6l")
    paint.add("\x1b(B\x1b)B\x1b*B\x1b+B\x0f")


def _paint_charsets(paint: Painter, sets: tuple[str, ...], gl: int) -> None:
    for slot, code in zip("()*+", sets, strict=True):
        if code != "B":
            paint.add(f"\x1b{slot}{code}")
    paint.add(("", "\x0e", "\x1bn", "\x1bo")[gl])


def _paint_names(state: State, paint: Painter) -> None:
    for title, icon in state._titles:
        paint.add(f"\x1b]2;{title}\x1b\\\x1b]1;{icon}\x1b\\\x1b[22t")
    if state._titles or state.title or state.icon_title:
        paint.add(f"\x1b]2;{state.title}\x1b\\\x1b]1;{state.icon_title}\x1b\\")
    if state.cwd.startswith("/"):
        paint.add(f"\x1b]7;file://{_percent_encoded(state.cwd)}\x1b\\")
    elif state.cwd:
        paint.add(f"\x1b]9;9;{state.cwd}\x1b\\")
    if state.progress:
        word, _, percent = state.progress.partition(" ")
        paint.add(f"\x1b]9;4;{_PROGRESS[word]};{percent or 0}\x1b\\")
    for slot, (red, green, blue) in state._colours.items():
        code = f"4;{slot}" if slot < 1000 else str(slot - 1000)
        paint.add(f"\x1b]{code};rgb:{red:02x}/{green:02x}/{blue:02x}\x1b\\")


def _paint_saved_modes(state: State, paint: Painter) -> None:
    """XTSAVE: set each mode to its saved value, save it, and reset it to its default."""
    for mode, on in state._saved_modes.items():
        paint.add(f"\x1b[?{mode}{'h' if on else 'l'}\x1b[?{mode}s")
        default = mode in (7, 25)
        paint.add(f"\x1b[?{mode}{'h' if default else 'l'}")


def _paint_settings(state: State, paint: Painter) -> None:
    """Tab stops, margins and other settings that move the cursor."""
    if state._tabs != set(range(8, state.columns, 8)):
        paint.add("\x1b[3g")
        for x in sorted(state._tabs):
            paint.add(f"\x1b[{x + 1}G\x1bH")
    if state._margins_lr:
        paint.add(f"\x1b[?69h\x1b[{state._left + 1};{state._right + 1}s")
    if (state._top, state._bottom) != (0, state.lines - 1):
        paint.add(f"\x1b[{state._top + 1};{state._bottom + 1}r")


def _paint_cursor(state: State, paint: Painter) -> None:
    dy, dx = (state._top, state._left) if state._origin else (0, 0)
    if state._origin:
        paint.add("\x1b[?6h")
    if state._pending:
        # Printing the cell under the cursor again is the only way to a pending wrap.
        chars, styles = state._rows[state._y].cells(state.columns)
        x = state._x - 1 if chars[state._x] == "" and state._x > 0 else state._x
        paint.add(f"\x1b[{state._y + 1 - dy};{x + 1 - dx}H")
        paint.cells(chars[x : state._x + 1], styles[x : state._x + 1])
    else:
        paint.add(f"\x1b[{state._y + 1 - dy};{state._x + 1 - dx}H")
    paint.pen(state._pen)
    _paint_charsets(paint, tuple(state._charsets), state._gl)
    if state._single_shift is not None:
        paint.add("\x1bN" if state._single_shift == 2 else "\x1bO")


def _paint_modes(state: State, paint: Painter) -> None:
    for mode in sorted(state._dec - _LATE):
        paint.add(f"\x1b[?{mode}h")
    if state._mouse:
        paint.add(f"\x1b[?{_MOUSE[state._mouse]}h")
    if state._mouse_encoding:
        paint.add(f"\x1b[?{_ENCODING[state._mouse_encoding]}h")
    for mode in sorted(state._ansi):
        paint.add(f"\x1b[{mode}h")
    for mode in (7, 25):
        if mode not in state._dec:
            paint.add(f"\x1b[?{mode}l")
    if state._keypad:
        paint.add("\x1b=")
    if state._modify_other_keys:
        paint.add(f"\x1b[>4;{state._modify_other_keys}m")
    if state._cursor_style:
        paint.add(f"\x1b[{state._cursor_style} q")
    if state._iso:
        paint.add("\x1bV" if state._pen.protected else "\x1bW")
    if state._rectangular:
        paint.add("\x1b[2*x")
    if state._eight_bit:
        paint.add("\x1b G")


def _percent_encoded(path: str) -> str:
    plain = b"/-._~"
    return "".join(
        chr(byte) if (byte < 128 and chr(byte).isalnum()) or byte in plain else f"%{byte:02X}"
        for byte in path.encode("utf-8", "replace")
    )
