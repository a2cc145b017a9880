"""The slow half of the tokeniser: sequences that are cut, damaged or contain controls.

Owns the state of an incomplete sequence. The fast half (`feeding.py`) recognises whole tokens with
one regular expression; any other text starts at an ESC and is read here, one character at a time,
until the sequence is complete. Bounded: parameters beyond `MAX_SEQUENCE` and strings beyond
`MAX_STRING` are discarded and never drawn.

The states are from the DEC parser (Paul Williams' table), with BEL as a second end of OSC.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field

MAX_SEQUENCE = 1024
MAX_STRING = 1 << 20

_STRING_END = re.compile("[\x07\x18\x1a\x1b]")
_PARAMETERS = re.compile("[ -?]+")
_EFFECTIVE = "\x07\x08\t\n\x0b\x0c\r\x0e\x0f"  # controls executed inside a sequence
_STRINGS = {"]": "OSC", "P": "DCS", "_": "APC", "^": "PM", "X": "SOS"}


class At(enum.Enum):
    """State of the parser: the position within a sequence."""

    GROUND = enum.auto()
    ESCAPE = enum.auto()
    CSI = enum.auto()
    STRING = enum.auto()
    STRING_ESCAPE = enum.auto()


@dataclass(frozen=True, slots=True)
class Done:
    """A complete sequence or control to execute. `kind`: control escape CSI OSC DCS."""

    kind: str
    text: str
    end: str = ""


@dataclass(slots=True)
class Machine:
    """The parser: call `step` until `at` is GROUND again."""

    at: At = At.GROUND
    text: str = ""  # the sequence so far, without its introducer
    kind: str = ""  # kind of the control string
    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def step(self, data: str, pos: int, out: list[Done]) -> int:
        """Read from `pos` (an ESC, or the rest of a sequence); returns the stop position."""
        end = len(data)
        if self.at is At.GROUND:
            self._start()
            pos += 1
        while pos < end and self.at is not At.GROUND:
            if self.at is At.STRING:
                pos = self._string(data, pos, out)
                continue
            char = data[pos]
            if self.at is At.STRING_ESCAPE:
                pos += self._string_escape(char, out)
            elif char < " ":
                pos += 1
                self._control(char, out)
            elif char == "\x7f":
                pos += 1
            elif char > "\x7f":
                self.at = At.GROUND  # not part of any sequence: it is drawn
            elif self.at is At.ESCAPE:
                pos += 1
                self._escape(char, out)
            else:
                pos = self._csi(data, pos, out)
        return pos

    def pending(self) -> str:
        """The characters of the incomplete sequence, which a repaint appends last."""
        if self.at is At.GROUND:
            return ""
        if self.at is At.ESCAPE:
            return "\x1b" + self.text
        if self.at is At.CSI:
            return "\x1b[" + self.text
        introducer = next(char for char, kind in _STRINGS.items() if kind == self.kind)
        tail = "\x1b" if self.at is At.STRING_ESCAPE else ""
        return f"\x1b{introducer}{''.join(self.pieces)}{tail}"

    def _start(self) -> None:
        self.at = At.ESCAPE
        self.text = ""

    def _control(self, char: str, out: list[Done]) -> None:
        if char == "\x1b":
            self._start()
        elif char in "\x18\x1a":
            self.at = At.GROUND
        elif char in _EFFECTIVE:
            out.append(Done("control", char))

    def _escape(self, char: str, out: list[Done]) -> None:
        if char <= "/":
            if len(self.text) < MAX_SEQUENCE:
                self.text += char
        elif not self.text and char == "[":
            self.at = At.CSI
        elif not self.text and char in _STRINGS:
            self.at = At.STRING
            self.kind = _STRINGS[char]
            self.pieces = []
            self.size = 0
        else:
            self.at = At.GROUND
            out.append(Done("escape", self.text + char))

    def _csi(self, data: str, pos: int, out: list[Done]) -> int:
        run = _PARAMETERS.match(data, pos)
        if run is not None:
            self.text += run.group()[: MAX_SEQUENCE + 1 - len(self.text)]
            return run.end()
        self.at = At.GROUND
        out.append(Done("CSI", self.text + data[pos]))  # an overlong sequence is refused later
        return pos + 1

    def _string(self, data: str, pos: int, out: list[Done]) -> int:
        found = _STRING_END.search(data, pos)
        stop = found.start() if found else len(data)
        self.size += stop - pos
        if self.kind in ("OSC", "DCS") and self.size <= MAX_STRING:
            self.pieces.append(data[pos:stop])
        else:
            self.pieces = []
        if found is None:
            return stop
        char = found.group()
        if char == "\x1b":
            self.at = At.STRING_ESCAPE
        elif char == "\x07":
            if self.kind == "OSC":
                self._end_string("\x07", out)
            else:
                self.size += 1
                self.pieces.append(char)
        else:
            self.at = At.GROUND  # CAN, SUB
        return stop + 1

    def _string_escape(self, char: str, out: list[Done]) -> int:
        """After an ESC in a string: a backslash ends it, anything else starts a new sequence."""
        if char == "\\":
            self._end_string("\x1b\\", out)
            return 1
        self.pieces = []
        self._start()
        return 0

    def _end_string(self, end: str, out: list[Done]) -> None:
        self.at = At.GROUND
        if self.size <= MAX_STRING and self.kind in ("OSC", "DCS"):
            out.append(Done(self.kind, "".join(self.pieces), end))
        self.pieces = []
