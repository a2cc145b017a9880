"""Separate the replies that a terminal sends by itself from typed keys.

Owns the grammar of replies (cursor position, device attributes, modes, colours, capabilities) and
of focus reports. Never looks at a screen. The subtle thing: Shift-F3 and a cursor position report
of row 1 are the same bytes (`CSI 1 ; 2 R`), so the caller supplies the cursor position.

Sources: xterm's ctlseqs ("Device Status Report", "Device Attributes", "Request DEC private mode",
"Operating System Commands"), the kitty keyboard protocol document (`CSI ? flags u`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

_REPLY = re.compile(
    rb"\x1b\[(?:"
    rb"\??(?P<row>[0-9]+);(?P<col>[0-9]+)(?:;[0-9]+)?R"  # CPR, DECXCPR
    rb"|[?>=][0-9;]*c"  # DA1, DA2, DA3
    rb"|\??[0-9;]+n"  # DSR
    rb"|\??[0-9]+;[0-9]+\$y"  # DECRPM
    rb"|\?[0-9]+u"  # kitty keyboard flags
    rb"|[0-9]+;[0-9]+;[0-9]+t"  # sizes
    rb")"
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # colours, titles
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # DECRQSS, XTGETTCAP, XTVERSION
)
_FOCUS = re.compile(rb"\x1b\[[IO]")
_MODIFIED = range(2, 17)  # second parameters of a modified function key


def typed_only(data: bytes, *, cursor: Callable[[], tuple[int, int]]) -> bytes:
    """`data` without replies and focus reports: what a person typed.

    `cursor` returns row and column from 0; called only where a reply could be Shift-F3.
    """
    return _FOCUS.sub(b"", without_replies(data, cursor=cursor)) if b"\x1b" in data else data


def without_replies(data: bytes, *, cursor: Callable[[], tuple[int, int]]) -> bytes:
    """`data` without replies to queries; focus reports stay."""
    if b"\x1b" not in data:
        return data

    def kept(match: re.Match[bytes]) -> bytes:
        if match["row"] != b"1" or int(match["col"]) not in _MODIFIED or b"?" in match[0]:
            return b""
        return b"" if cursor() == (0, int(match["col"]) - 1) else match[0]

    return _REPLY.sub(kept, data)
