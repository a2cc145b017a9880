"""MCP tasks: a wait outlasts its call, and its completion wakes the client.

Owns the extension `io.modelcontextprotocol/tasks` (revision 2026-07-28) as far as `wait` needs it:
which requests a task may answer, `tasks/get`, `tasks/cancel`, and the stored waits that back them.
Never decides what a wait means (client) or how its result reads (results). The SDK has no task
runtime; this is the one module to replace when it gets one.

A client may declare the extension on one request and not on the next (its main conversation does,
its sub-agents do not), so the decision is made per request. Task ids are bearer tokens. A task
belongs to the state directory: any server on it answers requests about the task, and takes over
the wait if the server that started it has exited. A program that failed is a completed task, never
a failed one, because clients flatten the text of failed tasks.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ptyjobs.client.files import Offers, StoredWait, WaitStore
from ptyjobs.config.defaults import OWN_SESSION
from ptyjobs.errors import PtyJobsError
from ptyjobs.mcp import results
from ptyjobs.mcp.results import Result
from ptyjobs.mcp.wire import TASKS as EXTENSION
from ptyjobs.mcp.wire import declares_tasks

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from ptyjobs.client import AsyncJobs
    from ptyjobs.client.calls import WaitResult
    from ptyjobs.config import Config
    from ptyjobs.mcp.redacting import Border

POLL_INTERVAL = 1000  # milliseconds between two `tasks/get` requests of a client
# A request is answered when the wait is over, or after `HELD` seconds; the client then asks again
# after `HELD_INTERVAL` ms. So it asks about once a second, and three times out of four a request of
# it is pending when something happens. `HELD` is below the shortest time limit of a client.
HELD = 0.9
HELD_INTERVAL = 250
MESSAGE_INTERVAL = 1.0  # seconds between two changes of a status message
WRITTEN = 0.01  # seconds until a response has been written to the client
LONGEST = 86400.0  # seconds; a task without a timeout ends after a day
MISSING_CAPABILITY = -32021  # the request did not declare the extension

Context = Any  # mcp.server.context.ServerRequestContext, as in server.py
Wire = Callable[[Result], dict[str, Any]]


@dataclass(slots=True)
class _Running:
    """One wait that runs in this process."""

    wait: StoredWait
    task: asyncio.Task[None] | None = None
    message: str = "started"
    changed: float = 0.0
    held: asyncio.Event | None = None  # releases the request that waits for the end

    def release(self) -> None:
        """Answer the request that waits for the end."""
        if self.held is not None:
            self.held.set()

    async def hold(self) -> None:
        """Wait until the wait is over, at most for `HELD` seconds or until the next request."""
        self.release()
        held = self.held = asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HELD):
                await held.wait()

    def progress(self, line: str) -> None:
        """Show the last line of output, at most once a second."""
        now = time.monotonic()
        if now - self.changed >= MESSAGE_INTERVAL:
            self.message, self.changed = results.one_line(line)[:200], now


class Tasks:
    """The tasks of one server process."""

    def __init__(self, jobs: AsyncJobs, config: Config, border: Border) -> None:
        self._jobs = jobs
        self._border = border
        self._config = config
        # The client's own session, which outlives this server; "" if the client named none.
        named = not config.session.startswith(OWN_SESSION)
        self._session = config.session if named else ""
        self._store = WaitStore(config.state_dir)
        self._offers = Offers(config.state_dir)
        self._fetched: list[str] = []  # offers whose answers are being written to the client
        self._told: set[str] = set()  # offers that the client has fetched
        self._running: dict[str, _Running] = {}
        self._holds = True  # requests may be held
        self._wire: Wire

    def install(self, server: Server[Any], wire: Wire) -> None:
        """Serve the extension on `server`; `wire` converts a result to protocol form."""
        from mcp_types import RequestParams

        class TaskParams(RequestParams):
            """Parameters of `tasks/get` and `tasks/cancel`."""

            task_id: str

        self._wire = wire
        server.extensions[EXTENSION] = {}
        server.add_request_handler("tasks/get", TaskParams, self._get)
        server.add_request_handler("tasks/cancel", TaskParams, self._cancel)

    def create(
        self,
        waiting: asyncio.Task[WaitResult],
        *,
        job_ids: tuple[str, ...],
        until: str,
        patterns: Sequence[str],
        message: str,
        any_of: bool,
        timeout: float,
        budget: int,
        offer: str,
    ) -> dict[str, Any]:
        """Turn an unfinished wait into a task; returns the `CreateTaskResult` for its call.

        Raises OSError if the task's file cannot be created in the state directory.
        """
        now = time.time()
        wait = self._store.create(
            StoredWait(
                wait_id="",
                created=now,
                updated=now,
                deadline=now + timeout,
                job_ids=list(job_ids),
                until=until,
                patterns=list(patterns),
                message=message,
                any_of=any_of,
                budget=budget,
                reader=self._jobs.reader,
                offsets={job_id: self._jobs.position(job_id) for job_id in job_ids},
                session=self._session,
                offer=offer,
            )
        )
        self._store.claim(wait.wait_id)
        self._carry_out(wait, waiting)
        return {"resultType": "task", **self._shown(wait)}

    def input_ended(self) -> None:
        """Answer the requests that wait for an end; hold none from now on."""
        self._holds = False
        for running in self._running.values():
            running.release()

    def close(self) -> None:
        """Stop waiting; another server on the same state directory can take over."""
        for running in self._running.values():
            if running.task is not None:
                running.task.cancel()
        self._running.clear()
        self._store.close()
        self._note_fetched()
        self._offers.close()

    def progress(self, wait_id: str, line: str) -> None:
        """Show `line` as the status message of a task."""
        if (running := self._running.get(wait_id)) is not None:
            running.progress(self._border.text(line))

    # -- offers

    def offer(self) -> str:
        """Token of answers that the client fetches later; "" if nothing outlives this server."""
        if not self._session:
            return ""
        try:
            return self._offers.token()
        except OSError:  # a full disk: they count as told when they are complete
            return ""

    def fetched(self, offer: str) -> None:
        """The client gets these answers with the response that is sent next."""
        if offer and offer not in self._told:
            self._told.add(offer)
            self._fetched.append(offer)
            asyncio.get_running_loop().call_later(WRITTEN, self._note_fetched)

    def _note_fetched(self) -> None:
        fetched, self._fetched = self._fetched, []
        for offer in fetched:
            self._jobs.registry.note_fetched(offer, self._session)

    # -- requests

    async def _get(self, ctx: Context, params: Any) -> dict[str, Any]:
        wait = self._find(ctx, params)
        if wait.status == "working" and wait.wait_id not in self._running:
            wait = self._adopt(wait)
        held = self._running.get(wait.wait_id)
        if wait.status == "working" and held is not None and self._holds:
            await held.hold()
            wait = self._store.load(wait.wait_id) or wait
        shown = self._shown(wait)
        if held is not None:
            shown["pollIntervalMs"] = HELD_INTERVAL
        if wait.status == "completed":
            shown["result"] = self._wire(Result(wait.text, wait.facts))
            self.fetched(wait.offer)
        return {**shown, "resultType": "complete"}

    async def _cancel(self, ctx: Context, params: Any) -> dict[str, Any]:
        """End the wait, never its jobs. Clients send it twice."""
        wait = self._find(ctx, params)
        if wait.status == "working":
            running = self._running.pop(wait.wait_id, None)
            if running is not None and running.task is not None:
                running.task.cancel()
                running.release()
            wait = replace(wait, status="cancelled", updated=time.time())
            self._store.save(wait)
            self._store.release(wait.wait_id)
            self.fetched(wait.offer)
        return {**self._shown(wait), "resultType": "complete"}

    def _find(self, ctx: Context, params: Any) -> StoredWait:
        from mcp.shared.exceptions import MCPError
        from mcp_types import INVALID_PARAMS

        if not declares_tasks(ctx):
            raise MCPError(
                code=MISSING_CAPABILITY,
                message=f"This request does not declare the extension {EXTENSION}.",
            )
        wait = self._store.load(params.task_id)
        if wait is None or (wait.session and wait.session != self._session):
            raise MCPError(code=INVALID_PARAMS, message="There is no such task.")
        return wait

    # -- running waits

    def _adopt(self, wait: StoredWait) -> StoredWait:
        """Continue a wait whose server has exited, from the same read positions."""
        if not self._store.claim(wait.wait_id):
            return wait  # it runs in another server
        current = self._store.load(wait.wait_id) or wait  # completed just before our claim?
        if current.status != "working":
            self._store.release(wait.wait_id)
            return current
        current = replace(current, offer=self.offer())
        self._carry_out(current, self._resumed(current))
        return current

    async def _resumed(self, wait: StoredWait) -> WaitResult:
        from ptyjobs.client import AsyncJobs

        async with AsyncJobs(self._config, reader=wait.reader, positions=wait.offsets) as jobs:
            jobs.redactor = self._jobs.redactor
            return await jobs.wait_many(
                wait.job_ids,
                until=wait.until,
                patterns=wait.patterns,
                message=wait.message,
                any_of=wait.any_of,
                timeout=max(0.0, wait.deadline - time.time()),
                budget=wait.budget,
                on_progress=lambda line: self.progress(wait.wait_id, line),
                offer=wait.offer,
            )

    def _carry_out(self, wait: StoredWait, waiting: Awaitable[WaitResult]) -> None:
        running = self._running[wait.wait_id] = _Running(wait)
        running.task = asyncio.get_running_loop().create_task(self._finish(running, waiting))

    async def _finish(self, running: _Running, waiting: Awaitable[WaitResult]) -> None:
        wait = running.wait
        try:
            found = await waiting
            result = await self._result(wait, found)
        except PtyJobsError as error:
            result = results.of_error(error)
        done = replace(
            wait,
            status="completed",
            updated=time.time(),
            text=result.text,
            facts=dict(result.facts),
        )
        self._store.save(done)
        self._running.pop(wait.wait_id, None)
        self._store.release(wait.wait_id)
        running.release()

    async def _result(self, wait: StoredWait, found: WaitResult) -> Result:
        """The result text, with the context that a new conversation needs to understand it."""
        result = results.of_wait(
            wait.job_ids,
            found.answers,
            found.met,
            timed_out=found.timed_out,
            waited=time.time() - wait.created,
            secrets=self._config.secrets,
        )
        lines = []
        for job_id in wait.job_ids:
            registry = self._jobs.registry  # a call would tell the session its state already now
            status = await asyncio.to_thread(registry.status, registry.find(job_id))
            lines.append(f"[{job_id}] is `{status.command}` in {status.directory or status.cwd}")
        earlier = [
            answer.job_id
            for answer in found.answers
            if answer.fresh.offset > wait.offsets.get(answer.job_id, 0) > 0
        ]
        if earlier:
            lines.append(f"(earlier output of {', '.join(earlier)} was in another reply)")
        text = "\n".join([result.text, *map(results.one_line, lines)])
        return Result(results.fit(text), result.facts)

    def _shown(self, wait: StoredWait) -> dict[str, Any]:
        running = self._running.get(wait.wait_id)
        shown: dict[str, Any] = {
            "taskId": wait.wait_id,
            "status": wait.status,
            "createdAt": _timestamp(wait.created),
            "lastUpdatedAt": _timestamp(time.time() if running else wait.updated),
            "ttlMs": None,
            "pollIntervalMs": POLL_INTERVAL,
        }
        if wait.status == "working":
            shown["statusMessage"] = running.message if running else "waiting"
        return shown


def _timestamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
