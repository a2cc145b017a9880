"""A job's past in a browser: its timeline, the screen at any time, and the output after it.

Owns the position of one request. Never blocks the event loop: each answer is a fold of the log,
made in a thread, so a long log does not delay others. The browser controls the pace.

Browser: `{"seek": seconds}`, `{"from": seconds}` or `{"ping": n}`. Server: `{"type": "job", "row"}`
and `{"type": "timeline", "duration", "rows", "cols", "marks": [[seconds, label]]}` first; to `seek`
`{"type": "seeked", "time", ...}` and a binary frame that rebuilds the screen; to `from` `{"type":
"events", "items": [[seconds, bytes]], "next"}` and a binary frame with all the bytes; a resize is
`[seconds, 0, rows, cols]`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ptyjobs.client.files import JobDir, views
from ptyjobs.errors import BadInput
from ptyjobs.model import Size
from ptyjobs.web.rows import row_of_record

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.client import AsyncJobs

WINDOW = 256 << 10  # bytes of one answer to `from`
REACH = 4 << 20  # bytes folded for one picture of the past
MARKS = 2000  # marks on a timeline


def described(job: JobDir) -> dict[str, Any]:
    """The timeline of a job: its duration and its marks (inputs with Enter, markers)."""
    spec = job.spec()
    size = spec.size if spec else Size()
    duration = 0.0
    marks: list[tuple[float, str]] = []
    for event in job.events():
        duration = max(duration, event.time)
        if event.code == "m" or (event.code == "i" and "\n" in event.data):
            marks.append((event.time, event.data.strip()[:120]))
        elif event.code == "x":
            marks.append((event.time, event.data))
    marks.sort()
    return {
        "type": "timeline", "duration": duration, "rows": size.rows, "cols": size.cols,
        "marks": marks[:MARKS],
    }  # fmt: skip


def screen(job: JobDir, time: float) -> tuple[dict[str, Any], bytes]:
    """The screen at `time`, as the bytes that rebuild it; at the end, with all output."""
    last = max((event.time for event in job.events()), default=0.0)
    shown = views.screen_at(job, time=time if time < last else None, reach=REACH)
    size = {"rows": shown.size.rows, "cols": shown.size.cols}
    return {"type": "seeked", "time": time, **size}, shown.repaint()


def events(job: JobDir, start: float) -> tuple[dict[str, Any], bytes]:
    """Output printed after `start` seconds, as much as fits one answer.

    The last output of a live job may not be in the time index yet: it gets the last time.
    """
    items: list[list[float]] = []
    data = b""
    at = job.log.floor
    following: float | None = None
    last = 0.0
    for event in job.events():
        last = max(last, event.time)
        if event.time > start and (size := event.size) is not None:
            items.append([event.time, 0, size.rows, size.cols])
        if event.code not in ("o", "x"):
            continue
        if event.time <= start:
            at = max(at, event.offset)
            continue
        if len(data) >= WINDOW:
            following = items[-1][0]
            break
        more = _between(job, at, event.offset)
        at = max(at, event.offset)
        data += more
        items.append([event.time, len(more)])
    if following is None and start < last and (rest := _between(job, at, job.log.end)):
        data += rest
        items.append([last, len(rest)])
    return {"type": "events", "items": items, "next": following}, data


def _between(job: JobDir, start: int, stop: int) -> bytes:
    parts = []
    while start < stop:
        first, data = job.log.read(start, min(stop - start, WINDOW))
        if not data or first >= stop:
            break
        parts.append(data[: stop - first])
        start = first + len(data)
    return b"".join(parts)


async def serve(socket: ServerConnection, jobs: AsyncJobs, job_id: str) -> None:
    """Serve `/ws/replay/ID`."""
    job = jobs.registry.find(job_id)
    record = row_of_record(await jobs.status(job_id))
    await socket.send(json.dumps({"type": "job", "row": record.facts}))
    await socket.send(json.dumps(await asyncio.to_thread(described, job)))
    async for message in socket:
        try:
            asked = json.loads(message)
            if "ping" in asked:
                await socket.send('{"type": "pong"}')
                continue
            kind, value = next(iter(asked.items()))
            time = float(value)
        except (ValueError, TypeError, AttributeError, StopIteration, RecursionError):
            raise BadInput("Ask for a seek or for what follows a time.") from None
        answer, data = await asyncio.to_thread(screen if kind == "seek" else events, job, time)
        await socket.send(json.dumps(answer))
        await socket.send(data)
