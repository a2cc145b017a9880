"""Box drawing, block and Braille characters as rectangles, so that lines join in every picture.

Owns the shapes of U+2500-257F (except diagonals), U+2580-259F and U+2800-28FF, which plots are
drawn with. Never draws. The subtle thing: the table is derived from the characters' Unicode names,
which state exactly which arm is light, heavy or double; a font's glyphs would leave gaps wherever
its line height differs from ours.
"""

from __future__ import annotations

import functools
import unicodedata

Rect = tuple[float, float, float, float]
"""x, y, width, height, in parts of a cell (0 to 1)."""

_ARMS = {"LEFT": ("l",), "RIGHT": ("r",), "UP": ("u",), "DOWN": ("d",),
         "HORIZONTAL": ("l", "r"), "VERTICAL": ("u", "d")}  # fmt: skip
_WEIGHTS = {"LIGHT": 1, "SINGLE": 1, "HEAVY": 2, "DOUBLE": 3}
_DASHES = {"DOUBLE": 2, "TRIPLE": 3, "QUADRUPLE": 4}
_LIGHT = 0.06  # of the cell's height
_QUADRANTS = {"UPPER LEFT": (0.0, 0.0), "UPPER RIGHT": (0.5, 0.0),
              "LOWER LEFT": (0.0, 0.5), "LOWER RIGHT": (0.5, 0.5)}  # fmt: skip
_EIGHTHS = {"ONE EIGHTH": 1, "ONE QUARTER": 2, "THREE EIGHTHS": 3, "HALF": 4,
            "FIVE EIGHTHS": 5, "THREE QUARTERS": 6, "SEVEN EIGHTHS": 7}  # fmt: skip


BRAILLE = "\u2800"
_DOT = 0.12  # of the cell's height
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""(column, row) of the dot of each bit, lowest first (Unicode 15, "Braille Patterns")."""


@functools.lru_cache(maxsize=512)
def rects(char: str, aspect: float = 2.0) -> tuple[tuple[Rect, ...], float] | None:
    """The rectangles of a character and their opacity; None for a character drawn by a font.

    `aspect` is a cell's height divided by its width, so that lines are equally thick both ways.
    """
    if BRAILLE <= char <= "\u28ff":
        return _braille(ord(char) - ord(BRAILLE), aspect), 1.0
    if not "\u2500" <= char <= "\u259f":
        return None
    name = unicodedata.name(char)
    if name.startswith("BOX DRAWINGS"):
        shape = None if "DIAGONAL" in name else _box(name[len("BOX DRAWINGS ") :].split(), aspect)
        return None if shape is None else (shape, 1.0)
    return _block(name)


def _braille(bits: int, aspect: float) -> tuple[Rect, ...]:
    return tuple(
        (0.28 + 0.44 * col - _DOT * aspect / 2, 0.14 + 0.24 * row - _DOT / 2, _DOT * aspect, _DOT)
        for bit, (col, row) in enumerate(_DOTS)
        if bits >> bit & 1
    )


def _box(words: list[str], aspect: float) -> tuple[Rect, ...]:
    if "DASH" in words:
        return _dashes(_DASHES[words[1]], _WEIGHTS[words[0]], words[-1] == "HORIZONTAL", aspect)
    arms: dict[str, int] = {}
    weight = 0
    waiting: list[str] = []
    for word in words:
        if word in _WEIGHTS:
            weight = _WEIGHTS[word]
            # "DOWN LIGHT AND RIGHT HEAVY": a weight applies to preceding arms without one.
            arms |= dict.fromkeys(waiting, weight)
            waiting = []
        elif word in _ARMS:
            if weight and not _weight_follows(words):
                arms |= dict.fromkeys(_ARMS[word], weight)
            else:
                waiting += _ARMS[word]
    return tuple(_arm(side, w, arms, aspect) for side, w in arms.items() for w in _strokes(w)) or ()


def _weight_follows(words: list[str]) -> bool:
    return words[0] not in _WEIGHTS


def _strokes(weight: int) -> tuple[int, ...]:
    return (3, 4) if weight == 3 else (weight,)  # a double line is two strokes, one on each side


def _arm(side: str, stroke: int, arms: dict[str, int], aspect: float) -> Rect:
    across = any(arms.get(s, 0) == 3 for s in ("ud" if side in "lr" else "lr"))
    thick_y = _LIGHT * (2 if stroke == 2 else 1)
    thick_x = thick_y * aspect
    shift = {3: -1.0, 4: 1.0}.get(stroke, 0.0)
    y, x = 0.5 + shift * _LIGHT * 1.5, 0.5 + shift * _LIGHT * 1.5 * aspect
    over_x = thick_x / 2 + (_LIGHT * 1.5 * aspect if across else 0)
    over_y = thick_y / 2 + (_LIGHT * 1.5 if across else 0)
    if side == "l":
        return 0.0, y - thick_y / 2, 0.5 + over_x, thick_y
    if side == "r":
        return 0.5 - over_x, y - thick_y / 2, 0.5 + over_x, thick_y
    if side == "u":
        return x - thick_x / 2, 0.0, thick_x, 0.5 + over_y
    return x - thick_x / 2, 0.5 - over_y, thick_x, 0.5 + over_y


def _dashes(count: int, weight: int, horizontal: bool, aspect: float) -> tuple[Rect, ...]:
    thick = _LIGHT * weight
    length = 0.65 / count
    starts = [(n + 0.175) / count for n in range(count)]
    if horizontal:
        return tuple((s, 0.5 - thick / 2, length, thick) for s in starts)
    return tuple((0.5 - thick * aspect / 2, s, thick * aspect, length) for s in starts)


def _block(name: str) -> tuple[tuple[Rect, ...], float]:
    if name.endswith("SHADE"):
        opacity = {"LIGHT": 0.25, "MEDIUM": 0.5, "DARK": 0.75}[name.split()[0]]
        return ((0.0, 0.0, 1.0, 1.0),), opacity
    if name == "FULL BLOCK":
        return ((0.0, 0.0, 1.0, 1.0),), 1.0
    if name.startswith("QUADRANT"):
        parts = name[len("QUADRANT ") :].split(" AND ")
        return tuple((*_QUADRANTS[part], 0.5, 0.5) for part in parts), 1.0
    side, _, rest = name.partition(" ")
    part = _EIGHTHS[rest.removesuffix(" BLOCK")] / 8
    shapes: dict[str, Rect] = {
        "UPPER": (0.0, 0.0, 1.0, part),
        "LOWER": (0.0, 1.0 - part, 1.0, part),
        "LEFT": (0.0, 0.0, part, 1.0),
        "RIGHT": (1.0 - part, 0.0, part, 1.0),
    }
    return (shapes[side],), 1.0
