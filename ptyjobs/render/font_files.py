"""Find a font of this machine that has a character.

Owns the list of font files and the reading of their character maps (OpenType "cmap", formats 4 and
12; of a collection the first font). Never draws. The subtle thing: only the character map states
exactly which characters a font has; its name does not.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from pathlib import Path

FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts",
)  # fmt: skip
SLANTED = ("bold", "italic", "oblique", "condensed", "light", "thin", "black")
"""Words in the names of fonts that are another cut of one that is there as well."""
LARGEST = 64 << 20  # maximum bytes of a font file
BITMAPS = (b"CBDT", b"sbix")  # tables of coloured pictures


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font file's character map. `coloured`: its characters are coloured pictures."""

    path: str
    coloured: bool
    cmap: bytes  # a subtable of format 4 or 12

    def has(self, char: str) -> bool:
        code = ord(char)
        if self.cmap[:2] == b"\x00\x0c":
            return _in_groups(self.cmap, code)
        return code <= 0xFFFF and _in_segments(self.cmap, code)


@functools.lru_cache(maxsize=4096)
def with_character(char: str, *, coloured: bool) -> str:
    """The path of a font that has `char`, "" if there is none; coloured fonts first or last."""
    found = [font for font in _fonts() if font.has(char)]
    return min(found, key=lambda font: font.coloured != coloured).path if found else ""


@functools.lru_cache(maxsize=512)
def has(path: str, char: str) -> bool:
    """True if the font at `path` has `char`; False for a file that is not such a font."""
    font = _read(path)
    return font is not None and font.has(char)


def is_coloured(path: str) -> bool:
    """True if the characters of the font at `path` are pictures."""
    font = _read(path)
    return font is not None and font.coloured


@functools.lru_cache(maxsize=1)
def _fonts() -> tuple[FontFile, ...]:
    paths = [str(file) for folder in FOLDERS for file in Path(folder).rglob("*.[to]t[fc]")]
    fonts = (_read(path) for path in sorted(paths, key=_rank))
    return tuple(font for font in fonts if font is not None)


def _rank(path: str) -> tuple[int, str]:
    name = Path(path).name.lower()
    return sum(word in name for word in SLANTED), path


@functools.lru_cache(maxsize=2048)
def _read(path: str) -> FontFile | None:
    try:
        if Path(path).stat().st_size > LARGEST:
            return None
        data = Path(path).read_bytes()
        start = struct.unpack_from(">I", data, 12)[0] if data[:4] == b"ttcf" else 0
        count = struct.unpack_from(">H", data, start + 4)[0]
        tables = {}
        for n in range(count):
            tag, _, offset, _ = struct.unpack_from(">4sIII", data, start + 12 + 16 * n)
            tables[tag] = offset
        cmap = _subtable(data, tables[b"cmap"])
    except (OSError, struct.error, KeyError):  # unreadable, or not a font
        return None
    return FontFile(path, any(tag in tables for tag in BITMAPS), cmap) if cmap else None


def _subtable(data: bytes, cmap: int) -> bytes:
    """The Unicode subtable: format 12 if there is one, else 4, else b""."""
    best = b""
    for n in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHI", data, cmap + 4 + 8 * n)
        if (platform, encoding) not in ((0, 3), (0, 4), (0, 6), (3, 1), (3, 10)):
            continue
        at = cmap + offset
        kind = struct.unpack_from(">H", data, at)[0]
        if kind == 12:
            return data[at : at + struct.unpack_from(">I", data, at + 4)[0]]
        if kind == 4:
            best = data[at : at + struct.unpack_from(">H", data, at + 2)[0]]
    return best


def _in_groups(cmap: bytes, code: int) -> bool:
    """Format 12: sorted groups (first, last, glyph of the first)."""
    low, high = 0, struct.unpack_from(">I", cmap, 12)[0]
    while low < high:
        middle = (low + high) // 2
        first, last, _ = struct.unpack_from(">III", cmap, 16 + 12 * middle)
        if code < first:
            high = middle
        elif code > last:
            low = middle + 1
        else:
            return True
    return False


def _in_segments(cmap: bytes, code: int) -> bool:
    """Format 4: sorted segments; a character within one may still have no glyph."""
    doubled = struct.unpack_from(">H", cmap, 6)[0]
    low, high = 0, doubled // 2
    while low < high:
        middle = (low + high) // 2
        if struct.unpack_from(">H", cmap, 14 + 2 * middle)[0] < code:
            low = middle + 1
        else:
            high = middle
    at = 14 + 2 * low  # its last code; the arrays follow one another, 2 bytes between the first two
    if low >= doubled // 2 or struct.unpack_from(">H", cmap, at + 2 + doubled)[0] > code:
        return False
    first = struct.unpack_from(">H", cmap, at + 2 + doubled)[0]
    delta = struct.unpack_from(">H", cmap, at + 2 + 2 * doubled)[0]
    place = at + 2 + 3 * doubled
    offset = struct.unpack_from(">H", cmap, place)[0]
    if offset == 0:
        return bool((code + delta) & 0xFFFF)
    try:
        glyph = struct.unpack_from(">H", cmap, place + offset + 2 * (code - first))[0]
    except struct.error:  # a truncated table
        return False
    return bool(glyph)
