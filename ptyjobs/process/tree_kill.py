"""The end policy: ends a process tree gracefully first, and completely by force.

Owns the order of signals for every kind of end (kill, time limit, idle limit, loss of the server or
of a holder). A state machine that takes `now`, so that a holder never blocks in it. Never signals
by name or pattern, only processes found below the given tops at that moment.

SIGTERM goes to the *leaders* of the tree: walking down from the top, the first process on each path
that has its own SIGTERM handler. Processes below such a leader are left to it, because programs
that forward the signal (npm, gunicorn, a container's init) would deliver it twice, and a second
SIGTERM often means "now" (`process.once` in Node restores the default action).

A process without a handler has nothing to clean up, but its death could harm its children: a
session leader's exit sends SIGHUP to the foreground process group (`disassociate_ctty`,
drivers/tty/tty_jobctrl.c), and a shell that survives its child runs the next command of its line.
Such a process is stopped until its children have exited and gets its signal then. The same holds
for job-control shells, recognized by ignoring SIGTSTP and SIGTTOU: they ignore SIGTERM and exit on
SIGHUP, which they would pass on to their jobs.

The subtle thing: the processes left after the grace period are stopped before they are killed,
repeatedly until none is left; a process group, a session or an environment marker each miss some
trees, descendants of a subreaper do not.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from ptyjobs.process.tree import children, read_stat, send

RETRY = 0.01  # seconds between two walks; repeated KILLs beat a respawning pair within some rounds
GIVE_UP = 10.0  # seconds after which unkillable processes (state D) are reported, not awaited
PLAIN_DELAY = 0.1  # part of the grace after which processes without a handler, below a leader that
# has not ended, get SIGTERM too: bash runs its trap only once its foreground child has ended
HANDLER_DELAY = (
    0.5  # the same for processes with a handler: their leader has not forwarded the signal
)


@dataclass(slots=True)
class _Process:
    """One process of the tree and the signals sent to it."""

    pid: int
    name: str
    since: float  # when it was first seen
    catches: bool  # SIGTERM is handled, or blocked for a thread that waits for it
    ignores: bool
    shell: bool  # a job-control shell
    stopped: bool = False  # by us, until its children have exited
    asked: bool = False  # SIGTERM was sent
    hung_up: bool = False  # SIGHUP was sent
    idle: int = 0  # consecutive walks in which it slept without children


class TreeKill:
    """Ends the processes that `tops` returns and everything below them.

    Call `step(now)` after every reaping and at the time it returned; `done` when nothing is left.
    """

    def __init__(self, tops: Callable[[], list[int]], *, now: float, grace: float) -> None:
        self._tops = tops
        self._began = now
        self._hard = now + grace
        self._give_up = now + grace + GIVE_UP
        self._processes: dict[tuple[int, int], _Process] = {}
        self._below: dict[int, list[int]] = {}
        self._living: dict[int, _Process] = {}
        self._states: dict[int, str] = {}
        self._forced: set[tuple[int, str]] | None = None
        self.done = False
        self.left: tuple[int, ...] = ()

    @property
    def killed(self) -> int:
        """Distinct processes seen in the tree."""
        return len(self._processes)

    @property
    def forced(self) -> tuple[str, ...]:
        """The "pid name" of each process that outlived the grace period."""
        return tuple(f"{pid} {name}".rstrip() for pid, name in sorted(self._forced or ()))

    def hurry(self, *, now: float, grace: float) -> None:
        """Shorten the grace to `grace` from now."""
        self._hard = min(self._hard, now + grace)
        self._give_up = self._hard + GIVE_UP

    def step(self, now: float) -> float:
        """Send the signals that are due; return the time of the next call (`now` when done)."""
        self._look(now)
        if not self._living:
            self.done = True
            return now
        if now < self._hard:
            for pid in self._tops():
                self._ask(pid, now, led=False)
            return min(self._hard, now + RETRY)
        if self._forced is None:
            self._forced = {(p.pid, p.name) for p in self._living.values() if not p.stopped}
        send(list(self._living), signal.SIGSTOP)
        self._look(now)  # forked before it was stopped
        frozen = list(self._living)
        send(frozen, signal.SIGSTOP, signal.SIGKILL)
        if now >= self._give_up:
            self.left = tuple(frozen)
            self.done = True
        return now + RETRY

    def _look(self, now: float) -> None:
        """Read the current tree."""
        self._below, self._living, self._states = {}, {}, {}
        pending = self._tops()
        while pending:
            pid = pending.pop()
            stat = read_stat(pid)
            if stat is None or pid in self._states:
                continue
            self._states[pid] = stat.state
            self._below[pid] = children(pid)
            pending += self._below[pid]
            if stat.state not in "ZX":
                key = (pid, stat.started)
                if key not in self._processes:
                    self._processes[key] = _read(pid, stat.name, now)
                self._living[pid] = self._processes[key]

    def _lives(self, pid: int) -> bool:
        """True if the process or one below it is alive."""
        return pid in self._living or any(map(self._lives, self._below.get(pid, ())))

    def _ask(self, pid: int, now: float, *, led: bool) -> None:
        """Ask the process to exit, or its children first; `led`: below a process that was asked."""
        process = self._living.get(pid)
        below = [child for child in self._below.get(pid, ()) if self._lives(child)]
        leads = process is not None and process.catches and not process.shell
        if process is None:  # a zombie whose children are still its own
            pass
        elif led or leads:
            if not led or self._overdue(process, now):
                self._terminate(process)
        elif below:
            self._stop(process)
        elif process.shell:
            self._hang_up(process)
        else:
            self._terminate(process)
        for child in below:
            self._ask(child, now, led=led or leads)

    def _overdue(self, process: _Process, now: float) -> bool:
        """True if its leader's time is over; children started by a handler are not signalled."""
        part = HANDLER_DELAY if process.catches else PLAIN_DELAY
        due = self._began + part * (self._hard - self._began)
        return process.since <= self._began and now >= due

    def _stop(self, process: _Process) -> None:
        if process.stopped or (process.ignores and not process.shell):
            return
        process.stopped = True
        send([process.pid], signal.SIGSTOP)

    def _terminate(self, process: _Process) -> None:
        if not process.asked:
            process.asked, process.stopped = True, False
            send([process.pid], signal.SIGTERM, signal.SIGCONT)

    def _hang_up(self, process: _Process) -> None:
        """End a job-control shell; one with a SIGTERM handler gets time to run it."""
        if process.hung_up:
            return
        if process.catches:
            if not process.asked:
                self._terminate(process)
                return
            process.idle = process.idle + 1 if self._states[process.pid] == "S" else 0
            if process.idle < 2:
                return
        process.hung_up, process.stopped = True, False
        send([process.pid], signal.SIGTERM, signal.SIGHUP, signal.SIGCONT)


def is_job_control_shell(pid: int) -> bool:
    """True if the process ignores SIGTSTP and SIGTTOU, as a job-control shell must."""
    return _read(pid, "", 0.0).shell


def _read(pid: int, name: str, now: float) -> _Process:
    """A process with its signal masks (proc_pid_status(5)); unreadable ones count as empty."""
    masks = {b"SigBlk": 0, b"SigIgn": 0, b"SigCgt": 0}
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                field, _, value = line.partition(b":")
                if field in masks:
                    masks[field] = int(value, 16)
    except OSError:  # ENOENT, ESRCH: it has just exited; EACCES: hidepid
        pass

    def has(field: bytes, number: int) -> bool:
        return bool(masks[field] >> (number - 1) & 1)

    return _Process(
        pid,
        name,
        since=now,
        catches=has(b"SigCgt", signal.SIGTERM) or has(b"SigBlk", signal.SIGTERM),
        ignores=has(b"SigIgn", signal.SIGTERM),
        shell=has(b"SigIgn", signal.SIGTSTP) and has(b"SigIgn", signal.SIGTTOU),
    )
