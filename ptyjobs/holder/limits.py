"""Limits that end a job: time limit, idle limit, loss of its directory.

Owns the times at which they are checked. Never ends anything: `step` returns the reason to end the
job. The subtle thing: a persistent job is idle only while no client is connected, counted from the
last disconnect or the last output; without its directory no client can ever find it again, so it
ends then even with clients, and with it the processes that an ended job has left.
"""

from __future__ import annotations

from collections.abc import Callable

from ptyjobs.holder.job import Job
from ptyjobs.model import JobSpec, Lifetime

HOME_EVERY = 10.0  # seconds between two checks for a persistent job's directory
LOST = "its directory was removed"


class Limits:
    """The limits of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._deadline: float | None = None
        self._last_client = self._home_due = 0.0
        self.persistent = False
        self.grace = 0.0  # seconds between SIGTERM and SIGKILL; 0 before there is a job

    def begin(self, spec: JobSpec, now: float) -> None:
        """Start the limits of a job that is being started."""
        self._last_client = now
        self._home_due = now + HOME_EVERY
        self.persistent = spec.lifetime is Lifetime.PERSISTENT
        self.grace = spec.grace
        if spec.timeout is not None:
            self._deadline = now + spec.timeout

    def client(self, now: float) -> None:
        """A client has connected or disconnected."""
        self._last_client = now

    def due(self, now: float, *, alone: bool) -> float:
        """Time of the next `step`; `alone` while no client is connected."""
        times = [self._home_due if self.persistent else float("inf")]
        if self._job.state.ended:
            return times[0]
        if self._deadline is not None:
            times.append(self._deadline)
        if (idle := self._idle_at(alone=alone)) is not None:
            times.append(max(idle, now + 0.01))
        return min(times)

    def step(self, now: float, *, alone: bool, lost: Callable[[], bool]) -> str:
        """The reason to end the job now; "" if there is none. `lost`: it has no directory."""
        if self.persistent and now >= self._home_due:
            self._home_due = now + HOME_EVERY
            if lost():
                return LOST
        if self._job.state.ended:
            return ""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            return f"its time limit of {self._job.spec.timeout:g} s was over"
        idle = self._idle_at(alone=alone)
        if idle is not None and now >= idle:
            return f"idle for more than {self._job.spec.idle_limit:g} s"
        return ""

    def _idle_at(self, *, alone: bool) -> float | None:
        job = self._job
        limit = job.spec.idle_limit if job.pty is not None and self.persistent else None
        if limit is None or not alone:
            return None
        return max(self._last_client, job.last_output) + limit
