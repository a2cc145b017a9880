"""The steps of a recording: its input, as the `job` fixture types it.

Owns the grouping of recorded input into steps. Never runs anything. The subtle thing: a user's keys
arrive one by one. They form one text if each was echoed before the next arrived; a letter that is
not echoed is a command of the program, a separate key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ptyjobs.input.key_names import Typed, pieces
from ptyjobs.model import Size
from ptyjobs.recordings import Moment, Recording
from ptyjobs.recordings.recording import EXIT, INPUT, OUTPUT, RESIZE
from ptyjobs.text.patterns import plain

AT_ONCE = 0.5
"""Seconds between key presses up to which they are one step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `kind`: type, press, paste, mouse, secret, resize.

    `values` are the text, the key names, or `rows, cols`; `enter` applies to type and secret.
    `time` is the time of its last input, `stop` counts the moments up to the next step.
    """

    kind: str
    values: tuple[str, ...]
    time: float
    enter: bool = False
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A recording as steps on a terminal of `size`; `start` counts the moments before the first."""

    size: Size
    start: int
    steps: tuple[Step, ...]
    lost: tuple[str, ...] = ()  # input without a key name, as bytes
    ended: bool = False  # the program ended in the recording


class _Grouping:
    def __init__(self, size: Size) -> None:
        self.size = size
        self.steps: list[Step] = []
        self.lost: list[str] = []
        self.start = 0
        self._text = ""  # typed so far, without Enter
        self._since = 0  # moments before its first character
        self._echo = ""  # output since its last character
        self._printed = False
        self._time = 0.0

    def add(self, step: Step, position: int) -> None:
        """Add a step whose first input is the moment at `position`."""
        if self.steps:
            self.steps[-1] = replace(self.steps[-1], stop=position)
        else:
            self.start = position
        self.steps.append(step)

    def flush(self, *, enter: bool = False) -> None:
        text, self._text = self._text, ""
        if len(text) == 1 and not enter:
            self._press("Space" if text == " " else text, self._time, self._since)
        elif text:
            self.add(Step("type", (text,), self._time, enter), self._since)

    def _press(self, name: str, time: float, position: int) -> None:
        last = self.steps[-1] if self.steps else None
        if last and last.kind == "press" and time - last.time <= AT_ONCE:
            self.steps[-1] = replace(last, values=(*last.values, name), time=time)
        else:
            self.add(Step("press", (name,), time), position)

    def on_output(self, data: bytes) -> None:
        self._printed = True
        self._echo += plain(data)

    def on_resize(self, moment: Moment, position: int) -> None:
        if not self._printed and not self.steps:
            self.size = moment.size
            return
        self.flush()
        size = (str(moment.size.rows), str(moment.size.cols))
        self.add(Step("resize", size, moment.time), position)

    def on_input(self, moment: Moment, position: int) -> None:
        if not moment.data:  # a secret, which is not in the recording
            self.flush()
            self.add(Step("secret", (), moment.time, enter=True), position)
            return
        for piece in pieces(moment.data.decode("utf-8", "replace")):
            self._on_piece(piece, moment.time, position)

    def _on_piece(self, piece: Typed, time: float, position: int) -> None:
        if piece.kind == "text":
            if self._text and self._echo and self._text[-1] not in self._echo:
                self.flush()
            if not self._text:
                self._since = position
            self._text += piece.value
            self._echo, self._time = "", time
            return
        if piece.kind == "key" and piece.value == "Enter" and self._text:
            self._time = time
            self.flush(enter=True)
            return
        self.flush()
        if piece.kind == "key":
            self._press(piece.value, time, position)
        elif piece.kind == "bytes":
            self.lost.append(piece.value)
        else:
            self.add(Step(piece.kind, (piece.value,), time), position)


def script(recording: Recording) -> Script:
    """The input of a recording as steps."""
    grouping = _Grouping(recording.size)
    ended = False
    for position, moment in enumerate(recording.moments):
        if moment.code == INPUT:
            grouping.on_input(moment, position)
        elif moment.code == OUTPUT:
            grouping.on_output(moment.data)
        elif moment.code == RESIZE:
            grouping.on_resize(moment, position)
        elif moment.code == EXIT:
            ended = True
    grouping.flush()
    count = len(recording.moments)
    steps = grouping.steps
    if steps:
        steps[-1] = replace(steps[-1], stop=count)
    start = grouping.start if steps else count
    return Script(grouping.size, start, tuple(steps), tuple(grouping.lost), ended)
