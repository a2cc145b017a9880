"""The character sets that `ESC ( c` and similar sequences designate.

Owns the translation of ASCII text into the sets still in use: DEC line drawing and the national
sets of the VT220. Source: VT220 programmer reference, table 2-4 on.
"""

from __future__ import annotations

_DRAWING = " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"

_NATIONAL = {
    "A": {"#": "£"},
    "4": dict(zip("#@[\\]{|}~", "£¾ĳ½|¨ƒ¼´", strict=True)),
    "C": dict(zip("[\\]^`{|}~", "ÄÖÅÜéäöåü", strict=True)),
    "5": dict(zip("[\\]^`{|}~", "ÄÖÅÜéäöåü", strict=True)),
    "R": dict(zip("#@[\\]{|}~", "£à°ç§éùè¨", strict=True)),
    "f": dict(zip("#@[\\]{|}~", "£à°ç§éùè¨", strict=True)),
    "Q": dict(zip("@[\\]^`{|}~", "àâçêîôéùèû", strict=True)),
    "9": dict(zip("@[\\]^`{|}~", "àâçêîôéùèû", strict=True)),
    "K": dict(zip("@[\\]{|}~", "§ÄÖÜäöüß", strict=True)),
    "Y": dict(zip("#@[\\]`{|}~", "£§°çéùàòèì", strict=True)),
    "`": dict(zip("@[\\]^`{|}~", "ÄÆØÅÜäæøåü", strict=True)),
    "E": dict(zip("@[\\]^`{|}~", "ÄÆØÅÜäæøåü", strict=True)),
    "6": dict(zip("@[\\]^`{|}~", "ÄÆØÅÜäæøåü", strict=True)),
    "Z": dict(zip("#@[\\]{|}", "£§¡Ñ¿°ñç", strict=True)),
    "H": dict(zip("@[\\]^`{|}~", "ÉÄÖÅÜéäöåü", strict=True)),
    "7": dict(zip("@[\\]^`{|}~", "ÉÄÖÅÜéäöåü", strict=True)),
    "=": dict(zip("#@[\\]^_`{|}~", "ùàéçêîèôäöüû", strict=True)),
}

ASCII = "B"

MAPS: dict[str, dict[int, str]] = {
    "0": dict(zip(range(0x5F, 0x7F), _DRAWING, strict=True)),
    **{code: str.maketrans(pairs) for code, pairs in _NATIONAL.items()},
}
"""Designation character → table for `str.translate`; a set not listed is ASCII."""
