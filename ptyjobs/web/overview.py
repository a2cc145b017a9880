"""All jobs at a glance: their states, and small pictures of those that the browser shows.

Owns the cost of it: one look at the files of each job every `INTERVAL`, a picture only of a job
that is in view and has changed, at most `PICTURES` a round.

Server: `{"type": "jobs", "jobs": [...]}` when anything changed, `{"type": "picture", "job_id",
"rows": [[[text, style], ...], ...]}`. Browser: `{"visible": [job ids]}`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import PtyJobsError
from ptyjobs.render.ansi import to_text
from ptyjobs.terminal import Screen
from ptyjobs.terminal.colours import DARK, hexa, look
from ptyjobs.terminal.style import DEFAULT

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from ptyjobs.client import AsyncJobs

INTERVAL = 0.4  # seconds between two looks
PICTURES = 16  # pictures a round
LISTED = 200  # jobs shown, the newest


class Glance:
    """What one browser's overview has been told."""

    def __init__(self, socket: ServerConnection, jobs: AsyncJobs) -> None:
        self._socket = socket
        self._jobs = jobs
        self._visible: list[str] = []
        self._told = ""
        self._seen: dict[str, object] = {}  # job id -> trace of its last picture

    async def listen(self) -> None:
        async for message in self._socket:
            try:
                visible = json.loads(message)["visible"]
            except (ValueError, KeyError, TypeError):  # a browser can send anything
                continue
            self._visible = [str(job_id) for job_id in visible][:LISTED]

    async def run(self) -> None:
        while True:
            listed = [_row(status) for status in (await self._jobs.list())[:LISTED]]
            told = json.dumps({"type": "jobs", "jobs": listed})
            if told != self._told:
                self._told = told
                await self._socket.send(told)
            await self._pictures()
            await asyncio.sleep(INTERVAL)

    async def _pictures(self) -> None:
        sent = 0
        for job_id in self._visible:
            try:
                trace = self._jobs.trace(job_id)
                if self._seen.get(job_id) == trace or sent >= PICTURES:
                    continue
                size, data = await self._jobs.repaint(job_id)
            except PtyJobsError:  # cleaned away, or its holder does not answer just now
                continue
            self._seen[job_id] = trace
            sent += 1
            screen = Screen(size)
            screen.feed(data)
            await self._socket.send(json.dumps(_picture(job_id, screen)))


def _row(status: Any) -> dict[str, Any]:
    return {
        "job_id": status.job_id,
        "state": str(status.state),
        "ended": status.state.ended,
        "exit": str(status.exit or ""),
        "command": status.command,
        "started": status.started,
        "finished": status.ended,
    }


def _picture(job_id: str, screen: Screen) -> dict[str, Any]:
    rows: list[list[list[str]]] = []
    for row in range(screen.size.rows):
        runs = []
        for run in screen.runs(row):
            seen = look(run.style, DARK)
            bg = hexa(seen.bg) if seen.bg is not None else ""
            style = "" if run.style == DEFAULT else f"{hexa(seen.fg)} {bg}"
            runs.append([run.text, style])
        while runs and not runs[-1][1] and not runs[-1][0].strip(" "):
            runs.pop()
        if runs and not runs[-1][1]:
            runs[-1][0] = runs[-1][0].rstrip(" ")
        rows.append(runs)
    while rows and not any(text.strip() or style for text, style in rows[-1]):
        rows.pop()
    size = {"rows": screen.size.rows, "cols": screen.size.cols}
    title = screen.title or to_text(screen).rpartition("\n")[2]
    return {"type": "picture", "job_id": job_id, **size, "lines": rows, "title": title[:200]}


async def serve(socket: ServerConnection, jobs: AsyncJobs) -> None:
    """Serve `/ws/jobs`."""
    glance = Glance(socket, jobs)
    listening = asyncio.create_task(glance.listen())
    looking = asyncio.create_task(glance.run())
    done, _ = await asyncio.wait((listening, looking), return_when=asyncio.FIRST_COMPLETED)
    for task in (listening, looking):
        task.cancel()
    for task in done:
        task.result()
