"""Export a job's recording: asciicast v3 or v2, the raw log, its text.

Owns which events are written and which omitted. Streams: a log of any length needs the memory of
one slice. Input is written only on request, and never input typed at a no-echo prompt: the holder
did not record it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, TextIO

from ptyjobs.errors import BadRecording
from ptyjobs.model import Size
from ptyjobs.recordings import asciicast
from ptyjobs.recordings.asciicast import INPUT, OUTPUT
from ptyjobs.recordings.read import SLICE, moments_of
from ptyjobs.recordings.recording import Moment, Recording
from ptyjobs.store.jobdir import JobDir
from ptyjobs.terminal import Screen

SCROLLBACK = 1_000_000
"""Maximum number of lines that `text_of` returns."""


def export_cast(
    source: JobDir | Recording, out: TextIO, *, version: int = 3, input: bool = False
) -> bool:
    """Write a job or a recording as an asciicast file; True if it holds the output exactly.

    Output that is not UTF-8 is inexact: its bytes become U+FFFD, so keep the raw log as well
    (`export_raw`). Raises BadRecording for versions other than 2 and 3 and for a directory that
    belongs to no job.
    """
    head, moments = _whole(source)
    header = asciicast.Header(
        size=head.size,
        version=version,
        timestamp=head.timestamp,
        title=head.title,
        command=head.command,
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


def _whole(source: JobDir | Recording) -> tuple[Recording, Iterable[Moment]]:
    """A recording without its moments, and the moments, streamed if the source is a job."""
    if isinstance(source, Recording):
        return source, source.moments
    spec, status = source.spec(), source.status()
    if spec is None:
        raise BadRecording(f"{source.path.name} is not a job's directory: it has no spec.json.")
    size, moments = moments_of(source)
    started = int(status.started) if status else 0
    head = Recording(size=size, title=source.job_id, command=spec.command, timestamp=started)
    return head, moments


def export_raw(job: JobDir | Recording, out: BinaryIO) -> int:
    """Write the log's bytes unchanged; returns their number."""
    if isinstance(job, Recording):
        return out.write(job.output)
    at, count = job.log.floor, 0
    while True:
        first, data = job.log.read(at, SLICE)
        if not data:
            return count
        out.write(data)
        count += len(data)
        at = first + len(data)


def text_of(recording: Recording) -> str:
    """The recording's complete output as plain text, soft-wrapped lines joined."""
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
