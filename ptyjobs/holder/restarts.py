"""Restarts of a job: its policy, the pauses, and restarts on request.

Owns the decision and its wording; the loop carries it out (`run`, `home`), in the same holder, so
that waits for readiness and the name of the job span it. Never starts a run itself. The subtle
thing: a run counts as a failed try only if it ended soon. A run of at least `STEADY` seconds resets
the count, so a service that crashes once a day is not a crash loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptyjobs.model import Exit

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job
    from ptyjobs.holder.peers import Peer
    from ptyjobs.requests import RestartRequest

    Asked = tuple[Peer, int, RestartRequest]  # a pending request, its client and its number

NO, ON_FAILURE, ALWAYS = "no", "on-failure", "always"
LIMIT = 5  # consecutive restarts, unless the policy names a number
FIRST_PAUSE = 0.5  # seconds; doubled with each try
LONGEST_PAUSE = 30.0
STEADY = 10.0  # seconds of a run after which the count is reset
WORDS = 120  # characters of a try's last line


def parse(policy: str) -> tuple[str, int]:
    """(policy, limit) from "on-failure", "always:10"; raises ValueError for anything else."""
    word, colon, number = (policy or NO).partition(":")
    if word not in (NO, ON_FAILURE, ALWAYS) or (colon and not 0 < int(number) < 10_000):
        raise ValueError(policy)
    return word, int(number) if colon else LIMIT


class Restarts:
    """The restarts of one job, over all its runs."""

    def __init__(self) -> None:
        self.due = float("inf")  # time of the next run
        self.tries: list[str] = []  # how each failed run ended
        self.gave_up = False
        self._policy, self._limit = NO, LIMIT
        self._began = 0.0
        self.asked: list[Asked] = []  # pending restart requests

    def begin(self, policy: str, now: float) -> None:
        """A run begins."""
        self._policy, self._limit = parse(policy)
        self._began = now
        self.due = float("inf")

    @property
    def pending(self) -> bool:
        """True if another run is scheduled."""
        return self.due < float("inf") or bool(self.asked)

    def on_end(self, job: Job, now: float, last_line: Callable[[], str]) -> None:
        """A run has ended: decide whether another one follows."""
        if self.asked:
            self.due = now
            return
        end = job.exit
        if self._policy == NO or job.killing_reason or end is None:
            return
        if self._policy == ON_FAILURE and end.code == 0:
            return
        if now - self._began >= STEADY:
            self.tries.clear()
        self.tries.append(_try(job.spec.run, end, last_line()))
        if len(self.tries) > self._limit:
            self.gave_up = True
            job.reason = f"crash loop: given up after {len(self.tries)} runs"
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (len(self.tries) - 1))
        self.due = now + pause

    def cancel(self) -> bool:
        """Cancel the next run; True if one was pending."""
        pending = self.pending
        self.due = float("inf")
        self.asked.clear()
        return pending

    def words(self, now: float) -> str:
        """The next restart as text for `status`; "" if none follows."""
        if self.asked:
            return "restarts now"
        if self.due == float("inf"):
            return ""
        return f"restarts in {max(0.0, self.due - now):.1f} s ({len(self.tries)} of {self._limit})"


def _try(run: int, end: Exit, last_line: str) -> str:
    said = last_line.strip()[:WORDS]
    return f"run {run}: {end}" + (f": {said}" if said else "")
