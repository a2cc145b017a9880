"""Named keys, typed text and pastes -> the bytes that xterm would send in the terminal's modes.

Owns the spelling of keys (tmux's: `C-c`, `M-x`, `S-Up`, `F5`, plus friendly aliases) and their
encodings. Never looks at a screen and never sends: modes go in, bytes come out. The subtle thing:
the same key has different bytes in different modes (application cursor and keypad, modifyOtherKeys,
the kitty protocol, newline mode), so a key must be encoded at the moment it is sent. An unknown
name is an error and never typed as text.

Sources: xterm's ctlseqs ("PC-Style Function Keys", "Alt and Meta Keys", modifyOtherKeys), the
terminfo entry xterm-256color, which is the TERM of every job (F13 to F20 are shifted F1 to F8
there), and the kitty keyboard protocol document ("Comprehensive keyboard handling").
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ptyjobs.errors import BadInput, BadKey, Hint
from ptyjobs.input.mouse import MouseModes, mouse

__all__ = ["KeyModes", "MouseModes", "encode", "mouse", "paste", "typed"]

MAX_REPEAT = 1000
"""Largest N of `Down*N`: more is a mistake and would send up to 1 MB of arrow keys."""

SHIFT, ALT, CTRL, SUPER = 1, 2, 4, 8

PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"


class KeyModes(Protocol):
    """The modes of the terminal that change what a key sends (`Screen.modes` has them)."""

    @property
    def application_cursor(self) -> bool: ...
    @property
    def application_keypad(self) -> bool: ...
    @property
    def bracketed_paste(self) -> bool: ...
    @property
    def newline_mode(self) -> bool: ...
    @property
    def kitty_flags(self) -> int: ...
    @property
    def modify_other_keys(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Key:
    """One key: `letter` is the final of `CSI 1;m X`, `tilde` the number of `CSI n;m ~`."""

    plain: bytes = b""
    letter: str = ""
    tilde: int = 0
    ss3: bool = False  # F1 to F4: SS3 without modifiers, in every mode
    kitty: int = 0  # code point or private-use number in the kitty protocol
    keypad: str = ""  # final of SS3 in application keypad mode
    modifiers: int = 0  # modifiers implied by the name: BTab, F13


_MODIFIERS = {
    "c": CTRL, "ctrl": CTRL, "control": CTRL, "m": ALT, "meta": ALT, "alt": ALT,
    "opt": ALT, "option": ALT, "s": SHIFT, "shift": SHIFT,
    "super": SUPER, "cmd": SUPER, "win": SUPER,
}  # fmt: skip

_KEYS = {
    "Up": _Key(letter="A"), "Down": _Key(letter="B"),
    "Right": _Key(letter="C"), "Left": _Key(letter="D"),
    "Home": _Key(letter="H"), "End": _Key(letter="F"),
    "IC": _Key(tilde=2), "DC": _Key(tilde=3), "PPage": _Key(tilde=5), "NPage": _Key(tilde=6),
    "Enter": _Key(plain=b"\r", kitty=13), "Tab": _Key(plain=b"\t", kitty=9),
    "Escape": _Key(plain=b"\x1b", kitty=27), "BSpace": _Key(plain=b"\x7f", kitty=127),
    "Space": _Key(plain=b" ", kitty=32), "BTab": _Key(plain=b"\t", kitty=9, modifiers=SHIFT),
    "KPEnter": _Key(plain=b"\r", kitty=57414, keypad="M"),
}  # fmt: skip
_KEYS |= {f"F{n}": _Key(letter="PQRS"[n - 1], ss3=True) for n in (1, 2, 3, 4)}
_KEYS |= {f"F{n}": _Key(tilde=t) for n, t in zip(range(5, 13), (15, 17, 18, 19, 20, 21, 23, 24),
                                                strict=True)}  # fmt: skip
_KEYS |= {
    f"F{n}": _Key(letter=base.letter, tilde=base.tilde, ss3=base.ss3, modifiers=SHIFT)
    for n in range(13, 21)
    for base in (_KEYS[f"F{n - 12}"],)
}
_KEYS |= {
    f"KP{char}": _Key(plain=char.encode(), kitty=number, keypad=final)
    for char, number, final in zip(
        "0123456789./*-+", range(57399, 57414), "pqrstuvwxynojmk", strict=True
    )
}

_ALIASES = {
    "return": "Enter", "ret": "Enter", "cr": "Enter", "newline": "Enter", "esc": "Escape",
    "backspace": "BSpace", "bs": "BSpace", "delete": "DC", "del": "DC", "insert": "IC", "ins": "IC",
    "pageup": "PPage", "pgup": "PPage", "pagedown": "NPage", "pgdn": "NPage", "pgdown": "NPage",
    "backtab": "BTab", "spacebar": "Space", "arrowup": "Up", "arrowdown": "Down",
    "arrowleft": "Left", "arrowright": "Right", "uparrow": "Up", "downarrow": "Down",
    "leftarrow": "Left", "rightarrow": "Right", "kpenter": "KPEnter", "plus": "+", "minus": "-",
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in _KEYS} | _ALIASES

# Ctrl with these characters has an established control code (ctlseqs, and VT220's table 3-5).
_CONTROL = {chr(ord("a") + n): n + 1 for n in range(26)}
_CONTROL |= {" ": 0, "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31, "?": 127, "/": 31}
_CONTROL |= {"2": 0, "3": 27, "4": 28, "5": 29, "6": 30, "7": 31, "8": 127}


def encode(names: Sequence[str], *, modes: KeyModes) -> bytes:
    """The bytes of a sequence of named keys: `["C-c"]`, `["Down*5", "Enter"]`, `["M-x", "a"]`.

    A single character stands for its own key. Raises BadKey, with the nearest names, before
    anything is sent if one name is unknown or has no bytes in these modes.
    """
    return b"".join(strokes(names, modes=modes))


def strokes(names: Sequence[str], *, modes: KeyModes) -> list[bytes]:
    """Like `encode`, with one item for each key press."""
    return [stroke for name in names for stroke in _strokes(name, modes)]


def _strokes(name: str, modes: KeyModes) -> list[bytes]:
    base, times = _split_repeat(name)
    modifiers, key = _split_modifiers(base, name)
    if key in _KEYS:
        return [_special(_KEYS[key], modifiers | _KEYS[key].modifiers, modes)] * times
    return [_character(key, modifiers, modes, name)] * times


def _split_repeat(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+?)\*([0-9]{1,9})", name, re.DOTALL)
    if match is None or name == "KP*":
        return name, 1
    times = int(match[2])
    if not 1 <= times <= MAX_REPEAT:
        raise BadKey(f"{name!r} repeats {times} times.", advice=f"Use 1 to {MAX_REPEAT}.")
    return match[1], times


def _split_modifiers(base: str, name: str) -> tuple[int, str]:
    """Modifier bits, and either a name in `_KEYS` or a single character."""
    modifiers, rest = 0, base
    while len(rest) > 1:
        match = re.match(r"([A-Za-z]+)[-+](?=.)", rest, re.DOTALL)
        # Upper case only for "A": "a-b" is more likely text than Alt-b.
        bit = 0 if match is None else _MODIFIERS.get(match[1].lower(), ALT * (match[1] == "A"))
        if match is None or not bit:
            break
        if modifiers & bit:
            raise _unknown(name)
        modifiers |= bit
        rest = rest[match.end() :]
    if len(rest) == 2 and rest[0] == "^" and modifiers == 0:
        return CTRL, rest[1]
    if len(rest) == 1:
        return modifiers, rest
    found = _BY_LOWER.get(rest.lower()) or _BY_LOWER.get(re.sub(r"[ _-]", "", rest.lower()))
    if found is not None:
        return modifiers, found
    if _one_cluster(rest):
        return modifiers, rest
    raise _unknown(name)


def _one_cluster(text: str) -> bool:
    """One visible character written as several code points (an accent, an emoji with VS16)."""
    joined = ("\u200d", "\ufe0f")
    return all(
        unicodedata.combining(b) or b in joined or a == "\u200d"
        for a, b in itertools.pairwise(text)
    ) and bool(text)


def _unknown(name: str) -> BadKey:
    nearest = _nearest(name)
    advice = f"Did you mean {' or '.join(nearest)}?" if nearest else ""
    spelling = "Keys are spelled C-c, M-x, S-Up, F5, Enter, Tab, Escape, BSpace, PageUp, Down*5;"
    return BadKey(
        f"There is no key {name!r}; nothing was sent.",
        advice=f"{advice} {spelling} text goes in the input parameter.".lstrip(),
        hint=Hint.KEY_NAMES,
        facts={"near": advice, "spelling": spelling},
    )


def _nearest(name: str) -> list[str]:
    """Up to three keys of a similar spelling."""
    *modifiers, tail = re.split(r"[-+](?=.)", name)
    prefix = ""
    for word in modifiers:
        close = difflib.get_close_matches(word.lower(), _MODIFIERS, n=1, cutoff=0.7)
        if not close:
            return []
        prefix += {CTRL: "C-", ALT: "M-", SHIFT: "S-", SUPER: "Super-"}[_MODIFIERS[close[0]]]
    if prefix and len(tail) == 1:
        return [prefix + tail]
    spellings = {lower: original for lower, original in _BY_LOWER.items() if len(original) > 1}
    close = difflib.get_close_matches(tail.lower(), spellings, n=3, cutoff=0.6)
    return list(dict.fromkeys(prefix + spellings[key] for key in close))


def _special(key: _Key, modifiers: int, modes: KeyModes) -> bytes:
    if key.letter or key.tilde:
        return _function_key(key, modifiers, modes)
    if key.keypad and not modifiers and modes.application_keypad and not modes.kitty_flags:
        return b"\x1bO" + key.keypad.encode()
    code = key.kitty
    if modes.kitty_flags & 0b1001:
        return _kitty_text_key(key, modifiers, modes)
    if key.plain == b"\r" and not modifiers and modes.newline_mode:
        return b"\r\n"
    back_tab = code == 9 and modifiers & SHIFT and not modifiers & CTRL
    if modifiers and not back_tab and code < 128 and _other_key(code, modifiers, modes):
        return f"\x1b[27;{1 + modifiers};{code}~".encode()
    data = key.plain
    if back_tab:
        data = b"\x1b[Z"
    elif modifiers & CTRL and code in (32, 127):
        data = b"\x00" if code == 32 else b"\x08"  # xterm: Ctrl changes what Backspace sends
    return b"\x1b" + data if modifiers & ALT else data


def _function_key(key: _Key, modifiers: int, modes: KeyModes) -> bytes:
    kitty = bool(modes.kitty_flags & 0b1001)
    if key.tilde:
        mark = f";{1 + modifiers}" if modifiers else ""
        return f"\x1b[{key.tilde}{mark}~".encode()
    if kitty and key.letter == "R":  # CSI R would be read as a cursor position report
        return f"\x1b[13;{1 + modifiers}~".encode() if modifiers else b"\x1b[13~"
    if modifiers:
        return f"\x1b[1;{1 + modifiers}{key.letter}".encode()
    application = key.ss3 or modes.application_cursor
    return ("\x1bO" if application and not kitty else "\x1b[").encode() + key.letter.encode()


def _other_key(code: int, modifiers: int, modes: KeyModes) -> bool:
    """True if modifyOtherKeys gives this modified key its `CSI 27;m;code~` form."""
    level = modes.modify_other_keys
    if level >= 2:
        return not (modifiers == SHIFT and code == 32)
    # Level 1 excludes keys with a well-known meaning (ctlseqs: Tab, Backarrow, control codes, and
    # Meta as an escape before the character).
    if level != 1 or modifiers == ALT:
        return False
    if code in (9, 13):
        return True
    return bool(modifiers & CTRL) and code not in (27, 127) and chr(code).lower() not in _CONTROL


def _character(char: str, modifiers: int, modes: KeyModes, name: str) -> bytes:
    _refuse_surrogates(char, "key")
    if len(char) > 1 or ord(char) < 32 or ord(char) == 127:
        if modifiers & ~ALT:
            raise _no_bytes(name)
        return (b"\x1b" if modifiers & ALT else b"") + char.encode()
    if modifiers & SHIFT and char.upper() == char and not char.isalpha() and char != " ":
        raise BadKey(
            f"Shift with {char!r} depends on the keyboard's layout; nothing was sent.",
            advice="Give the character that it types.",
        )
    if modes.kitty_flags & 0b1001:
        return _kitty_character(char, modifiers, modes)
    typed_char = char.upper() if modifiers & SHIFT and len(char.upper()) == 1 else char
    rest = modifiers & ~SHIFT
    if not rest:
        return typed_char.encode()
    if modifiers & SUPER:
        raise _no_bytes(name)
    if _other_key(ord(typed_char), modifiers, modes):
        return f"\x1b[27;{1 + modifiers};{ord(typed_char)}~".encode()
    data = typed_char.encode()
    if rest & CTRL:
        if char.lower() not in _CONTROL:
            raise _no_bytes(name)
        data = bytes([_CONTROL[char.lower()]])
    return b"\x1b" + data if rest & ALT else data


def _no_bytes(name: str) -> BadKey:
    return BadKey(
        f"A terminal has no bytes for {name!r} unless the program asks for extended keys, "
        "and this one has not; nothing was sent."
    )


def _kitty_text_key(key: _Key, modifiers: int, modes: KeyModes) -> bytes:
    report_all = bool(modes.kitty_flags & 0b1000)
    if not report_all and not modifiers and key.kitty != 27:
        if key.kitty >= 57399:
            return f"\x1b[{key.kitty}u".encode()
        return b"\r\n" if key.kitty == 13 and modes.newline_mode else key.plain
    if not report_all and modifiers == SHIFT and key.kitty == 32:
        return key.plain
    return _kitty_sequence(key.kitty, modifiers, modes, text=" " if key.kitty == 32 else "")


def _kitty_character(char: str, modifiers: int, modes: KeyModes) -> bytes:
    lower = char.lower() if len(char.lower()) == 1 else char
    if lower != char:
        modifiers |= SHIFT if not modifiers & CTRL or modifiers & SHIFT else 0
    shifted = char.upper() if modifiers & SHIFT and len(char.upper()) == 1 else char
    report_all = bool(modes.kitty_flags & 0b1000)
    if not modifiers & ~SHIFT and not report_all:
        return shifted.encode()
    text = shifted if not modifiers & (CTRL | ALT | SUPER) else ""
    return _kitty_sequence(ord(lower), modifiers, modes, text=text, shifted=shifted)


def _kitty_sequence(
    code: int, modifiers: int, modes: KeyModes, *, text: str, shifted: str = ""
) -> bytes:
    number = str(code)
    if modes.kitty_flags & 0b100 and modifiers & SHIFT and shifted and ord(shifted) != code:
        number += f":{ord(shifted)}"
    fields = [number, str(1 + modifiers) if modifiers else ""]
    if modes.kitty_flags & 0b10000 and modes.kitty_flags & 0b1000 and text:
        fields.append(str(ord(text)))
    return f"\x1b[{';'.join(fields).rstrip(';')}u".encode()


def paste(text: str, *, modes: KeyModes) -> bytes:
    """A paste as a terminal sends it: bracketed if the program enabled that, line ends as `\\r`.

    Escape characters are removed, so that no text can contain the sequence that ends the paste
    (removing only that sequence could join two halves into a new one). Raises BadInput for a lone
    surrogate.
    """
    _refuse_surrogates(text, "text")
    if not modes.bracketed_paste:
        return _line_ends(text).encode()
    body = _line_ends(text).replace("\x1b", "").replace("\x9b", "")
    return PASTE_BEGIN + body.encode() + PASTE_END


def typed(text: str, *, modes: KeyModes, enter: bool, alternate: bool = False) -> bytes:
    """The bytes of typed text, followed by Enter if `enter`.

    Line ends become Enter. Several lines are sent as one bracketed paste, then Enter, if the
    program has enabled that mode (otherwise an editor's auto-indentation would mangle them); not
    while the `alternate` screen is shown, where text is a program's commands, and not if the text
    contains control characters, which lose their meaning in a paste. A final line end counts as the
    Enter. One more is added only after several lines that end inside an indented block, because
    interpreters of such languages wait for the blank line. Raises BadInput for a lone surrogate.
    """
    _refuse_surrogates(text, "text")
    body = text.replace("\r\n", "\n").replace("\r", "\n")
    ended = body.endswith("\n")
    lines = (body[:-1] if ended else body).split("\n")
    open_block = ended and enter and len(lines) > 1 and lines[-1][:1] in (" ", "\t")
    key = encode(["Enter"], modes=modes)
    whole = "\n".join(lines)
    as_paste = len(lines) > 1 and modes.bracketed_paste and not alternate
    if as_paste and not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in whole):
        return paste(whole + "\n" * open_block, modes=modes) + (key if ended or enter else b"")
    data = key.join(line.encode() for line in lines)
    return data + key * (int(ended or enter) + int(open_block))


def _line_ends(text: str) -> str:
    return text.replace("\r\n", "\r").replace("\n", "\r")


def _refuse_surrogates(text: str, what: str) -> None:
    match = re.search("[\ud800-\udfff]", text)
    if match is not None:
        raise BadInput(
            f"The {what} holds half of a surrogate pair (U+{ord(match[0]):04X}) at character "
            f"{match.start()}, which no encoding can carry; nothing was sent.",
            advice="Send the whole character.",
        )
