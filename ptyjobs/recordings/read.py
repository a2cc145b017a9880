"""Read recordings: asciicast v2 and v3, a job's directory, a raw log.

Owns detecting the format and restoring the exact bytes. A cast cannot hold invalid UTF-8; the raw
log exported with it (`x.cast` and `x.raw`) can, and is split here at the cast's events. The subtle
thing: the raw file is used only if, decoded, it equals the cast's text.
"""

from __future__ import annotations

import codecs
import heapq
import re
from collections.abc import Iterator
from pathlib import Path

from ptyjobs.errors import BadRecording
from ptyjobs.model import Exit, Size
from ptyjobs.recordings import asciicast
from ptyjobs.recordings.asciicast import EXIT, INPUT, OUTPUT, RESIZE
from ptyjobs.recordings.recording import Moment, Recording
from ptyjobs.store.jobdir import JobDir, LogEvent

RAW_SUFFIX = ".raw"
SLICE = 64 << 10
"""Maximum number of log bytes in one moment."""


def read(path: Path) -> Recording:
    """The recording at `path`: a `.cast` file, a job's directory, or a raw log of bytes.

    A raw log is one moment at time 0 on a terminal of the default size. Raises BadRecording naming
    the line and the expected value, and OSError if the path cannot be read.
    """
    if path.is_dir():
        return read_job(JobDir(path))
    data = path.read_bytes()
    if not data:
        raise BadRecording(f"{path.name} is empty, not a recording.")
    if path.suffix != RAW_SUFFIX and data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        twin = path.with_suffix(RAW_SUFFIX)
        raw = twin.read_bytes() if twin.is_file() else None
        try:
            return read_cast(data.decode("utf-8", "replace"), raw=raw)
        except BadRecording as error:
            raise BadRecording(f"{path.name}: {error.message}") from None
    if path.suffix == ".cast":
        raise BadRecording(f"{path.name}: line 1: expected an asciicast header (a JSON object).")
    return Recording(moments=(Moment(0.0, OUTPUT, data),))


def read_cast(text: str, *, raw: bytes | None = None) -> Recording:
    """Read the lines of an asciicast file; `raw` is the exact output if it was kept."""
    reader = asciicast.CastReader(text.splitlines(keepends=True) if "\n" in text else [text])
    events = list(reader)
    printed = [event.data for event in events if event.code == OUTPUT]
    if raw is not None and raw.decode("utf-8", "replace") == "".join(printed):
        outputs = iter(list(_cut(raw, printed)))
    else:
        outputs = (text.encode() for text in printed)
    head = reader.header
    return Recording(
        size=head.size,
        moments=tuple(_moment(event, outputs) for event in events),
        title=head.title,
        command=head.command,
        timestamp=head.timestamp,
        skipped=reader.skipped,
        exit=next((_exit(e.data) for e in reversed(events) if e.code == EXIT), None),
    )


def _moment(event: asciicast.Event, outputs: Iterator[bytes]) -> Moment:
    if event.code == OUTPUT:
        return Moment(event.time, OUTPUT, next(outputs))
    if event.code == INPUT:
        return Moment(event.time, INPUT, event.data.encode())
    return Moment(event.time, event.code, text=event.data)


def _exit(status: str) -> Exit | None:
    """An exit status in the shells' form: above 128, the signal that killed the program."""
    if not status.strip().lstrip("-").isdigit():
        return None
    code = int(status)
    return Exit(signal=code - 128) if 128 < code < 128 + 65 else Exit(code=code)


def _cut(raw: bytes, texts: list[str]) -> Iterator[bytes]:
    """The bytes of each text; joined, they are `raw`."""
    at = 0
    for number, text in enumerate(texts):
        plain = text.encode()
        if number == len(texts) - 1:
            stop = len(raw)
        elif "\ufffd" not in text and raw.startswith(plain, at):
            stop = at + len(plain)
        else:
            stop = _walk(raw, at, len(text))
        yield raw[at:stop]
        at = stop


def _walk(raw: bytes, at: int, characters: int) -> int:
    """The end of `characters` characters from `at` on, counting invalid UTF-8 as decoded."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    seen, stop = 0, at
    while seen < characters and stop < len(raw):
        seen += len(decoder.decode(raw[stop : stop + 1]))
        stop += 1
    return stop - len(decoder.getstate()[0])  # an incomplete character belongs to the next event


def read_job(job: JobDir) -> Recording:
    """A job's log and events as a recording; a running job's up to now."""
    spec, status = job.spec(), job.status()
    if spec is None:
        raise BadRecording(f"{job.path.name} is not a job's directory: it has no spec.json.")
    size, moments = moments_of(job)
    return Recording(
        size=size,
        moments=tuple(moments),
        title=job.job_id,
        command=spec.command,
        timestamp=int(status.started) if status else 0,
        exit=status.exit if status else None,
    )


def moments_of(job: JobDir) -> tuple[Size, Iterator[Moment]]:
    """The size at the oldest kept byte, and the moments from there on, streamed."""
    spec = job.spec()
    size = spec.size if spec else Size()
    floor = job.log.floor
    for event in job.events():
        if event.offset > floor or not floor:
            break
        size = event.size or size
    return size, _moments(job, floor, size)


def _moments(job: JobDir, floor: int, size: Size) -> Iterator[Moment]:
    at, time = floor, 0.0
    if floor:
        yield Moment(0.0, asciicast.MARKER, text=f"{floor} bytes before this are gone from the log")
    for event in _in_order(job):
        if event.offset < floor:
            continue
        time = event.time
        for data in _slices(job, at, event.offset):
            yield Moment(time, OUTPUT, data)
        at = max(at, event.offset)
        match event.code:
            case "r":
                if (now := event.size or size) != size:
                    size = now
                    yield Moment(time, RESIZE, text=f"{size.cols}x{size.rows}")
            case "i":
                yield Moment(time, INPUT, event.data.encode("utf-8", "replace"))
            case "m":
                yield Moment(time, asciicast.MARKER, text=event.data)
            case "g":
                yield Moment(time, asciicast.MARKER, text=f"output was lost here ({event.data})")
            case "x":
                word, _, number = event.data.partition(" ")
                code = int(number) if re.fullmatch("[0-9]{1,9}", number) else 0
                yield Moment(time, EXIT, text=str(code + (128 if word == "signal" else 0)))
    for data in _slices(job, at, job.log.end):
        yield Moment(time, OUTPUT, data)


def _in_order(job: JobDir) -> Iterator[LogEvent]:
    """The events by time: input is recorded only once the terminal has shown it."""
    typed = sorted(
        (event for event in job.events() if event.code == INPUT), key=lambda event: event.time
    )
    others = (event for event in job.events() if event.code != INPUT)
    return heapq.merge(typed, others, key=lambda event: event.time)


def _slices(job: JobDir, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        first, data = job.log.read(start, min(SLICE, stop - start))
        if not data or first >= stop:
            return
        yield data[: stop - first]
        start = first + len(data)
