"""Writing a job's recording: asciicast v3 or v2, the raw log, its text.

Owns what is written and what is left out. Streams: a log of any length needs the memory of one
slice. Input is written only when asked for, and what was typed at a no-echo prompt cannot be: the
holder never recorded it.
"""

from __future__ import annotations

from typing import BinaryIO, TextIO

from ptyjobs.errors import BadRecording
from ptyjobs.model import Size
from ptyjobs.recordings import asciicast
from ptyjobs.recordings.asciicast import INPUT, OUTPUT
from ptyjobs.recordings.read import SLICE, moments_of
from ptyjobs.recordings.recording import Recording
from ptyjobs.store.jobdir import JobDir
from ptyjobs.terminal import Screen

SCROLLBACK = 1_000_000
"""Lines of text that `text_of` can give."""


def export_cast(job: JobDir, out: TextIO, *, version: int = 3, input: bool = False) -> bool:
    """Write the job as an asciicast file; whether that holds its output exactly.

    Not exact is a log with bytes that are no UTF-8: they stand there as U+FFFD, so keep the raw
    log beside it (`export_raw`). Raises BadRecording for another version than 2 and 3 and for a
    folder that is no job's.
    """
    spec, status = job.spec(), job.status()
    if spec is None:
        raise BadRecording(f"{job.path.name} is no job's directory: it has no spec.json.")
    size, moments = moments_of(job)
    header = asciicast.Header(
        size=size,
        version=version,
        timestamp=int(status.started) if status else 0,
        title=job.job_id,
        command=spec.command,
        term="xterm-256color",
    )
    writer = asciicast.Writer(header)
    exact = True
    out.write(writer.start())
    for moment in moments:
        if moment.code == INPUT and not input:
            continue
        if moment.code in (OUTPUT, INPUT) and moment.data:
            line = writer.output_bytes(moment.time, moment.data, code=moment.code)
            exact = exact and "\ufffd" not in line
            out.write(line)
        else:
            out.write(writer.event(asciicast.Event(moment.time, moment.code, moment.text)))
    rest = writer.finish()
    out.write(rest)
    return exact and not rest


def export_raw(job: JobDir, out: BinaryIO) -> int:
    """Write the log's bytes as they are; how many."""
    at, count = job.log.floor, 0
    while True:
        first, data = job.log.read(at, SLICE)
        if not data:
            return count
        out.write(data)
        count += len(data)
        at = first + len(data)


def text_of(recording: Recording) -> str:
    """Everything that a recording printed as plain text, soft-wrapped lines joined."""
    size = recording.size
    screen = Screen(Size(size.rows, size.cols), scrollback=SCROLLBACK)
    for moment in recording.moments:
        if moment.code == OUTPUT:
            screen.feed(moment.data)
        elif moment.code == asciicast.RESIZE:
            screen.resize(moment.size)
    if screen.alternate:
        return "\n".join(screen.text()).rstrip() + "\n"
    last = screen.first_line + screen.cursor_row
    lines = screen.line_range(screen.floor_line, last + 1)
    text = "".join(line.text + ("" if line.wrapped else "\n") for line in lines)
    return text.rstrip("\n") + "\n"
