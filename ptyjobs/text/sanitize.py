"""Text for a model: no invisible characters, and within its budget.

Owns the list of characters that are shown as escapes (`\\u{202e}`), the replacement of lone
surrogates, and the cut in the middle of long text. Never sees bytes or a screen. The subtle thing:
some invisible characters carry meaning (the joiner inside an emoji, a variation selector, a
combining mark, the tags of a flag) and must be kept where they have that function, and only there.

Sources: Unicode 15 general categories Cc, Cf, Co, Cs, Zl, Zp; UTS #51 (emoji sequences); UTR #36
and "Trojan Source" (CVE-2021-42574) for the bidirectional controls.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_ZWNJ, _ZWJ, _VS16 = "\u200c", "\u200d", "\ufe0f"

# Shown as an escape everywhere, with the exceptions of `_keeps`: controls and characters that are
# invisible: zero widths, joiners, bidirectional controls, tags, the soft hyphen, the Hangul and
# Khmer fillers, the combining grapheme joiner, the variation selectors. The Braille blank is not
# among them: plots are drawn with it, and it is as wide as a space.
_SUSPECT = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
_FLAG_TAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")


def for_model(text: str) -> tuple[str, bool]:
    """The text with every invisible character as `\\u{hex}`; True if there was one.

    Line feeds and tabs stay; CR before LF is silently dropped.
    """
    if text.isascii() and text.isprintable():
        return text, False
    text = text.replace("\r\n", "\n")
    if _SUSPECT.search(text) is None:
        return text, False
    flags = [m.span() for m in _FLAG_TAGS.finditer(text)]
    parts: list[str] = []
    shown = False
    done = 0
    for match in _SUSPECT.finditer(text):
        at = match.start()
        if _keeps(text, at) or any(a < at < b for a, b in flags):
            continue
        parts += (text[done:at], f"\\u{{{ord(text[at]):x}}}")
        done, shown = at + 1, True
    return "".join(parts) + text[done:], shown


def _keeps(text: str, at: int) -> bool:
    """True if the invisible character at `at` has a visible effect there."""
    char = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if not before:
        return False
    if char == _ZWJ and (_pictograph(before) or before == _VS16) and _pictograph(after):
        return True
    if char in (_ZWJ, _ZWNJ):
        return _joins(before) and _joins(after)
    if char in ("\ufe0e", _VS16):
        return _pictograph(before) or before in "#*0123456789"
    if "\ufe00" <= char <= "\ufe0d":  # only symbols and ideographs have standardised variants
        return unicodedata.category(before) in ("Lo", "Sm", "So")
    return False


def _pictograph(char: str) -> bool:
    """A character that takes part in emoji sequences: symbols, skin tones, arrows, ‼, ©."""
    if not char or char.isascii():
        return False
    return unicodedata.category(char) in ("So", "Sk", "Sm", "Po")


def _joins(char: str) -> bool:
    """A letter or mark of a script in which joiners choose the shape (Arabic, Indic, ...)."""
    if not char or unicodedata.east_asian_width(char) in ("W", "H"):
        return False
    return unicodedata.category(char) in ("Lo", "Mn", "Mc", "Lm")


def scrub(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD, so that it can be encoded."""
    try:
        text.encode()
    except UnicodeEncodeError:
        # A pair written as two escapes is one character; surrogates left over are lone ones.
        whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return re.sub("[\ud800-\udfff]", "\ufffd", whole)
    return text


@dataclass(frozen=True, slots=True)
class Budgeted:
    """Text within its budget, and the size of the omitted part."""

    text: str
    omitted_chars: int = 0
    omitted_lines: int = 0


def gap(chars: int, lines: int, hint: str = "") -> str:
    """The line that reports omitted text (without a line feed)."""
    parts = [f"{lines:,} line{'s' if lines != 1 else ''}"] if lines else []
    parts += [f"{chars:,} character{'s' if chars != 1 else ''}"] if chars else []
    what = ", ".join(parts)
    return f"[... {what} left out{'; ' + hint if hint else ''} ...]"


def budget(text: str, limit: int, *, head_share: float = 0.5, hint: str = "") -> Budgeted:
    """At most about `limit` characters: the head, one line that reports the omission, the tail.

    Cuts at line ends where that wastes less than half of the side's share, otherwise inside a line.
    `head_share` of the limit goes to the head. The reporting line is not counted in the limit.
    `omitted_lines` counts lines that are omitted entirely.
    """
    if len(text) <= limit:
        return Budgeted(text)
    head_end = _cut_head(text, int(limit * head_share))
    tail_start = max(head_end, _cut_tail(text, limit - int(limit * head_share)))
    if head_end == tail_start:  # a cut moved past combining marks of the character before it
        return Budgeted(text)
    first, last = text[:head_end], text[tail_start:]
    shown = text.count("\n", 0, head_end - 1) + 1 if first else 0
    end = text.count("\n", 0, tail_start) + (0 if last or text.endswith("\n") else 1)
    chars, lines = tail_start - head_end, max(0, end - shown)
    line = gap(chars, lines, hint)
    joint = first if not first or first.endswith("\n") else first + "\n"
    return Budgeted(f"{joint}{line}" + (f"\n{last}" if last else ""), chars, lines)


def head(text: str, room: int) -> str:
    """At most about `room` characters from the start, cut at a line end if one is near."""
    return text if len(text) <= room else text[: _cut_head(text, room)].removesuffix("\n")


def tail(text: str, room: int) -> str:
    """At most about `room` characters from the end, cut at a line end if one is near."""
    return text if len(text) <= room else text[_cut_tail(text, room) :]


def _cut_head(text: str, room: int) -> int:
    at = text.rfind("\n", 0, room + 1) + 1  # its line feed may be one too many
    return at if at > room // 2 else _not_inside_cluster(text, room)


def _cut_tail(text: str, room: int) -> int:
    first = len(text) - room
    if first > 0 and text[first - 1] == "\n":
        return first
    at = text.find("\n", first) + 1
    return at if 0 < at < len(text) - room // 2 else _not_inside_cluster(text, first)


def _not_inside_cluster(text: str, at: int) -> int:
    while 0 < at < len(text) and (
        unicodedata.combining(text[at]) or text[at] in (_ZWJ, _VS16) or text[at - 1] == _ZWJ
    ):
        at += 1
    return at
