"""Render a screen as HTML.

Owns the page and its one `<pre>`. Never reads files: the browser supplies the font. The subtle
thing: a browser takes missing characters from another font, whose characters differ in width and
height. So each such part is a box exactly as wide as its cells and as high as the row, and lines
and blocks are drawn as rectangles behind their (invisible) characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ptyjobs.render import box_glyphs
from ptyjobs.render.ansi import (
    FONTS,
    Picture,
    Piece,
    index_of_cell,
    markup,
    pieces,
    safe_link,
    text_cells,
)
from ptyjobs.render.clusters import parts
from ptyjobs.terminal.colours import DARK, Look, Theme, hexa, look
from ptyjobs.terminal.style import Style
from ptyjobs.terminal.values import Run
from ptyjobs.terminal.widths import WIDTH

ROW = 17  # pixels
_BOX = f"display:inline-block;height:{ROW}px;overflow:hidden;vertical-align:top;"


def to_html(
    screen: Picture, *, theme: Theme = DARK, title: str = "", page: bool = True, cursor: bool = True
) -> str:
    """The screen as HTML: a whole page, or with `page=False` the `<pre>` element alone."""
    reverse = screen.modes.reverse_video
    lines = []
    for row in range(screen.size.rows):
        at = screen.cursor_col if cursor and screen.modes.cursor_visible else -1
        lines.append(
            "".join(
                _html_piece(piece, look(piece.style, theme, reverse_video=reverse), theme)
                for piece in _joined(
                    _with_cursor(screen.runs(row), at if row == screen.cursor_row else -1)
                )
            )
        )
    css = (
        f"display:inline-block;margin:0;padding:8px;color:{hexa(theme.fg)};"
        f"background:{hexa(theme.bg)};font:14px/17px {FONTS};white-space:pre;"
        f"min-width:{screen.size.cols}ch;direction:ltr;unicode-bidi:bidi-override"
    )
    body = f'<pre style="{css}">{chr(10).join(lines)}\n</pre>'
    if not page:
        return body
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">\n'
        f"<title>{markup(title) or 'terminal'}</title>\n"
        f'<body style="margin:0;background:{hexa(theme.bg)}">\n{body}\n</html>\n'
    )


def _with_cursor(runs: Sequence[Run], col: int) -> Iterator[Piece]:
    """The pieces of a row, with the cell at `col` (if not negative) in reverse."""
    end = 0
    for piece in pieces(runs):
        end = piece.col + piece.cols
        if not piece.col <= col < end:
            yield piece
            continue
        at = index_of_cell(piece.text, col - piece.col)
        stop = at + 1
        while stop < len(piece.text) and WIDTH[piece.text[stop]] <= 0:
            stop += 1
        for text, style in (
            (piece.text[:at], piece.style),
            (piece.text[at:stop], _reversed(piece.style)),
            (piece.text[stop:], piece.style),
        ):
            if text:
                yield Piece(piece.col, text_cells(text), text, style)
    if col >= end:
        yield Piece(end, col - end, " " * (col - end), Style())
        yield Piece(col, 1, " ", _reversed(Style()))


def _joined(cut: Iterator[Piece]) -> Iterator[Piece]:
    """Merge adjacent lines and blocks into one piece: a browser leaves gaps between boxes."""
    last: Piece | None = None
    for piece in cut:
        if last is not None and _is_drawn(last) and _is_drawn(piece) and last.style == piece.style:
            last = Piece(last.col, last.cols + piece.cols, last.text + piece.text, last.style, True)
            continue
        if last is not None:
            yield last
        last = piece
    if last is not None:
        yield last


def _reversed(style: Style) -> Style:
    return Style(fg=style.fg, bg=style.bg, bold=style.bold, reverse=not style.reverse)


def css_of(piece: Piece, seen: Look, theme: Theme) -> str:
    """The CSS declarations of a piece of text on a `theme` page, "" for plain text."""
    css = _css(piece.style, seen, theme)
    if text_cells(piece.text) != len(piece.text):  # wide or joined: the font must not set its width
        css += f"{_BOX}width:{piece.cols}ch;"
    return css


def _css(style: Style, seen: Look, theme: Theme) -> str:
    css = "" if seen.fg == theme.fg else f"color:{hexa(seen.fg)};"
    css += "" if seen.bg is None else f"background:{hexa(seen.bg)};"
    css += "font-weight:bold;" if style.bold else ""
    css += "font-style:italic;" if style.italic else ""
    return css + _html_lines(style, seen)


def _html_piece(piece: Piece, seen: Look, theme: Theme) -> str:
    style = piece.style
    css = _css(style, seen, theme)
    if _is_drawn(piece):
        body = _span(markup(piece.text), css + _drawn(piece, seen))
    else:
        body = "".join(_part(*part, css) for part in parts(piece.text))
    if style.link and safe_link(style.link):
        rel = 'rel="noopener noreferrer" style="color:inherit"'
        return f'<a href="{markup(style.link)}" {rel}>{body}</a>'
    return body


def _is_drawn(piece: Piece) -> bool:
    """True for lines and blocks; a browser's font draws dots, as they would be too many boxes."""
    return piece.box and piece.text[0] < box_glyphs.BRAILLE


def _part(text: str, cells: int, common: bool, css: str) -> str:
    return _span(markup(text), css if common else f"{css}{_BOX}width:{cells}ch;")


def _span(body: str, css: str) -> str:
    return f'<span style="{css}">{body}</span>' if css else body


def _drawn(piece: Piece, seen: Look) -> str:
    """Lines and blocks as rectangles; their characters are invisible, for copying only."""
    ink = hexa(seen.fg)
    layers = [
        f"linear-gradient({ink}{shade},{ink}{shade}) {x:.4g}ch {top}px/{width:.4g}ch {high}px "
        "no-repeat"
        for x, width, top, high, shade in _rectangles(piece.text)
    ]
    back = "transparent" if seen.bg is None else hexa(seen.bg)
    return (
        f"{_BOX}width:{piece.cols}ch;color:transparent;"
        f"background:{','.join(layers)};background-color:{back};"
    )


def _rectangles(text: str) -> list[tuple[float, float, int, int, str]]:
    """(x and width in cells, top and height in pixels, opacity); touching rectangles are merged."""
    found: list[tuple[float, float, int, int, str]] = []
    for col, char in enumerate(text):
        shape = box_glyphs.rects(char)
        assert shape is not None  # `pieces` made the same check
        shade = "" if shape[1] == 1.0 else f"{round(shape[1] * 255):02x}"
        for x, y, width, height in sorted(shape[0]):
            top = round(y * ROW)
            high = max(1, round((y + height) * ROW) - top)
            new = (col + x, width, top, high, shade)
            old = next((n for n, one in enumerate(found) if _touches(one, new)), None)
            if old is None:
                found.append(new)
            else:
                start = found[old][0]
                found[old] = (start, max(found[old][1], col + x + width - start), *new[2:])
    return found


def _touches(
    left: tuple[float, float, int, int, str], right: tuple[float, float, int, int, str]
) -> bool:
    """True if two rectangles of equal height can be merged; overlapping shades would add up."""
    gap = right[0] - (left[0] + left[1])
    return left[2:] == right[2:] and (abs(gap) < 1e-6 or (gap < 0 and not left[4]))


def _html_lines(style: Style, seen: Look) -> str:
    kinds = [
        name
        for name, on in (
            ("underline", style.underline), ("line-through", style.strike),
            ("overline", style.overline),
        ) if on
    ]  # fmt: skip
    if not kinds:
        return ""
    shape = ("", "", " double", " wavy", " dotted", " dashed")[style.underline]
    tint = f" {hexa(seen.underline_color)}" if style.underline_color is not None else ""
    return f"text-decoration:{' '.join(kinds)}{shape}{tint};"
