"""`Jobs`: the client API without asyncio. Owns one connection per job."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from _thread import allocate_lock, get_ident

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client import calls, interrupts, registry
from ptyjobs.client.base import follow_request
from ptyjobs.client.calls import (
    Call,
    WaitResult,
    meets,
    no_answer,
    nothing_to_follow,
    wait_result,
)
from ptyjobs.client.connect import ConnectionClosed, connect, hung_up
from ptyjobs.client.connection import Connection, Follow
from ptyjobs.client.older_holders import PORT_POLL, OlderHolder, at_once, with_port
from ptyjobs.client.starter import NEVER_STARTED
from ptyjobs.client.sync_methods import Methods
from ptyjobs.config import Config
from ptyjobs.errors import PtyJobsError
from ptyjobs.model import Answer, JobSpec, Page, Size, Status
from ptyjobs.requests import KillRequest, version_of
from ptyjobs.store import runs
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import TypeVar

    from ptyjobs.client.calls import Progress
    from ptyjobs.client.events import Events
    from ptyjobs.spawn.zygote import Zygote

    T = TypeVar("T")


class Jobs(Methods):
    """Client API without asyncio.

    Threads may share an instance: each has its own connections, so a `kill` never waits behind
    another thread's `wait`. All threads share one reader, and so one read position per job.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        zygote: Zygote | None = None,
        reader: str = "",
        positions: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, zygote=zygote, reader=reader, positions=positions)
        self._by_thread: dict[int, dict[str, Connection]] = {}
        self._forking = allocate_lock()  # serializes starts through the zygote

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _connections(self) -> dict[str, Connection]:
        """Open connections of this thread, by job id."""
        own = self._by_thread.get(get_ident())
        if own is None:
            living = sys._current_frames()
            for thread in [known for known in self._by_thread if known not in living]:
                for connection in self._by_thread.pop(thread, {}).values():
                    connection.close()
            own = self._by_thread[get_ident()] = {}
        return own

    def _connect(self, job: JobDir) -> Connection:
        connection = self._connections.get(job.job_id)
        if connection is not None and hung_up(connection.sock.fileno()):
            self._connections.pop(job.job_id).close()  # another client may have replaced the job
            connection = None
        if connection is None:
            connection = self._connections[job.job_id] = Connection(connect(job))
            connection.greet(self._hello())
        return connection

    def _call(self, job_id: str, call: Call[T], *, progress: Progress | None = None) -> T:
        job = self.registry.find(job_id)
        try:
            connection = self._connect(job)
            needed = version_of(call.request)
            if needed > 1 and connection.holder_version() < needed:
                raise OlderHolder(job_id)
            ok = connection.request(call.request, timeout=call.timeout, progress=progress)
            result = call.parse(ok)
        except ConnectionClosed:
            result = self._after(job, call)
        return self._noted(job, result)

    def _after(self, job: JobDir, call: Call[T]) -> T:
        old = self._connections.pop(job.job_id, None)
        if old is not None:
            old.close()
        for _ in range(100):
            if not registry.is_alive(job) or job.status() is None:  # it has ended, or only starts
                break
            time.sleep(0.01)
        return self._ended(job, call)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def _aside(self, function: Callable[..., T], *args: object) -> T:
        return function(*args)

    def _start_once(
        self,
        spec: JobSpec,
        *,
        name: str,
        wait: float,
        budget: int | None,
        until: Sequence[str],
        on_progress: Progress | None,
    ) -> Answer | None:
        begun: JobDir | None = None
        try:
            with interrupts.held():
                begun, whole = self._allocate(spec, name=name)
                call = self._start(whole, wait, budget, until, progress=on_progress is not None)
                connection, number = self._begin(begun, whole, call)
            return self._started(begun, connection, call, number, progress=on_progress)
        except (KeyboardInterrupt, SystemExit):  # no caller has its id, so none could end it
            if begun is not None:
                with interrupts.held():
                    self._abandon(begun)
            raise

    def _begin(
        self, job: JobDir, spec: JobSpec, call: Call[Answer]
    ) -> tuple[Connection, int | None]:
        """Send the start to a new holder; None if the holder has already crashed."""
        with self._forking:
            holder = self._fork_holder(job, spec)
        connection = self._connections[job.job_id] = Connection(holder)
        try:
            return connection, connection.begin(call.request)
        except ConnectionClosed:
            return connection, None

    def _abandon(self, job: JobDir) -> None:
        """End a job whose start was interrupted; remove it if it was never begun.

        The request follows the start on the same connection, so it cannot overtake it.
        """
        connection = self._connections.pop(job.job_id, None)
        if connection is not None:
            connection.last_words(KillRequest(grace=self.config.kill_grace))
            connection.close()
        job.release()
        if registry.is_alive(job):
            with contextlib.suppress(PtyJobsError):  # it no longer has a holder
                self.kill(job.job_id)
        if job.spec() is None:
            self.registry.remove(job)

    def _started(
        self,
        job: JobDir,
        connection: Connection,
        call: Call[Answer],
        number: int | None,
        *,
        progress: Progress | None,
    ) -> Answer | None:
        """Return the answer; None if the zygote or holder crashed before it started the job."""
        try:
            if number is None:
                raise ConnectionClosed
            ok = connection.reply(number, timeout=call.timeout, progress=progress)
            answer = call.parse(ok)
        except ConnectionClosed:
            if self._unborn(job):
                self._connections.pop(job.job_id).close()
                return None
            answer = self._after(job, call)
        except PtyJobsError as error:
            if error.code in NEVER_STARTED:
                self._connections.pop(job.job_id).close()
                self.registry.remove(job)
            raise
        return self._noted(job, answer)

    def wait_many(
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
        jobs = [self.registry.find(job_id) for job_id in dict.fromkeys(job_ids)]
        answers: dict[str, Answer] = {}
        met: list[str] = []
        needed = version_of(call.request)
        older = [job.job_id for job in jobs if needed > 1 and not self._knows(job, needed)]
        if older and until != "port":
            raise OlderHolder(older[0])
        answering = (
            self._port_answers([job.job_id for job in jobs], call)
            if older
            else self._answers(jobs, call, progress=on_progress)
        )
        with contextlib.closing(answering) as coming:
            for answer in coming:
                answers[answer.job_id] = answer
                if meets(answer, until):
                    met.append(answer.job_id)
                    if any_of:
                        break
        return wait_result(job_ids, answers, met, any_of=any_of)

    def _port_answers(self, job_ids: Sequence[str], call: Call[Answer]) -> Generator[Answer]:
        """Yield answers of a wait for a port by polling the jobs; for older holders."""
        deadline = time.monotonic() + call.timeout
        waiting = list(job_ids)
        while waiting:
            for job_id in list(waiting):
                status = self.status(job_id)
                if status.ports or status.state.ended or time.monotonic() >= deadline:
                    waiting.remove(job_id)
                    yield with_port(self._call(job_id, at_once(call)), status)
            time.sleep(PORT_POLL if waiting else 0.0)

    def _knows(self, job: JobDir, needed: int) -> bool:
        """True if the job's holder, if any, speaks at least this version of the protocol."""
        try:
            return self._connect(job).holder_version() >= needed
        except ConnectionClosed:
            return True

    def _answers(
        self, jobs: Sequence[JobDir], call: Call[Answer], *, progress: Progress | None
    ) -> Generator[Answer]:
        """Yield each job's answer when it arrives; closing the generator cancels the others."""
        waiting: dict[int, tuple[JobDir, int]] = {}  # descriptor → job, request number
        poll = select.poll()
        limit = time.monotonic() + call.timeout + calls.SLACK
        try:
            for job in jobs:
                try:
                    connection = self._connect(job)
                    waiting[connection.fileno()] = job, connection.begin(call.request)
                    poll.register(connection.fileno(), select.POLLIN)
                except ConnectionClosed:
                    yield self._noted(job, self._after(job, call))
            while waiting:
                left = limit - time.monotonic()
                if left <= 0:
                    raise no_answer()
                for fd, _ in poll.poll(left * 1000):
                    job, number = waiting.pop(fd)
                    try:
                        ok = self._connections[job.job_id].take(number, progress=progress)
                        answer = None if ok is None else call.parse(ok)
                    except ConnectionClosed:
                        answer = self._after(job, call)
                    if answer is None:
                        waiting[fd] = job, number
                        continue
                    poll.unregister(fd)
                    yield self._noted(job, answer)
        finally:
            for job, number in waiting.values():
                self._connections[job.job_id].cancel(number)

    def output(
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
        return self._page(job, since=since, grep=grep, limit=limit, last=last)

    def follow(
        self,
        job_id: str,
        *,
        since: int | None = None,
        input: bool = False,
        size: Size | None = None,
        name: str = "",
        scrollback: int = 0,
    ) -> Follow:
        """Watch a live job from offset `since` or from a repaint; HolderLost for an ended job.

        `input`: allow sending keys. `size`: size of the viewer's terminal. `name`: the viewer's
        name. `scrollback`: number of lines above the screen in the first repaint.
        """
        job = self.registry.find(job_id)
        try:
            connection = Connection(connect(job))
            request = follow_request(since, input, size, name, scrollback, self.config.session)
            connection.request(request, timeout=5.0)
        except ConnectionClosed:  # while connecting or afterwards
            raise nothing_to_follow(job_id) from None
        return Follow(connection)

    def events(
        self,
        *,
        session: str = "",
        project: str = "",
        kinds: Sequence[str] | None = None,
        follow: bool = True,
        timeout: float | None = None,
        call: bool = False,
    ) -> Generator[Events]:
        """Yield transitions of the jobs of a session, of a project directory, or of all jobs.

        Each transition is reported once to all followers with the same scope. Without `follow`,
        return only transitions since the last report; with it, continue until `timeout` seconds
        have passed. `call`: an agent waits for the answer, so followers in the background leave
        these events to it.
        """
        from ptyjobs.client import events

        feed = self.event_feed(
            session=session, project=project, kinds=kinds, follow=follow, call=call
        )
        return events.follow(feed, timeout=timeout, more=follow)

    def list(self, *, detail: bool = False, brief: bool = False) -> list[Status]:
        """All jobs, newest first; with `detail`, live jobs are asked for their figures.

        With `brief`, live jobs have their readiness and last line, but no figures: from their
        cached status where that is current, so that most holders are not even woken.
        """
        jobs = self.registry.all()
        cached = self._cached(jobs) if brief else {}
        found = [cached.get(job.job_id) or self.registry.status(job) for job in jobs]
        if detail or brief:
            call = calls.status(brief=not detail)
            for index, status in enumerate(found):
                if not status.state.ended and status.job_id not in cached:
                    with contextlib.suppress(PtyJobsError):
                        found[index] = self._call(status.job_id, call)
        return found

    def release(self, job_id: str) -> None:
        """Close the connection to one job; the next call for it opens a new one."""
        connection = self._connections.pop(job_id, None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connections and end the session jobs started by this client."""
        for connections in list(self._by_thread.values()):
            for connection in connections.values():
                connection.close()
        self._by_thread.clear()
        if self._owns_zygote and self.zygote is not None:
            self.end_session()
            self.zygote.join(5.0)
            self.zygote = None
