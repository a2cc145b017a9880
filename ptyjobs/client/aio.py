"""`AsyncJobs`: the client API for asyncio. Owns one connection per job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from ptyjobs.client import calls, registry
from ptyjobs.client.async_connection import AsyncConnection, AsyncFollow, open_connection
from ptyjobs.client.async_methods import AsyncMethods
from ptyjobs.client.base import follow_request
from ptyjobs.client.calls import (
    Call,
    WaitResult,
    meets,
    nothing_to_follow,
    wait_result,
)
from ptyjobs.client.connect import ConnectionClosed, connect
from ptyjobs.client.events import Events
from ptyjobs.client.older_holders import OlderHolder
from ptyjobs.client.starter import NEVER_STARTED
from ptyjobs.config import Config
from ptyjobs.errors import PtyJobsError
from ptyjobs.model import Answer, JobSpec, Page, Size, Status
from ptyjobs.requests import version_of
from ptyjobs.spawn.zygote import Zygote
from ptyjobs.store import runs
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from ptyjobs.client.calls import Progress

T = TypeVar("T")

# ruff: noqa: ASYNC109  (a timeout here is the program's deadline, kept by its holder)


class AsyncJobs(AsyncMethods):
    """Client API for asyncio."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        zygote: Zygote | None = None,
        reader: str = "",
        positions: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, zygote=zygote, reader=reader, positions=positions)
        self._connections: dict[str, AsyncConnection] = {}
        self._starting: dict[str, asyncio.Event] = {}  # jobs whose start is not sent yet

    async def __aenter__(self) -> AsyncJobs:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _connect(self, job: JobDir) -> AsyncConnection:
        if (starting := self._starting.get(job.job_id)) is not None:
            await starting.wait()  # on another connection this call could overtake the start
        connection = self._connections.get(job.job_id)
        if connection is not None and not connection.hung_up:
            return connection
        connection = await open_connection(connect(job))
        connection.on_secrets = self._learn
        self._connections[job.job_id] = connection
        with contextlib.suppress(ConnectionClosed):
            connection.greet(self._hello())
        return connection

    async def _call(self, job_id: str, call: Call[T], *, progress: Progress | None = None) -> T:
        job = self.registry.find(job_id)
        try:
            connection = await self._connect(job)
            needed = version_of(call.request)
            if needed > 1 and await connection.holder_version() < needed:
                raise OlderHolder(job_id)
            request = self._blind(call.request)
            ok = await connection.request(request, timeout=call.timeout, progress=progress)
            result = call.parse(ok)
        except ConnectionClosed:
            self._connections.pop(job.job_id, None)
            result = await self._after(job, call)
        return self._noted(job, result)

    async def _after(self, job: JobDir, call: Call[T]) -> T:
        """Answer from the job's directory after its holder has closed the connection and exited."""
        for _ in range(100):
            if not registry.is_alive(job) or job.status() is None:  # it has ended, or only starts
                break
            await asyncio.sleep(0.01)
        return await asyncio.to_thread(self._ended, job, call)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _aside(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.to_thread(function, *args)

    async def _start_once(
        self,
        spec: JobSpec,
        *,
        name: str,
        wait: float,
        budget: int | None,
        until: Sequence[str],
        on_progress: Progress | None,
    ) -> Answer | None:
        job, spec = self._allocate(spec, name=name)
        connection = await self._begin(job, spec)
        call = self._start(spec, wait, budget, until, progress=on_progress is not None)
        return await self._started(job, connection, call, progress=on_progress)

    async def _begin(self, job: JobDir, spec: JobSpec) -> AsyncConnection:
        """Connect to a new holder; other calls for the job wait meanwhile.

        Those calls continue when the caller next suspends, which must be at its start.
        """
        starting = self._starting[job.job_id] = asyncio.Event()
        try:
            connection = await open_connection(self._fork_holder(job, spec))
            connection.on_secrets = self._learn
            self._connections[job.job_id] = connection
        except asyncio.CancelledError:  # no request sent yet: the holder exits
            self.registry.remove(job)
            raise
        finally:
            del self._starting[job.job_id]
            starting.set()
        return connection

    async def _started(
        self,
        job: JobDir,
        connection: AsyncConnection,
        call: Call[Answer],
        *,
        progress: Progress | None,
    ) -> Answer | None:
        """Return the answer; None if the zygote or holder crashed before it started the job."""
        request = self._blind(call.request)
        try:
            ok = await connection.request(request, timeout=call.timeout, progress=progress)
            answer = call.parse(ok)
        except asyncio.CancelledError as cancelled:
            cancelled.add_note(f"Job {job.job_id!r} was started and goes on.")
            raise
        except ConnectionClosed:
            self._connections.pop(job.job_id, None)
            if await asyncio.to_thread(self._unborn, job):
                return None
            answer = await self._after(job, call)
        except PtyJobsError as error:
            if error.code in NEVER_STARTED:
                self._connections.pop(job.job_id, None)
                connection.close()
                self.registry.remove(job)
            raise
        return self._noted(job, answer)

    async def wait_many(
        self,
        job_ids: Sequence[str],
        *,
        any_of: bool = True,
        until: str = "ready",
        patterns: Sequence[str] = (),
        ready: str | Sequence[str] = (),
        message: str = "",
        timeout: float | None = None,
        budget: int | None = None,
        on_progress: Progress | None = None,
        offer: str = "",
    ) -> WaitResult:
        """Wait until one of several jobs, or with any_of=False each of them, meets a condition.

        The other parameters are the same as in `wait`; `budget` applies to each answer. `offer`:
        the caller keeps the answers until they are fetched, and then reports that with
        `note_fetched`; a token of `store.offers`.
        """
        progress = on_progress is not None
        call = self._wait(
            until,
            patterns,
            ready,
            timeout,
            budget,
            progress=progress,
            message=message,
            offer=offer,
        )
        for job_id in job_ids:
            self.registry.find(job_id)
        tasks = {
            asyncio.ensure_future(self._wait_for(job_id, until, call, progress=on_progress)): job_id
            for job_id in dict.fromkeys(job_ids)
        }
        answers: dict[str, Answer] = {}
        met: list[str] = []
        pending = set(tasks)
        try:
            while pending and not (met and any_of):
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answer = answers[tasks[task]] = task.result()
                    if meets(answer, until):
                        met.append(answer.job_id)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        return wait_result(job_ids, answers, met, any_of=any_of)

    async def output(
        self,
        job_id: str,
        *,
        since: int | None = None,
        grep: str | None = None,
        limit: int | None = None,
        last: bool = False,
        run: int | None = None,
    ) -> Page:
        """Return a page of the complete text, read directly from the log.

        `since`: a log offset, such as `next` of the previous page; by default the oldest output,
        with `last` the newest. `grep`: only lines that match this regular expression. `limit`:
        characters. `run`: number of an earlier run of a restarted job.
        """
        job = runs.find(self.registry.find(job_id), run)
        limit = limit or self.config.max_chars
        if self.redactor is not None:
            await self._call(job.job_id, calls.hello(self._hello()))
        return await asyncio.to_thread(
            lambda: self._page(job, since=since, grep=grep, limit=limit, last=last)
        )

    async def follow(
        self,
        job_id: str,
        *,
        since: int | None = None,
        input: bool = False,
        size: Size | None = None,
        name: str = "",
        scrollback: int = 0,
    ) -> AsyncFollow:
        """Watch a live job from offset `since` or from a repaint; HolderLost for an ended job.

        `input`: allow sending keys. `size`: size of the viewer's terminal. `name`: the viewer's
        name. `scrollback`: number of lines above the screen in the first repaint.
        """
        job = self.registry.find(job_id)
        try:
            connection = await open_connection(connect(job))
            connection.events = asyncio.Queue()
            request = follow_request(since, input, size, name, scrollback, self.config.session)
            await connection.request(request, timeout=5.0)
        except ConnectionClosed:  # while connecting or afterwards
            raise nothing_to_follow(job_id) from None
        return AsyncFollow(connection)

    async def events(
        self,
        *,
        session: str = "",
        project: str = "",
        kinds: Sequence[str] | None = None,
        follow: bool = True,
        timeout: float | None = None,
        call: bool = False,
    ) -> AsyncGenerator[Events]:
        """Yield transitions of the jobs of a session, of a project directory, or of all jobs.

        Each transition is reported once to all followers with the same scope. Without `follow`,
        return only transitions since the last report; with it, continue until `timeout` seconds
        have passed. `call`: an agent waits for the answer, so followers in the background leave
        these events to it.
        """
        feed = self.event_feed(
            session=session, project=project, kinds=kinds, follow=follow, call=call
        )
        loop = asyncio.get_running_loop()
        deadline = float("inf") if timeout is None else loop.time() + timeout
        wake = asyncio.Event()
        if feed.fd >= 0:
            loop.add_reader(feed.fd, wake.set)
        try:
            while True:
                wake.clear()
                now = loop.time()
                if (events := feed.look(now)) is not None:
                    yield events
                    continue
                if not follow or now >= deadline:
                    return
                due = min(deadline, float("inf") if (at := feed.due(now)) is None else at)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if due == float("inf") else due - now):
                        await wake.wait()
        finally:
            if feed.fd >= 0:
                loop.remove_reader(feed.fd)
            feed.close()

    async def list(self, *, detail: bool = False, brief: bool = False) -> list[Status]:
        """All jobs, newest first; with `detail`, live jobs are asked for their figures.

        With `brief`, live jobs have their readiness and last line, but no figures: from their
        cached status where that is current, so that most holders are not even woken.
        """
        jobs = self.registry.all()
        cached = self._cached(jobs) if brief else {}
        found = [cached.get(job.job_id) or self.registry.status(job) for job in jobs]
        if detail or brief:
            live = [s.job_id for s in found if not s.state.ended and s.job_id not in cached]
            call = calls.status(brief=not detail)
            asked = await asyncio.gather(
                *(self._call(job_id, call) for job_id in live), return_exceptions=True
            )
            fresh = {s.job_id: s for s in asked if isinstance(s, Status)}
            found = [fresh.get(s.job_id, s) for s in found]
        return found

    async def release(self, job_id: str) -> None:
        """Close the connection to one job; the next call for it opens a new one."""
        connection = self._connections.pop(job_id, None)
        if connection is not None:
            connection.close()

    async def close(self) -> None:
        """Close the connections and end the session jobs started by this client."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        if self._owns_zygote and self.zygote is not None:
            self.end_session()
            await asyncio.to_thread(self.zygote.join, 5.0)
            self.zygote = None
