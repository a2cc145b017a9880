"""`AsyncJobs`: the client API for asyncio. Owns one connection for each job."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ptyjobs import protocol
from ptyjobs.client import calls, force_kill, registry
from ptyjobs.client.base import (
    Base,
    Progress,
    check_patterns,
    follow_params,
    meets,
    result_of,
)
from ptyjobs.client.calls import Call, Killed, WaitResult
from ptyjobs.client.connect import ConnectionClosed, connect
from ptyjobs.config import Config
from ptyjobs.errors import Hint, HolderLost, PtyJobsError
from ptyjobs.model import Answer, JobSpec, Page, Reason, Size, Status, View
from ptyjobs.spawn.zygote import Zygote
from ptyjobs.store.jobdir import JobDir

T = TypeVar("T")

PORT_POLL = 0.2  # seconds between two looks at a job's listening ports

# ruff: noqa: ASYNC109  (a timeout here is the program's deadline, kept by its holder)


class Link(asyncio.Protocol):
    """One asynchronous connection: requests out, replies matched by id."""

    def __init__(self) -> None:
        self._decoder = protocol.Decoder()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._progress: dict[int, Progress] = {}
        self._transport: asyncio.Transport | None = None
        self.events: asyncio.Queue[protocol.Message | None] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            if isinstance(message, protocol.Data) or "event" in message:
                if self.events is not None:
                    self.events.put_nowait(message)
                continue
            number = message.get("id", 0)
            if "progress" in message:
                note = self._progress.get(number)
                if note is not None:
                    note(str(message["progress"]))
                continue
            future = self._waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionClosed())
        self._waiting.clear()
        if self.events is not None:
            self.events.put_nowait(None)

    def send(self, message: protocol.Message) -> None:
        if self.closed or self._transport is None:
            raise ConnectionClosed
        self._transport.write(protocol.encode(message))

    async def request(
        self, op: str, params: dict[str, Any], *, timeout: float, progress: Progress | None = None
    ) -> dict[str, Any]:
        """The `ok` member of the reply; raises its error, Gone, or HolderLost past the time."""
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        if progress is not None:
            self._progress[number] = progress
        try:
            self.send({"op": op, "id": number, **params})
            async with asyncio.timeout(timeout + calls.SLACK):
                return result_of(await future)
        except TimeoutError:
            raise HolderLost(
                "The job's holder does not answer.",
                advice="Look with status, then kill it.",
                hint=Hint.CHECK_THEN_KILL,
            ) from None
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionClosed):
                self.send({"op": "cancel", "id": next(self._numbers), "request": number})
            raise
        finally:
            self._waiting.pop(number, None)
            self._progress.pop(number, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _link(sock: socket.socket) -> Link:
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    _, link = await loop.create_connection(Link, sock=sock)
    return link


class AsyncFollow:
    """A live view of a job: iterate for events, `send` keys, `resize`, `close`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __aiter__(self) -> AsyncIterator[protocol.Message]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[protocol.Message]:
        assert self._link.events is not None
        while True:
            message = await self._link.events.get()
            if message is None:
                return
            yield message

    def send(self, data: bytes) -> None:
        self._link.send(protocol.Data(0, data))

    async def resize(self, size: Size) -> None:
        await self._link.request("window", {"rows": size.rows, "cols": size.cols}, timeout=5.0)

    def close(self) -> None:
        self._link.close()


class AsyncJobs(Base):
    """The API for asyncio."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        zygote: Zygote | None = None,
        reader: str = "",
        positions: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, zygote=zygote, reader=reader, positions=positions)
        self._links: dict[str, Link] = {}
        self._starting: dict[str, asyncio.Event] = {}  # jobs whose start has not been sent yet

    async def __aenter__(self) -> AsyncJobs:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _connect(self, job: JobDir) -> Link:
        if (starting := self._starting.get(job.job_id)) is not None:
            await starting.wait()  # on another connection this call could overtake the start
        link = self._links.get(job.job_id)
        if link is not None and not link.closed:
            return link
        link = await _link(connect(job))
        self._links[job.job_id] = link
        with contextlib.suppress(ConnectionClosed):
            link.send({"op": "hello", "id": 0, "reader": self.reader})
        return link

    async def _call(self, job_id: str, call: Call[T], *, progress: Progress | None = None) -> T:
        job = self.registry.find(job_id)
        try:
            link = await self._connect(job)
            ok = await link.request(call.op, call.params, timeout=call.timeout, progress=progress)
            result = call.parse(ok)
        except ConnectionClosed:
            self._links.pop(job.job_id, None)
            result = await self._after(job, call)
        self._note(job, result)
        return result

    async def _after(self, job: JobDir, call: Call[T]) -> T:
        """The answer of a job whose holder has closed the connection, once it has left."""
        for _ in range(100):
            if not registry.is_alive(job):
                break
            await asyncio.sleep(0.01)
        return await asyncio.to_thread(self._ended, job, call)

    async def execute(
        self,
        command: str = "",
        *,
        name: str = "",
        wait: float = 10.0,
        budget: int | None = None,
        until: Sequence[str] = (),
        **params: Any,
    ) -> Answer:
        """Start a shell command line (or `argv=`) and answer at its first turn, as `start` does.

        `params` are those of `prepare`: cwd, env, rows, cols, lifetime, stderr, marks, target ...
        """
        from ptyjobs.client.preparation import prepare  # only to start something

        spec = prepare(self.config, command=command, name=name, **params)
        return await self.start(spec, name=name, wait=wait, budget=budget, until=until)

    async def start(
        self,
        spec: JobSpec,
        *,
        name: str = "",
        wait: float = 0.0,
        budget: int | None = None,
        until: Sequence[str] = (),
        on_progress: Progress | None = None,
    ) -> Answer:
        """Start a job; with `wait` > 0 answer at its first turn or its end, at the latest then."""
        check_patterns(until)
        asked = spec
        job, spec = self._allocate(spec, name=name)
        starting = self._starting[job.job_id] = asyncio.Event()
        try:
            link = await _link(self._fork_holder(job, spec))
            self._links[job.job_id] = link
        finally:
            del self._starting[job.job_id]
            starting.set()  # nobody runs before the start is sent: there is no await until then
        call = calls.start(
            spec,
            wait=wait,
            budget=budget or self.config.max_chars,
            until=until,
            progress=on_progress is not None,
        )
        params = {**call.params, "reader": self.reader}
        try:
            ok = await link.request("start", params, timeout=wait, progress=on_progress)
            answer = call.parse(ok)
        except ConnectionClosed:
            self._links.pop(job.job_id, None)
            if await asyncio.to_thread(self._unborn, job):
                return await self.start(
                    asked,
                    name=name,
                    wait=wait,
                    budget=budget,
                    until=until,
                    on_progress=on_progress,
                )
            answer = await self._after(job, call)
        except PtyJobsError as error:
            if error.code in ("start_failed", "limit_reached", "refused"):
                self._links.pop(job.job_id, None)
                link.close()
                self.registry.remove(job)
            raise
        self._note(job, answer)
        return answer

    async def interact(self, job_id: str, **params: Any) -> Answer:
        """Type and wait for the program's turn: input, keys, raw, enter, until, timeout, budget,
        view, secret, mouse, on_progress (see `calls.interact`)."""
        progress = params.get("on_progress")
        return await self._call(job_id, self._interact(params), progress=progress)

    async def wait(
        self,
        job_ids: str | Sequence[str],
        *,
        until: str = "ready",
        patterns: Sequence[str] = (),
        any_of: bool = True,
        timeout: float | None = None,
        budget: int | None = None,
        on_progress: Progress | None = None,
    ) -> WaitResult:
        """Wait until one (or with any_of=False each) job meets the condition."""
        check_patterns(patterns)
        job_ids = [job_ids] if isinstance(job_ids, str) else job_ids
        limit = self.config.wait_timeout if timeout is None else timeout
        call = calls.wait(
            until=until,
            patterns=patterns,
            timeout=limit,
            budget=budget or self.config.max_chars,
            progress=on_progress is not None,
        )
        for job_id in job_ids:
            self.registry.find(job_id)
        tasks = {
            asyncio.ensure_future(
                self._wait_port(job_id, limit, call)
                if until == "port"
                else self._call(job_id, call, progress=on_progress)
            ): job_id
            for job_id in job_ids
        }
        answers: dict[str, Answer] = {}
        met: list[str] = []
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answer = task.result()
                    answers[tasks[task]] = answer
                    if meets(answer, until):
                        met.append(tasks[task])
                if met and any_of:
                    break
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        wanted = 1 if any_of else len(job_ids)
        ordered = tuple(answers[j] for j in job_ids if j in answers)
        return WaitResult(ordered, tuple(met), timed_out=len(met) < wanted)

    async def _wait_port(self, job_id: str, limit: float, call: Call[Answer]) -> Answer:
        """Wait until the job's tree listens on a TCP port; asked again every `PORT_POLL` s."""
        deadline = asyncio.get_running_loop().time() + limit
        while True:
            status = await self.status(job_id)
            over = asyncio.get_running_loop().time() >= deadline
            if status.ports or status.state.ended or over:
                now = replace(call, params={**call.params, "for": "exited", "timeout": 0.0})
                answer = await self._call(job_id, now)
                if not status.ports or answer.state.ended:
                    return answer
                ports = ", ".join(map(str, status.ports))
                met = replace(
                    answer.verdict, reason=Reason.PATTERN, match=f"port {ports}", pattern=0
                )
                return replace(answer, verdict=met)
            await asyncio.sleep(PORT_POLL)

    async def tail(self, job_id: str, *, lines: int | None = None) -> View:
        return await self._call(job_id, calls.tail(lines=self._lines(lines)))

    async def repaint(self, job_id: str, *, scrollback: int = 0) -> tuple[Size, bytes]:
        return await self._call(job_id, calls.repaint(scrollback=scrollback))

    async def output(
        self,
        job_id: str,
        *,
        since: int | None = None,
        grep: str | None = None,
        limit: int | None = None,
        last: bool = False,
    ) -> Page:
        """A page of the whole text, straight from the log."""
        job = self.registry.find(job_id)
        limit = limit or self.config.max_chars
        return await asyncio.to_thread(
            lambda: self._page(job, since=since, grep=grep, limit=limit, last=last)
        )

    def trace(self, job_id: str) -> tuple[int, int]:
        """What grows with all that happens to a job: the ends of its log and of its events.

        Two cheap looks at files, so that many jobs can be watched without asking their holders.
        """
        job = self.registry.find(job_id)
        try:
            events = (job.path / "events").stat().st_size
        except FileNotFoundError:  # nothing has happened yet
            events = 0
        return job.log.end, events

    async def raw(self, job_id: str, *, since: int = 0, limit: int = 1 << 20) -> tuple[int, bytes]:
        return self._raw(self.registry.find(job_id), since, limit)

    async def status(self, job_id: str) -> Status:
        return await self._call(job_id, calls.status())

    async def kill(self, job_id: str, *, signal: str = "", grace: float | None = None) -> Killed:
        grace = self.config.kill_grace if grace is None else grace
        call = calls.kill(signal=signal, grace=grace)
        try:
            return await self._call(
                job_id, call if signal else force_kill.impatient(call, grace=grace)
            )
        except HolderLost:
            if signal:
                raise
            job = self.registry.find(job_id)
            if await asyncio.to_thread(force_kill.answers, job):
                return await self._call(job_id, call)
            ended = await asyncio.to_thread(force_kill.kill_through, job)
            return Killed("killed", ended, self.registry.status(job))

    async def resize(self, job_id: str, size: Size) -> Status:
        return await self._call(job_id, calls.resize(size))

    async def mark(self, job_id: str, label: str) -> None:
        await self._call(job_id, calls.mark(label))

    async def discard(self, job_id: str, *, before: int) -> int:
        """Give up the oldest output below offset `before`, in whole segments; the new floor."""
        return await self._call(job_id, calls.discard(before=before))

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
        """Watch a live job; raises HolderLost for an ended one.

        `scrollback`: lines above the screen that the first repaint holds.
        """
        job = self.registry.find(job_id)
        try:
            link = await _link(connect(job))
            link.events = asyncio.Queue()
            params = follow_params(since, input, size, name, scrollback)
            await link.request("follow", params, timeout=5.0)
        except ConnectionClosed:  # before the connection, or on it
            raise HolderLost(
                f"Job {job_id!r} has ended.",
                advice="Read it with output or tail.",
                hint=Hint.READ_OUTPUT,
                facts={"job_id": job_id},
            ) from None
        return AsyncFollow(link)

    async def clean(self) -> list[str]:
        """Forget ended jobs by the configured retention."""
        config = self.config
        return await asyncio.to_thread(
            lambda: self.registry.clean(
                retention=config.retention, keep=config.retention_count, total=config.log_total
            )
        )

    async def list(self, *, detail: bool = False) -> list[Status]:
        """Every job, newest first; with `detail` live jobs are asked for their figures."""
        jobs = self.registry.all()
        found = [self.registry.status(job) for job in jobs]
        if detail:
            live = [s.job_id for s in found if not s.state.ended]
            asked = await asyncio.gather(
                *(self._call(job_id, calls.status()) for job_id in live), return_exceptions=True
            )
            fresh = {s.job_id: s for s in asked if isinstance(s, Status)}
            found = [fresh.get(s.job_id, s) for s in found]
        return found

    async def close(self) -> None:
        """Close the connections; jobs go on as their lifetime says."""
        for link in self._links.values():
            link.close()
        self._links.clear()
