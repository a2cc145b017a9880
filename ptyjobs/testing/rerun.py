"""Run a recorded program twice, to learn its screens and which parts of them vary.

Owns the two runs and the variation between them: times, process ids, temporary names. Never writes
a file. The subtle thing: two runs within a second show the same time of day, so the second one has
another time zone, with another date; and a number that differs from the recording varies as well.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

from ptyjobs.client.sync import Jobs
from ptyjobs.model import Exit
from ptyjobs.recordings import Recording
from ptyjobs.recordings.turns import Terminal
from ptyjobs.testing import live
from ptyjobs.testing.picture import Picture
from ptyjobs.testing.snapshot import Span
from ptyjobs.testing.steps import Script, Step

TIMEOUT = 10.0
PAUSES = (0.5, 3.0)
"""Seconds that a step of a program that never rests is given, at least and at most."""
SECRET = "secret"
"""Typed where the recording has a secret, which it does not hold."""
_WORDS = re.compile(r"[^\s\[\](){}<>|,;\"'=]+|\s+|.")


@dataclass(frozen=True, slots=True)
class Shot:
    """The screen after one step. `rests`: the program waited for the next input."""

    picture: Picture
    rests: bool
    varies: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a shot after the start and after each step made, and the exit if any."""

    shots: tuple[Shot, ...]
    exit: Exit | None


def twice(recording: Recording, script: Script, *, cwd: Path, copies: Sequence[Path] = ()) -> Run:
    """Run the recorded command twice; the first run, with the differences from the second.

    With `copies` each run has its own directory with copies of these files; without, both run in
    `cwd`.
    """
    with tempfile.TemporaryDirectory(prefix="ptyjobs") as scratch:
        base = Path(scratch)
        with Jobs(live.settings(base / "state")) as jobs:
            runs: list[Run] = []
            places: list[tuple[str, str]] = []
            for number, zone in enumerate(("UTC0", _elsewhere(time.gmtime().tm_hour))):
                home = base / f"home{number}"
                home.mkdir()
                place = copied(copies, base / f"work{number}") if copies else cwd
                places.append((str(place), str(home)))
                first = runs[0] if runs else None
                runs.append(_run(jobs, recording.command, script, place, home, zone, first))
    return _compared(runs[0], runs[1], recording, script, places)


def copied(files: Sequence[Path], folder: Path) -> Path:
    """A new folder with copies of `files`, directories whole."""
    folder.mkdir(parents=True)
    for file in files:
        if file.is_dir():
            shutil.copytree(file, folder / file.name, symlinks=True)
        else:
            shutil.copy(file, folder)
    return folder


def _elsewhere(hour: int) -> str:
    """A time zone (tzset(3)) whose day, hour and minute differ from UTC."""
    return "<+1347>-13:47" if hour >= 12 else "<-1143>11:43"


def _run(
    jobs: Jobs, command: str, script: Script, cwd: Path, home: Path, zone: str, first: Run | None
) -> Run:
    env = {"TZ": zone}
    size = script.size
    started = live.start(
        jobs, command, rows=size.rows, cols=size.cols, cwd=cwd, home=home, env=env,
        timeout=TIMEOUT, allow_left=True,
    )  # fmt: skip
    try:
        shots = [Shot(started.screen, not started.restless)]
        for number, step in enumerate(script.steps, start=1):
            if started.status.state.ended:
                break
            known = first.shots[number] if first and number < len(first.shots) else None
            rests = _make(
                started, step, pause=_pause(script, number), rests=known.rests if known else None
            )
            shots.append(Shot(started.screen, rests))
        ended = None
        if script.ended or started.status.state.ended:
            ended = started.ended(timeout=TIMEOUT)
            shots[-1] = Shot(started.screen, shots[-1].rests)
        return Run(tuple(shots), ended)
    finally:
        started.close()


def _pause(script: Script, number: int) -> float:
    """Seconds from a step to the next one in the recording, within PAUSES."""
    steps = script.steps
    until = steps[number].time if number < len(steps) else steps[-1].time + PAUSES[1]
    return min(max(until - steps[number - 1].time, PAUSES[0]), PAUSES[1])


def _make(job: live.LiveJob, step: Step, *, pause: float, rests: bool | None) -> bool:
    """Make a step; True if the program settled after it."""
    if rests is not False:
        try:
            do(job, step)
            return True
        except live.NotSettled:
            return False
    do(job, step, wait=False)
    job.passes(pause)
    return False


def do(job: live.LiveJob, step: Step, *, wait: bool = True) -> None:
    """Make one step on a job."""
    match step.kind:
        case "type":
            job.type(step.values[0], enter=step.enter, wait=wait)
        case "secret":
            job.type(SECRET, wait=wait)
        case "press":
            job.press(*step.values, wait=wait)
        case "paste":
            job.paste(step.values[0], wait=wait)
        case "mouse":
            job.mouse(step.values[0], wait=wait)
        case "resize":
            job.resize(int(step.values[0]), int(step.values[1]), wait=wait)


def _compared(
    one: Run, two: Run, recording: Recording, script: Script,
    places: Sequence[tuple[str, str]],
) -> Run:  # fmt: skip
    stops = [script.start, *(step.stop for step in script.steps)]
    shots = []
    recorded = _recorded(recording, stops[: len(one.shots)])
    for a, b, c in zip_longest(one.shots, two.shots, recorded):
        if a is None:
            break
        other = b.picture if b is not None else a.picture
        varies = {
            *_differences(a.picture, other),
            *_numbers(a.picture, c.picture if isinstance(c, Shot) else other),
            *_words(a.picture, places[0]),
        }
        shots.append(Shot(a.picture, a.rests, tuple(_merged(varies))))
    return Run(tuple(shots), one.exit)


def _recorded(recording: Recording, stops: Sequence[int]) -> Iterator[Shot]:
    """The screens of the recording at these positions."""
    terminal = Terminal(recording)
    for stop in stops:
        while terminal.position < stop and terminal.step() is not None:
            pass
        yield Shot(Picture.of(terminal.screen), True)


def _differences(a: Picture, b: Picture) -> Iterator[Span]:
    """The words of `a` that differ from `b` at the same place in the row."""
    for row, (old, new) in enumerate(zip_longest(a.rows, b.rows, fillvalue="")):
        if old != new and row < len(a.rows):
            yield from _row_differences(row, old, new)


def _row_differences(row: int, old: str, new: str) -> Iterator[Span]:
    words, others = _WORDS.findall(old), _WORDS.findall(new)
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word))
    for tag, i1, i2, _, _ in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Span(row, starts[i1], starts[i2])


def _numbers(a: Picture, recorded: Picture) -> Iterator[Span]:
    """Rows that differ from the recording only in digits."""
    for row, (old, new) in enumerate(zip(a.rows, recorded.rows, strict=False)):
        if old != new and re.sub(r"\d+", "0", old) == re.sub(r"\d+", "0", new):
            yield from _row_differences(row, old, new)


def _words(a: Picture, words: Sequence[str]) -> Iterator[Span]:
    """Words that contain the run's own directories."""
    for row, text in enumerate(a.rows):
        for word in words:
            at = text.find(word)
            if at >= 0:
                yield Span(row, at, at + len(word))


def _merged(spans: Mapping[Span, None] | set[Span]) -> Iterator[Span]:
    """The spans in order, with adjacent ones joined."""
    last: Span | None = None
    for span in sorted(spans):
        if last is not None and span.row == last.row and span.start <= last.stop:
            last = Span(last.row, last.start, max(last.stop, span.stop))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
