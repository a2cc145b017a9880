"""A caller who waits for a job that floods: probes tell nothing, and others get their turn."""

from __future__ import annotations

import time
from typing import Any, cast

from ptyjobs.core.evidence import Evidence, PromptMemory
from ptyjobs.core.facts import Probe, Wait
from ptyjobs.core.text import mark
from ptyjobs.core.vt import Screen
from ptyjobs.errors import BadPattern
from ptyjobs.host.holder import Holder
from ptyjobs.host.job import Job
from ptyjobs.host.turns import Turns
from ptyjobs.host.waiter import FLOODS, Ask, Waiter
from ptyjobs.model import Answer, Reason, Size, State, Tier

AHEAD = 10_000.0  # seconds by which the test's clock is ahead of the machine's, which is read too


class Flood:
    """A job whose terminal is never found empty."""

    def __init__(self, *, hot: bool) -> None:
        self.tier = Tier.FULL
        self.evidence, self.memory = Evidence(), PromptMemory()
        self.spec = self.dir = self.log = self.courtesy = self.fold = self.kernel = self
        self.quiet_floor, self.job_id, self.state, self.held = 0.0, "flood", State.RUNNING, b""
        self.hot = hot
        self.end = self.drained = self.probes = self.passed = 0
        self.screen = Screen(Size())

    def drain(self, now: float) -> bool:
        self.drained += 1
        self.end += 1000
        return False

    def probe(self) -> Probe:
        self.probes += 1
        return Probe(wait=Wait.BUSY)

    def ahead(self, end: int, *observers: object) -> None:
        self.passed = end

    def catch_up(self, end: int, *observers: object) -> bytes:
        return b""

    def waiting(self, on: bool) -> None: ...

    def draw(self, end: int, *observers: object) -> None: ...

    def leader_gone(self) -> bool:
        return False

    def unsent(self, owner: int) -> int:
        return 0

    def drop_input(self, owner: int) -> int:
        return 0


def waiter(job: Flood, replies: list[Any], *, now: float, timeout: float) -> Waiter:
    def reply(answer: Answer | BadPattern) -> None:
        replies.append(answer)

    start = mark(job.screen, offset=0, echo=False, canonical=False)
    return Waiter(cast(Job, job), Ask(timeout=timeout), owner=1, mark=start, now=now, reply=reply)


def test_each_step_beside_a_flood_gives_the_loop_its_turn() -> None:
    job, now = Flood(hot=True), time.monotonic() + AHEAD
    wait = waiter(job, [], now=now, timeout=1000.0)
    wait.advance(now)  # the first probe is always made
    assert job.probes == 1
    job.drained = 0
    for step in range(1, 20):
        wait.advance(now + step * FLOODS / 40)
        assert job.drained == step  # one drain, then back to the loop
        assert wait.due <= now + step * FLOODS / 40
    assert job.probes == 1
    assert job.passed == job.end


def test_a_flood_is_probed_ten_times_a_second() -> None:
    job, now = Flood(hot=True), time.monotonic() + AHEAD
    wait = waiter(job, [], now=now, timeout=1000.0)
    for step in range(1000):
        wait.advance(now + step / 100)
    assert 50 <= job.probes <= 150


def test_the_deadline_of_a_flood_is_kept() -> None:
    job, now = Flood(hot=True), time.monotonic() + AHEAD
    replies: list[Any] = []
    wait = waiter(job, replies, now=now, timeout=0.01)
    wait.advance(now)
    wait.advance(now + 0.02)
    assert wait.done
    assert [answer.verdict.reason for answer in replies] == [Reason.TIMEOUT]


def test_a_backlog_is_folded_for_those_who_wait() -> None:
    seen: list[object] = []

    class Backlog(Flood):
        def idle(self, end: int, *observers: object) -> bool:
            seen.extend(observers)
            return True

    job = Backlog(hot=False)
    wait = waiter(job, [], now=0.0, timeout=1.0)
    holder = Holder.__new__(Holder)
    holder.job = cast(Job, job)
    holder.turns = cast(Turns, [wait])
    holder._fold_a_little(5.0)
    assert seen == [wait.observe]
    assert holder._fold_due == 5.01
