"""Keys, typed text and the mouse: the bytes that xterm sends (ctlseqs), in each mode."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.errors import BadInput, BadKey
from ptyjobs.input import keys
from ptyjobs.input.mouse import mouse
from ptyjobs.model import Size
from ptyjobs.terminal.replies import CELL


@dataclass(frozen=True)
class Modes:
    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False
    newline_mode: bool = False
    kitty_flags: int = 0
    modify_other_keys: int = 0
    mouse: str = ""
    mouse_encoding: str = ""


PLAIN = Modes()


def sent(*names: str, modes: Modes = PLAIN) -> bytes:
    return keys.encode(names, modes=modes)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a", b"a"),
        ("é", "é".encode()),
        ("-", b"-"),
        ("*", b"*"),
        ("C-c", b"\x03"),
        ("C-C", b"\x03"),
        ("Ctrl-C", b"\x03"),
        ("ctrl+c", b"\x03"),
        ("^C", b"\x03"),
        ("C-S-c", b"\x03"),
        ("C-@", b"\x00"),
        ("C-Space", b"\x00"),
        ("C-[", b"\x1b"),
        ("C-\\", b"\x1c"),
        ("C-]", b"\x1d"),
        ("C-^", b"\x1e"),
        ("C-_", b"\x1f"),
        ("C-/", b"\x1f"),
        ("C-?", b"\x7f"),
        ("M-x", b"\x1bx"),
        ("A-x", b"\x1bx"),
        ("M-X", b"\x1bX"),
        ("M--", b"\x1b-"),
        ("C-M-c", b"\x1b\x03"),
        ("M-C-c", b"\x1b\x03"),
        ("S-a", b"A"),
        ("Enter", b"\r"),
        ("Return", b"\r"),
        ("M-Enter", b"\x1b\r"),
        ("Tab", b"\t"),
        ("S-Tab", b"\x1b[Z"),
        ("BTab", b"\x1b[Z"),
        ("Escape", b"\x1b"),
        ("esc", b"\x1b"),
        ("M-Escape", b"\x1b\x1b"),
        ("BSpace", b"\x7f"),
        ("Backspace", b"\x7f"),
        ("M-BSpace", b"\x1b\x7f"),
        ("C-BSpace", b"\x08"),
        ("Space", b" "),
        ("Up", b"\x1b[A"),
        ("arrow_down", b"\x1b[B"),
        ("Right", b"\x1b[C"),
        ("Left", b"\x1b[D"),
        ("Home", b"\x1b[H"),
        ("End", b"\x1b[F"),
        ("S-Up", b"\x1b[1;2A"),
        ("M-Up", b"\x1b[1;3A"),
        ("C-Up", b"\x1b[1;5A"),
        ("C-M-Left", b"\x1b[1;7D"),
        ("C-M-S-Left", b"\x1b[1;8D"),
        ("C-Home", b"\x1b[1;5H"),
        ("IC", b"\x1b[2~"),
        ("Delete", b"\x1b[3~"),
        ("DC", b"\x1b[3~"),
        ("C-DC", b"\x1b[3;5~"),
        ("PPage", b"\x1b[5~"),
        ("PageUp", b"\x1b[5~"),
        ("Page Down", b"\x1b[6~"),
        ("S-NPage", b"\x1b[6;2~"),
        ("F1", b"\x1bOP"),
        ("F4", b"\x1bOS"),
        ("F5", b"\x1b[15~"),
        ("F6", b"\x1b[17~"),
        ("F11", b"\x1b[23~"),
        ("F12", b"\x1b[24~"),
        ("f5", b"\x1b[15~"),
        ("S-F5", b"\x1b[15;2~"),
        ("C-F1", b"\x1b[1;5P"),
        ("F13", b"\x1b[1;2P"),
        ("F20", b"\x1b[19;2~"),
        ("KP5", b"5"),
        ("KP*", b"*"),
        ("KPEnter", b"\r"),
        ("Down*3", b"\x1b[B" * 3),
        ("x*2", b"xx"),
        ("KP**2", b"**"),
        ("👍🏽", None),
    ],
)
def test_a_key_sends_what_xterm_sends(name: str, data: bytes | None) -> None:
    if data is None:  # two separate characters are text, not a key
        with pytest.raises(BadKey):
            sent(name)
    else:
        assert sent(name) == data


def test_application_cursor_and_keypad() -> None:
    modes = Modes(application_cursor=True, application_keypad=True)
    assert sent("Up", "Home", modes=modes) == b"\x1bOA\x1bOH"
    assert sent("C-Up", "F1", modes=modes) == b"\x1b[1;5A\x1bOP"
    assert sent("KP0", "KP9", "KP.", "KPEnter", modes=modes) == b"\x1bOp\x1bOy\x1bOn\x1bOM"
    assert sent("KP/", "KP*", "KP-", "KP+", modes=modes) == b"\x1bOo\x1bOj\x1bOm\x1bOk"


def test_newline_mode() -> None:
    modes = Modes(newline_mode=True)
    assert sent("Enter", modes=modes) == b"\r\n"
    assert keys.typed("a\nb", modes=modes, enter=True) == b"a\r\nb\r\n"


def test_modify_other_keys() -> None:
    one, two = Modes(modify_other_keys=1), Modes(modify_other_keys=2)
    assert sent("C-c", "M-x", "S-Tab", modes=one) == b"\x03\x1bx\x1b[Z"
    assert sent("C-;", "S-Enter", "C-Tab", modes=one) == b"\x1b[27;5;59~\x1b[27;2;13~\x1b[27;5;9~"
    assert sent("C-c", "M-x", modes=two) == b"\x1b[27;5;99~\x1b[27;3;120~"
    assert sent("S-a", "Enter", "C-Up", modes=two) == b"A\r\x1b[1;5A"


def test_kitty_protocol() -> None:
    modes = Modes(kitty_flags=1, application_cursor=True)
    assert sent("a", "S-a", "Enter", "Tab", "BSpace", modes=modes) == b"aA\r\t\x7f"
    assert sent("Escape", "C-c", "M-x", modes=modes) == b"\x1b[27u\x1b[99;5u\x1b[120;3u"
    assert sent("C-S-c", "M-A", "S-Enter", modes=modes) == b"\x1b[99;6u\x1b[97;4u\x1b[13;2u"
    assert sent("BTab", "C-;", "Up", modes=modes) == b"\x1b[9;2u\x1b[59;5u\x1b[A"
    assert sent("F1", "F3", "S-F3", "F5", modes=modes) == b"\x1b[P\x1b[13~\x1b[13;2~\x1b[15~"
    assert sent("Super-k", modes=modes) == b"\x1b[107;9u"
    everything = replace(modes, kitty_flags=0b11101)
    assert sent("a", "S-a", "Enter", modes=everything) == b"\x1b[97;;97u\x1b[97:65;2;65u\x1b[13u"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Entr", "Enter"),
        ("PgeUp", "PPage"),
        ("C-Lft", "C-Left"),
        ("Escap", "Escape"),
        ("F21", "F2"),
        ("Backspce", "BSpace"),
        ("Contrl-c", "C-c"),
        ("Crtl-Entr", "C-Enter"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(BadKey, match=f"Did you mean .*{nearest}"):
        sent("a", name)


@pytest.mark.parametrize(
    "name", ["hello", "", "C-", "C-C-c", "C-;", "S-1", "Down*0", "Down*99999", "Hyper-x", "rm -rf"]
)
def test_nothing_that_is_not_a_key_is_typed(name: str) -> None:
    with pytest.raises(BadKey):
        sent(name)


@given(st.text(min_size=1, max_size=12), st.builds(Modes, kitty_flags=st.integers(0, 31)))
def test_any_name_gives_bytes_or_bad_input(name: str, modes: Modes) -> None:
    try:
        assert keys.encode([name], modes=modes)
    except BadInput:
        assert len(name) > 1 or "\ud800" <= name <= "\udfff"


PASTING = Modes(bracketed_paste=True)


@pytest.mark.parametrize(
    ("text", "enter", "data"),
    [
        ("1+1", True, b"1+1\r"),
        ("1+1\n", True, b"1+1\r"),
        ("1+1\r\n", True, b"1+1\r"),
        ("1+1", False, b"1+1"),
        ("1+1\n", False, b"1+1\r"),
        ("", True, b"\r"),
        ("", False, b""),
        ("\n", True, b"\r"),
        ("a\nb", True, b"a\rb\r"),
        ("a\nb\n", True, b"a\rb\r"),
        ("a\n\n", True, b"a\r\r"),
        ("for i in x:\n    print(i)\n", True, b"for i in x:\r    print(i)\r\r"),
        ("for i in x:\n    print(i)\n\n", True, b"for i in x:\r    print(i)\r\r"),
        ("for i in x:\n    print(i)\n", False, b"for i in x:\r    print(i)\r"),
        ("\x03", False, b"\x03"),
        ("\x1b:wq\n", False, b"\x1b:wq\r"),
    ],
)
def test_typed_line_by_line(text: str, enter: bool, data: bytes) -> None:
    assert keys.typed(text, modes=PLAIN, enter=enter) == data


@pytest.mark.parametrize(
    ("text", "enter", "data"),
    [
        ("ls\tx", True, b"ls\tx\r"),
        ("a\nb", True, b"\x1b[200~a\rb\x1b[201~\r"),
        ("a\nb\n", True, b"\x1b[200~a\rb\x1b[201~\r"),
        ("a\nb", False, b"\x1b[200~a\rb\x1b[201~"),
        ("a\nb\n", False, b"\x1b[200~a\rb\x1b[201~\r"),
        ("for i in x:\n    f(i)\n", True, b"\x1b[200~for i in x:\r    f(i)\r\x1b[201~\r"),
        ("a\n\x03b", True, b"a\r\x03b\r"),
    ],
)
def test_typed_where_bracketed_paste_is_on(text: str, enter: bool, data: bytes) -> None:
    assert keys.typed(text, modes=PASTING, enter=enter) == data


def test_on_the_alternate_screen_several_lines_are_keys() -> None:
    assert keys.typed("ia\nb", modes=PASTING, enter=False, alternate=True) == b"ia\rb"


@given(st.text(alphabet="\x1b[201~a\x9b"))
def test_no_text_ends_its_own_paste(text: str) -> None:
    data = keys.paste(text, modes=PASTING)
    assert data.startswith(b"\x1b[200~")
    assert data.endswith(b"\x1b[201~")
    assert data.count(b"\x1b") == 2


def test_paste_without_the_mode_is_plain() -> None:
    assert keys.paste("a\r\nb\nc", modes=PLAIN) == b"a\rb\rc"


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(BadInput, match=r"U\+D83D\) at character 2"):
        keys.typed("ab\ud83d", modes=PLAIN, enter=True)
    with pytest.raises(BadInput, match=r"U\+D83D\) at character 2"):
        keys.paste("ab\ud83d", modes=PLAIN)


def click(
    row: int, col: int, *, mode: str, encoding: str, button: str = "left", action: str = "click",
    modifiers: tuple[str, ...] = (),
) -> bytes:  # fmt: skip
    modes = Modes(mouse=mode, mouse_encoding=encoding)
    return mouse(
        row, col, button=button, action=action, modifiers=modifiers, modes=modes,
        size=Size(400, 400), cell=CELL,
    )  # fmt: skip


@pytest.mark.parametrize(("row", "col"), [(400, 0), (0, 400), (1000, 1000)])
def test_a_click_outside_the_screen_is_refused(row: int, col: int) -> None:
    with pytest.raises(BadInput, match="outside the screen of 400 rows and 400 columns"):
        click(row, col, mode="normal", encoding="sgr")
    assert click(399, 399, mode="normal", encoding="sgr", action="press") == b"\x1b[<0;400;400M"


def test_mouse_encodings() -> None:
    assert click(1, 2, mode="normal", encoding="sgr") == b"\x1b[<0;3;2M\x1b[<0;3;2m"
    assert click(1, 2, mode="normal", encoding="") == b'\x1b[M #"\x1b[M##"'
    assert click(1, 2, mode="normal", encoding="urxvt") == b"\x1b[32;3;2M\x1b[35;3;2M"
    assert (
        click(1, 200, mode="normal", encoding="utf8", action="press")
        == b"\x1b[M " + "é".encode() + b'"'
    )
    assert click(1, 2, mode="normal", encoding="sgr_pixels", action="press") == b"\x1b[<0;25;30M"
    assert click(1, 2, mode="x10", encoding="") == b'\x1b[M #"'
    assert click(1, 2, mode="normal", encoding="sgr", button="wheel-down") == b"\x1b[<65;3;2M"
    ctrl = click(1, 2, mode="normal", encoding="sgr", action="press", modifiers=("ctrl", "shift"))
    assert ctrl == b"\x1b[<20;3;2M"
    drag = click(1, 2, mode="button", encoding="sgr", action="move")
    assert drag == b"\x1b[<32;3;2M"
    hover = click(1, 2, mode="any", encoding="sgr", action="move", button="none")
    assert hover == b"\x1b[<35;3;2M"


@pytest.mark.parametrize(
    ("mode", "encoding", "button", "action", "row"),
    [
        ("", "", "left", "click", 1),
        ("x10", "", "left", "release", 1),
        ("x10", "", "wheel-up", "press", 1),
        ("normal", "sgr", "left", "move", 1),
        ("button", "sgr", "none", "move", 1),
        ("normal", "sgr", "thumb", "press", 1),
        ("normal", "sgr", "left", "hold", 1),
        ("normal", "sgr", "none", "press", 1),
        ("normal", "sgr", "wheel-up", "release", 1),
        ("normal", "", "left", "press", 300),
        ("normal", "", "left", "press", -1),
    ],
)
def test_a_mouse_action_nobody_asked_for_is_an_error(
    mode: str, encoding: str, button: str, action: str, row: int
) -> None:
    with pytest.raises(BadInput):
        click(row, 1, mode=mode, encoding=encoding, button=button, action=action)
