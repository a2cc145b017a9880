"""One job in one browser: output as it arrives, input, and the job's state as a phrase.

Owns the offset up to which the browser has been sent output, and its drawing progress. Never queues
output: it comes from the log, so a slow browser costs no memory and delays no other. The subtle
thing is back-pressure: at most `AHEAD` bytes are sent beyond the browser's reported progress (a
background page draws almost nothing), and at most `BURST` per `PACE` (people cannot read faster,
and each discarded frame costs the page memory). More than `RESYNC` behind, the browser gets the
current screen and the number of skipped bytes instead, then one screen a `FRAME` while the job is
faster than a `BURST` in it, and all lines above the screen once it is quiet again. A reconnect
names its offset and resumes there, without gap or repetition.

Frames: binary are raw bytes of the log, in order; text is JSON with a `type`: `mode`, `size`,
`repaint` (the next binary frame rebuilds the screen), `offset`, `skipped`, `job` (its row, see
`rows`), `person` (holder of the keyboard, open request, other viewers), `exit`, `did`, `refused`,
`readonly`, `error`, `pong`. A browser sends keys as binary, and as text `{"drawn": bytes}`,
`{"rows", "cols"}`, `{"signal": name}`, `{"kill": true}`, `{"hold": true or false}`, `{"done": true
or false, "message"}`, `{"ping": n}`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from typing import TYPE_CHECKING, Any

from ptyjobs.client.async_connection import AsyncFollow
from ptyjobs.client.connect import ConnectionClosed
from ptyjobs.client.files import LogReader, views
from ptyjobs.errors import HolderLost, PtyJobsError
from ptyjobs.json_values import from_json, to_json
from ptyjobs.model import Size, Status, size_of
from ptyjobs.protocol import Data
from ptyjobs.web.advice import HINTS
from ptyjobs.web.rows import row_of_record

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.client import AsyncJobs
    from ptyjobs.web.catalogue import Catalogue

NAME = "a browser"  # name of its user at the holder, without a browser's own number
OWN = re.compile(r"[0-9a-z]{1,8}")  # number that a browser gives itself
REACH = 4 << 20  # bytes folded for the last screen of an ended job
CHUNK = 128 << 10  # bytes of one frame
SCROLLBACK = 5000  # scrollback lines that a browser is sent
AHEAD = 1 << 20  # bytes sent that the browser has not drawn yet
BURST = 128 << 10  # bytes sent per `PACE`
PACE = 0.2  # seconds
FRAME = 0.4  # seconds between two screens of a flood: each costs the page 0.4 MB of garbage
QUIET = 0.5  # seconds without output after which the skipped lines are sent
RESYNC = 512 << 10  # bytes behind at which the current screen is sent instead


class Feed:
    """Streams one live job to one socket."""

    def __init__(
        self,
        socket: ServerConnection,
        jobs: AsyncJobs,
        catalogue: Catalogue,
        job_id: str,
        *,
        number: str = "",
    ) -> None:
        self._name = f"browser {number}" if OWN.fullmatch(number) else NAME
        self._socket = socket
        self._jobs = jobs
        self._catalogue = catalogue
        self._job_id = job_id
        self._offset = 0
        self._sent = 0  # bytes sent on this connection
        self._window = 0.0  # time at which the current `PACE` began
        self._burst = 0  # bytes sent in it
        self._partial = False  # the browser lacks some lines above the screen
        self._drawn = 0  # bytes that the browser has drawn
        self._news: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._follow: AsyncFollow | None = None

    async def tell(self, kind: str, **facts: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **facts}))

    async def run(self, *, since: int | None, write: bool) -> None:
        """Stream until the job ends or the browser disconnects."""
        log = self._jobs.registry.find(self._job_id).log
        if since is not None and not (log.floor <= since <= log.end <= since + RESYNC):
            since = None
        try:
            follow = await self._jobs.follow(
                self._job_id, since=since, input=write, name=self._name, scrollback=SCROLLBACK
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
        watching = asyncio.create_task(self._watch())
        # The first to end: the job (the pump), or the browser (its messages).
        both = {asyncio.create_task(work) for work in (self._pump(), self._hear(write))}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, watching, *both):
                task.cancel()
            follow.close()
        for task in done:
            task.result()

    async def _listen(self, follow: AsyncFollow) -> None:
        """Read the holder's messages at once, so that none pile up in between."""
        async for message in follow:
            if not isinstance(message, Data):
                self._news.append(message)
            self._wake.set()
        self._news.append({"event": "gone"})
        self._wake.set()

    async def _watch(self) -> None:
        """Send the job's state as text whenever it changes."""
        changed, last = asyncio.Event(), None
        with self._catalogue.watched(changed):
            while True:
                await changed.wait()
                changed.clear()
                row = self._catalogue.row(self._job_id)
                if row is not None and row is not last:
                    last = row
                    await self.tell("job", row=row.facts)

    async def _pump(self) -> None:
        log = self._jobs.registry.find(self._job_id).log
        started = self._offset > 0
        over = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._news:
                message = self._news.popleft()
                if message["event"] == "repaint":
                    started = True
                    data = message["data"].encode("latin-1")
                    await self._repaint(from_json(Size, message["size"]), message["offset"], data)
                elif message["event"] == "resize":
                    await self._size(from_json(Size, message["size"]))
                elif message["event"] == "person":
                    self._catalogue.refresh(self._job_id)
                    mine = f" by {self._name} since " in message["held"]
                    others = [name for name in message["people"] if name != self._name]
                    facts = {key: message[key] for key in ("held", "asks")}
                    await self.tell("person", **facts, others=others, mine=mine)
                elif message["event"] in ("exit", "gone"):
                    over = True
            behind = started and await self._catch_up(log)
            if over and not behind:
                status = await self._jobs.status(self._job_id)
                await self.tell("exit", **_end(status, offset=self._offset))
                return

    async def _catch_up(self, log: LogReader) -> bool:
        """Send new output; True while the browser must draw before it gets the rest."""
        while (end := log.end) > self._offset:
            if self._sent - self._drawn > AHEAD or self._too_fast():
                return True
            if end - self._offset > (BURST if self._partial else RESYNC):
                await self._resync(end, scrollback=0)
                # The time that the holder took to answer counts toward the next `FRAME`.
                self._window, self._burst = asyncio.get_running_loop().time(), BURST
                continue
            first, data = log.read(self._offset, CHUNK)
            if not data:
                break
            if first > self._offset:
                await self.tell("skipped", bytes=first - self._offset)
            await self._send(data)
            self._offset = first + len(data)
        if self._partial:
            now = asyncio.get_running_loop().time()
            if now - self._window >= QUIET:
                await self._resync(log.end, scrollback=SCROLLBACK)
            else:
                self._wake_in(QUIET)
        return False

    def _too_fast(self) -> bool:
        """True if this `PACE` has used its share; the pump is woken for the next one."""
        now, pace = asyncio.get_running_loop().time(), FRAME if self._partial else PACE
        if now - self._window >= pace:
            self._window, self._burst = now, 0
        if self._burst < BURST:
            return False
        self._wake_in(self._window + pace - now)
        return True

    def _wake_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    async def _resync(self, end: int, *, scrollback: int) -> None:
        """Send the current screen in place of the missing output."""
        self._partial = scrollback < SCROLLBACK
        assert self._follow is not None
        try:
            size, offset, data = await self._follow.repaint(scrollback=scrollback)
        except (ConnectionClosed, HolderLost):  # the job has ended
            job = self._jobs.registry.find(self._job_id)
            screen = await asyncio.to_thread(views.screen_at, job, reach=REACH)
            size, offset, data = screen.size, end, screen.repaint(scrollback=SCROLLBACK)
            self._partial = False
        if offset > self._offset:
            await self.tell("skipped", bytes=offset - self._offset)
        await self._repaint(size, offset, data)

    async def _repaint(self, size: Size, offset: int, data: bytes) -> None:
        await self._size(size)
        self._offset = offset
        await self.tell("repaint", offset=offset)
        await self._send(data)

    async def _send(self, data: bytes) -> None:
        self._sent += len(data)
        self._burst += len(data)
        await self._socket.send(data)

    async def _size(self, size: Size) -> None:
        await self.tell("size", rows=size.rows, cols=size.cols)

    async def _hear(self, write: bool) -> None:
        """Handle the browser's messages."""
        async for message in self._socket:
            if isinstance(message, bytes):
                if self._follow is not None and write:
                    self._follow.send(message)
                else:
                    await self.tell("readonly")
                continue
            try:
                asked = json.loads(message)
                if not isinstance(asked, dict):
                    continue
                if "ping" in asked:
                    await self.tell("pong")
                elif "drawn" in asked:
                    self._drawn = int(asked["drawn"])
                    self._wake.set()
                elif not write:
                    await self.tell("readonly")
                else:
                    await self._act(asked)
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue  # untrusted input from the browser

    async def _act(self, asked: dict[str, Any]) -> None:
        """Change the job: resize, signal, or end it."""
        assert self._follow is not None
        try:
            if "rows" in asked:
                size = size_of(int(asked["rows"]), int(asked["cols"]))
                if size is not None:
                    await self._follow.resize(size)
            elif "signal" in asked:
                name = str(asked["signal"])
                await self._jobs.kill(self._job_id, signal=name)
                await self.tell("did", words=f"{name} was sent")
            elif asked.get("kill") is True:
                await self._jobs.kill(self._job_id)
            elif asked.get("hold") is True:
                await self._jobs.hold(self._job_id, by=self._name)
            elif asked.get("hold") is False:
                await self._jobs.hand_back(self._job_id, by=self._name)
            elif "done" in asked:
                declined, message = not asked["done"], str(asked.get("message", ""))
                await self._jobs.done(
                    self._job_id, by=self._name, message=message, declined=declined
                )
        except PtyJobsError as error:
            await self.tell("refused", message=error.worded(HINTS))


def _end(status: Status, *, offset: int) -> dict[str, Any]:
    return {"status": to_json(status), "row": row_of_record(status).facts, "offset": offset}


async def ended(
    socket: ServerConnection, jobs: AsyncJobs, job_id: str, *, since: int | None
) -> None:
    """An ended job: send the missing output or else its last screen; then its exit."""
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
    await socket.send(json.dumps({"type": "exit", **_end(status, offset=log.end)}))


async def serve(
    socket: ServerConnection,
    jobs: AsyncJobs,
    catalogue: Catalogue,
    job_id: str,
    *,
    since: int | None,
    write: bool,
    number: str = "",
) -> None:
    """Serve `/ws/job/ID?since=OFFSET&as=NUMBER`."""
    await Feed(socket, jobs, catalogue, job_id, number=number).run(since=since, write=write)
