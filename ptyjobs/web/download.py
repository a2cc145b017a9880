"""Files that a browser saves: a job's log, text, recording, or its screen as a picture.

Owns the kinds and their names. Never builds a file in memory or on the event loop: it is written to
an unnamed temporary file in a thread and then sent. The subtle things: it is sent over a WebSocket
like everything else, because a URL with a token in it would stay in the browser's history; and a
viewer makes one at a time, because the text of a long log takes 300 MB while it is made.

Server: `{"type": "file", "name", "media", "note"}`, binary frames, `{"type": "whole"}`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from websockets.protocol import State

from ptyjobs.client.files import JobDir, views
from ptyjobs.errors import BadInput
from ptyjobs.recordings import export_cast, export_raw, read, text_of
from ptyjobs.render.ansi import to_svg
from ptyjobs.render.html import to_html
from ptyjobs.terminal.colours import DARK, THEMES

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.client import AsyncJobs
    from ptyjobs.terminal import Screen

CHUNK = 256 << 10  # bytes of one frame
INEXACT = "not all of it is UTF-8: the log has the exact bytes"

Write = Callable[[JobDir, BinaryIO], str]


def _log(job: JobDir, out: BinaryIO) -> str:
    export_raw(job, out)
    return ""


def _text(job: JobDir, out: BinaryIO) -> str:
    out.write(text_of(read(job.path)).encode("utf-8", "replace"))
    return ""


def _cast(job: JobDir, out: BinaryIO) -> str:
    words = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="")
    exact = export_cast(job, words)
    words.detach()  # flushes; the file stays open
    return "" if exact else INEXACT


FILES: dict[str, tuple[str, str, Write]] = {
    "log": (".log", "application/octet-stream", _log),
    "text": (".txt", "text/plain", _text),
    "cast": (".cast", "application/x-asciicast", _cast),
}
PICTURES = {"svg": "image/svg+xml", "png": "image/png", "html": "text/html"}


def kinds() -> list[str]:
    """The available kinds: a PNG needs Pillow."""
    pillow = importlib.util.find_spec("PIL") is not None
    return [*FILES, *(kind for kind in PICTURES if kind != "png" or pillow)]


def drawn(screen: Screen, kind: str, *, theme: str, title: str) -> bytes:
    """The screen as one of PICTURES."""
    colours = THEMES.get(theme, DARK)
    if kind == "png":
        from ptyjobs.render.png import to_png

        return to_png(screen, theme=colours)
    draw = to_svg if kind == "svg" else to_html
    return draw(screen, theme=colours, title=title).encode("utf-8", "replace")


async def serve(
    socket: ServerConnection,
    jobs: AsyncJobs,
    job_id: str,
    asked: dict[str, str],
    *,
    turn: asyncio.Semaphore,
) -> None:
    """Serve `/ws/file/ID?kind=KIND&theme=dark|light&time=SECONDS`; made while it has the `turn`."""
    kind = asked.get("kind", "")
    job = jobs.registry.find(job_id)
    if kind in FILES:
        suffix, media, write = FILES[kind]
        with tempfile.TemporaryFile() as file:
            async with turn:
                if socket.state is not State.OPEN:  # it was closed while it waited
                    return
                note = await asyncio.to_thread(write, job, file)
            await _tell(socket, type="file", name=job_id + suffix, media=media, note=note)
            file.seek(0)
            while data := await asyncio.to_thread(file.read, CHUNK):
                await socket.send(data)
    elif kind in kinds():
        screen = await _screen(jobs, job, asked.get("time", ""))
        theme = asked.get("theme", "")
        data = await asyncio.to_thread(drawn, screen, kind, theme=theme, title=job_id)
        name = f"{job_id}.{kind}"
        await _tell(socket, type="file", name=name, media=PICTURES[kind], note="")
        await socket.send(data)
    else:
        raise BadInput(f"{kind[:40]!r} cannot be saved.", advice=f"Kinds: {', '.join(kinds())}.")
    await _tell(socket, type="whole")


async def _screen(jobs: AsyncJobs, job: JobDir, time: str) -> Screen:
    """The screen now, or at `time` seconds of the recording."""
    from ptyjobs.terminal import Screen

    if time:
        try:
            moment = float(time)
        except ValueError:
            raise BadInput(f"{time[:40]!r} is not a number of seconds.") from None
        return await asyncio.to_thread(views.screen_at, job, time=moment)
    if (await jobs.status(job.job_id)).state.ended:
        return await asyncio.to_thread(views.screen_at, job)
    size, data = await jobs.repaint(job.job_id)
    screen = Screen(size)
    screen.feed(data)
    return screen


async def _tell(socket: ServerConnection, **facts: Any) -> None:
    await socket.send(json.dumps(facts))
