"""A recording as a value: a terminal's output, input and resizes with their times.

Owns `Moment` and `Recording`. Never opens a file. Output is bytes, because a program may print
invalid UTF-8 and a screen must receive it unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ptyjobs.model import Exit, Size
from ptyjobs.recordings.asciicast import EXIT, INPUT, MARKER, OUTPUT, RESIZE, Skipped

__all__ = ["EXIT", "INPUT", "MARKER", "OUTPUT", "RESIZE", "Moment", "Recording"]


@dataclass(frozen=True, slots=True)
class Moment:
    """An event `time` seconds after the start.

    `code` is one of `o i m r x` as in asciicast; `data` the bytes of output and input, `text` a
    marker's label, `COLSxROWS` or an exit status.
    """

    time: float
    code: str
    data: bytes = b""
    text: str = ""

    @property
    def size(self) -> Size:
        """The size in a resize moment."""
        cols, _, rows = self.text.partition("x")
        return Size(rows=int(rows), cols=int(cols))


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole recording. `timestamp` in seconds since the epoch, 0 if unknown."""

    size: Size = field(default_factory=Size)
    moments: tuple[Moment, ...] = ()
    title: str = ""
    command: str = ""
    timestamp: int = 0
    skipped: Skipped = field(default_factory=Skipped)
    exit: Exit | None = None

    @property
    def duration(self) -> float:
        """Seconds from the start to the last moment."""
        return self.moments[-1].time if self.moments else 0.0

    @property
    def output(self) -> bytes:
        """The complete output."""
        return b"".join(moment.data for moment in self.moments if moment.code == OUTPUT)

    @property
    def markers(self) -> tuple[str, ...]:
        """The labels of the markers, in order."""
        return tuple(moment.text for moment in self.moments if moment.code == MARKER)

    def schedule(
        self, *, speed: float = 1.0, idle_limit: float | None = None
    ) -> Iterator[tuple[float, Moment]]:
        """Each moment with the seconds to wait before it, at `speed` times the real pace.

        Pauses are limited to `idle_limit` seconds (before the speed is applied).
        """
        last = 0.0
        for moment in self.moments:
            pause = max(0.0, moment.time - last)
            last = max(last, moment.time)
            yield (pause if idle_limit is None else min(pause, idle_limit)) / speed, moment
