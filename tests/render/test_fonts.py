"""Which font has a character, and what is drawn of letters that the built-in font lacks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from ptyjobs.model import Size
from ptyjobs.render import font_files
from ptyjobs.render.clusters import parts
from ptyjobs.terminal import Screen

pytest.importorskip("PIL", reason="the extra [image] is not installed")

from PIL import Image

from ptyjobs.render import png
from ptyjobs.terminal.colours import DARK

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN = str(png.FONTS / "DejaVuSansMono-subset.ttf")


def picture(data: str, *, cols: int = 10) -> Image.Image:
    screen = Screen(Size(1, cols))
    screen.feed(data.encode())
    return Image.open(io.BytesIO(png.to_png(screen, cursor=False))).convert("RGB")


def inked(image: Image.Image, rows: range) -> Iterator[int]:
    """The columns of pixels that are not background, in some rows."""
    for y in rows:
        yield from (x for x in range(image.width) if image.getpixel((x, y)) != DARK.bg)


def test_a_character_map_says_what_a_font_has() -> None:
    assert all(font_files.has(BUILT_IN, char) for char in "A~éΩ→")
    assert not any(font_files.has(BUILT_IN, char) for char in "日क⣿\U0010fffe")
    assert not font_files.has(__file__, "A")  # no font


def test_a_font_of_this_machine_really_has_the_character() -> None:
    found = {char: font_files.with_character(char, coloured=False) for char in "क日😀ا\U0010fffe"}
    assert found.pop("\U0010fffe") == ""
    if not any(found.values()):
        pytest.skip("no font of this machine has a character that ours lacks")
    for char, path in found.items():
        assert not path or font_files.has(path, char)


def test_italics_lean_to_the_right() -> None:
    def lean(data: str) -> float:
        image = picture(data)
        high, low = list(inked(image, range(9, 14))), list(inked(image, range(18, 23)))
        return sum(high) / len(high) - sum(low) / len(low)

    assert abs(lean("l" * 8)) < 3
    assert lean("\x1b[3m" + "l" * 8) > lean("l" * 8) + 1


def test_an_emoji_has_its_colours_and_no_more_than_its_cells() -> None:
    path = font_files.with_character("😀", coloured=True)
    if not path or not font_files.is_coloured(path):
        pytest.skip("no font of this machine has coloured emoji")
    image = picture("😀", cols=6)
    assert any(max(p) - min(p) > 100 for _, p in image.getcolors(100_000) or [])
    last = max(inked(image, range(image.height)))
    assert last < png.PADDING + 2 * png.CELL_WIDTH


def test_letters_that_shape_each_other_stay_together_and_symbols_apart() -> None:
    assert list(parts("naïve Ωя")) == [("naïve Ωя", 8, True)]
    assert list(parts("a⣿⣷→")) == [("a", 1, True), *((s, 1, False) for s in "⣿⣷→")]
    assert list(parts("हिन्दी|")) == [("हिन्दी", 5, False), ("|", 1, True)]
    assert list(parts("e\u0301x")) == [("e\u0301", 1, False), ("x", 1, True)]
