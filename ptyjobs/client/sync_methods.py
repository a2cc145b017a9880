"""Generated from `async_methods.py` by `tools/unasync.py`: do not edit."""

from __future__ import annotations

import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client import calls, force_kill, registry
from ptyjobs.client.base import Base, check_patterns, seconds
from ptyjobs.client.calls import BIRTH, Killed, with_note
from ptyjobs.client.older_holders import PORT_POLL, OlderHolder, at_once, with_port
from ptyjobs.errors import DuplicateJob, HolderLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from ptyjobs.client.calls import Call, Progress
    from ptyjobs.input.mouse import MouseAction
    from ptyjobs.model import Answer, JobSpec, Size, Status, View

    T = TypeVar("T")

LEAVING = 3.0  # seconds for a holder to exit after its job was killed
JOINED = "it was running already: joined"


class Methods(Base):
    """The part of the client API that both clients have from one source."""

    # -- what a client adds

    def _call(self, job_id: str, call: Call[T], *, progress: Progress | None = None) -> T:
        """Send one request to the job's holder; answers from its directory once it has exited."""
        raise NotImplementedError

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
        """Start a new job; None if the zygote or holder crashed before it started the job."""
        raise NotImplementedError

    def _pause(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError

    def _aside(self, function: Callable[..., T], *args: object) -> T:
        """Call a function that may block."""
        raise NotImplementedError

    # -- start

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
        try:
            answer = self._start_once(
                spec, name=name, wait=wait, budget=budget, until=until, on_progress=on_progress
            )
        except DuplicateJob:
            if not (self._leaves(name) or self._joins(name, spec, patience=BIRTH)):
                raise
            answer = None
        if answer is not None:
            return answer
        return self.start(
            spec, name=name, wait=wait, budget=budget, until=until, on_progress=on_progress
        )

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
            self._pause(0.01)

    def _leaves(self, name: str) -> bool:
        """True once the holder of an ended job has exited; False if it keeps running."""
        deadline = time.monotonic() + LEAVING
        while self._has_ended(name) and time.monotonic() < deadline:
            if not self._lives(name):
                return True
            self._pause(0.01)
        return False

    def _joins(self, name: str, spec: JobSpec, *, patience: float = 0.0) -> bool:
        """True if the live job of that name is the same service; its spec may appear late."""
        deadline = time.monotonic() + patience
        while (same := self._same_service(name, spec)) is None and time.monotonic() < deadline:
            self._pause(0.01)
        return bool(same)

    # -- type and wait

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
        return self._wait_for(job_id, until, call, progress=on_progress)

    def _wait_for(
        self, job_id: str, until: str, call: Call[Answer], *, progress: Progress | None
    ) -> Answer:
        try:
            return self._call(job_id, call, progress=progress)
        except OlderHolder:
            if until != "port":
                raise
        deadline = time.monotonic() + call.timeout
        while True:
            status = self.status(job_id)
            if status.ports or status.state.ended or time.monotonic() >= deadline:
                return with_port(self._call(job_id, at_once(call)), status)
            self._pause(PORT_POLL)

    # -- read

    def tail(self, job_id: str, *, lines: int | None = None) -> View:
        """Rendered current view: its last `lines` lines (default 50)."""
        return self._call(job_id, calls.tail(lines=self._lines(lines)))

    def repaint(self, job_id: str, *, scrollback: int = 0) -> tuple[Size, bytes]:
        """Size of the screen, and bytes that rebuild it on another terminal."""
        return self._call(job_id, calls.repaint(scrollback=scrollback))

    def raw(self, job_id: str, *, since: int = 0, limit: int = 1 << 20) -> tuple[int, bytes]:
        """Return up to `limit` log bytes from offset `since`, and the offset of the first one."""
        return self._raw(self.registry.find(job_id), since, limit)

    def status(self, job_id: str) -> Status:
        """Full status of one job; an ended job has no live figures."""
        return self._call(job_id, calls.status())

    # -- act

    def kill(self, job_id: str, *, signal: str = "", grace: float | None = None) -> Killed:
        """End a job and every process below it: polite signals for `grace` seconds, then SIGKILL.

        With `signal` (a name such as INT), only that signal is sent, to the foreground process
        group.
        """
        grace = seconds("grace", grace, self.config.kill_grace)
        call = calls.kill(signal=signal, grace=grace)
        try:
            request = call if signal else force_kill.impatient(call, grace=grace)
            return self._call(job_id, request)
        except HolderLost:
            if signal:
                raise
            job = self.registry.find(job_id)
            if self._aside(force_kill.answers, job):
                return self._call(job_id, call)
            ended = self._aside(force_kill.kill_through, job)
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

    def done(
        self,
        job_id: str,
        *,
        by: str = "",
        message: str = "",
        declined: bool = False,
    ) -> None:
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

    def clean(self) -> list[str]:
        """Remove ended jobs according to the retention settings; returns their ids."""
        config = self.config
        return self._aside(
            lambda: self.registry.clean(
                retention=config.retention, keep=config.retention_count, total=config.log_total
            )
        )

    def warm_up(self) -> None:
        """Start the zygote now instead of at the first start of a job."""
        self._warm_up()
