"""Pictures: the whole screen is shown, and no text can break out of the markup."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.model import Size
from ptyjobs.render import box_glyphs
from ptyjobs.render.ansi import pieces, to_ansi, to_svg, to_text
from ptyjobs.render.html import to_html
from ptyjobs.terminal import Screen
from ptyjobs.terminal.colours import DARK, LIGHT, colour, look
from ptyjobs.terminal.style import Style

SVG = "{http://www.w3.org/2000/svg}"


def shown(data: str, rows: int = 5, cols: int = 20) -> Screen:
    screen = Screen(Size(rows, cols))
    screen.feed(data.encode())
    return screen


def svg_text(screen: Screen) -> list[str]:
    root = ET.fromstring(to_svg(screen, cursor=False))
    return [node.text or "" for node in root.iter(f"{SVG}text")]


class Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]


def html(screen: Screen) -> Text:
    parser = Text()
    parser.feed(to_html(screen, page=False, cursor=False))
    parser.close()
    return parser


def test_text_leaves_off_blanks_and_can_show_the_cursor() -> None:
    screen = shown("one\r\n  two  \r\n")
    assert to_text(screen) == "one\n  two"
    assert to_text(screen, cursor=True) == "one\n  two\n▮"
    assert to_text(shown("abc\x1b[2D"), cursor=True) == "a▮bc"
    assert to_text(shown("你好\x1b[2D"), cursor=True) == "你▮好"
    assert to_text(shown("abc\x1b[?25l"), cursor=True) == "abc"


def test_ansi_gives_the_same_cells_when_fed_again() -> None:
    screen = shown("\x1b[1;31mred\x1b[m plain \x1b[7mrev\x1b[m\r\n\x1b[44m  \x1b[m你\x1b[4:3mx")
    again = shown(to_ansi(screen).replace("\n", "\r\n"))
    for row in range(5):
        assert screen.runs(row) == again.runs(row)


def test_wide_characters_and_lines_are_pieces_of_their_own() -> None:
    cut = [(p.col, p.cols, p.text, p.box) for p in pieces(shown("ab你é─c").runs(0))]
    assert cut[:5] == [
        (0, 2, "ab", False), (2, 2, "你", False), (4, 1, "é", False), (5, 1, "─", True),
        (6, 14, "c" + " " * 13, False),
    ]  # fmt: skip


def test_svg_says_how_many_cells_each_text_fills() -> None:
    root = ET.fromstring(to_svg(shown("ab 你"), title="<t>", bar=True))
    found = {n.text: n.get("textLength") for n in root.iter(f"{SVG}text") if n.get("textLength")}
    assert found == {"ab": "16.8", "你": "16.8"}
    assert root.findtext(f"{SVG}title") == "<t>"


def test_markup_in_the_output_stays_text() -> None:
    screen = shown("<b>&amp;</b>'\"")
    assert svg_text(screen) == ["<b>&amp;</b>'\""]
    assert html(screen).text.splitlines()[0].rstrip() == "<b>&amp;</b>'\""
    assert html(screen).tags == {"pre"}


def test_only_links_that_open_a_page_are_links() -> None:
    data = "\x1b]8;;{}\x07x\x1b]8;;\x07"
    good = shown(data.format("https://a.example/?a=1&b=\"2'"))
    assert html(good).links == ["https://a.example/?a=1&b=\"2'"]
    assert [a.get("href") for a in ET.fromstring(to_svg(good)).iter(f"{SVG}a")] == html(good).links
    for target in ("javascript:alert(1)", "file:///etc/passwd", "data:text/html,x"):
        assert html(shown(data.format(target))).links == []
        assert "href" not in to_svg(shown(data.format(target)))


@given(st.text(max_size=60), st.sampled_from(["", "\x1b[1;4:3;7m", "\x1b[48;5;99;9m"]))
def test_any_output_gives_well_formed_pictures(text: str, style: str) -> None:
    screen = shown(style + text.encode(errors="replace").decode())
    ET.fromstring(to_svg(screen, title=text))
    html(screen)
    assert "\u202e" not in to_svg(screen) + to_html(screen)


def test_the_colours_of_a_style() -> None:
    assert colour(196, DARK.fg, DARK) == (255, 0, 0)
    assert colour(244, DARK.fg, DARK) == (128, 128, 128)
    assert colour(None, LIGHT.fg, LIGHT) == LIGHT.fg
    plain, turned = look(Style(), DARK), look(Style(reverse=True), DARK)
    assert (plain.fg, plain.bg) == (DARK.fg, None)
    assert (turned.fg, turned.bg) == (DARK.bg, DARK.fg)
    assert look(Style(reverse=True), DARK, reverse_video=True) == plain
    hidden = look(Style(fg=1, bg=2, conceal=True), DARK)
    assert hidden.fg == hidden.bg
    assert look(Style(fg=7, bg=7), DARK).fg == DARK.colours[7]
    assert look(Style(fg=7, bg=7, bold=True), DARK).fg == DARK.colours[15]


def test_every_line_and_block_has_a_shape_inside_its_cell() -> None:
    for code in range(0x2500, 0x25A0):
        shape = box_glyphs.rects(chr(code))
        if shape is None:
            assert code in (0x2571, 0x2572, 0x2573)  # diagonals: the font draws them
            continue
        assert shape[0]
        for x, y, width, height in shape[0]:
            assert min(x, y) >= -0.01, hex(code)
            assert max(x + width, y + height) <= 1.01, hex(code)
    for code in range(0x2800, 0x2900):
        shape = box_glyphs.rects(chr(code))
        assert shape is not None
        assert len(shape[0]) == (code & 0xFF).bit_count()
        assert all(0 < x < x + w < 1 and 0 < y < y + h < 1 for x, y, w, h in shape[0])
    assert box_glyphs.rects("a") is None


def touches(char: str) -> set[str]:
    shape = box_glyphs.rects(char)
    assert shape is not None
    out = set()
    for x, y, width, height in shape[0]:
        out |= {"l"} if x <= 0 else set()
        out |= {"r"} if x + width >= 1 else set()
        out |= {"u"} if y <= 0 else set()
        out |= {"d"} if y + height >= 1 else set()
    return out


@pytest.mark.parametrize(
    ("char", "sides"),
    [("┌", "rd"), ("╮", "ld"), ("└", "ru"), ("┤", "lud"), ("┼", "lrud"), ("╬", "lrud"), ("═", "lr"),
     ("║", "ud"), ("╓", "rd"), ("╛", "lu"), ("┝", "rud"), ("┰", "lrd"), ("╴", "l"), ("╼", "lr"),
     ("▀", "lru"), ("▌", "lud"), ("▗", "rd"), ("█", "lrud")],
)  # fmt: skip
def test_lines_reach_the_sides_that_their_names_say(char: str, sides: str) -> None:
    assert touches(char) == set(sides)


def test_png_shows_text_colours_and_lines() -> None:
    image = pytest.importorskip("PIL.Image")
    from ptyjobs.render.png import CELL_HEIGHT, CELL_WIDTH, PADDING, to_png

    screen = shown("\x1b[41m  \x1b[m─A", rows=2, cols=6)
    picture = image.open(io.BytesIO(to_png(screen, cursor=False))).convert("RGB")
    assert picture.size == (6 * CELL_WIDTH + 2 * PADDING, 2 * CELL_HEIGHT + 2 * PADDING)

    def at(col: float, row: float) -> tuple[int, ...]:
        x, y = PADDING + int(col * CELL_WIDTH), PADDING + int(row * CELL_HEIGHT)
        return tuple(picture.getpixel((x, y)))

    assert at(0.5, 0.5) == DARK.colours[1]
    assert at(2.5, 0.5) == DARK.fg
    assert at(2.5, 0.1) == DARK.bg
    letter = [at(3 + x / 9, y / 18) for x in range(9) for y in range(18)]
    assert any(pixel != DARK.bg for pixel in letter)
    assert at(5.5, 1.5) == DARK.bg


def test_png_tells_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL")
    from ptyjobs.errors import Unsupported
    from ptyjobs.render import png

    with pytest.raises(Unsupported, match="cannot be read"):
        png.to_png(shown("x"), font="/nowhere.ttf")
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(Unsupported, match=r"ptyjobs\[image\]"):
        png.to_png(shown("x"))
