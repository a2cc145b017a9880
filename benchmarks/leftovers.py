"""Processes that a run has left: which are its own, and what each of them does.

Owns the identity of a recorded process and its description. Never ends one. The subtle thing: a
machine under test forks 40 processes a second, so with 32,768 pids a pid recorded a quarter of an
hour ago is another process's by now.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.process import tree

TICK = os.sysconf("SC_CLK_TCK")
SLACK = 2.0  # seconds: clocks may be set, and a spare's start is rounded
GOING = 60.0  # seconds in which the end of what remains is watched


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process of the run."""

    pid: int
    job: str
    mark: str = ""  # in its command line; "" for a holder: its command line is its server's
    before: float = 0.0  # a holder has started before its job, which started at this time

    def runs(self) -> bool:
        """True if it runs; False if another process has its pid."""
        stat = tree.read_stat(self.pid)
        if stat is None or stat.state in "ZX":
            return False
        if self.mark:
            return self.mark in _line(self.pid)
        return _began(stat) < self.before + SLACK

    def describe(self) -> str:
        """Its parent, state, kernel function and command line."""
        stat = tree.read_stat(self.pid)
        if stat is None:
            return f"process {self.pid} of {self.job}, which has just ended"
        kind = "process" if self.mark else "holder"
        where = _text(f"/proc/{self.pid}/wchan")
        age = time.time() - _began(stat)
        return (
            f"{kind} {self.pid} of {self.job} (parent {stat.ppid}, state {stat.state}, in {where}, "
            f"{age:.0f} s old): {_line(self.pid)[:120]}"
        )


def remaining(recorded: Mapping[int, Recorded], *, since: float, limit: float) -> list[str]:
    """The processes that run `limit` seconds after `since` (monotonic), and when they ended."""
    left = list(recorded.values())
    left = _wait(left, lambda: time.monotonic() < since + limit)
    described = {one: one.describe() for one in left}
    told = []
    while left and time.monotonic() < since + limit + GOING:
        now = _wait(left, lambda: False)
        gone = time.monotonic() - since
        told += [f"{described[one]}: gone after {gone:.1f} s" for one in left if one not in now]
        left = now
        time.sleep(0.02)
    return [*told, *(f"{described[one]}: it stays" for one in left)]


def _wait(left: list[Recorded], on: Callable[[], bool]) -> list[Recorded]:
    while (left := [one for one in left if one.runs()]) and on():
        time.sleep(0.02)
    return left


def _began(stat: tree.Stat) -> float:
    """Wall-clock time of a process's start."""
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - (uptime - stat.started / TICK)


def _line(pid: int) -> str:
    return _text(f"/proc/{pid}/cmdline").replace("\0", " ")


def _text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:  # it has ended, or we may not read it
        return ""
