"""`Jobs`: the client API without asyncio. Owns one connection for each job."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time

from ptyjobs import protocol
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client import calls, force_kill, registry
from ptyjobs.client.base import (
    Base,
    Progress,
    check_patterns,
    follow_params,
    result_of,
)
from ptyjobs.client.calls import Call, Killed
from ptyjobs.client.connect import ConnectionClosed, connect
from ptyjobs.config import Config
from ptyjobs.errors import Hint, HolderLost, PtyJobsError
from ptyjobs.model import Answer, JobSpec, Page, Size, Status, View
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeVar

    from ptyjobs.spawn.zygote import Zygote

    T = TypeVar("T")

RECEIVE = 64 << 10  # bytes at a time; a larger buffer is mapped and unmapped for each key


class Wire:
    """One synchronous connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._decoder = protocol.Decoder()
        self._numbers = itertools.count(1)
        self._messages: list[protocol.Message] = []
        self._timeout: float | None = -1.0  # as the socket has it: each change is a system call

    def send(self, message: protocol.Message) -> None:
        self.send_frame(protocol.encode(message))

    def send_frame(self, frame: bytes) -> None:
        try:
            self.sock.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            raise ConnectionClosed from None

    def receive(self, *, timeout: float | None) -> protocol.Message:
        """The next message; Gone at the end, TimeoutError after `timeout` seconds."""
        while not self._messages:
            if timeout != self._timeout:
                self.sock.settimeout(timeout)
                self._timeout = timeout
            try:
                data = self.sock.recv(RECEIVE)
            except ConnectionResetError:
                raise ConnectionClosed from None
            if not data:
                raise ConnectionClosed
            self._messages.extend(self._decoder.feed(data))
        return self._messages.pop(0)

    def request(
        self, op: str, params: dict[str, Any], *, timeout: float, progress: Progress | None = None
    ) -> dict[str, Any]:
        number = next(self._numbers)
        self.send({"op": op, "id": number, **params})
        limit = time.monotonic() + timeout + calls.SLACK
        held: list[protocol.Message] = []
        try:
            while True:
                message = self.receive(timeout=max(0.001, limit - time.monotonic()))
                if isinstance(message, protocol.Data) or message.get("id") != number:
                    held.append(message)
                elif "progress" in message:
                    if progress is not None:
                        progress(str(message["progress"]))
                else:
                    return result_of(message)
        except TimeoutError:
            raise HolderLost(
                "The job's holder does not answer.",
                advice="Look with status, then kill it.",
                hint=Hint.CHECK_THEN_KILL,
            ) from None
        finally:
            self._messages[:0] = [m for m in held if isinstance(m, protocol.Data) or "event" in m]

    def close(self) -> None:
        self.sock.close()


class Follow:
    """A live view of a job for synchronous programs: poll `fileno()`, take `receive()`."""

    def __init__(self, connection: Wire) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.sock.fileno()

    def receive(self, *, timeout: float | None = None) -> protocol.Message | None:
        """The next event; None at the end. Raises TimeoutError."""
        try:
            return self._connection.receive(timeout=timeout)
        except ConnectionClosed:
            return None

    @property
    def pending(self) -> bool:
        """Messages are there that a poll of `fileno()` would not show."""
        return bool(self._connection._messages)

    def send(self, data: bytes) -> None:
        try:
            self._connection.send_frame(protocol.data_frame(0, data))
        except ConnectionClosed:  # `receive` will tell
            return

    def resize(self, size: Size) -> None:
        params = {"op": "window", "id": 0, "rows": size.rows, "cols": size.cols}
        with contextlib.suppress(ConnectionClosed):
            self._connection.send(params)

    def close(self) -> None:
        self._connection.close()


class Jobs(Base):
    """The API without asyncio. Not for several threads at once."""

    def __init__(
        self,
        config: Config | None = None,
        *,
        zygote: Zygote | None = None,
        reader: str = "",
        positions: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(config, zygote=zygote, reader=reader, positions=positions)
        self._wires: dict[str, Wire] = {}

    def __enter__(self) -> Jobs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, job: JobDir) -> Wire:
        connection = self._wires.get(job.job_id)
        if connection is None:
            connection = self._wires[job.job_id] = Wire(connect(job))
            connection.send({"op": "hello", "id": 0, "reader": self.reader})
        return connection

    def _call(self, job_id: str, call: Call[T], *, progress: Progress | None = None) -> T:
        job = self.registry.find(job_id)
        try:
            connection = self._connect(job)
            ok = connection.request(call.op, call.params, timeout=call.timeout, progress=progress)
            result = call.parse(ok)
        except ConnectionClosed:
            result = self._after(job, call)
        self._note(job, result)
        return result

    def _after(self, job: JobDir, call: Call[T]) -> T:
        old = self._wires.pop(job.job_id, None)
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
        return self.start(spec, name=name, wait=wait, budget=budget, until=until)

    def start(
        self,
        spec: JobSpec,
        *,
        name: str = "",
        wait: float = 0.0,
        budget: int | None = None,
        until: Sequence[str] = (),
    ) -> Answer:
        """Start a job; with `wait` > 0 answer at its first turn or its end, at the latest then."""
        check_patterns(until)
        asked = spec
        job, spec = self._allocate(spec, name=name)
        try:
            return self._started(job, spec, asked, name=name, wait=wait, budget=budget, until=until)
        except (KeyboardInterrupt, SystemExit):  # nobody has its id, so nobody could end it
            self._abandon(job)
            raise

    def _abandon(self, job: JobDir) -> None:
        """End a job whose start was interrupted; forget it if it was never begun."""
        wire = self._wires.pop(job.job_id, None)
        if wire is not None:  # an answer may be under way on it
            wire.close()
        with contextlib.suppress(PtyJobsError):  # it has no holder
            self.kill(job.job_id)
        if job.spec() is None:
            self.registry.remove(job)

    def _started(
        self,
        job: JobDir,
        spec: JobSpec,
        asked: JobSpec,
        *,
        name: str,
        wait: float,
        budget: int | None,
        until: Sequence[str],
    ) -> Answer:
        connection = self._wires[job.job_id] = Wire(self._fork_holder(job, spec))
        limit = budget or self.config.max_chars
        call = calls.start(spec, wait=wait, budget=limit, until=until)
        params = {**call.params, "reader": self.reader}
        try:
            answer = call.parse(connection.request("start", params, timeout=wait))
        except ConnectionClosed:
            if self._unborn(job):
                self._wires.pop(job.job_id).close()
                return self.start(asked, name=name, wait=wait, budget=budget, until=until)
            answer = self._after(job, call)
        except PtyJobsError as error:
            if error.code in ("start_failed", "limit_reached", "refused"):
                self._wires.pop(job.job_id).close()
                self.registry.remove(job)
            raise
        self._note(job, answer)
        return answer

    def interact(self, job_id: str, **params: Any) -> Answer:
        """Type and wait for the program's turn (parameters as of AsyncJobs.interact)."""
        progress = params.get("on_progress")
        return self._call(job_id, self._interact(params), progress=progress)

    def wait(
        self,
        job_id: str,
        *,
        until: str = "ready",
        patterns: Sequence[str] = (),
        timeout: float | None = None,
        budget: int | None = None,
        on_progress: Progress | None = None,
    ) -> Answer:
        """Wait for one job."""
        check_patterns(patterns)
        call = calls.wait(
            until=until,
            patterns=patterns,
            timeout=self.config.wait_timeout if timeout is None else timeout,
            budget=budget or self.config.max_chars,
            progress=on_progress is not None,
        )
        return self._call(job_id, call, progress=on_progress)

    def tail(self, job_id: str, *, lines: int | None = None) -> View:
        return self._call(job_id, calls.tail(lines=self._lines(lines)))

    def repaint(self, job_id: str, *, scrollback: int = 0) -> tuple[Size, bytes]:
        return self._call(job_id, calls.repaint(scrollback=scrollback))

    def output(
        self,
        job_id: str,
        *,
        since: int | None = None,
        grep: str | None = None,
        limit: int | None = None,
        last: bool = False,
    ) -> Page:
        job = self.registry.find(job_id)
        limit = limit or self.config.max_chars
        return self._page(job, since=since, grep=grep, limit=limit, last=last)

    def raw(self, job_id: str, *, since: int = 0, limit: int = 1 << 20) -> tuple[int, bytes]:
        return self._raw(self.registry.find(job_id), since, limit)

    def status(self, job_id: str) -> Status:
        return self._call(job_id, calls.status())

    def kill(self, job_id: str, *, signal: str = "", grace: float | None = None) -> Killed:
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
        return self._call(job_id, calls.resize(size))

    def mark(self, job_id: str, label: str) -> None:
        self._call(job_id, calls.mark(label))

    def discard(self, job_id: str, *, before: int) -> int:
        """Give up the oldest output below offset `before`, in whole segments; the new floor.

        A job that waits because its log has reached its limit goes on then (log_full="wait").
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
        job = self.registry.find(job_id)
        try:
            connection = Wire(connect(job))
            params = follow_params(since, input, size, name, scrollback)
            connection.request("follow", params, timeout=5.0)
        except ConnectionClosed:  # before the connection, or on it
            raise HolderLost(
                f"Job {job_id!r} has ended.",
                advice="Read it with output or tail.",
                hint=Hint.READ_OUTPUT,
                facts={"job_id": job_id},
            ) from None
        return Follow(connection)

    def clean(self) -> list[str]:
        config = self.config
        return self.registry.clean(
            retention=config.retention, keep=config.retention_count, total=config.log_total
        )

    def list(self, *, detail: bool = False) -> list[Status]:
        found = [self.registry.status(job) for job in self.registry.all()]
        if detail:
            for index, status in enumerate(found):
                if not status.state.ended:
                    with contextlib.suppress(PtyJobsError):
                        found[index] = self._call(status.job_id, calls.status())
        return found

    def warm_up(self) -> None:
        """Fork the process that jobs are forked from now instead of at the first start."""
        if self.zygote is None:
            from ptyjobs.spawn import zygote as zygotes

            self._use(zygotes.start())

    def release(self, job_id: str) -> None:
        """Close the connection to one job; the next call about it makes another."""
        connection = self._wires.pop(job_id, None)
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connections; end session jobs if this client started any."""
        for connection in self._wires.values():
            connection.close()
        self._wires.clear()
        if self.zygote is not None:
            self.end_session()
            self.zygote.join(5.0)
            self.zygote = None
