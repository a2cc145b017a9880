"""A program's output for a person's terminal: text and colours, nothing that acts on the terminal.

Owns the rule of what passes: text, line ends, tabs, backspaces and SGR. Titles, clipboard writes,
queries (whose answers would be typed at the person's prompt), cursor motion and modes do not.
"""

from __future__ import annotations

import re

_DROPPED = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    rb"|\x1b\[[0-?]*[ -/]*(?:[@-ln-~])"  # CSI other than SGR
    rb"|\x1b\[[<-?][0-?]*[ -/]*m|\x1b\[[0-?]*[ -/]+m"  # private sequences that end as SGR does
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    rb"|[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\xc2[\x80-\x9f]"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[]PX^_][^\x07\x1b]*\x1b?|[ -/]*)\Z|\xc2\Z")
_LONGEST = 4096  # bytes of an unfinished sequence that are waited for


class Harmless:
    """Filters output that comes in pieces; a sequence may be cut by a piece's end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown of the next piece."""
        data = _DROPPED.sub(b"", self._rest + data)
        unfinished = _UNFINISHED.search(data)
        self._rest = unfinished[0] if unfinished else b""
        if not self._rest:
            return data
        shown = data[: -len(self._rest)]
        if len(self._rest) > _LONGEST:  # it never ends: not a sequence
            self._rest = b""
        return shown
