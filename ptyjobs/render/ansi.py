"""Render a screen as text, coloured text or SVG.

Owns the drawing of rows of styled runs. Never reads bytes, files or fonts: the browser supplies the
font, and `ptyjobs.render.png` draws a PNG from the same pieces. The subtle thing: nothing may
depend on the font's own widths. Every piece of text states how many cells it fills, a wide
character is a separate piece, and lines and blocks are drawn as rectangles (`box_glyphs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from ptyjobs.model import Size
from ptyjobs.render import box_glyphs
from ptyjobs.terminal.colours import DARK, Look, Theme, hexa, look
from ptyjobs.terminal.style import Style, sgr
from ptyjobs.terminal.values import Modes, Run
from ptyjobs.terminal.widths import WIDTH

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE = 8.4, 17.0, 14.0
FONTS = "'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace"
CURSOR = "\u25ae"  # marks the cursor in text


class Picture(Protocol):
    """The drawable part of a screen: a `Screen`, or any object with its rows."""

    @property
    def size(self) -> Size: ...
    @property
    def cursor_row(self) -> int: ...
    @property
    def cursor_col(self) -> int: ...
    @property
    def modes(self) -> Modes: ...
    def runs(self, row: int) -> Sequence[Run]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Adjacent cells drawn at once: `cols` cells from `col`. `box`: drawn as rectangles."""

    col: int
    cols: int
    text: str
    style: Style
    box: bool = False


def pieces(runs: Sequence[Run]) -> Iterator[Piece]:
    """The pieces of one row, left to right; marks and joiners stay with their character."""
    col = 0
    for run in runs:
        for text in _clusters(run.text):
            width = text_cells(text)
            box = len(text) == 1 and box_glyphs.rects(text) is not None
            yield Piece(col, width, text, run.style, box)
            col += width


_PLAIN = re.compile(r"[\x20-\x7e]+")


def _clusters(text: str) -> Iterator[str]:
    """Stretches of narrow text, and each wide or box character separately."""
    start = at = 0
    while at < len(text):
        plain = _PLAIN.match(text, at)
        if plain is not None:
            at = plain.end()
            continue
        end = at + 1
        while end < len(text) and WIDTH[text[end]] <= 0:
            end += 1
        if WIDTH[text[at]] == 2 or box_glyphs.rects(text[at]) is not None:
            if start < at:
                yield text[start:at]
            yield text[at:end]
            start = end
        at = end
    if start < len(text):
        yield text[start:]


def text_cells(text: str) -> int:
    return len(text) if text.isascii() else sum(max(0, WIDTH[c]) for c in text)


def to_text(screen: Picture, *, cursor: bool = False) -> str:
    """The rows, without trailing blanks and trailing blank rows.

    With `cursor`, U+25AE marks the cursor: in place of a blank, otherwise before the character.
    """
    rows = ["".join(run.text for run in screen.runs(n)) for n in range(screen.size.rows)]
    if cursor and screen.modes.cursor_visible:
        row, col = screen.cursor_row, screen.cursor_col
        at = index_of_cell(rows[row].ljust(col), col)
        left, right = rows[row].ljust(at)[:at], rows[row][at:]
        rows[row] = left + CURSOR + (right[1:] if right.startswith(" ") else right)
    while rows and not rows[-1].strip(" "):
        rows.pop()
    return "\n".join(row.rstrip(" ") for row in rows)


def index_of_cell(text: str, col: int) -> int:
    cells = 0
    for at, char in enumerate(text):
        width = max(0, WIDTH[char])
        if cells >= col and width:
            return at
        cells += width
    return len(text) + max(0, col - cells)


def to_ansi(screen: Picture) -> str:
    """The rows with their SGR sequences, each row complete in itself; no cursor movement."""
    lines = []
    for row in range(screen.size.rows):
        runs = _trimmed(screen.runs(row))
        line = "".join(_ansi_run(run) for run in runs)
        lines.append(line + ("\x1b[m" if "\x1b" in line else ""))
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def _ansi_run(run: Run) -> str:
    text = sgr(run.style) + run.text if run.style != Style() else f"\x1b[m{run.text}"
    if run.style.link and safe_link(run.style.link):
        return f"\x1b]8;;{run.style.link}\x1b\\{text}\x1b]8;;\x1b\\"
    return text


def _trimmed(runs: Sequence[Run]) -> list[Run]:
    """The runs without trailing blanks that are invisible."""
    kept = list(runs)
    while kept:
        last = kept[-1]
        if last.style.bg is not None or last.style.reverse or last.style.underline:
            break
        text = last.text.rstrip(" ")
        if text:
            kept[-1] = Run(text, last.style)
            break
        kept.pop()
    return kept


_LINK = re.compile(r"(?:https?|ftp|mailto):[!-~\u00a1-\ud7ff]+")


def safe_link(target: str) -> bool:
    """True for schemes that only open a page (never `javascript:` or `file:`)."""
    return _LINK.fullmatch(target) is not None


# Not allowed in XML 1.0, and controls that would reverse text in a browser.
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def markup(text: str) -> str:
    return escape(_BIDI.sub("", _BAD.sub("\ufffd", text)))


# --- SVG ------------------------------------------------------------------------------------------


def to_svg(
    screen: Picture, *, theme: Theme = DARK, title: str = "", bar: bool = False, cursor: bool = True
) -> str:
    """The screen as SVG; `title` names it for screen readers, `bar` also draws it on top."""
    rows, cols = screen.size.rows, screen.size.cols
    pad = 8.0
    top = pad + (CELL_HEIGHT + 8 if bar else 0)
    width, height = cols * CELL_WIDTH + 2 * pad, rows * CELL_HEIGHT + top + pad
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" role="img">',
        f"<title>{markup(title) or 'terminal'}</title>",
        "<style>text{white-space:pre}a text{text-decoration:underline}</style>",
        f'<rect width="100%" height="100%" rx="6" fill="{hexa(theme.bg)}"/>',
    ]
    if bar:
        out.append(_svg_bar(title, width, theme))
    out.append(
        f'<g transform="translate({_n(pad)} {_n(top)})" font-family="{FONTS}" '
        f'font-size="{_n(FONT_SIZE)}" fill="{hexa(theme.fg)}">'
    )
    reverse = screen.modes.reverse_video
    out.extend(
        _svg_piece(piece, row, look(piece.style, theme, reverse_video=reverse), theme)
        for row in range(rows)
        for piece in pieces(screen.runs(row))
    )
    if cursor and screen.modes.cursor_visible:
        x, y = min(screen.cursor_col, cols - 1) * CELL_WIDTH, screen.cursor_row * CELL_HEIGHT
        out.append(_rect(x, y, CELL_WIDTH, CELL_HEIGHT, hexa(theme.fg), ' fill-opacity="0.5"'))
    return "\n".join([line for line in out if line] + ["</g>", "</svg>", ""])


def _svg_bar(title: str, width: float, theme: Theme) -> str:
    dots = "".join(
        f'<circle cx="{16 + 18 * n}" cy="15" r="5.5" fill="{c}"/>'
        for n, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'{dots}<text x="{_n(width / 2)}" y="19" text-anchor="middle" font-family="sans-serif" '
        f'font-size="12" fill="{hexa(theme.fg)}" fill-opacity="0.8">{markup(title)}</text>'
    )


def _svg_piece(piece: Piece, row: int, seen: Look, theme: Theme) -> str:
    x, y, width = piece.col * CELL_WIDTH, row * CELL_HEIGHT, piece.cols * CELL_WIDTH
    out = ""
    if seen.bg is not None:
        out += _rect(x, y, width, CELL_HEIGHT, hexa(seen.bg))
    if piece.box:
        out += _svg_box(piece, x, y, seen)
    elif piece.text.strip(" "):
        out += _svg_text(piece, x, y, seen, theme)
    return out + _svg_lines(piece.style, x, y, width, seen)


def _svg_text(piece: Piece, x: float, y: float, seen: Look, theme: Theme) -> str:
    style = piece.style
    lead = len(piece.text) - len(piece.text.lstrip(" "))
    text = piece.text.strip(" ")
    cells = text_cells(text)
    attributes = "" if seen.fg == theme.fg else f' fill="{hexa(seen.fg)}"'
    attributes += ' font-weight="bold"' if style.bold else ""
    attributes += ' font-style="italic"' if style.italic else ""
    body = (
        f'<text x="{_n(x + lead * CELL_WIDTH)}" y="{_n(y + 13)}" '
        f'textLength="{_n(cells * CELL_WIDTH)}" lengthAdjust="spacingAndGlyphs"'
        f"{attributes}>{markup(text)}</text>"
    )
    if style.link and safe_link(style.link):
        return f'<a href="{markup(style.link)}">{body}</a>'
    return body


def _svg_box(piece: Piece, x: float, y: float, seen: Look) -> str:
    shape = box_glyphs.rects(piece.text)
    assert shape is not None  # `pieces` made the same check
    extra = "" if shape[1] == 1.0 else f' fill-opacity="{shape[1]}"'
    return "".join(
        _rect(x + a * CELL_WIDTH, y + b * CELL_HEIGHT, w * CELL_WIDTH, h * CELL_HEIGHT,
              hexa(seen.fg), extra)
        for a, b, w, h in shape[0]
    )  # fmt: skip


def _svg_lines(style: Style, x: float, y: float, width: float, seen: Look) -> str:
    out = ""
    base, stroke = y + CELL_HEIGHT - 1.6, hexa(seen.underline_color)
    if style.underline in (1, 2):
        out += _rect(x, base, width, 1, stroke)
        out += _rect(x, base - 2.2, width, 1, stroke) if style.underline == 2 else ""
    elif style.underline:
        dashes = {4: "1.4 1.4", 5: "4 2.4"}.get(style.underline)
        path = f"M{_n(x)} {_n(base)}h{_n(width)}"
        if dashes is None:
            waves = max(1, round(width / 4.2))
            path = f"M{_n(x)} {_n(base)}" + "q1.05 -2 2.1 0t2.1 0" * waves
        extra = f' stroke-dasharray="{dashes}"' if dashes else ""
        out += f'<path d="{path}" fill="none" stroke="{stroke}"{extra}/>'
    if style.strike:
        out += _rect(x, y + CELL_HEIGHT * 0.52, width, 1, hexa(seen.fg))
    if style.overline:
        out += _rect(x, y, width, 1, hexa(seen.fg))
    return out


def _rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
        f'fill="{fill}"{extra} shape-rendering="crispEdges"/>'
    )


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
