"""Evidence of prompts in the output: marks in the byte stream.

Owns `Evidence`, which counts marks in every chunk read. Never judges; `settle.py` weighs. The
subtle thing: counters only grow, so "since the send" is the difference of two snapshots, and an old
prompt can never be taken for a new one.

Sources: xterm ctlseqs (DECSET 1, 2004, 1049, 1047, 47), the synchronized-output note (DECSET 2026),
the semantic-prompt note (OSC 133 A, B, C, D).
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

_CARRY = 512  # marks are shorter; a longer unfinished sequence is another string
_SEQUENCE = re.compile(
    rb"\x1b(?:\[\?([0-9;]+)([hl])|\](?:133;([A-DP])([^\x07\x1b]{0,400}))?[^\x07\x1b]*(?:\x07|\x1b\\)|(c))"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[\??[0-9;]*|\][^\x07\x1b]*\x1b?)?\Z")
_ALTERNATE = (b"1049", b"1047", b"47")
_ADDRESS = re.compile(rb"\x1b\[([0-9]*)[0-9;]*[Hf]")  # CUP, HVP: the cursor is set to a row
_FORM = 3  # rows addressed without a line feed between: a form; a line editor addresses one
# The cursor is moved after the last text: CUU to CHA, CUP, VPA, HPA, HVP, DECRC, SCORC;
# only modes, styles and saves follow.
_PUT = re.compile(
    rb"\x1b(?:\[\d*(?:;\d*)?[A-DGHdf`]|8|\[u)(?:\x1b(?:\[[0-9;?]*[hlm]|[78=>]|\[[su]))*\Z"
)
_LAST = 64  # bytes of the output that are kept for it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters and modes at one moment."""

    nbytes: int = 0
    paste_on: bool = False  # DECSET 2004 is set: a line editor waits for a line
    paste_starts: int = 0  # how often it was set
    paste_ends: int = 0  # how often it was reset: a line was accepted
    paste_left: bool = False  # a line feed followed the last set
    paste_again: bool = False  # nothing was written between the last reset and the last set
    mark: str = ""  # the last OSC 133 letter: A prompt, B its end, C output, D end of command
    marks_prompt: int = 0  # how many A or B
    marks_output: int = 0  # how many C
    marks_done: int = 0  # how many D
    marks_secondary: int = 0  # how many prompts were marked as continuing a block (k=s, k=c)
    command_exit: int | None = None  # of the last D that carried one
    synchronized: bool = False  # DECSET 2026: a frame is being drawn
    alternate: bool = False  # the alternate screen is shown
    keys: bool = False  # DECCKM is set: application cursor keys are requested
    addresses: bool = False  # a row of the screen was addressed since DECCKM was last reset
    form: bool = False  # several of them without a line feed between
    homed: bool = False  # the first row, at some time
    addressed: int = 0  # the last one, from 1
    last: bytes = b""  # the last bytes of the output

    @property
    def put(self) -> bool:
        """The cursor was moved to its place after the last text, as input fields do."""
        return _PUT.search(self.last) is not None

    @property
    def draws(self) -> bool:
        """A program that draws a screen: a line editor may request cursor keys too."""
        return self.keys and self.addresses


class Evidence:
    """Counts the marks in a job's output."""

    def __init__(self) -> None:
        self._carry = b""
        self.nbytes = 0  # of the output so far
        self._paste_on = False
        self._paste_starts = 0
        self._paste_ends = 0
        self._paste_left = False
        self._paste_again = False
        self._only_reset = False  # nothing but CR was written since the last reset
        self._mark = ""
        self._counts = {"A": 0, "B": 0, "C": 0, "D": 0}
        self._secondary = 0
        self._command_exit: int | None = None
        self.exits: deque[int] = deque(maxlen=20)  # of commands in a shell, the last ones
        self.exit_count = 0
        self._synchronized = False
        self._alternate = False
        self._keys = False
        self._addresses = False
        self._rows: set[bytes] = set()  # addressed since the last line feed
        self._form = False
        self._homed = False
        self._addressed_row = 0
        self._last = b""

    def feed(self, data: bytes) -> None:
        """Scan the next chunk; the result does not depend on how the stream was split."""
        self.nbytes += len(data)
        self._last = (self._last + data[-_LAST:])[-_LAST:]
        if not self._carry and b"\x1b" not in data:
            self._paste_left = self._paste_left or b"\n" in data
            if self._rows and b"\n" in data:
                self._rows.clear()
            self._only_reset = self._only_reset and not data.strip(b"\r")
            return
        if self._carry:
            data = self._carry + data
            self._carry = b""
        last = data.rfind(b"\x1b")
        if last == len(data) - 1:  # perhaps the first half of the ST that ends a string
            last = max(0, data.rfind(b"\x1b", 0, last))
        unfinished = _UNFINISHED.search(data, last)
        if unfinished:
            tail = data[unfinished.start() :]
            data = data[: unfinished.start()]
            # A longer string (an image, a clipboard) holds no mark.
            self._carry = tail if len(tail) <= _CARRY else b"\x1b]"
        start = 0  # of the output since DECCKM was reset
        pasted = 0  # of the output since bracketed paste was set
        unset = 0  # of the output since it was reset
        keyed = 0 if self._keys else len(data)  # of the output since DECCKM was set
        for found in _SEQUENCE.finditer(data):
            modes, onoff, mark, argument, reset = found.groups()
            if modes:
                names = modes.split(b";")
                self._modes(names, onoff == b"h")
                if b"2004" in names:
                    if onoff == b"h":
                        pasted, self._paste_left = found.end(), False
                        between = data[unset : found.start()].strip(b"\r")
                        self._paste_again = self._only_reset and not between
                    unset, self._only_reset = found.end(), onoff == b"l"
                if b"1" in names:
                    if onoff == b"l":
                        start, keyed = self._no_rows(found.end()), len(data)
                    else:
                        keyed = min(keyed, found.end())
            elif reset:
                self._modes([b"2004", b"2026", b"1049", b"1"], False)
                start, keyed = self._no_rows(found.end()), len(data)
            elif mark:
                self._marked(mark.decode(), argument)
        self._addresses = self._addresses or _ADDRESS.search(data, start) is not None
        if not self._form:
            self._address(data, keyed)
        self._paste_left = self._paste_left or data.find(b"\n", pasted) >= 0
        self._only_reset = self._only_reset and not data[unset:].strip(b"\r")

    def _no_rows(self, end: int) -> int:
        """DECCKM was reset: forget the rows addressed so far. Returns the place after it."""
        self._addresses = self._form = self._homed = False
        self._addressed_row = 0
        self._rows.clear()
        return end

    def _address(self, data: bytes, start: int) -> None:
        """Collect the rows that are addressed in `data[start:]`."""
        for found in _ADDRESS.finditer(data, start):
            if data.find(b"\n", start, found.start()) >= 0:
                self._rows.clear()
            start = found.end()
            self._addressed_row = int(found[1][:4] or 1)
            self._rows.add(b"%d" % self._addressed_row)
            self._homed = self._homed or self._addressed_row <= 1
            if len(self._rows) >= _FORM:
                self._form = True
                return
        if self._rows and data.find(b"\n", start) >= 0:
            self._rows.clear()

    def _modes(self, modes: list[bytes], on: bool) -> None:
        for mode in modes:
            if mode == b"2004":
                # Resetting a mode that is not set accepts no line (a reset at start-up or at exit).
                self._paste_ends += self._paste_on and not on
                self._paste_starts += on
                self._paste_on = on
            elif mode == b"2026":
                self._synchronized = on
            elif mode == b"1":
                self._keys = on
            elif mode in _ALTERNATE:
                self._alternate = on

    def _marked(self, letter: str, argument: bytes) -> None:
        if re.search(rb"(?:^|;)k=[cs](?:;|$)", argument):
            self._secondary += 1
            return
        if letter == "P":  # a property, not a boundary
            return
        self._mark = letter
        self._counts[letter] += 1
        if letter == "D":
            code = argument.lstrip(b";").split(b";")[0]
            self._command_exit = int(code) if re.fullmatch(rb"-?\d{1,9}", code) else None
            if self._command_exit is not None:
                self.exits.append(self._command_exit)
                self.exit_count += 1

    def snapshot(self) -> Snapshot:
        """Everything counted so far."""
        return Snapshot(
            nbytes=self.nbytes,
            paste_on=self._paste_on,
            paste_starts=self._paste_starts,
            paste_ends=self._paste_ends,
            paste_left=self._paste_left,
            paste_again=self._paste_again,
            mark=self._mark,
            marks_prompt=self._counts["A"] + self._counts["B"],
            marks_output=self._counts["C"],
            marks_done=self._counts["D"],
            marks_secondary=self._secondary,
            command_exit=self._command_exit,
            synchronized=self._synchronized,
            alternate=self._alternate,
            keys=self._keys,
            addresses=self._addresses,
            form=self._form,
            homed=self._homed,
            addressed=self._addressed_row,
            last=self._last,
        )
