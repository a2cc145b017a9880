"""`replay(path)`: a recording as a deterministic terminal for a test.

Owns the walk through it by conditions. Never waits: a minute of recording takes milliseconds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NoReturn

from ptyjobs.recordings import Moment, Recording, read
from ptyjobs.recordings.asciicast import MARKER
from ptyjobs.recordings.turns import TIMEOUT, Terminal, Turn, turn, turns
from ptyjobs.testing.picture import Picture


class Replay:
    """A recording being played; `screen` is its terminal at this moment.

    Walk with `until(...)`, `to_end()`; read `screen`, `fresh()`, `turn`, `verdicts`.
    """

    def __init__(
        self, recording: Recording, *, name: str = "recording", path: Path | None = None
    ) -> None:
        self.recording = recording
        self.name = name
        self.path = path
        self.walked: list[Turn] = []  # the answers that `until(settled=True)` stopped at
        self._terminal = Terminal(recording)
        self._since = self._terminal.mark()
        self._verdicts: list[Turn] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Replay:
        """The recording of a file or a job's directory; BadRecording explains an invalid one."""
        return cls(read(Path(path)), name=Path(path).name, path=Path(path))

    @property
    def turn(self) -> Turn | None:
        """The answer that the last `until(settled=True)` stopped at."""
        return self.walked[-1] if self.walked else None

    @property
    def played(self) -> tuple[Moment, ...]:
        """The moments up to now."""
        return self.recording.moments[: self._terminal.position]

    @property
    def time(self) -> float:
        """Seconds of the recording that have been played."""
        return self._terminal.time

    @property
    def ended(self) -> bool:
        """True if all of it has been played."""
        return self._terminal.next is None

    @property
    def screen(self) -> Picture:
        """The terminal's current screen."""
        return Picture.of(self._terminal.screen)

    @property
    def verdicts(self) -> list[Turn]:
        """The answers that `interact` would have given at each moment of the whole recording."""
        if self._verdicts is None:
            self._verdicts = turns(self.recording)
        return self._verdicts

    def until(
        self,
        *,
        text: str | None = None,
        pattern: str | re.Pattern[str] | None = None,
        time: float | None = None,
        marker: str | None = None,
        settled: bool = False,
        timeout: float = TIMEOUT,
    ) -> Replay:
        """Play on until one condition holds; AssertionError with the screen if it never does.

        `text` and `pattern` are searched on the screen and in the lines that scroll off it from now
        on, `time` is in seconds from the recording's start, `marker` a label. `settled`: until the
        program would be ready for the caller; `turn` is then the answer, and `timeout` the maximum
        seconds of virtual time.
        """
        __tracebackhide__ = True
        given = [c for c in (text, pattern, time, marker, settled or None) if c is not None]
        if len(given) != 1:
            raise TypeError(
                "until() takes one of text, pattern, time, marker and settled, "
                f"it was given {len(given)}"
            )
        if settled:
            return self._until_settled(timeout)
        if time is not None:
            return self._until_time(time)
        if marker is not None:
            return self._until_marker(marker)
        wanted = re.compile(re.escape(text)) if text is not None else re.compile(pattern or "")
        return self._until_text(wanted, text or wanted.pattern)

    def _until_text(self, wanted: re.Pattern[str], text: str) -> Replay:
        __tracebackhide__ = True
        first = self._terminal.screen.first_line
        while not wanted.search(self._seen_since(first)):
            if self._terminal.step() is None:
                self._past_the_end(f"{text!r} never came")
        return self

    def _seen_since(self, first: int) -> str:
        """The screen and the lines that scrolled off it since line `first`."""
        screen, seen = self._terminal.screen, self.screen.searched
        if not screen.alternate and screen.first_line > first:
            gone = screen.line_range(max(first, screen.floor_line), screen.first_line)
            seen = "\n".join(line.text for line in gone) + "\n" + seen
        return seen

    def _until_time(self, time: float) -> Replay:
        __tracebackhide__ = True
        if time > self.recording.duration:
            self._past_the_end(f"{time:g} s is beyond its {self.recording.duration:g} s")
        while (moment := self._terminal.next) is not None and moment.time <= time:
            self._terminal.step()
        return self

    def _until_marker(self, label: str) -> Replay:
        __tracebackhide__ = True
        while (moment := self._terminal.step()) is not None:
            if moment.code == MARKER and moment.text == label:
                return self
        known = ", ".join(map(repr, self.recording.markers)) or "none"
        self._past_the_end(f"there is no marker {label!r} (there are: {known})")

    def _until_settled(self, timeout: float) -> Replay:
        __tracebackhide__ = True
        if self.ended:
            self._past_the_end("nothing comes any more")
        self.walked.append(turn(self._terminal, timeout=timeout))
        return self

    def to_end(self) -> Replay:
        """Play the rest."""
        while self._terminal.step() is not None:
            pass
        return self

    def fresh(self) -> str:
        """Text printed since the last `fresh()`, or since the start, as a reader would see it."""
        text = self._terminal.fresh(self._since)
        fresh, _ = text.finish(self._terminal.screen, prompt_row=False, end=self._terminal.offset)
        self._since = self._terminal.mark()
        return fresh.text

    def _past_the_end(self, why: str) -> NoReturn:
        __tracebackhide__ = True
        at = (
            f"{self.name} was played to its end"
            if self.ended
            else f"{self.name} is at {self.time:g} s"
        )
        self.screen.fail(f"{at}, and {why}.")
