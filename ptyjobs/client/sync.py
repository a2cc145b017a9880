"""`Jobs`: the client API without asyncio. Owns one connection per job."""

from __future__ import annotations

import contextlib
import select
import sys
import time
from _thread import allocate_lock, get_ident

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client import calls, force_kill, interrupts, registry
from ptyjobs.client.base import (
    BEING_BORN,
    JOINED,
    LEAVING,
    NEVER_STARTED,
    Base,
    check_patterns,
    follow_request,
)
from ptyjobs.client.calls import (
    Call,
    Killed,
    WaitResult,
    meets,
    no_answer,
    nothing_to_follow,
    wait_result,
    with_note,
)
from ptyjobs.client.connect import ConnectionClosed, connect, hung_up
from ptyjobs.client.connection import Connection, Follow
from ptyjobs.client.older_holders import PORT_POLL, OlderHolder, at_once, with_port
from ptyjobs.config import Config
from ptyjobs.errors import DuplicateJob, HolderLost, PtyJobsError
from ptyjobs.model import Answer, JobSpec, Page, Size, Status, View
from ptyjobs.requests import KillRequest, version_of
from ptyjobs.store import runs
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from typing import TypeVar

    from ptyjobs.client.calls import Progress
    from ptyjobs.client.events import Events
    from ptyjobs.input.mouse import MouseAction
    from ptyjobs.spawn.zygote import Zygote

    T = TypeVar("T")


class Jobs(Base):
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
            if not registry.is_alive(job):
                break
            time.sleep(0.01)
        return self._ended(job, call)

    def execute(
        self,
        command: str = "",
        *,
        argv: Sequence[str] = (),
        name: str = "",
        wait: float | None = None,
        until: Sequence[str] = (),
        budget: int | None = None,
        on_progress: Progress | None = None,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        rows: int | None = None,
        cols: int | None = None,
        lifetime: str = "session",
        stderr: str | None = None,
        marks: bool | None = None,
        timeout: float | None = None,
        on_exit: str = "",
        target: str = "",
        sandbox: str | None = None,
        log_full: str | None = None,
        ready: str | Sequence[str] = (),
        notify: Sequence[str] | None = None,
        port: str | int = "",
        restart: str = "",
        replace: bool = False,
        limits: Mapping[str, str | int | float] | None = None,
        labels: Mapping[str, str] | None = None,
        login: bool | None = None,
    ) -> Answer:
        """Start a shell command line, or the program `argv`; answer once it waits for input.

        `name`: the job id; by default numbered after the program. `wait`: maximum seconds until the
        answer, by default the setting `interact_timeout`; 0 answers at once. `until`: regular
        expressions that end the wait instead. `budget`: characters of output in the answer, by
        default the setting `max_chars`. `on_progress`: called with the last line of output during
        the wait. `timeout`: seconds after which the job is killed. `on_exit`: a command line to run
        after the job has ended. `target`: where it runs (`ssh:HOST`, `docker:NAME`). `ready`:
        readiness conditions that make it a service (`port`, `port:3000`, a URL, `command:...`, a
        pattern; see `config.ready_syntax`); the wait then ends when they hold, and its default is
        the setting `wait_timeout`. `port`: "auto" leases a free port and passes it to the program
        as PORT; a number does the same with that port, and is refused while the port is in use.
        `restart`: `on-failure` or `always`, optionally with a limit as in `always:10`. `replace`:
        first end a live job of that name. `limits`: memory, cpu and pids, as {"memory": "2GB",
        "cpu": 1.5, "pids": 100}. `labels`: names and values to select the job by. `login`: first
        run the start-up files of the user's shell and load the project's environment. `notify`:
        transitions that `events` reports (exited, asks, ready, port, stalled, `pattern: REGEX` for
        its first match, `every: REGEX` for each match); by default exited, asks and ready. The
        other parameters override the settings of the same name; `lifetime`, `stderr`, `sandbox` and
        `log_full` take the values listed there, `lifetime` session or persistent.
        """
        from ptyjobs.client.preparation import prepare  # only to start something

        spec = prepare(
            self.config,
            command=command,
            argv=argv,
            name=name,
            cwd=cwd,
            env=env,
            rows=rows,
            cols=cols,
            lifetime=lifetime,
            stderr=stderr,
            marks=marks,
            timeout=timeout,
            on_exit=on_exit,
            target=target,
            sandbox=sandbox,
            log_full=log_full,
            ready=ready,
            notify=notify,
            port=port,
            restart=restart,
            limits=limits,
            labels=labels,
            login=login,
        )
        return self.start(
            spec,
            name=name,
            wait=self._first_wait(wait, ready),
            until=until,
            budget=budget,
            on_progress=on_progress,
            replace=replace,
        )

    def start(
        self,
        spec: JobSpec,
        *,
        name: str = "",
        wait: float = 0.0,
        budget: int | None = None,
        until: Sequence[str] = (),
        on_progress: Progress | None = None,
        replace: bool = False,
    ) -> Answer:
        """Start a job; with `wait` > 0, answer once it waits for input or ends, or after `wait`.

        `spec` is returned by `prepare`; the other parameters are the same as in `execute`. If a
        service (`ready`) with the same name, command and directory already runs, the call joins it
        and answers when it is ready.
        """
        check_patterns(until)
        if replace:
            self._make_room(name)
        elif self._joins(name, spec):
            joined = self.wait(name, timeout=wait, budget=budget, on_progress=on_progress)
            return with_note(joined, JOINED)
        begun: JobDir | None = None
        try:
            with interrupts.held():
                begun, whole = self._allocate(spec, name=name)
                call = self._start(whole, wait, budget, until, progress=on_progress is not None)
                connection, number = self._begin(begun, whole, call)
            answer = self._started(begun, connection, call, number, progress=on_progress)
        except DuplicateJob:
            if not (self._leaves(name) or self._joins(name, spec, patience=BEING_BORN)):
                raise
            answer = None
        except (KeyboardInterrupt, SystemExit):  # no caller has its id, so none could end it
            if begun is not None:
                with interrupts.held():
                    self._abandon(begun)
            raise
        if answer is not None:
            return answer
        return self.start(
            spec, name=name, wait=wait, budget=budget, until=until, on_progress=on_progress
        )

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

    def restart(
        self,
        job_id: str,
        *,
        wait: float | None = None,
        grace: float | None = None,
        budget: int | None = None,
        on_progress: Progress | None = None,
    ) -> Answer:
        """End a job and start it again with the same command, directory, environment and size.

        Answers as `execute` does, for the new run. The earlier run is kept under its number
        (`output(job_id, run=1)`). If the job has already ended, variables of its environment that
        this process lacks are dropped, and a note names them.
        """
        job = self.registry.find(job_id)
        spec = job.spec()
        limit = self._first_wait(wait, spec.ready if spec else ())
        if not registry.is_alive(job):
            again, notes = self._spec_again(job)
            answer = self.start(
                again, name=job_id, wait=limit, budget=budget, on_progress=on_progress
            )
            return with_note(answer, *notes)
        call = self._restart(limit, grace, budget, progress=on_progress is not None)
        return self._call(job_id, call, progress=on_progress)

    def _make_room(self, name: str) -> None:
        """End a live job of that name and wait until its holder has exited."""
        if not self._lives(name):
            return
        self.kill(name)
        deadline = time.monotonic() + LEAVING
        while self._lives(name) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _leaves(self, name: str) -> bool:
        """True once the holder of an ended job has exited; False if it keeps running."""
        deadline = time.monotonic() + LEAVING
        while self._has_ended(name) and time.monotonic() < deadline:
            if not self._lives(name):
                return True
            time.sleep(0.01)
        return False

    def _joins(self, name: str, spec: JobSpec, *, patience: float = 0.0) -> bool:
        """True if the live job of that name is the same service; its spec may appear late."""
        deadline = time.monotonic() + patience
        while (same := self._same_service(name, spec)) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return bool(same)

    def interact(
        self,
        job_id: str,
        *,
        input: str = "",
        keys: str | Sequence[str] = (),
        raw: bytes = b"",
        shown: str = "",
        mouse: MouseAction | None = None,
        enter: bool = True,
        secret: bool = False,
        insist: bool = False,
        approved: bool = False,
        until: Sequence[str] = (),
        timeout: float | None = None,
        budget: int | None = None,
        view: str = "auto",
        on_progress: Progress | None = None,
    ) -> Answer:
        """Type, then wait until the program waits for input again; answers with the fresh output.

        `input`: text; Enter follows unless `enter` is False or keys, raw bytes or a mouse action
        are given. `keys`: names such as `C-c`, `Up` or `F5`, pressed after the text. `raw`: bytes
        sent unchanged; `shown`: the text that they type, to recognize its echo. `mouse`: an action
        at a cell or at a text on the screen. `secret`: refused unless the program reads without
        echo or the caller insists (`insist`), and never recorded. `approved`: the user has approved
        an input for which a rule requires approval. `until`: regular expressions that end the wait
        instead of readiness. `timeout`: seconds, by default the setting `interact_timeout`.
        `budget`: characters of output, by default the setting `max_chars`. `view`: `auto`, `lines`,
        `screen` or `rows` (only changed rows of a whole screen). `on_progress`: called with the
        last line of output during the wait.
        """
        call = self._interact(
            input=input,
            keys=keys,
            raw=raw,
            shown=shown,
            mouse=mouse,
            enter=enter,
            secret=secret,
            insist=insist,
            approved=approved,
            until=until,
            timeout=timeout,
            budget=budget,
            view=view,
            progress=on_progress is not None,
        )
        return self._call(job_id, call, progress=on_progress)

    def wait(
        self,
        job_id: str,
        *,
        until: str = "ready",
        patterns: Sequence[str] = (),
        ready: str | Sequence[str] = (),
        message: str = "",
        timeout: float | None = None,
        budget: int | None = None,
        on_progress: Progress | None = None,
    ) -> Answer:
        """Wait until a job meets a condition; answers with the fresh output.

        `until`: `ready` (the program waits for input; for a job started with `ready`: the service
        is ready), `exited`, `pattern` (one of `patterns` was printed), `quiet` (no output for a
        second), `port` (it listens on a TCP port) or `person` (a person is asked to do what
        `message` says; without a message, until a person releases the job). `ready`: readiness
        conditions for this wait, instead of the job's own. `timeout`: seconds, by default the
        setting `wait_timeout`. `budget`: characters of output, by default the setting `max_chars`.
        `on_progress`: called with the last line of output during the wait.
        """
        progress = on_progress is not None
        call = self._wait(
            until, patterns, ready, timeout, budget, progress=progress, message=message
        )
        try:
            return self._call(job_id, call, progress=on_progress)
        except OlderHolder:
            if until != "port":
                raise
        return next(self._port_answers([job_id], call))

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
    ) -> WaitResult:
        """Wait until one of several jobs, or with any_of=False each of them, meets a condition.

        The other parameters are the same as in `wait`; `budget` applies to each answer.
        """
        progress = on_progress is not None
        call = self._wait(
            until, patterns, ready, timeout, budget, progress=progress, message=message
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

    def tail(self, job_id: str, *, lines: int | None = None) -> View:
        """Rendered current view: its last `lines` lines (default 50)."""
        return self._call(job_id, calls.tail(lines=self._lines(lines)))

    def repaint(self, job_id: str, *, scrollback: int = 0) -> tuple[Size, bytes]:
        """Size of the screen, and bytes that rebuild it on another terminal."""
        return self._call(job_id, calls.repaint(scrollback=scrollback))

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

    def raw(self, job_id: str, *, since: int = 0, limit: int = 1 << 20) -> tuple[int, bytes]:
        """Return up to `limit` log bytes from offset `since`, and the offset of the first one."""
        return self._raw(self.registry.find(job_id), since, limit)

    def status(self, job_id: str) -> Status:
        """Full status of one job; an ended job has no live figures."""
        return self._call(job_id, calls.status())

    def kill(self, job_id: str, *, signal: str = "", grace: float | None = None) -> Killed:
        """End a job and every process below it: polite signals for `grace` seconds, then SIGKILL.

        With `signal` (a name such as INT), only that signal is sent, to the foreground process
        group.
        """
        grace = self.config.kill_grace if grace is None else grace
        call = calls.kill(signal=signal, grace=grace)
        try:
            return self._call(job_id, call if signal else force_kill.impatient(call, grace=grace))
        except HolderLost:
            if signal:
                raise
            job = self.registry.find(job_id)
            if force_kill.answers(job):
                return self._call(job_id, call)
            ended = force_kill.kill_through(job)
            return Killed("killed", ended, self.registry.status(job))

    def resize(self, job_id: str, size: Size) -> Status:
        """Change the size of a job's terminal."""
        return self._call(job_id, calls.resize(size))

    def hold(self, job_id: str, *, by: str, session: int = 0) -> None:
        """Reserve input for the person `by`; raises Refused while another person holds the job.

        `session`: process id of the session leader of their terminal. The hold ends with
        `hand_back`, or when that process and every connection that `by` follows with have ended.
        """
        self._call(job_id, calls.hold(by=by, session=session))

    def hand_back(self, job_id: str, *, by: str = "", message: str = "") -> bool:
        """End a hold, and answer an open request with "done"; True if the job was held."""
        return self._call(job_id, calls.release(by=by, message=message))

    def done(self, job_id: str, *, by: str = "", message: str = "", declined: bool = False) -> None:
        """Answer an open request for a person: done, or declined."""
        self._call(job_id, calls.done(by=by, message=message, declined=declined))

    def mark(self, job_id: str, label: str) -> None:
        """Write a marker into the recording."""
        self._call(job_id, calls.mark(label))

    def discard(self, job_id: str, *, before: int) -> int:
        """Drop the oldest output before offset `before`, in whole segments; returns the new floor.

        A job blocked on its log limit (log_full="wait") then continues.
        """
        return self._call(job_id, calls.discard(before=before))

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

    def clean(self) -> list[str]:
        """Remove ended jobs according to the retention settings; returns their ids."""
        config = self.config
        return self.registry.clean(
            retention=config.retention, keep=config.retention_count, total=config.log_total
        )

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

    def warm_up(self) -> None:
        """Start the zygote now instead of at the first start of a job."""
        self._warm_up()

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
