"""Cell styles: `Style`, and the effect of `CSI ... m` on it.

Owns the graphic attributes of a cell and the parsing of SGR parameters. Never knows where a cell
is. The subtle thing: styles are interned, and every style caches which style the parameters of each
SGR sequence lead to (`Style.after`), so that the common case in the screen's loop is one dictionary
look-up. Sequences that only set a foreground from a large palette are cached once for all styles
that differ in nothing else (`Style.kin`), because a program with 256 colours uses each after each
other. The caches are bounded over the whole process, however many colours a program uses.

Source of the numbers: ECMA-48 8.3.117, ITU-T T.416 for the colon forms, xterm's ctlseqs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter

Colour = int | tuple[int, int, int] | None
"""A palette index (0-255), red/green/blue, or None for the terminal's default."""


@dataclass(frozen=True, slots=True, eq=True)
class Style:
    """Style of a cell. `underline`: 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: int = 0
    underline_color: Colour = None
    blink: bool = False
    reverse: bool = False
    conceal: bool = False
    strike: bool = False
    overline: bool = False
    link: str = ""  # target of the OSC 8 hyperlink
    protected: bool = False  # DECSCA: selective erase keeps the cell
    after: dict[str, Style] = field(default_factory=dict, compare=False, repr=False)
    kin: dict[str, Style] = field(default_factory=dict, compare=False, repr=False)

    def __hash__(self) -> int:
        return hash((self.fg, self.bg, self.bold, self.underline, self.link))

    @property
    def blank(self) -> Style:
        """The style of a cell erased while this one is current: only its background (BCE)."""
        if self.bg is None:
            return DEFAULT
        found = self.after.get(_BLANK)
        return found if found is not None else _remember(self, _BLANK, intern(Style(bg=self.bg)))

    @property
    def hides(self) -> bool:
        """True if a person cannot read text in this style."""
        return self.conceal or (self.fg is not None and self.fg == self.bg)


DEFAULT = Style()

_MAX_STYLES = 4096
_MAX_MEMORIES = 16384
_PATIENCE = 65536  # look-ups that may miss while the caches are full, before they are cleared
_MAX_CHANGES = 2048
_MAX_KEY = 64
_BLANK = "\x1b"  # key of a style that no SGR, and no text after `ESC [`, has
_SHORT = 2  # digits of the basic colours: so few pairs that `after` has room for them

_NAMES = tuple(f.name for f in fields(Style) if f.name not in ("after", "kin"))
_KEPT = ("link", "protected")  # SGR 0 does not reset these
_Key = tuple[object, ...]
_key_of: Callable[[Style], _Key] = attrgetter(*_NAMES)
_interned: dict[_Key, Style] = {_key_of(DEFAULT): DEFAULT}
_kins: dict[_Key, dict[str, Style]] = {_key_of(DEFAULT)[1:]: DEFAULT.kin}  # by all but the fg
_FG = frozenset({0})  # index of the foreground among the fields
_changes: dict[str, tuple[bool, dict[int, object]]] = {}
_memories = 0
_misses = 0


def intern(style: Style) -> Style:
    """The single object for styles equal to `style` (while the table holds it)."""
    return _intern(_key_of(style))


def _intern(key: _Key) -> Style:
    found = _interned.get(key)
    if found is not None:
        return found
    if len(_interned) >= _MAX_STYLES:
        _forget()
    kin = _kins.setdefault(key[1:], {})
    style = Style(*key, kin=kin)  # type: ignore[arg-type,misc]  # the fields in their order
    _interned[key] = style
    return style


def changed(style: Style, **changes: object) -> Style:
    """`style` with some fields changed, interned."""
    return intern(replace(style, after={}, kin={}, **changes))  # type: ignore[arg-type]  # field names


def _forget() -> None:
    """Drop every cache and all but the default style: a program used too many styles."""
    global _memories, _misses
    for style in _interned.values():
        style.after.clear()
        style.kin.clear()
    _interned.clear()
    _kins.clear()
    _interned[_key_of(DEFAULT)] = DEFAULT
    _kins[_key_of(DEFAULT)[1:]] = DEFAULT.kin
    _memories = _misses = 0


def _remember(
    style: Style, key: str, result: Style, cache: dict[str, Style] | None = None
) -> Style:
    """Cache `result`, in `style.after` by default, if there is room; returns it."""
    global _memories, _misses
    if _memories >= _MAX_MEMORIES:
        # Full of colour pairs. Clearing at once would thrash; a miss costs only a microsecond.
        _misses += 1
        if _misses >= _PATIENCE:
            _forget()
    elif len(key) <= _MAX_KEY and _interned.get(_key_of(style)) is style:
        cache = style.after if cache is None else cache
        cache[key] = result  # only styles that _forget can reach may cache
        _memories += 1
    return result


def after_sgr(style: Style, params: str) -> Style:
    """The style after the sequence `CSI params m`, cached for the next time."""
    found = style.after.get(params) or style.kin.get(params)
    if found is not None:
        return found
    known = _changes.get(params)
    if known is None:
        known = _read(params)
        if len(params) <= _MAX_KEY:
            if len(_changes) >= _MAX_CHANGES:
                _changes.clear()
            _changes[params] = known
    reset, changes = known
    values = list(_key_of(style))
    if reset:
        values[: len(_PLAIN)] = _PLAIN
    for index, value in changes.items():
        values[index] = value
    shared = len(params) > _SHORT and not reset and changes.keys() == _FG
    cache = style.kin if shared else None
    return _remember(style, params, _intern(tuple(values)), cache)


_FLAGS: dict[int, tuple[tuple[str, object], ...]] = {
    1: (("bold", True),),
    2: (("faint", True),),
    3: (("italic", True),),
    4: (("underline", 1),),
    5: (("blink", True),),
    6: (("blink", True),),
    7: (("reverse", True),),
    8: (("conceal", True),),
    9: (("strike", True),),
    21: (("underline", 2),),
    22: (("bold", False), ("faint", False)),
    23: (("italic", False),),
    24: (("underline", 0),),
    25: (("blink", False),),
    27: (("reverse", False),),
    28: (("conceal", False),),
    29: (("strike", False),),
    39: (("fg", None),),
    49: (("bg", None),),
    53: (("overline", True),),
    55: (("overline", False),),
    59: (("underline_color", None),),
    **{30 + n: (("fg", n),) for n in range(8)},
    **{40 + n: (("bg", n),) for n in range(8)},
    **{90 + n: (("fg", 8 + n),) for n in range(8)},
    **{100 + n: (("bg", 8 + n),) for n in range(8)},
}
_COLOURS = {38: "fg", 48: "bg", 58: "underline_color"}
_INDEX = {name: index for index, name in enumerate(_NAMES)}
_PLAIN = _key_of(DEFAULT)[: -len(_KEPT)]


def _read(params: str) -> tuple[bool, dict[int, object]]:
    """Parse SGR parameters: True if everything is reset first, and the fields to change then."""
    reset = False
    values: dict[str, object] = {}
    items = params.split(";", 255)[:255]
    at = 0
    while at < len(items):
        item = items[at]
        at += 1
        if ":" in item:
            _apply_colons(values, item.split(":", 15))
            continue
        code = number(item)
        if code == 0:
            reset = True
            values.clear()
        elif code in _FLAGS:
            values.update(_FLAGS[code])
        elif code in _COLOURS:
            colour, used = _legacy_colour(items, at)
            at += used
            if colour is not None:
                values[_COLOURS[code]] = colour
    return reset, {_INDEX[name]: value for name, value in values.items()}


def _apply_colons(values: dict[str, object], parts: list[str]) -> None:
    """`4:3`, `38:5:n`, `38:2:r:g:b` and `38:2:space:r:g:b`."""
    code = number(parts[0])
    if code == 4:
        kind = number(parts[1])
        if kind <= 5:
            values["underline"] = kind
    elif code in _COLOURS and len(parts) >= 3:
        numbers = [number(p) for p in parts[1:]]
        if numbers[0] == 5 and numbers[1] < 256:
            values[_COLOURS[code]] = numbers[1]
        elif numbers[0] == 2 and len(numbers) >= 4:
            rgb = numbers[2:5] if len(numbers) >= 5 else numbers[1:4]
            if max(rgb) < 256:
                values[_COLOURS[code]] = (rgb[0], rgb[1], rgb[2])


def _legacy_colour(items: list[str], at: int) -> tuple[Colour, int]:
    """The colour after a 38, 48 or 58 written with semicolons, and the number of items it took."""
    if at >= len(items):
        return None, 0
    kind = number(items[at])
    if kind == 5:
        index = number(items[at + 1]) if at + 1 < len(items) else 0
        return (index if index < 256 else None), 2
    if kind == 2:
        rgb = [number(i) for i in items[at + 1 : at + 4]]
        if len(rgb) == 3 and max(rgb) < 256:
            return (rgb[0], rgb[1], rgb[2]), 4
        return None, 4
    return None, 1


def number(text: str) -> int:
    """A parameter's value; empty is 0, huge values and stray characters do not raise."""
    if not text.isdecimal() or not text.isascii():
        return 0
    if len(text) > 5:
        text = text.lstrip("0") or "0"
    return int(text) if len(text) < 6 else 99999


def sgr(style: Style) -> str:
    """The SGR sequence that turns any style into this one (except links and protection)."""
    out = ["0"]
    for on, name in (
        (1, "bold"),
        (2, "faint"),
        (3, "italic"),
        (5, "blink"),
        (7, "reverse"),
        (8, "conceal"),
        (9, "strike"),
        (53, "overline"),
    ):
        if getattr(style, name):
            out.append(str(on))
    if style.underline:
        out.append("4" if style.underline == 1 else f"4:{style.underline}")
    for code, colour in ((38, style.fg), (48, style.bg), (58, style.underline_color)):
        if colour is not None:
            out.append(_colour_sgr(code, colour))
    return f"\x1b[{';'.join(out)}m" if len(out) > 1 else "\x1b[m"


def _colour_sgr(code: int, colour: int | tuple[int, int, int]) -> str:
    if isinstance(colour, tuple):
        return f"{code}:2::{colour[0]}:{colour[1]}:{colour[2]}"
    if code != 58 and colour < 8:
        return str(code - 8 + colour)
    if code != 58 and colour < 16:
        return str(code + 52 + colour - 8)
    return f"{code}:5:{colour}"
