"""Render a screen as a PNG picture. Needs Pillow: the extra `ptyjobs[image]`.

Owns the fonts on disk and the painting of `render.ansi`'s pieces. Never decides the layout of a
row. The built-in font is a subset of DejaVu Sans Mono, included in the package (`fonts/LICENSE`);
wide characters and symbols missing from it come from a font of this machine that has them
(`font_files`), or are drawn as an empty box. The subtle thing: there is no italic font, so italics
are slanted by transformation. Box drawing uses rectangles, so that lines join.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import Unsupported
from ptyjobs.render import box_glyphs, font_files
from ptyjobs.render.ansi import Picture, Piece, pieces
from ptyjobs.render.clusters import parts
from ptyjobs.terminal.colours import DARK, Look, Theme, look
from ptyjobs.terminal.style import Style
from ptyjobs.terminal.widths import WIDTH

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Box = tuple[int, int, int, int]  # x, y, width, height in pixels
FONTS = Path(__file__).parent / "fonts"
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, PADDING = 9, 18, 15, 8
MAX_CELLS = 100_000
"""Larger screens are refused: drawing one takes seconds and hundreds of megabytes."""

SLANT = 0.2  # slant of italics, as a fraction of their height
PICTURE_SIZES = (109, 128, 136, 160, 96, 64, 32, 20)
"""Sizes in which a font of coloured pictures may have them: it has no others."""


def to_png(
    screen: Picture, *, theme: Theme = DARK, cursor: bool = True, font: str = "", scale: int = 1
) -> bytes:
    """The picture as PNG bytes; `font` is a TrueType file instead of the built-in one.

    `scale` 1 to 4 multiplies the pixels. Raises Unsupported if Pillow or the font is missing or the
    screen is too large.
    """
    rows, cols = screen.size.rows, screen.size.cols
    if rows * cols > MAX_CELLS:
        raise Unsupported(f"A picture of {rows}x{cols} cells is too large.", advice="Resize first.")
    painter = _Painter(font, max(1, min(scale, 4)))
    width, height = cols * painter.width + 2 * painter.pad, rows * painter.height + 2 * painter.pad
    image = _pillow("Image").new("RGB", (width, height), theme.bg)
    draw: ImageDraw = _pillow("ImageDraw").Draw(image)
    reverse = screen.modes.reverse_video
    for row in range(rows):
        for piece in pieces(screen.runs(row)):
            painter.paint(draw, row, piece, look(piece.style, theme, reverse_video=reverse))
    if cursor and screen.modes.cursor_visible:
        painter.frame(draw, screen.cursor_row, min(screen.cursor_col, cols - 1), theme)
    out = io.BytesIO()
    image.quantize(256).save(out, "PNG", optimize=True)
    return out.getvalue()


def _pillow(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"PIL.{name}")
    except ImportError as error:
        raise Unsupported(
            "A PNG picture needs Pillow, which is not installed.",
            advice="Install ptyjobs[image], or ask for text or SVG.",
        ) from error


@functools.lru_cache(maxsize=16)
def _font(path: str, size: int) -> Any:
    try:
        return _pillow("ImageFont").truetype(path, size)
    except OSError as error:
        raise Unsupported(f"The font {path!r} cannot be read ({error}).") from error


@functools.lru_cache(maxsize=4096)
def _file_for(text: str, *firsts: str) -> str:
    """The font for a character and its marks: one of `firsts`, else one of this machine."""
    char = text[0]
    if char.isspace():
        return firsts[0]
    if (own := next((path for path in firsts if font_files.has(path, char)), "")) != "":
        return own
    coloured = WIDTH[char] == 2 and unicodedata.category(char) == "So"  # an emoji, most likely
    return font_files.with_character(char, coloured=coloured) or firsts[0]


@functools.lru_cache(maxsize=64)
def _pictures(path: str) -> Any:
    """The font at `path` in a size that it has, None if Pillow cannot use it."""
    for size in PICTURE_SIZES:
        with contextlib.suppress(OSError):  # "invalid pixel size"
            return _pillow("ImageFont").truetype(path, size)
    return None


@functools.lru_cache(maxsize=1)
def _shaping() -> dict[str, Any]:
    """Draw cells left to right in every script; without libraqm letters are not shaped."""
    return {"direction": "ltr"} if _pillow("features").check("raqm") else {}


class _Painter:
    def __init__(self, font: str, scale: int) -> None:
        self.regular = font or str(FONTS / "DejaVuSansMono-subset.ttf")
        self.bold = font or str(FONTS / "DejaVuSansMono-Bold-subset.ttf")
        _font(self.regular, FONT_SIZE)  # report an unreadable font at once
        self.scale = scale
        self.width, self.height = CELL_WIDTH * scale, CELL_HEIGHT * scale
        self.pad = PADDING * scale
        self.size = FONT_SIZE * scale
        self.base = round(self.height * 0.78)  # of the letters, below the cell's top

    def paint(self, draw: ImageDraw, row: int, piece: Piece, seen: Look) -> None:
        x, y = self.pad + piece.col * self.width, self.pad + row * self.height
        right, bottom = x + piece.cols * self.width - 1, y + self.height - 1
        if seen.bg is not None and piece.cols:
            draw.rectangle((x, y, right, bottom), fill=seen.bg)
        if piece.box:
            self._box(draw, x, y, piece, seen)
        else:
            self._text(draw, x, y, piece, seen)
        self._lines(draw, (x, y, right, bottom), piece, seen)

    def _text(self, draw: ImageDraw, x: int, y: int, piece: Piece, seen: Look) -> None:
        first = self.bold if piece.style.bold else self.regular
        at = 0
        for text, cells, common in parts(piece.text):
            # Unshaped text is drawn character by character, because the font's own advance differs
            # from our cell width.
            pieces = zip(text, itertools.repeat(1), strict=False) if common else [(text, cells)]
            for part, width in pieces:
                if part.strip():
                    path = _file_for(part, first, self.regular)  # there are no bold symbols
                    box = (x + at * self.width, y, width * self.width, self.height)
                    self._glyph(draw, box, part, path, piece.style, seen)
                at += width

    def _glyph(
        self, draw: ImageDraw, box: Box, text: str, path: str, style: Style, seen: Look
    ) -> None:
        x, y, width, height = box
        if path not in (self.regular, self.bold) and self._picture(draw, box, text, path):
            return
        font, shaping = _font(path, self.size), _shaping()
        wide = font.getlength(text, **shaping)
        if not style.italic and wide <= width + 1:
            draw.text((x, y + self.base), text, font=font, fill=seen.fg, anchor="ls", **shaping)
            return
        # Slanted or oversized text is drawn separately, then pasted into place.
        lean = round(SLANT * height) if style.italic else 0
        size = (max(width, round(wide)) + 2 * lean, height)
        mask = _pillow("Image").new("L", size)
        ink = _pillow("ImageDraw").Draw(mask)
        ink.text((lean, self.base), text, font=font, fill=255, anchor="ls", **shaping)
        modes = _pillow("Image")
        if lean:
            matrix = (1, SLANT, -SLANT * self.base, 0, 1, 0)
            mask = mask.transform(size, modes.Transform.AFFINE, matrix, modes.Resampling.BICUBIC)
        if wide > width + 1:
            mask = mask.resize((width + 2 * lean, height), modes.Resampling.LANCZOS)
        draw._image.paste(seen.fg, (x - lean, y), mask)

    def _picture(self, draw: ImageDraw, box: Box, text: str, path: str) -> bool:
        """Draw an emoji from a font of coloured pictures; False if `path` is not such a font."""
        if not font_files.is_coloured(path) or (font := _pictures(path)) is None:
            return False
        x, y, width, height = box
        left, top, right, bottom = font.getbbox(text)
        if right <= left or bottom <= top:
            return False
        drawn = _pillow("Image").new("RGBA", (round(right - left), round(bottom - top)))
        ink = _pillow("ImageDraw").Draw(drawn)
        ink.text((-left, -top), text, font=font, embedded_color=True)
        share = min(width / drawn.width, height / drawn.height)
        size = (max(1, round(drawn.width * share)), max(1, round(drawn.height * share)))
        drawn = drawn.resize(size, _pillow("Image").Resampling.LANCZOS)
        place = (x + (width - size[0]) // 2, y + (height - size[1]) // 2)
        draw._image.paste(drawn, place, drawn)
        return True

    def _box(self, draw: ImageDraw, x: int, y: int, piece: Piece, seen: Look) -> None:
        shape = box_glyphs.rects(piece.text)
        assert shape is not None  # `pieces` made the same check
        back = seen.bg or draw.im.getpixel((x, y))[:3]
        fill = tuple(round(b + (f - b) * shape[1]) for f, b in zip(seen.fg, back, strict=True))
        for left, top, width, height in shape[0]:
            x0, y0 = x + round(left * self.width), y + round(top * self.height)
            x1 = max(x0, x + round((left + width) * self.width) - 1)
            y1 = max(y0, y + round((top + height) * self.height) - 1)
            draw.rectangle((x0, y0, x1, y1), fill=fill)

    def _lines(
        self, draw: ImageDraw, box: tuple[int, int, int, int], piece: Piece, seen: Look
    ) -> None:
        x, y, right, bottom = box
        style, thick = piece.style, self.scale
        under = bottom - 2 * thick + 1
        if style.underline == 3:
            points = [(px, under - (px // (2 * thick)) % 2 * thick) for px in range(x, right + 1)]
            draw.point(points, fill=seen.underline_color)
        elif style.underline in (4, 5):
            on, off = (thick, thick) if style.underline == 4 else (4 * thick, 2 * thick)
            for px in range(x, right, on + off):
                draw.line((px, under, min(right, px + on - 1), under), fill=seen.underline_color)
        elif style.underline:
            draw.line((x, under, right, under), fill=seen.underline_color, width=thick)
            if style.underline == 2:
                above = under - 2 * thick
                draw.line((x, above, right, above), fill=seen.underline_color, width=thick)
        if style.strike:
            middle = y + round(self.height * 0.52)
            draw.line((x, middle, right, middle), fill=seen.fg, width=thick)
        if style.overline:
            draw.line((x, y, right, y), fill=seen.fg, width=thick)

    def frame(self, draw: ImageDraw, row: int, col: int, theme: Theme) -> None:
        x, y = self.pad + col * self.width, self.pad + row * self.height
        box = (x, y, x + self.width - 1, y + self.height - 1)
        draw.rectangle(box, outline=theme.fg, width=self.scale)
