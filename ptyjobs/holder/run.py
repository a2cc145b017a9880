"""One run of a job: the job and the service that its requests act on.

Owns what passes from a run to the next: secrets, the port's lease, the count of restarts, a hold,
and the waits of the job's clients. Never decides when (`restarts` does) and never touches a file.
The subtle thing: the loop keeps its peers and exchanges this value, so a client's connection
outlives the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ptyjobs.errors import PtyJobsError
from ptyjobs.holder import operations
from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import Peer
from ptyjobs.holder.service import JobService
from ptyjobs.holder.waiter import Waiter

if TYPE_CHECKING:
    from ptyjobs.holder.restarts import Asked


@dataclass(frozen=True, slots=True)
class Run:
    """The parts that are made anew for each run."""

    job: Job
    service: JobService

    def inherit(self, before: Run) -> None:
        """Take over what outlives a run."""
        self.job.contained = before.job.contained
        self.job.secrets = before.job.secrets
        self.service.pid = before.service.pid
        self.service.lease = before.service.lease
        self.service.restarts = before.service.restarts
        self.service.notices.begin()
        self.service.hold.succeed(before.service.hold)

    def leave(self) -> Unanswered:
        """Take the calls that the next run answers."""
        service = self.service
        waits = service.inputs.take(service.watches.own)
        asked, service.restarts.asked = service.restarts.asked, []
        return Unanswered(waits, asked)

    def close(self) -> None:
        """Release what only this run has open."""
        self.service.watches.close()
        self.service.reporter.close()
        self.job.close()


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Calls that outlive a run: waits for its service, and requests for a restart."""

    waits: list[Waiter]
    asked: list[Asked]

    def refuse(self, peers: Mapping[int, Peer], error: PtyJobsError) -> None:
        """Answer all of them with the error."""
        numbers = [_numbers(wait) for wait in self.waits]
        for peer, number in [*numbers, *((p.number, n) for p, n, _ in self.asked)]:
            if peer in peers:
                peers[peer].send({"id": number, "error": error.to_wire()})

    def renew(self, service: JobService, peers: Mapping[int, Peer], now: float) -> None:
        """Continue them in the next run."""
        for wait in self.waits:
            peer, number = _numbers(wait)
            if (owner := peers.get(peer)) is not None:
                ask = replace(wait.ask, timeout=wait.left(now))
                service.inputs.wait(owner, number, ask, watch=service.watches.own)
        for owner, number, request in self.asked:
            if (reply := operations.first_answer(service, owner, number, request)) is not None:
                owner.send({"id": number, "ok": reply})


def _numbers(wait: Waiter) -> tuple[int, int]:
    """Number of the peer that waits, and of its request."""
    return wait.owner >> 32, wait.owner & 0xFFFFFFFF
