"""The 256 colours: themes, and converting a cell's style to red, green and blue.

Owns the palette, both of pictures and of the terminal's own replies, and the rendering of reverse,
faint and concealed text. Never draws. Source: xterm's 256-colour table (a 6x6x6 cube and 24 greys
after the theme's 16).
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.terminal.style import Colour, Style

RGB = tuple[int, int, int]
_LEVELS = (0, 95, 135, 175, 215, 255)  # levels of each component in the cube


@dataclass(frozen=True, slots=True)
class Theme:
    """Default foreground and background, and the first 16 palette colours."""

    fg: RGB
    bg: RGB
    colours: tuple[RGB, ...]


def rgb(text: str) -> RGB:
    """Parse `"#1e1e1e"` into three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _table(text: str) -> tuple[RGB, ...]:
    return tuple(rgb(word) for word in text.split())


_ON_DARK = _table(
    "#000000 #cd3131 #0dbc79 #e5e510 #2472c8 #bc3fbc #11a8cd #c0c0c0 "
    "#666666 #f14c4c #23d18b #f5f543 #3b8eea #d670d6 #29b8db #ffffff"
)
_ON_LIGHT = _table(
    "#000000 #c91b00 #00842b #8a7000 #0225c7 #a91fa3 #007a8f #bfbfbf "
    "#676767 #e0453c #1b9a3c #a48a00 #3d5bea #c53fc0 #0a96ad #ffffff"
)
_XTERM = _table(
    "#000000 #cd0000 #00cd00 #cdcd00 #0000ee #cd00cd #00cdcd #e5e5e5 "
    "#7f7f7f #ff0000 #00ff00 #ffff00 #5c5cff #ff00ff #00ffff #ffffff"
)
DARK = Theme(fg=rgb("#d4d4d4"), bg=rgb("#1e1e1e"), colours=_ON_DARK)
LIGHT = Theme(fg=rgb("#1e1e1e"), bg=rgb("#ffffff"), colours=_ON_LIGHT)
THEMES = {"dark": DARK, "light": LIGHT}
# The colours that the terminal reports when a program asks: xterm's first 16.
TERMINAL = Theme(fg=rgb("#e5e5e5"), bg=rgb("#1e1e1e"), colours=_XTERM)


def palette(index: int, theme: Theme) -> RGB:
    """The colour of palette entry `index` (0-255)."""
    if index < 16:
        return theme.colours[index]
    if index < 232:
        index -= 16
        return _LEVELS[index // 36], _LEVELS[index // 6 % 6], _LEVELS[index % 6]
    grey = 8 + 10 * (index - 232)
    return grey, grey, grey


def colour(value: Colour, default: RGB, theme: Theme) -> RGB:
    """A cell's colour as RGB; `default` stands for the terminal's default."""
    if value is None:
        return default
    return value if isinstance(value, tuple) else palette(value, theme)


@dataclass(frozen=True, slots=True)
class Look:
    """Visible part of a style: `bg` is None where the picture's background shows through."""

    fg: RGB
    bg: RGB | None
    underline_color: RGB


def look(style: Style, theme: Theme, *, reverse_video: bool = False) -> Look:
    """The colours in which a cell is painted."""
    value = style.fg
    if style.bold and isinstance(value, int) and value < 8:
        value += 8  # as xterm and xterm.js do: bold white on white can be seen
    fg, bg = colour(value, theme.fg, theme), colour(style.bg, theme.bg, theme)
    if style.faint:
        fg = (fg[0] + bg[0]) // 2, (fg[1] + bg[1]) // 2, (fg[2] + bg[2]) // 2
    if style.reverse != reverse_video:
        fg, bg = bg, fg
    if style.conceal:
        fg = bg
    line = fg if style.underline_color is None else colour(style.underline_color, fg, theme)
    return Look(fg, None if bg == theme.bg else bg, line)


def hexa(value: RGB) -> str:
    return f"#{value[0]:02x}{value[1]:02x}{value[2]:02x}"
