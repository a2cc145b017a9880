"""The probes of a service's readiness: port, unix socket, HTTP answer, command.

Owns one condition each: the time of its next attempt, the attempt in progress, and the reason why
the condition does not hold yet. Never blocks: a connection is non-blocking and polled by the loop,
a command is a child that the loop reaps. Never decides that a service is ready (`ready` does). The
subtle thing: another process may hold the port. A socket outside the job that was already listening
before the job started never counts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ptyjobs.config.ready_syntax import COMMAND, HTTP, SOCKET, Condition
from ptyjobs.model import Exit, JobSpec
from ptyjobs.process import ports, tree
from ptyjobs.process.ports import Socket

PORT_PACE = 0.005  # seconds between two reads of the listening sockets (0.05 ms each)
LOOK_AGAIN = 0.25  # seconds between two owner look-ups of sockets with unknown owners
HTTP_PACE = 0.025  # seconds between two requests
HTTP_TIME = 5.0  # seconds until a request times out
COMMAND_PACE = 0.1  # seconds between two runs of a command
COMMAND_TIME = 10.0  # seconds until a command times out
SLOWER = 1 / 600  # minimum pause, as a fraction of the time without success
SLOWEST = 0.5  # maximum pause in seconds
SEEN_SLOWER = 1 / 10  # the same for requests and commands: programs log them
SEEN_SLOWEST = 1.0
KEPT = 200  # characters of a command's output

Dispatch = Callable[[int], None]


class Poller(Protocol):
    """The poll loop, for descriptors of probes."""

    def watch(self, fd: int, mask: int, call: Dispatch) -> None:
        """Call `call(mask)` when `fd` is ready; a second call changes the mask."""

    def unwatch(self, fd: int) -> None: ...


class Probe:
    """One condition. `step` at `due`; `holds` is None until the first result."""

    def __init__(self, condition: Condition, *, now: float) -> None:
        self.condition = condition
        self.report: Callable[[], None] = lambda: None  # a result came between steps
        self.began = now
        self.due = now
        self.holds: bool | None = None
        self.why = ""

    def step(self, now: float) -> None:
        """Start or continue an attempt."""
        raise NotImplementedError

    def again(self, now: float) -> None:
        """Forget the result and probe again."""
        self.holds, self.due, self.began = None, now, now

    def close(self) -> None:
        """Cancel the attempt in progress."""

    def children_ended(self, ended: Mapping[int, int]) -> None:
        """Children were reaped."""

    def _later(self, now: float, pace: float, *, seen: bool = False) -> None:
        """Probe again after a pause. `seen`: programs notice the attempts."""
        slower, slowest = (SEEN_SLOWER, SEEN_SLOWEST) if seen else (SLOWER, SLOWEST)
        self.due = now + max(pace, min(slowest, (now - self.began) * slower))


def probe_for(
    condition: Condition, *, now: float, root: int, spec: JobSpec, poller: Poller
) -> Probe:
    """The probe for a condition. `root`: the process whose descendants form the job."""
    if condition.kind == HTTP:
        confined = spec.sandbox != "none"
        return HttpProbe(condition, now=now, root=root, poller=poller, confined=confined)
    if condition.kind == COMMAND:
        return CommandProbe(condition, now=now, spec=spec, poller=poller)
    return PortProbe(condition, now=now, root=root)


class PortProbe(Probe):
    """A process of the job listens on a TCP port or on a unix socket, in two looks at least.

    Some servers first listen for a moment to see whether the port is free (vite, get-port).
    """

    def __init__(self, condition: Condition, *, now: float, root: int) -> None:
        super().__init__(condition, now=now)
        self._root = root
        self._unix = condition.kind == SOCKET
        self._foreign: set[int] = set()  # inodes of sockets outside the job
        self._seen: set[int] = set()  # inodes of fitting sockets of the job, at the last look
        self._full_due = now

    def step(self, now: float) -> None:
        self._later(now, PORT_PACE)
        candidates = [one for one in self._sockets() if self._fits(one)]
        full = now >= self._full_due
        if not full and all(one.inode in self._foreign for one in candidates):
            self._miss(candidates)
            return
        if full:
            self._full_due = now + LOOK_AGAIN
        kind = "unix" if self._unix else "tcp"
        own = ports.of(tree.descendants(self._root), protocols=(kind,))
        fitting = {one.inode for one, _ in own if self._fits(one)}
        before, self._seen = self._seen, fitting
        if fitting:
            self.holds = True if fitting & before else None
            self.due = now + PORT_PACE
            return
        self._foreign = {one.inode for one in candidates}
        self._miss(candidates, [one for one, _ in own])

    def _sockets(self) -> list[Socket]:
        return ports.unix() if self._unix else ports.tcp()

    def _fits(self, one: Socket) -> bool:
        if self._unix:
            return os.path.realpath(one.address) == os.path.realpath(self.condition.path)
        return self.condition.port in (0, one.port)

    def _miss(self, candidates: list[Socket], own: list[Socket] | None = None) -> None:
        self.holds = False
        if self._unix:
            self.why = f"no process of it listens on {self.condition.path}"
        elif not self.condition.port:
            if own is not None or not self.why:
                self.why = "no process of it listens on a TCP port" + self._unix_instead()
        elif candidates:
            if own is not None or not self.why:
                self.why = held_words(candidates)
        elif own:
            others = ", ".join(sorted({str(one) for one in own}))
            self.why = f"it listens on {others}, not on port {self.condition.port}"
        elif own is not None or not self.why:
            self.why = f"nothing listens on port {self.condition.port}"

    def _unix_instead(self) -> str:
        own = ports.of(tree.descendants(self._root), protocols=("unix",))
        if not own:
            return ""
        path = own[0][0].address
        return f', only on {own[0][0]} (ready="port:{path}")'


def held_words(sockets: list[Socket]) -> str:
    """Name the owners of these sockets."""
    owners = ports.holders_of(sockets)
    one = sockets[0]
    pid = owners.get(one.inode, 0)
    stat = tree.read_stat(pid) if pid else None
    who = f"process {pid} ({stat.name})" if stat else "a process of another user"
    return f"port {one.port} is held by {who}, not by this job"


class HttpProbe(Probe):
    """An HTTP request returns the expected status.

    For a confined job it is sent only to a port of its own: else its caller could reach the
    services of this machine through the holder.
    """

    def __init__(
        self, condition: Condition, *, now: float, root: int, poller: Poller, confined: bool = False
    ) -> None:
        super().__init__(condition, now=now)
        self._root = root
        self._confined = confined
        self._poller = poller
        self._sock: socket.socket | None = None
        self._hosts: list[str] = []  # addresses not yet tried in this round
        self._whys: list[str] = []  # failures of the addresses tried
        self._deadline = 0.0
        self._out = b""
        self._in = b""
        # sockets that were listening on the port before the job could
        self._before = {one.inode for one in ports.tcp() if one.port == condition.port}

    def step(self, now: float) -> None:
        if self._sock is not None:
            if now < self._deadline:
                self.due = self._deadline
                return
            self._failed(f"{self.condition.text}: no answer within {HTTP_TIME:g} s", now)
            return
        if self._before and (taken := self._taken()):
            self.holds, self.why = False, held_words(taken)
            self._later(now, HTTP_PACE)
            return
        if self._confined and not self._owned():
            self.holds, self.why = False, f"no process of it listens on port {self.condition.port}"
            self._later(now, HTTP_PACE)
            return
        self._hosts, self._whys = list(self.condition.hosts), []
        self._connect(now)

    def _owned(self) -> bool:
        """True if a process of the job listens on the port."""
        there = {one.inode for one in ports.tcp() if one.port == self.condition.port}
        return bool(there) and not there.isdisjoint(ports.owners(tree.descendants(self._root)))

    def _taken(self) -> list[Socket]:
        """The sockets on its port, if all of them are older than the job and none is its own."""
        there = [one for one in ports.tcp() if one.port == self.condition.port]
        if not there or any(one.inode not in self._before for one in there):
            return []
        own = ports.owners(tree.descendants(self._root))
        return [] if any(one.inode in own for one in there) else there

    def _connect(self, now: float) -> None:
        host = self._hosts.pop(0)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as failure:  # no IPv6, no descriptor
            self._failed(f"{self.condition.text}: {failure.strerror}", now)
            return
        self._sock.setblocking(False)
        self._deadline = self.due = now + HTTP_TIME
        request = (
            f"GET {self.condition.path} HTTP/1.1\r\nHost: {self.condition.authority}\r\n"
            "User-Agent: ptyjobs\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        self._out, self._in = request.encode(), b""
        code = self._sock.connect_ex((host, self.condition.port))
        if code in (0, errno.EINPROGRESS):
            self._poller.watch(self._sock.fileno(), select.EPOLLOUT, self._on_event)
        else:
            self._failed(f"{self.condition.text}: {os.strerror(code)}", now)

    def _on_event(self, mask: int) -> None:
        now = time.monotonic()
        sock = self._sock
        assert sock is not None
        try:
            if self._out:
                self._out = self._out[sock.send(self._out) :]
                if not self._out:
                    self._poller.watch(sock.fileno(), select.EPOLLIN, self._on_event)
                return
            data = sock.recv(4096)
        except BlockingIOError:
            return
        except OSError as failure:  # ECONNREFUSED, ECONNRESET, EHOSTUNREACH
            self._failed(f"{self.condition.text}: {failure.strerror}", now)
            return
        self._in = (self._in + data)[:4096]
        if data and b"\n" not in self._in:
            return
        self._answered(now)

    def _answered(self, now: float) -> None:
        line = self._in.partition(b"\n")[0].split(None, 2)
        if len(line) < 2 or not line[0].startswith(b"HTTP/") or not line[1].isdigit():
            self._failed(f"{self.condition.text}: the answer is not HTTP", now)
            return
        status, wanted = int(line[1]), self.condition.status
        if status == wanted or (not wanted and 200 <= status < 300):
            self._drop()
            self.holds, self.why = True, ""
            self.report()
            return
        self._failed(f"{self.condition.text}: answered {status}", now)

    def _failed(self, why: str, now: float) -> None:
        self._drop()
        self._whys.append(why)
        if self._hosts:
            self._connect(now)
            return
        refused = os.strerror(errno.ECONNREFUSED)
        told = [one for one in self._whys if not one.endswith(refused)]
        self.holds, self.why = False, (told or self._whys)[0]
        # No program notices a refused connection: a server that starts late is found soon.
        self._later(now, HTTP_PACE, seen=bool(told))
        self.report()

    def _drop(self) -> None:
        if self._sock is not None:
            self._poller.unwatch(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def again(self, now: float) -> None:
        self._drop()
        self._before = set()  # it was ready once: the port is its own
        super().again(now)

    def close(self) -> None:
        self._drop()


class CommandProbe(Probe):
    """A command line exits with 0, run in the job's directory with its environment."""

    def __init__(self, condition: Condition, *, now: float, spec: JobSpec, poller: Poller) -> None:
        super().__init__(condition, now=now)
        self._spec = spec
        self._poller = poller
        self.pid = 0
        self._out = -1
        self._said = b""
        self._deadline = 0.0

    def step(self, now: float) -> None:
        if self.pid:
            if now < self._deadline:
                self.due = self._deadline
                return
            self._end()
            self._result(f"ran longer than {COMMAND_TIME:g} s", now)
            return
        self._start(now)

    def _start(self, now: float) -> None:
        self._out, write = os.pipe()
        os.set_blocking(self._out, False)
        null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        actions = [null, (os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_DUP2, write, 2)]
        argv = ["sh", "-c", 'cd -- "$1" && exec /bin/sh -c "$2"', "sh", self._spec.cwd]
        try:
            self.pid = os.posix_spawn(
                "/bin/sh",
                [*argv, self.condition.path],
                self._spec.env,
                file_actions=actions,
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE],
            )
        except OSError as failure:  # EAGAIN, ENOMEM
            self._close_pipe()
            self._result(failure.strerror or str(failure), now)
            return
        finally:
            os.close(write)
        self._said = b""
        self.why = self.why or f"{self.condition.path}: has not ended yet"
        self._poller.watch(self._out, select.EPOLLIN, self._read)
        self._deadline = self.due = now + COMMAND_TIME

    def _read(self, mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._out, 4096)
            self._said = (self._said + data)[-4 * KEPT :]
            if not data:
                self._close_pipe()

    def children_ended(self, ended: Mapping[int, int]) -> None:
        if not self.pid or self.pid not in ended:
            return
        end = Exit.from_wait_status(ended[self.pid])
        self.pid = 0
        if self._out >= 0:
            self._read(0)
        self._close_pipe()
        if end.code == 0:
            self.holds, self.why = True, ""
            return
        lines = self._said.decode("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")[:KEPT]
        self._result(f"{end}" + (f" ({said})" if said else ""), time.monotonic())

    def _result(self, why: str, now: float) -> None:
        self.holds, self.why = False, f"{self.condition.path}: {why}"
        self._later(now, COMMAND_PACE, seen=True)

    def _end(self) -> None:
        """Kill the command and the children in its process group."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.pid = 0
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._out >= 0:
            self._poller.unwatch(self._out)
            os.close(self._out)
            self._out = -1

    def close(self) -> None:
        self._end()
