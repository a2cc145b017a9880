"""Render a screen as a PNG picture. Needs Pillow: the extra `ptyjobs[image]`.

Owns the fonts on disk and the painting of `render.ansi`'s pieces. Never decides how a row looks.
The font is a subset of DejaVu Sans Mono shipped with the package (`fonts/LICENSE`); wide characters
and symbols that it lacks are taken from an installed font that has them, and are drawn as an empty
box otherwise. Box drawing is rectangles, so that lines meet.
"""

from __future__ import annotations

import functools
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import Unsupported
from ptyjobs.render import box_glyphs
from ptyjobs.render.ansi import Picture, Piece, pieces
from ptyjobs.terminal.colours import DARK, Look, Theme, look

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FONTS = Path(__file__).parent / "fonts"
CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, PADDING = 9, 18, 15, 8
MAX_CELLS = 100_000
"""Larger screens are refused: drawing one takes seconds and hundreds of megabytes."""

_FALLBACK_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts",
)  # fmt: skip
_FALLBACK_NAMES = (
    "cjk",
    "wqy",
    "fallback",
    "unifont",
    "hiragino",
    "pingfang",
    "gothic",
    "symbola",
    "dejavu",
)
_FALLBACKS = 12  # maximum number of font files opened in search of a character


def to_png(
    screen: Picture, *, theme: Theme = DARK, cursor: bool = True, font: str = "", scale: int = 1
) -> bytes:
    """The picture as PNG bytes; `font` is a TrueType file instead of the built-in one.

    `scale` 1 to 4 multiplies the pixels. Raises Unsupported if Pillow or the font is missing or
    the screen is too large.
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


@functools.lru_cache(maxsize=1)
def _fallback_files() -> tuple[str, ...]:
    """Installed fonts that may have wide characters and symbols, likely ones first."""
    return tuple(sorted(_font_files(), key=_rank)[:_FALLBACKS])


def _font_files() -> Iterator[str]:
    for folder in _FALLBACK_FOLDERS:
        for file in Path(folder).rglob("*.[to]t[fc]"):
            if _rank(file.name) < 99:
                yield str(file)


def _rank(path: str) -> int:
    name = Path(path).name.lower()
    if "bold" in name or "italic" in name or "oblique" in name:
        return 99
    return next((n for n, word in enumerate(_FALLBACK_NAMES) if word in name), 99)


@functools.lru_cache(maxsize=4096)
def _has(path: str, char: str) -> bool:
    """True if the font has a glyph for `char`, different from its glyph for missing characters."""
    font = _font(path, FONT_SIZE)
    return bytes(font.getmask(char)) != bytes(font.getmask("\U0010fffe"))


@functools.lru_cache(maxsize=4096)
def _file_for(char: str, *firsts: str) -> str:
    """The font for a character: one of `firsts`, otherwise an installed one."""
    if char.isspace():
        return firsts[0]
    files = itertools.chain(firsts, _fallback_files())
    return next((path for path in files if _has(path, char)), firsts[0])


class _Painter:
    def __init__(self, font: str, scale: int) -> None:
        self.regular = font or str(FONTS / "DejaVuSansMono-subset.ttf")
        self.bold = font or str(FONTS / "DejaVuSansMono-Bold-subset.ttf")
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
        if piece.text.isascii():
            # Character by character: the font's own advance differs from our cell width.
            for n, char in enumerate(piece.text):
                if char != " ":
                    self._glyph(draw, x + n * self.width, y, char, first, seen)
            return
        at = 0
        for cluster, cells in _cells(piece.text):
            path = _file_for(cluster[0], first, self.regular)  # there are no bold symbols
            self._glyph(draw, x + at * self.width, y, cluster, path, seen)
            at += cells

    def _glyph(self, draw: ImageDraw, x: int, y: int, text: str, path: str, seen: Look) -> None:
        font = _font(path, self.size)
        draw.text((x, y + self.base), text, font=font, fill=seen.fg, anchor="ls")

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


def _cells(text: str) -> Iterator[tuple[str, int]]:
    """Each character with the marks on it, and its cells."""
    from ptyjobs.terminal.widths import WIDTH

    at = 0
    while at < len(text):
        end = at + 1
        while end < len(text) and WIDTH[text[end]] <= 0:
            end += 1
        yield text[at:end], max(0, WIDTH[text[at]])
        at = end
