"""A holder that does not answer: told from a busy one, and killed through.

Owns what `kill` does when a holder is stopped or hangs in a write to a disk that does not move.
Nobody but the kernel can end such a process at once, but its job can be ended below it. The subtle
thing: the job's processes go before the holder, because a holder in the kernel's hands (state D)
dies only when the disk moves again, and until then it keeps what is below it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import time

from ptyjobs import protocol, requests
from ptyjobs.client.calls import SLACK, Call, Killed
from ptyjobs.client.connect import ConnectionClosed, connect
from ptyjobs.client.registry import is_alive
from ptyjobs.process import tree
from ptyjobs.requests import HelloRequest
from ptyjobs.store.jobdir import JobDir

PATIENCE = 3.0  # seconds beyond the grace after which a kill's silent holder is looked at
GREETING = 2.0  # seconds in which a holder that runs at all answers a greeting
LONGEST = 2.0  # seconds in which SIGKILL must have ended a job's processes
PAUSE = 0.01


def impatient(kill: Call[Killed], *, grace: float) -> Call[Killed]:
    """The same request, given up after the grace and `PATIENCE`."""
    return dataclasses.replace(kill, timeout=grace + PATIENCE - SLACK)


def answers(job: JobDir) -> bool:
    """Whether the job's holder answers a greeting; one that has gone needs none."""
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
    """SIGKILL everything below the holder, then the holder; how many processes there were.

    Only for a holder whose lock was seen held: its pid then stands in the lock's file.
    """
    try:
        holder = int((job.path / "alive").read_text())
    except (FileNotFoundError, ValueError):  # it has just left
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
