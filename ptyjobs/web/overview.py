"""Overview of all jobs: the part of the list that one browser shows, with thumbnails.

Owns the record of data sent to this browser. Never reads a job's files (see `catalogue`). Live jobs
are always included, and the newest ended ones up to the requested number. The filter is applied
here, so that it searches all jobs and not only the visible ones.

Browser: `{"filter": text, "ended": bool, "limit": ended jobs}`, `{"visible": [job ids]}`, `{"ping":
n}`. Server: `{"type": "jobs", "live", "all", "matches", "more", "order": [job ids], "rows":
[changed rows]}`, `{"type": "picture", ...}` of a visible job that has changed, `{"type": "pong"}`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ptyjobs.web.rows import Row

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.web.catalogue import Catalogue

PAGE = 60  # ended jobs that a browser gets unless it requests more
MOST_VISIBLE = 400  # cards that one browser can show


class Glance:
    """The overview as sent to one browser."""

    def __init__(self, socket: ServerConnection, catalogue: Catalogue) -> None:
        self._socket = socket
        self._catalogue = catalogue
        self._wake = asyncio.Event()
        self._words: list[str] = []
        self._ended = True
        self._limit = PAGE
        self._visible: list[str] = []
        self._head: dict[str, Any] = {}
        self._rows: dict[str, Row] = {}
        self._drawn: dict[str, object] = {}  # job id -> trace of the picture it has

    async def listen(self) -> None:
        async for message in self._socket:
            try:
                asked = json.loads(message)
                if "ping" in asked:
                    await self._socket.send('{"type": "pong"}')
                if "filter" in asked:
                    self._words = str(asked["filter"])[:1000].lower().split()
                    self._ended = bool(asked["ended"])
                    self._limit = max(1, int(asked["limit"]))
                if "visible" in asked:
                    self._visible = [str(job_id) for job_id in asked["visible"]][:MOST_VISIBLE]
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue  # untrusted input from the browser
            self._wake.set()

    async def run(self) -> None:
        with self._catalogue.watched(self._wake):
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._list()
                await self._pictures()

    async def _list(self) -> None:
        if not self._catalogue.loaded:
            return  # it sets the event again
        matches = self._catalogue.select(self._words, ended=self._ended)
        live = sum(not row.ended for row in matches)
        shown = matches[: live + self._limit]
        rows = {row.facts["job_id"]: row for row in shown}
        changed = [row.facts for job_id, row in rows.items() if self._rows.get(job_id) is not row]
        running, known = self._catalogue.count()
        head = {
            "type": "jobs", "live": running, "all": known, "matches": len(matches),
            "more": len(matches) > len(shown), "order": list(rows),
        }  # fmt: skip
        if changed or head != self._head:
            self._head, self._rows = head, rows
            await self._socket.send(json.dumps({**head, "rows": changed}))

    async def _pictures(self) -> None:
        # The page may have removed a card that went out of view: it gets its picture again.
        visible = [job_id for job_id in self._visible if job_id in self._rows]
        self._drawn = {j: trace for j, trace in self._drawn.items() if j in set(visible)}
        for job_id in visible:
            trace = self._rows[job_id].trace
            if self._drawn.get(job_id) == trace:
                continue
            drawn = await self._catalogue.picture(job_id)
            if drawn is not None:
                self._drawn[job_id] = trace
                await self._socket.send(drawn)


async def serve(socket: ServerConnection, catalogue: Catalogue) -> None:
    """Serve `/ws/jobs`."""
    glance = Glance(socket, catalogue)
    listening = asyncio.create_task(glance.listen())
    looking = asyncio.create_task(glance.run())
    done, _ = await asyncio.wait((listening, looking), return_when=asyncio.FIRST_COMPLETED)
    for task in (listening, looking):
        task.cancel()
    for task in done:
        task.result()
