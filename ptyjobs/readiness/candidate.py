"""The wait state that may end one wait, as the probes have shown it so far.

Owns the newest probe, the first probe of a hard wait, and the times since which every probe found
the program accepting input or busy. Never weighs the screen. The subtle thing: a *hard* wait is
believed only when two probes with an empty drain between them show the same thread with the same
run time, because then that thread cannot have run in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ptyjobs.model import Confidence, Reason
from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.readiness.silence import Rule, password


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that only computes and sleeps for a set time, as pollers do.

    `first`: the probe that first found it; `still`: the same since it last read or used new memory.
    """

    since: float
    first: Probe
    still: Probe
    slept: bool  # it was seen in such a sleep

    def polls(self, probe: Probe) -> bool:
        """True if it wakes again and again, or its reads repeatedly return nothing."""
        first, now = self.first.effort, probe.effort
        calls, given = now.reads - first.reads, now.read_bytes - first.read_bytes
        rounds = self.slept and probe.runs - self.first.runs >= tuning.POLLS
        return rounds or calls - given >= tuning.EMPTY_READS or self._spins(probe)

    def _spins(self, probe: Probe) -> bool:
        """True if it spends most of its time in system calls, without any work that shows.

        True of a loop around poll(2) with a time-out of 0; False of a loop that computes more than
        it polls, because a computation that asks for the time looks the same.
        """
        still, now = self.still.effort, probe.effort
        spent, own = now.system - still.system, now.user - still.user
        return spent >= max(tuning.SPINS, own)


@dataclass(frozen=True, slots=True)
class Busy:
    """Start times of the busy period, and of its current kind of work."""

    at: float
    cpu: int  # CPU time at that time
    ran: bool  # every probe found it on a processor, or waiting for one
    kind: tuple[int, bool, bool, bool]
    since: float
    loop: Loop | None

    def spent(self, now: float, probe: Probe) -> float:
        """Seconds that it has been busy, without those in which it waited for a processor."""
        passed, ran = now - self.at, (probe.cpu - self.cpu) / 1e9
        same = probe.pid == self.kind[0]
        return min(passed, ran) if self.ran and probe.running and same else passed


class Candidate:
    """Probe results of one wait."""

    __slots__ = ("accepting", "busy", "decided", "first", "first_at", "probe", "streak")

    def __init__(self) -> None:
        self.probe: Probe | None = None  # the newest
        self.first: Probe | None = None  # the first probe of a hard wait
        self.first_at = 0.0
        self.decided: Rule | None = None  # the second probe has confirmed it
        self.streak: float | None = None  # since when every probe found it accepting input
        self.accepting: float | None = None  # the same, regardless of its output and CPU time
        self.busy: Busy | None = None

    def on_hard(self, now: float, probe: Probe, *, output: float) -> float | None:
        """The program blocks on input. Return the time of the second probe; None: this was it."""
        self.probe, self.streak, self.busy = probe, None, None
        first = self.first
        if first is None or not same_moment(first, probe):
            self.first, self.first_at = probe, now
            return now + (tuning.RELAY if probe.relayed else 0.0)
        moved = max(output, self.first_at) + tuning.RELAY
        if probe.relayed and now < moved:
            return moved
        self.decided = password(probe, confidence=Confidence.CERTAIN) or Rule(
            0.0,
            Reason.WAITING_FOR_INPUT,
            Confidence.CERTAIN,
            f"{probe.doing}, on its terminal alone",
        )
        return None

    def on_accepting(self, now: float, probe: Probe) -> bool:
        """It accepts input, and may still work. Return True if the last probe said otherwise."""
        self.probe, self.first, self.busy = probe, None, None
        if self.streak is not None:
            return False
        self.streak = now
        if self.accepting is None:
            self.accepting = now
        return True

    def on_busy(self, now: float, probe: Probe) -> None:
        """The program is not ready; its wait is not BUSY if only unread input made it so."""
        self.probe, self.first, self.streak = probe, None, None
        old = self.busy if probe.wait is Wait.BUSY else None
        spent = 0.0 if old is None else old.spent(now, probe)
        if probe.unread or spent > tuning.PAINT:  # not just between two frames
            self.accepting = None
        kind = (probe.pid, probe.stopped, probe.blocked, probe.polling)
        since = now if old is None or kind != old.kind else old.since
        loop = self._loop(now, probe, old)
        if old is None:
            self.busy = Busy(now, probe.cpu, probe.running, kind, since, loop)
        else:
            ran = old.ran and probe.running and probe.pid == old.kind[0]
            self.busy = Busy(old.at, old.cpu, ran, kind, since, loop)

    @staticmethod
    def _loop(now: float, probe: Probe, old: Busy | None) -> Loop | None:
        if probe.unread or not (probe.polling or probe.running):
            return None
        loop = old.loop if old is not None and old.kind[0] == probe.pid else None
        if loop is None:
            return Loop(now, probe, probe, probe.polling)
        still, effort = loop.still.effort, probe.effort
        if (effort.reads, effort.faults) != (still.reads, still.faults):
            loop = replace(loop, still=probe)
        return replace(loop, slept=True) if probe.polling else loop

    def forget(self) -> None:
        """Drop the confirmed wait: another process may still print a match."""
        self.first = self.decided = None


def same_moment(first: Probe, second: Probe) -> bool:
    """True if the same thread of the same process has not run in between."""
    return (first.wait, first.pid, first.start, first.tid, first.runtime) == (
        second.wait,
        second.pid,
        second.start,
        second.tid,
        second.runtime,
    )
