"""Effect of each sequence, one behaviour per line: bytes in, rows and cursor out.

The screen is 5 rows of 10 columns unless the case says otherwise. Rows not named are empty.
"""

from __future__ import annotations

import pytest

from ptyjobs.model import Size
from ptyjobs.terminal import Line, Screen, Style

SIX = b"1\r\n2\r\n3\r\n4\r\n5\r\n6"
SPLIT = "01234567AB"
SIDE = b"\x1b[10Gz\x1b[?69h\x1b[1;5s"  # something right of the margin, to be erased
FIVE = b"1\r\n2\r\n3\r\n4\r\n5"

# name, bytes, rows, cursor (row, col)
CASES: list[tuple[str, bytes, list[str], tuple[int, int]]] = [
    # text and wrapping
    ("text", b"hello", ["hello"], (0, 5)),
    ("a full line waits", b"0123456789", ["0123456789"], (0, 9)),
    ("the next character wraps", b"0123456789a", ["0123456789", "a"], (1, 1)),
    ("CR after a full line", b"0123456789\rX", ["X123456789"], (0, 1)),
    ("no autowrap", b"\x1b[?7l0123456789abc", ["012345678c"], (0, 9)),
    ("autowrap off drops the pending wrap", b"0123456789\x1b[?7la", ["012345678a"], (0, 9)),
    ("BS at a pending wrap", b"0123456789\x08X", ["01234567X9"], (0, 9)),
    ("CUF at a pending wrap", b"0123456789\x1b[CX", ["012345678X"], (0, 9)),
    ("a tab keeps the pending wrap", b"0123456789\tX", ["0123456789", "X"], (1, 1)),
    ("SGR keeps the pending wrap", b"0123456789\x1b[1mX", ["0123456789", "X"], (1, 1)),
    ("EL keeps the pending wrap", b"0123456789\x1b[KX", ["0123456789", "X"], (1, 1)),
    ("ED keeps the pending wrap", b"\n1\x1b[H0123456789\x1b[JX", ["0123456789", "X"], (1, 1)),
    ("DECSEL keeps the pending wrap", b"0123456789\x1b[?KX", ["0123456789", "X"], (1, 1)),
    ("grep --color at the edge", b"01234567\x1b[1m\x1b[KAB\x1b[m\x1b[KC", [SPLIT, "C"], (1, 1)),
    ("EL at a side margin's wrap", SIDE + b"12345\x1b[KX", ["12345", "X"], (1, 1)),
    ("scrolling", SIX, ["2", "3", "4", "5", "6"], (4, 1)),
    ("LF keeps the column", b"ab\ncd", ["ab", "  cd"], (1, 4)),
    ("newline mode", b"\x1b[20hab\ncd", ["ab", "cd"], (1, 2)),
    ("VT and FF are line feeds", b"a\x0bb\x0cc", ["a", " b", "  c"], (2, 3)),
    ("NEL", b"ab\x1bEc", ["ab", "c"], (1, 1)),
    ("NUL and DEL are nothing", b"a\x00\x7fb", ["ab"], (0, 2)),
    ("insert mode", b"abc\x1b[H\x1b[4hX", ["Xabc"], (0, 1)),
    ("REP", b"ab\x1b[3b", ["abbbb"], (0, 5)),
    ("REP after something else", b"ab\r\x1b[3b", ["ab"], (0, 0)),
    # wide and joined characters
    ("wide", "中a".encode(), ["中a"], (0, 3)),
    ("wide does not fit", "123456789中".encode(), ["123456789", "中"], (1, 2)),
    ("half of a wide one overwritten", "中\x08X".encode(), [" X"], (0, 2)),
    ("first half overwritten", "中\rX".encode(), ["X"], (0, 1)),
    ("DCH splits a wide one", "a中b\r\x1b[2P".encode(), [" b"], (0, 0)),
    ("a mark joins", "e\u0301x".encode(), ["e\u0301x"], (0, 2)),
    ("a mark at a pending wrap", "012345678e\u0301".encode(), ["012345678e\u0301"], (0, 9)),
    ("a mark with nothing before it", "\u0301a".encode(), ["\u0301a"], (0, 1)),
    ("an override with nothing before it", "\u202eab\r\nc".encode(), ["\u202eab", "c"], (1, 1)),
    ("a mark alone on its line", "\u202e\r\nc".encode(), ["", "c"], (1, 1)),
    ("2027 joins emoji", "\x1b[?2027h👩\u200d🚀!".encode(), ["👩\u200d🚀!"], (0, 3)),
    ("2027 joins skin tones", "\x1b[?2027h👍🏽!".encode(), ["👍🏽!"], (0, 3)),
    ("2027 joins flags", "\x1b[?2027h🇩🇪🇫🇷!".encode(), ["🇩🇪🇫🇷!"], (0, 5)),
    ("2027 widens for emoji presentation", "\x1b[?2027h❤\ufe0f!".encode(), ["❤\ufe0f!"], (0, 3)),
    ("2027 off", "\x1b[?2027h\x1b[?2027l👍🏽!".encode(), ["👍🏽!"], (0, 5)),
    ("a joined emoji keeps its parts", "👩\u200d🚀!".encode(), ["👩\u200d🚀!"], (0, 5)),
    ("text after a variation selector", "❤\ufe0fok".encode(), ["❤\ufe0fok"], (0, 3)),
    ("Devanagari is whole", "नमस्ते".encode(), ["नमस्ते"], (0, 4)),
    ("a zero-width space", "a\u200bb".encode(), ["a\u200bb"], (0, 2)),
    ("invalid UTF-8", b"a\xffb\xe4\xb8c", ["a\ufffdb\ufffdc"], (0, 5)),
    # the cursor
    ("CUP", b"\x1b[3;4HX", ["", "", "   X"], (2, 4)),
    ("CUP clamps", b"\x1b[99;99HX", ["", "", "", "", "         X"], (4, 9)),
    ("CUP with zeros", b"abc\x1b[0;0HX", ["Xbc"], (0, 1)),
    ("padded numbers", b"\x1b[00000000002;0000000003HX", ["", "  X"], (1, 3)),
    ("huge numbers", b"\x1b[99999999999999999999CX", ["         X"], (0, 9)),
    ("CUU stops at the top", b"\n\n\x1b[9AX", ["X"], (0, 1)),
    ("CUU stops at the margin", b"\x1b[2;4r\x1b[3;1H\x1b[9AX", ["", "X"], (1, 1)),
    ("CUD stops at the margin", b"\x1b[2;4r\x1b[3;1H\x1b[9BX", ["", "", "", "X"], (3, 1)),
    ("CNL, CPL", b"ab\x1b[Ec\x1b[FX", ["Xb", "c"], (0, 1)),
    ("CHA, HPA, VPA", b"\x1b[4Ga\x1b[6`b\x1b[2dc", ["   a b", "      c"], (1, 7)),
    ("HPR, VPR", b"\x1b[2aa\x1b[2eb", ["  a", "", "   b"], (2, 4)),
    (
        "DECSC keeps place and set",
        b"ab\x1b(0\x1b7\x1b(B\x1b[3;3Hq\x1b8q",
        ["ab─", "", "  q"],
        (0, 3),
    ),
    ("DECRC twice goes to the same place", b"ab\x1b7\x1b[3;3H\x1b8\x1b[H\x1b8X", ["abX"], (0, 3)),
    ("DECRC without DECSC goes home", b"ab\x1b8X", ["Xb"], (0, 1)),
    ("SCOSC, SCORC", b"ab\x1b[scd\x1b[uX", ["abXd"], (0, 3)),
    (
        "CSI s with DECLRMM sets margins",
        b"\x1b[?69h\x1b[3;5s\x1b[1;3Habcd",
        ["  abc", "  d"],
        (1, 3),
    ),
    ("tab stops", b"a\tb", ["a       b"], (0, 9)),
    ("HTS, TBC", b"\x1b[4G\x1bH\r\tX\x1b[3g\r\tY", ["   X     Y"], (0, 9)),
    ("CHT, CBT", b"\x1b[ZA\x1b[IB\x1b[2ZC", ["C       B"], (0, 1)),
    ("reverse wrap", b"\x1b[?45h0123456789a\r\x08X", ["012345678X", "a"], (0, 9)),
    # erasing
    ("EL 0", b"abcdef\x1b[3D\x1b[K", ["abc"], (0, 3)),
    ("EL 1", b"abcdef\x1b[3D\x1b[1K", ["    ef"], (0, 3)),
    ("EL 2", b"abcdef\x1b[3D\x1b[2K", [""], (0, 3)),
    ("an unknown EL", b"abc\x1b[9K", ["abc"], (0, 3)),
    ("ED 0", FIVE + b"\x1b[3;1H\x1b[J", ["1", "2"], (2, 0)),
    ("ED 1", FIVE + b"\x1b[3;1H\x1b[1J", ["", "", "", "4", "5"], (2, 0)),
    ("ED 2", FIVE + b"\x1b[2J", [""], (4, 1)),
    ("ED 3 leaves the screen", FIVE + b"\x1b[3J", ["1", "2", "3", "4", "5"], (4, 1)),
    ("an unknown ED", b"abc\x1b[5J", ["abc"], (0, 3)),
    ("ECH", b"abcdef\r\x1b[2X", ["  cdef"], (0, 0)),
    ("DECSED spares protected", b'a\x1b[1"qb\x1b[0"qc\x1b[?2J', [" b"], (0, 3)),
    ("ED does not spare DECSCA", b'a\x1b[1"qb\x1b[0"qc\x1b[2J', [""], (0, 3)),
    ("ED spares SPA", b"a\x1bVb\x1bWc\x1b[2J", [" b"], (0, 3)),
    # shifting
    ("ICH", b"abc\r\x1b[2@", ["  abc"], (0, 0)),
    ("DCH", b"abcdef\r\x1b[2P", ["cdef"], (0, 0)),
    ("IL", FIVE + b"\x1b[2;1H\x1b[2L", ["1", "", "", "2", "3"], (1, 0)),
    ("DL", FIVE + b"\x1b[2;1H\x1b[2M", ["1", "4", "5"], (1, 0)),
    (
        "IL outside the margins",
        FIVE + b"\x1b[3;4r\x1b[1;1H\x1b[L",
        ["1", "2", "3", "4", "5"],
        (0, 0),
    ),
    ("SU", FIVE + b"\x1b[2S", ["3", "4", "5"], (4, 1)),
    ("SD", FIVE + b"\x1b[2T", ["", "", "1", "2", "3"], (4, 1)),
    ("SU in a region", FIVE + b"\x1b[2;4r\x1b[S", ["1", "3", "4", "", "5"], (0, 0)),
    ("a region scrolls alone", FIVE + b"\x1b[2;3r\x1b[3;1H\nX", ["1", "3", "X", "4", "5"], (2, 1)),
    ("RI at the top", FIVE + b"\x1b[H\x1bM", ["", "1", "2", "3", "4"], (0, 0)),
    ("LF below the region", FIVE + b"\x1b[2;3r\x1b[5;1H\n\nX", ["1", "2", "3", "4", "X"], (4, 1)),
    ("a region of one line is ignored", FIVE + b"\x1b[2;2r", ["1", "2", "3", "4", "5"], (4, 1)),
    ("origin mode", b"\x1b[2;4r\x1b[?6h\x1b[1;1HX\x1b[9;1HY", ["", "X", "", "Y"], (3, 1)),
    ("origin mode without margins", b"\x1b[?6h\x1b[3dX", ["", "", "X"], (2, 1)),
    ("SL", b"abcdef\x1b[2 @", ["cdef"], (0, 6)),
    ("DECIC", b"abcdef\x1b[1;3H\x1b[2'}", ["ab  cdef"], (0, 2)),
    ("DECDC", b"abcdef\x1b[1;3H\x1b[2'~", ["abef"], (0, 2)),
    ("DECFRA", b"\x1b[88;2;2;3;4$x", ["", " XXX", " XXX"], (0, 0)),
    ("DECCRA", b"ab\x1b[1;1;1;2;1;3;5$v", ["ab", "", "    ab"], (0, 2)),
    ("DECALN", b"\x1b#8", ["E" * 10] * 5, (0, 0)),
    # the alternate screen
    ("1049 shows a blank one", b"main\x1b[?1049h\x1b[Halt", ["alt"], (0, 3)),
    ("1049 brings the first back", b"main\x1b[?1049h\x1b[Halt\x1b[?1049lX", ["mainX"], (0, 5)),
    ("47 keeps its content", b"\x1b[?47hA\x1b[?47l\x1b[?47h", ["A"], (0, 1)),
    ("1047 forgets it", b"\x1b[?1047hA\x1b[?1047l\x1b[?1047h", [""], (0, 1)),
    ("1048 saves the cursor", b"ab\x1b[?1048hcd\x1b[?1048lX", ["abXd"], (0, 3)),
    # strings that are consumed
    ("OSC title", b"a\x1b]0;title\x07b", ["ab"], (0, 2)),
    ("OSC with ST", b"a\x1b]0;title\x1b\\b", ["ab"], (0, 2)),
    ("OSC cut by CAN", b"a\x1b]0;tit\x18b", ["ab"], (0, 2)),
    ("OSC cut by an escape", b"a\x1b]0;tit\x1b[Cb", ["a b"], (0, 3)),
    ("linux palette", b"a\x1b]P0112233\x07b", ["ab"], (0, 2)),
    ("DCS", b"a\x1bPq#0;2;0;0;0~~\x1b\\b", ["ab"], (0, 2)),
    ("BEL inside a DCS", b"a\x1bPx\x07y\x1b\\b", ["ab"], (0, 2)),
    ("APC", b"a\x1b_Ga=T;AAAA\x1b\\b", ["ab"], (0, 2)),
    ("PM, SOS", b"a\x1b^x\x1b\\b\x1bXy\x1b\\c", ["abc"], (0, 3)),
    ("tmux passthrough", b"a\x1bPtmux;\x1b\x1b\\b", ["ab"], (0, 2)),
    # sequences that must leave no trace
    ("kitty keyboard", b"a\x1b[<u\x1b[=1;1u\x1b[>1ub", ["ab"], (0, 2)),
    ("DECSTR", b"a\x1b[!pb", ["ab"], (0, 2)),
    ("an intermediate", b"a\x1b[2 qb\x1b[1$wc", ["abc"], (0, 3)),
    ("ESC with intermediates", b"a\x1b F\x1b%Gb\x1b-Ac", ["abc"], (0, 3)),
    ("an unknown CSI", b"a\x1b[?1;2;3yb\x1b[5{c", ["abc"], (0, 3)),
    ("XTMODKEYS is no SGR", b"a\x1b[>4;2mb\x1b[?4mc", ["abc"], (0, 3)),
    ("CSI > r is no margin", SIX + b"\x1b[>1;1r", ["2", "3", "4", "5", "6"], (4, 1)),
    ("a superscript is no digit", "a\x1b[1²mb".encode(), ["a²mb"], (0, 4)),
    ("controls inside a sequence", b"ab\x1b[1\x08;2mX", ["aX"], (0, 2)),
    ("CAN inside a sequence", b"a\x1b[3\x18b", ["ab"], (0, 2)),
    ("an escape restarts a sequence", b"a\x1b[3\x1b[Cb", ["a b"], (0, 3)),
    ("8-bit CSI as a code point", b"a\xc2\x9b3Cb", ["a   b"], (0, 5)),
    ("a raw C1 byte is not executed", b"a\x9bb", ["a\ufffdb"], (0, 3)),
    # character sets
    ("line drawing", b"\x1b(0lqk\x1b(Bx", ["┌─┐x"], (0, 4)),
    ("SO and SI", b"\x1b)0a\x0eqq\x0fb", ["a──b"], (0, 4)),
    ("single shift", b"\x1b*0a\x1bNqq", ["a─q"], (0, 3)),
    ("the British set", b"\x1b(A#\x1b(B#", ["£#"], (0, 2)),
    # resets
    ("RIS", b"abc\x1b[2;3r\x1b[?6h\x1b(0\x1bcq", ["q"], (0, 1)),
]


@pytest.mark.parametrize(("name", "data", "rows", "cursor"), CASES, ids=[c[0] for c in CASES])
def test_behaviour(name: str, data: bytes, rows: list[str], cursor: tuple[int, int]) -> None:
    screen = Screen(Size(5, 10))
    screen.feed(data)
    assert screen.text() == rows + [""] * (5 - len(rows))
    assert (screen.cursor_row, screen.cursor_col) == cursor
    assert screen.errors == 0


STYLES = [
    (b"1;3;4;7;9", Style(bold=True, italic=True, underline=1, reverse=True, strike=True)),
    (b"2;5;8;53", Style(faint=True, blink=True, conceal=True, overline=True)),
    (b"21", Style(underline=2)),
    (b"4:3", Style(underline=3)),
    (b"4:0", Style()),
    (b"31;42", Style(fg=1, bg=2)),
    (b"91;102", Style(fg=9, bg=10)),
    (b"38;5;200", Style(fg=200)),
    (b"38:5:200", Style(fg=200)),
    (b"38;2;1;2;3", Style(fg=(1, 2, 3))),
    (b"38:2:1:2:3", Style(fg=(1, 2, 3))),
    (b"48:2::1:2:3", Style(bg=(1, 2, 3))),
    (b"58:5:3;4", Style(underline=1, underline_color=3)),
    (b"58;2;1;2;3;59;4", Style(underline=1)),
    (b"38;5;300;1", Style(bold=True)),
    (b"38;2;1;1", Style()),
    (b"1;0;3", Style(italic=True)),
    (b"1;22;31;39", Style()),
    (b"", Style()),
]


@pytest.mark.parametrize(("params", "style"), STYLES)
def test_graphic_rendition(params: bytes, style: Style) -> None:
    screen = Screen(Size(2, 10))
    screen.feed(b"\x1b[%smx" % params)
    run = screen.runs(0)[0]
    assert run.style == style
    copy = Screen(Size(2, 10))
    copy.feed(screen.repaint())
    assert copy.runs(0) == screen.runs(0)


def test_erased_cells_take_the_background() -> None:
    screen = Screen(Size(2, 4))
    screen.feed(b"\x1b[44;1m\x1b[2Jab")
    assert [(run.text, run.style) for run in screen.runs(0)] == [
        ("ab", Style(bg=4, bold=True)),
        ("  ", Style(bg=4)),
    ]


def test_links_stay_with_their_text() -> None:
    screen = Screen(Size(1, 20))
    screen.feed(b"see \x1b]8;id=1;https://example.org\x1b\\here\x1b]8;;\x1b\\ now")
    assert [(run.text, run.style.link) for run in screen.runs(0)[:3]] == [
        ("see ", ""),
        ("here", "https://example.org"),
        (" now        ", ""),
    ]


def test_hidden_text_is_noticed() -> None:
    screen = Screen(Size(3, 20))
    screen.feed(b"seen\r\n\x1b[8mconcealed\x1b[m\r\n\x1b[31;41msame\x1b[m")
    assert screen.has_hidden()
    assert [screen.has_hidden([row]) for row in range(3)] == [False, True, True]
    screen.feed(b"\x1b[2J\x1b[H\x1b[8m   ")
    assert not screen.has_hidden()


def test_what_programs_tell() -> None:
    screen = Screen(Size(3, 20))
    screen.feed(b"\x1b]0;both\x07\x1b]2;title\x07\x1b]7;file://host/tmp/a%20b\x1b\\")
    screen.feed(b"\x1b]9;4;1;42\x07\a\a")
    assert (screen.title, screen.icon_title) == ("title", "both")
    assert screen.cwd == "/tmp/a b"
    assert screen.progress == "normal 42"
    assert screen.bells == 2
    screen.feed(b"\x1b[22t\x1b]2;other\x07\x1b[23t\x1b]9;4;2;10\x07")
    assert screen.title == "title"
    assert screen.progress == "error 10"
    screen.feed(b"\x1b]9;4;0\x07\x1b]2;a\x1b[0mb\x07")
    assert screen.progress == ""


def test_shell_marks() -> None:
    screen = Screen(Size(3, 20))
    screen.feed(b"\x1b]133;A\x07$ \x1b]133;B\x07ls\r\n\x1b]133;C\x07out\r\n\x1b]133;D;3\x07")
    assert [(m.kind, m.line, m.col, m.exit, m.order) for m in screen.marks] == [
        ("A", 0, 0, None, 0),
        ("B", 0, 2, None, 1),
        ("C", 1, 0, None, 2),
        ("D", 2, 0, 3, 3),
    ]


def test_modes_are_a_frozen_picture() -> None:
    screen = Screen(Size(3, 20))
    before = screen.modes
    screen.feed(
        b"\x1b[?1;1002;1006;1004;2004;2026;5h\x1b=\x1b[4h\x1b[>5u\x1b[>4;2m\x1b[4 q\x1b[?25l"
    )
    modes = screen.modes
    assert (modes.application_cursor, modes.application_keypad, modes.bracketed_paste) == (
        True,
    ) * 3
    assert (modes.mouse, modes.mouse_encoding, modes.focus) == ("button", "sgr", True)
    assert (modes.kitty_flags, modes.modify_other_keys, modes.cursor_style) == (5, 2, 4)
    assert (modes.synchronized, modes.reverse_video, modes.insert) == (True,) * 3
    assert not modes.cursor_visible
    assert before == Screen(Size(3, 20)).modes
    screen.feed(b"\x1b[?1002;1006l\x1b[<u")
    assert (screen.modes.mouse, screen.modes.mouse_encoding) == ("", "")
    assert screen.modes.kitty_flags == 0


def test_each_screen_has_its_own_keyboard_flags() -> None:
    screen = Screen(Size(3, 20))
    screen.feed(b"\x1b[>1u\x1b[?1049h")
    assert screen.modes.kitty_flags == 0
    screen.feed(b"\x1b[>7u")
    assert screen.modes.kitty_flags == 7
    screen.feed(b"\x1b[?1049l")
    assert screen.modes.kitty_flags == 1


def test_lines_keep_their_numbers() -> None:
    screen = Screen(Size(3, 10), scrollback=4)
    for number in range(10):
        screen.feed(b"line %d\r\n" % number)
    assert (screen.first_line, screen.floor_line) == (8, 4)
    assert screen.line(7) == Line("line 7")
    assert screen.line(8) == Line("line 8")
    with pytest.raises(IndexError):
        screen.line(3)
    assert [line.text for line in screen.line_range(0, 99)] == [
        *(f"line {n}" for n in range(4, 10)),
        "",
    ]


def test_soft_wraps_are_remembered() -> None:
    screen = Screen(Size(2, 5))
    screen.feed(b"abcdefgh\r\nabcde\r\nx")
    assert screen.line_range(0, 4) == [
        Line("abcde", wrapped=True),
        Line("fgh"),
        Line("abcde"),
        Line("x"),
    ]


@pytest.mark.parametrize(
    "erase", ["\r\x1b[K", "\x1b[2K\r", "\r\x1b[J", "\x1b[4D\x1b[K", "\x1b[2;1H\x1b[K"]
)
def test_erasing_the_whole_second_row_ends_a_soft_wrap(erase: str) -> None:
    for rest in (b"new", b"new\x1b[K"):
        screen = Screen(Size(4, 5))
        screen.feed(b"abcdefgh" + erase.encode() + rest)
        assert screen.line_range(0, 2) == [Line("abcde"), Line("new")]


@pytest.mark.parametrize("erase", ["\x1b[K", "\x1b[D\x1b[K", "\x1b[1K", "\r\x1b[2X"])
def test_erasing_a_part_of_it_keeps_the_soft_wrap(erase: str) -> None:
    screen = Screen(Size(4, 5))
    screen.feed(b"abcdefgh" + erase.encode())
    assert screen.line_range(0, 1) == [Line("abcde", wrapped=True)]


def test_the_alternate_screen_leaves_the_lines_alone() -> None:
    screen = Screen(Size(3, 10))
    screen.feed(b"kept\x1b[?1049h" + b"x\r\n" * 20)
    assert screen.alternate
    assert screen.first_line == 0
    assert screen.line(0).text == "kept"


def test_lines_of_a_region_below_the_top_are_not_kept() -> None:
    screen = Screen(Size(4, 10))
    screen.feed(b"top\x1b[2;4r\x1b[4;1H" + b"x\r\n" * 20)
    assert screen.first_line == 0


def test_ed_3_forgets_the_scrollback_and_keeps_the_numbers() -> None:
    screen = Screen(Size(3, 10))
    screen.feed(b"x\r\n" * 20 + b"\x1b[3J")
    assert screen.first_line == screen.floor_line == 18


def test_changed_rows_since_a_generation() -> None:
    screen = Screen(Size(4, 10))
    screen.feed(b"a\r\nb\r\nc")
    seen = screen.generation
    assert screen.changed_rows(seen) == []
    screen.feed(b"\x1b[2;1HX")
    assert screen.changed_rows(seen) == [1]
    screen.feed(b"\x1b[4;1H\n")
    assert screen.changed_rows(seen) == [0, 1, 2, 3]


def test_unknown_sequences_are_counted_by_shape() -> None:
    screen = Screen(Size(2, 10))
    screen.feed(b"\x1b[1;2y\x1b[3;4y\x1b[?777h\x1b]999;x\x07\x1by")
    assert screen.unknown == {"CSI y": 2, "mode ?777": 1, "OSC 999": 1, "ESC y": 1}


def test_cells_are_columns() -> None:
    screen = Screen(Size(1, 10))
    screen.feed("a中b".encode())
    assert screen.row_text(0, 0, 3) == "a中"
    assert screen.row_text(0, 3) == "b      "


def test_rows_that_many_lines_scrolled_in_count_as_written() -> None:
    screen = Screen(Size(4, 20))
    screen.feed(b"one\r\n")
    before = screen.generation
    screen.feed(b"".join(b"line %d\r\n" % n for n in range(20)))
    assert screen.written_rows(before) == [0, 1, 2]
