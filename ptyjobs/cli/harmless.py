"""Filter a program's output for the user's terminal: only text and colours pass.

Owns the filter: text, line ends, tabs, backspaces and SGR pass. Never passes titles, clipboard
writes, queries (whose replies would be typed at the user's prompt), cursor motion or modes.
"""

from __future__ import annotations

import re

_DROPPED = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    rb"|\x1b\[[0-?]*[ -/]*(?:[@-ln-~])"  # CSI other than SGR
    rb"|\x1b\[[<-?][0-?]*[ -/]*m|\x1b\[[0-?]*[ -/]+m"  # private sequences that end in m like SGR
    rb"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    rb"|[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]|\xc2[\x80-\x9f]"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[]PX^_][^\x07\x1b]*\x1b?|[ -/]*)\Z|\xc2\Z")
_LONGEST = 4096  # maximum bytes of an incomplete sequence that are held back


class Harmless:
    """Incremental filter; a sequence may be split between chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """Filter the next chunk."""
        data = _DROPPED.sub(b"", self._rest + data)
        unfinished = _UNFINISHED.search(data)
        self._rest = unfinished[0] if unfinished else b""
        if not self._rest:
            return data
        shown = data[: -len(self._rest)]
        if len(self._rest) > _LONGEST:  # too long to be a sequence
            self._rest = b""
        return shown
