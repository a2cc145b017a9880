"""Detect a holder that does not answer, and kill its job without it.

Owns `kill` for a holder that is stopped or blocked in a write to a hung disk. Only the kernel can
end a process in uninterruptible sleep (state D), but its job can be killed directly. The subtle
thing: the job's processes are killed before the holder, because a holder in state D exits only when
the disk responds; before that, it remains the parent of its job's processes.
"""

from __future__ import annotations

import contextlib
import signal
import time

from ptyjobs import protocol, requests
from ptyjobs._dataclass import replace
from ptyjobs.client.calls import SLACK, Call, Killed
from ptyjobs.client.connect import ConnectionClosed, connect
from ptyjobs.client.registry import is_alive
from ptyjobs.process import tree
from ptyjobs.process.regular import open_regular
from ptyjobs.requests import HelloRequest
from ptyjobs.store.jobdir import JobDir

PATIENCE = 3.0  # seconds beyond the grace period before a silent holder is probed
GREETING = 2.0  # seconds in which a running holder answers `hello`
LONGEST = 2.0  # maximum seconds for SIGKILL to end a job's processes
PAUSE = 0.01


def impatient(kill: Call[Killed], *, grace: float) -> Call[Killed]:
    """The same request with a deadline of `PATIENCE` after the grace period."""
    return replace(kill, timeout=grace + PATIENCE - SLACK)


def answers(job: JobDir) -> bool:
    """True if the job's holder answers `hello`, or no longer exists."""
    try:
        sock = connect(job)
    except ConnectionClosed:
        return True
    with sock, contextlib.suppress(TimeoutError, ConnectionResetError):
        sock.settimeout(GREETING)
        sock.sendall(requests.encode(HelloRequest(), protocol.FIRST_REQUEST))
        sock.recv(4096)
        return True
    return False


def kill_through(job: JobDir) -> int:
    """SIGKILL every process below the holder, then the holder; returns the number of processes.

    Only for a holder whose lock is known to be held: the lock file then contains its pid.
    """
    try:
        with open(job.path / "alive", opener=open_regular) as file:
            holder = int(file.read(20))
    except (FileNotFoundError, ValueError):  # the holder has just exited
        return 0
    seen: set[int] = set()
    limit = time.monotonic() + LONGEST
    while below := tree.alive(holder):
        seen.update(below)
        tree.send(below, signal.SIGSTOP)
        tree.send(tree.descendants(holder), signal.SIGKILL)
        if time.monotonic() > limit:
            break
        time.sleep(PAUSE)
    tree.send([holder], signal.SIGKILL)
    while is_alive(job) and time.monotonic() < limit:
        time.sleep(PAUSE)
    return len(seen)
