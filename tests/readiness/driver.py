"""A job without a holder: one child under a pty, and the readiness loop run by hand.

Used by the readiness tests and by benchmarks/readiness.py. It uses `Settle` and `Kernel` like
a holder, and keeps a trace of the output with arrival times.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ptyjobs.model import Exit, Size, Tier, Verdict
from ptyjobs.process import tree
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import DoDrain, DoLook, DoProbe, DoWait, Look, Probe, Sent, look_at
from ptyjobs.readiness.linux.probe import Kernel
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.readiness.settle import Settle
from ptyjobs.terminal.screen import Screen


@dataclass
class Answer:
    """One `interact`: its output, and the reason of its return."""

    verdict: Verdict
    output: bytes
    returned: float
    last_output: float
    probes: int
    looks: int
    probe_time: float

    @property
    def text(self) -> str:
        return self.output.decode("utf-8", "replace")


@dataclass
class Job:
    """A child on a terminal of its own."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    tier: Tier = Tier.FULL
    uid: int | None = None
    cwd: str | None = None
    size: Size = field(default_factory=Size)
    proc: str = "/proc"

    def __post_init__(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
        env |= {"TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": "1"} | self.env
        tree.become_subreaper()  # as a holder is
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                for number in range(1, signal.NSIG):
                    if number not in (signal.SIGKILL, signal.SIGSTOP):
                        try:
                            signal.signal(number, signal.SIG_DFL)
                        except (OSError, ValueError):
                            continue
                fcntl.ioctl(0, termios.TIOCSWINSZ, self._window())
                if self.cwd:
                    os.chdir(self.cwd)
                if self.uid is not None:
                    os.setgroups([])
                    os.setgid(self.uid)
                    os.setuid(self.uid)
                os.execvpe(self.argv[0], self.argv, env)
            finally:
                os._exit(127)
        os.set_blocking(self.master, False)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, self._window())
        self.kernel = Kernel(master=self.master, leader=self.pid, tier=self.tier, proc=self.proc)
        self.pidfd = os.pidfd_open(self.pid)
        self.evidence = Evidence()
        self.memory = PromptMemory()
        self.screen = Screen(self.size)
        self.pending = bytearray()  # read, not yet on the screen
        self.log = bytearray()
        self.unsent = b""
        self.trace: list[tuple[float, int]] = []  # (time, end offset)
        self._seen = False  # the first call's output begins with the program's first byte
        self.eof = False
        self.exit: Exit | None = None
        self.on_probe: Callable[[Probe], None] | None = None
        self.before_probe: Callable[[], None] | None = None

    def _window(self) -> bytes:
        return struct.pack("4H", self.size.rows, self.size.cols, 0, 0)

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the child and all below it; close everything."""
        below = [self.pid, *tree.descendants(self.pid)] if self.exit is None else []
        session = [s.pid for s in map(tree.read_stat, tree.descendants(os.getpid())) if s]
        below += [p for p in session if p not in below and _session(p) == self.pid]
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        os.close(self.master)
        if self.exit is None:
            os.waitpid(self.pid, 0)
        for pid in below[1:]:  # orphans became ours
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                continue
        self.kernel.close()
        os.close(self.pidfd)

    # -- input and output

    def drain(self, settle: Settle | None = None) -> int:
        """Read to EAGAIN."""
        total = 0
        while not self.eof:
            try:
                data = os.read(self.master, 65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self.eof = True  # every slave is closed
                break
            now = time.monotonic()
            self.log += data
            self.pending += data
            total += len(data)
            self.trace.append((now, len(self.log)))
            self.evidence.feed(data)
            if b"\x1b" in data and (b"n" in data or b"c" in data or b"?" in data):
                self._render()  # a query wants its answer now
            if settle is not None:
                settle.on_output(now, len(data))
        return total

    def _render(self) -> None:
        reply = self.screen.feed(bytes(self.pending))
        self.pending.clear()
        if reply and not self.eof:
            self.unsent += reply
            self._write()

    def _write(self) -> None:
        while self.unsent:
            try:
                self.unsent = self.unsent[os.write(self.master, self.unsent) :]
            except (BlockingIOError, OSError):
                return

    def look(self) -> Look:
        self._render()
        return look_at(self.screen)

    def _ended(self) -> bool:
        if self.exit is None and select.select([self.pidfd], [], [], 0)[0]:
            self.exit = Exit.from_wait_status(os.waitpid(self.pid, 0)[1])
        return self.exit is not None

    # -- one call

    def interact(
        self,
        data: bytes = b"",
        *,
        timeout: float = 10.0,
        until_ready: bool = True,
        sent: Sent | None = None,
    ) -> Answer:
        """Type `data` and wait for the verdict."""
        self.drain()
        mark, self._seen = (len(self.log) if self._seen or data else 0), True
        baseline = self.kernel.probe() if data and not self.eof else None
        start = time.monotonic()
        if sent is None and data:
            text = any(b >= 32 and b != 127 for b in data)
            lines = data.count(b"\r")
            sent = Sent(
                lines=lines,
                text=text,
                enter=data.endswith(b"\r"),
                nbytes=len(data),
                escape=data.endswith(b"\x1b"),
            )
        settle = Settle(
            now=start,
            deadline=start + timeout,
            tier=self.kernel.tier,
            evidence=self.evidence,
            memory=self.memory,
            baseline=baseline,
            sent=sent,
            until_ready=until_ready,
        )
        self.unsent += data
        probes = looks = 0
        probe_time = 0.0
        while True:
            if self.unsent:
                self._write()
                settle.on_unsent(time.monotonic(), len(self.unsent))
            if self._ended():
                self.drain(settle)
                if self.exit is not None:
                    settle.on_exit(time.monotonic(), self.exit)
            step = settle.step(time.monotonic())
            if isinstance(step, DoProbe):
                self.drain(settle)
                if self.before_probe is not None:
                    self.before_probe()
                t = time.perf_counter()
                probe = self.kernel.probe()
                probe_time += time.perf_counter() - t
                probes += 1
                if self.on_probe is not None:
                    self.on_probe(probe)
                settle.on_probe(time.monotonic(), probe)
            elif isinstance(step, DoDrain):
                self.drain(settle)
            elif isinstance(step, DoLook):
                looks += 1
                settle.on_look(time.monotonic(), self.look())
            elif isinstance(step, DoWait):
                left = max(0.0, step.until - time.monotonic())
                masters = [] if self.eof else [self.master]
                writers = [self.master] if self.unsent and not self.eof else []
                ready, _, _ = select.select([*masters, self.pidfd], writers, [], left)
                if self.master in ready:
                    self.drain(settle)
            else:
                now = time.monotonic()
                last = self.trace[-1][0] if self.trace and len(self.log) > mark else start
                output = bytes(self.log[mark:])
                return Answer(step, output, now, last, probes, looks, probe_time)


def _session(pid: int) -> int:
    stat = tree.read_stat(pid)
    return stat.session if stat is not None else 0


def python(code: str, **options: object) -> Job:
    """A job that runs inline Python."""
    return Job([sys.executable, "-S", "-u", "-c", code], **options)  # type: ignore[arg-type]
