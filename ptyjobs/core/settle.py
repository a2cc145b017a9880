"""When is it the caller's turn? The readiness state machine: facts and `now` in, a verdict out.

Owns the decision procedure (SPEC.md "How we know"). Never reads a clock, a file or a screen: the
holder carries out the steps it asks for and brings back what was seen. The subtle thing: a *hard*
wait is only believed when two probes with an empty drain between them show the same thread with
the same run time, because then that thread cannot have run in between.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Wait(enum.StrEnum):
    """What one probe of the kernel says of the foreground job."""

    HARD = "hard"  # a main thread blocks on the terminal alone: nothing happens before input
    SOFT = "soft"  # the terminal among other things, or with a time-out: it accepts input
    OPAQUE = "opaque"  # the terminal is relayed somewhere the kernel cannot show (ssh, tmux)
    UNKNOWN = "unknown"  # no right to look
    BUSY = "busy"  # computing, waiting for something else, or input still unread


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at the foreground job (times in ns of CPU, as schedstat gives them)."""

    wait: Wait
    pid: int = 0  # of the process that waits (or that keeps the job busy)
    tid: int = 0
    runtime: int = 0  # CPU time of that thread, ns
    unread: bool = False  # input was delivered that nobody has read yet
    canonical: bool = True  # ICANON
    echo: bool = True  # ECHO
    doing: str = ""  # "python3 in clock_nanosleep", "waiting for child make", "on CPU", ...
    children: frozenset[int] = frozenset()  # every descendant of the job's leader, and it
    lineage: frozenset[int] = frozenset()  # the waiting process and its ancestors
    cpu: int = 0  # CPU time of the foreground processes, ns
    relayed: bool = False  # seen through script, socat, rlwrap, sudo ...


@dataclass(frozen=True, slots=True)
class DoProbe:
    """Drain the terminal to EAGAIN (telling `on_output`), then probe and call `on_probe`."""


@dataclass(frozen=True, slots=True)
class DoLook:
    """Render, then call `on_look` with the cursor row."""


@dataclass(frozen=True, slots=True)
class DoWait:
    """Nothing to do before `until` (seconds on the caller's clock) unless output comes."""

    until: float
