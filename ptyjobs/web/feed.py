"""One job in one browser: its bytes as they come, and what a person types.

Owns the offset up to which the browser has been sent. The bytes come from the log, never from a
queue, so a slow browser costs no memory and holds up nobody: over `RESYNC` behind, it gets the
screen of this moment instead, and is told how much was passed over. A reconnect names its offset
and goes on there, without a gap and without repetition.

Frames: binary are raw bytes of the log, in order; text is JSON with a `type`: `size`, `repaint`
(the next binary frame rebuilds the screen), `offset`, `skipped`, `attached`, `exit`, `error`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any

from ptyjobs.client.async_connection import AsyncFollow
from ptyjobs.client.files import views
from ptyjobs.errors import HolderLost
from ptyjobs.model import Size, Status, from_json, to_json
from ptyjobs.protocol import Data

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.client import AsyncJobs

REACH = 4 << 20  # bytes folded for the last screen of an ended job
CHUNK = 128 << 10  # bytes of one frame
SCROLLBACK = 5000  # lines above the screen that a browser is sent
RESYNC = 2 << 20  # bytes behind at which the screen is sent instead


class Feed:
    """Streams one live job to one socket."""

    def __init__(self, socket: ServerConnection, jobs: AsyncJobs, job_id: str) -> None:
        self._socket = socket
        self._jobs = jobs
        self._job_id = job_id
        self._offset = 0
        self._news: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._follow: AsyncFollow | None = None

    async def tell(self, kind: str, **facts: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **facts}))

    async def run(self, *, since: int | None, write: bool) -> None:
        """Stream until the job has ended or the browser has gone."""
        log = self._jobs.registry.find(self._job_id).log
        if since is not None and not (log.floor <= since <= log.end <= since + RESYNC):
            since = None
        try:
            follow = await self._jobs.follow(
                self._job_id, since=since, input=write, name="a browser", scrollback=SCROLLBACK
            )
        except HolderLost:
            await ended(self._socket, self._jobs, self._job_id, since=since)
            return
        self._follow, self._offset = follow, since or 0
        await self.tell("mode", write=write)
        if since is not None:
            await self._size((await self._jobs.status(self._job_id)).size)
            await self.tell("offset", offset=since)
        self._wake.set()
        listening = asyncio.create_task(self._listen(follow))
        # Whichever ends first: the job (the pump), or the browser (its messages).
        both = {asyncio.create_task(work) for work in (self._pump(), self._typed(write))}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, *both):
                task.cancel()
            follow.close()
        for task in done:
            task.result()

    async def _listen(self, follow: AsyncFollow) -> None:
        """Take what the holder says at once, so that nothing piles up between it and us."""
        async for message in follow:
            if not isinstance(message, Data):
                self._news.append(message)
            self._wake.set()
        self._news.append({"event": "gone"})
        self._wake.set()

    async def _pump(self) -> None:
        log = self._jobs.registry.find(self._job_id).log
        started = self._offset > 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            over = None
            while self._news:
                message = self._news.popleft()
                if message["event"] == "repaint":
                    started = True
                    self._offset = int(message["offset"])
                    await self._repaint(message)
                elif message["event"] == "resize":
                    await self._size(from_json(Size, message["size"]))
                elif message["event"] in ("exit", "gone"):
                    over = message
            while started and (end := log.end) > self._offset:
                if end - self._offset > RESYNC:
                    await self._resync(end)
                    continue
                first, data = log.read(self._offset, CHUNK)
                if not data:
                    break
                if first > self._offset:
                    await self.tell("skipped", bytes=first - self._offset)
                await self._socket.send(data)
                self._offset = first + len(data)
            if over is not None:
                status = await self._jobs.status(self._job_id)
                await self.tell("exit", status=to_json(status), offset=self._offset)
                return

    async def _resync(self, end: int) -> None:
        """The browser is far behind: show the screen of now."""
        size, data = await self._jobs.repaint(self._job_id)
        await self.tell("skipped", bytes=end - self._offset)
        await self._size(size)
        self._offset = end
        await self.tell("repaint", offset=end)
        await self._socket.send(data)

    async def _repaint(self, message: dict[str, Any]) -> None:
        await self._size(from_json(Size, message["size"]))
        await self.tell("repaint", offset=message["offset"])
        await self._socket.send(message["data"].encode("latin-1"))

    async def _size(self, size: Size) -> None:
        await self.tell("size", rows=size.rows, cols=size.cols)

    async def _typed(self, write: bool) -> None:
        """What the browser sends: binary is typed, text is JSON (`resize`)."""
        async for message in self._socket:
            if not write or self._follow is None:
                await self.tell("readonly")
            elif isinstance(message, bytes):
                self._follow.send(message)
            else:
                size = _asked_size(message)
                if size is not None:
                    await self._follow.resize(size)


def _asked_size(message: str) -> Size | None:
    try:
        asked = json.loads(message)
        rows, cols = int(asked["rows"]), int(asked["cols"])
    except (ValueError, KeyError, TypeError):  # not ours: a browser can send anything
        return None
    return Size(rows, cols) if 1 <= rows <= 1000 and 1 <= cols <= 1000 else None


async def ended(
    socket: ServerConnection, jobs: AsyncJobs, job_id: str, *, since: int | None
) -> None:
    """An ended job: what is missing of its output, else its last screen; then how it ended."""
    status: Status = await jobs.status(job_id)
    log = jobs.registry.find(job_id).log
    if since is not None:
        while since < log.end:
            first, data = log.read(since, CHUNK)
            await socket.send(data)
            since = first + len(data)
    else:
        job = jobs.registry.find(job_id)
        screen = await asyncio.to_thread(views.screen_at, job, reach=REACH)
        size, data = screen.size, screen.repaint(scrollback=SCROLLBACK)
        await socket.send(json.dumps({"type": "size", "rows": size.rows, "cols": size.cols}))
        await socket.send(json.dumps({"type": "repaint", "offset": log.end}))
        await socket.send(data)
    exit_ = {"type": "exit", "status": to_json(status), "offset": log.end}
    await socket.send(json.dumps(exit_))


async def serve(
    socket: ServerConnection, jobs: AsyncJobs, job_id: str, *, since: int | None, write: bool
) -> None:
    """Serve `/ws/job/ID?since=OFFSET`."""
    await Feed(socket, jobs, job_id).run(since=since, write=write)
