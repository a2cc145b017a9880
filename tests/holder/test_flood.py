"""A wait for a flooding job: probes are useless, and other requests are still served."""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
import tty
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ptyprocess import PtyProcess

from ptyjobs.errors import BadPattern, PtyJobsError
from ptyjobs.holder import waiter as waiters
from ptyjobs.holder.input_queue import InputQueue
from ptyjobs.holder.job import Job
from ptyjobs.holder.loop import Holder
from ptyjobs.holder.run import Run
from ptyjobs.holder.service import JobService
from ptyjobs.holder.waiter import ENDING, FLOODS, PROGRESS_EVERY, Ask, Untold, Waiter
from ptyjobs.model import Answer, Reason, Size, State, Tier
from ptyjobs.process import pty as ptys
from ptyjobs.process.fair_share import HOT_RATE, WINDOW, Courtesy, SharedPage
from ptyjobs.process.pty import GATHER_MORE, READ_SIZE, Pty
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.store.regex_timeout import PATTERN_TIME
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import mark
from ptyjobs.text.patterns import Until

Advance = Callable[[Waiter, float], None]


class Flood:
    """A job whose terminal is never found empty."""

    def __init__(self, *, hot: bool) -> None:
        self.tier = Tier.FULL
        self.evidence, self.memory = Evidence(), PromptMemory()
        self.spec = self.dir = self.log = self.courtesy = self.fold = self.kernel = self
        self.quiet_floor, self.job_id, self.state = 0.0, "flood", State.RUNNING
        self.pacing = SimpleNamespace(held=b"")
        self.killing_reason = ""
        self.input = self
        self.hot = hot
        self.end = self.drained = self.probes = self.passed = self.drawn = 0
        self.newest = b""
        self.newlines = 0
        self.reacted = False
        self.says = ""
        self.size = Size()
        self.screen = Screen(self.size)

    def read(self, offset: int, limit: int) -> tuple[int, bytes]:
        return offset, self.newest

    def lost_since(self, offset: int) -> bool:
        return False

    def drain(self, now: float) -> bool:
        self.drained += 1
        self.end += 1000
        return False

    def look(self, now: float) -> Probe:
        return self.probe()

    def probe(self) -> Probe:
        self.probes += 1
        return Probe(wait=Wait.BUSY)

    def ahead(self, end: int, *observers: object) -> None:
        self.passed = end

    def catch_up(self, end: int, *observers: object) -> bytes:
        self.drawn += 1
        return b""

    def waiting(self, on: bool) -> None: ...

    def draw(self, end: int, *observers: object) -> None: ...

    gone = False

    def leader_gone(self) -> bool:
        return self.gone

    def unsent(self, owner: int) -> int:
        return 0

    def drop(self, owner: int) -> int:
        return 0

    def leave(self, owner: int) -> int:
        return 0


def waiter(job: Flood, replies: list[Any], *, now: float, timeout: float) -> Waiter:
    def reply(answer: Answer | PtyJobsError, _: Untold) -> None:
        replies.append(answer)

    start = mark(job.screen, offset=0, echo=False, canonical=False)
    return Waiter(cast(Job, job), Ask(timeout=timeout), owner=1, mark=start, now=now, reply=reply)


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Advance a wait at a fixed time chosen by the test."""

    def at(wait: Waiter, now: float) -> None:
        monkeypatch.setattr(waiters, "time", SimpleNamespace(monotonic=lambda: now))
        wait.advance(now)

    return at


def test_each_step_beside_a_flood_gives_the_loop_its_turn(advance: Advance) -> None:
    job, now = Flood(hot=True), 1000.0
    wait = waiter(job, [], now=now, timeout=1000.0)
    advance(wait, now)  # the first probe is always made
    assert job.probes == 1
    job.drained = 0
    for step in range(1, 20):
        advance(wait, now + step * FLOODS / 40)
        assert job.drained == step  # one drain, then back to the loop
        assert wait.due <= now + step * FLOODS / 40
    assert job.probes == 1
    assert job.passed == job.end


def test_a_flood_is_probed_ten_times_a_second(advance: Advance) -> None:
    job, now = Flood(hot=True), 1000.0
    wait = waiter(job, [], now=now, timeout=1000.0)
    for step in range(1000):
        advance(wait, now + step / 100)
    assert 50 <= job.probes <= 150


def looking(job: Flood, pattern: str, replies: list[Any], *, now: float) -> Waiter:
    start = mark(job.screen, offset=0, echo=False, canonical=False)
    ask = Ask(timeout=10.0, patterns=(re.compile(pattern),))

    def reply(answer: Answer | PtyJobsError, _: Untold) -> None:
        replies.append(answer)

    return Waiter(cast(Job, job), ask, owner=1, mark=start, now=now, reply=reply)


def test_neither_a_busy_machine_nor_much_to_draw_makes_a_pattern_bad(
    advance: Advance, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Flood):
        def catch_up(self, end: int, *observers: object) -> bytes:
            until = time.process_time() + 1.5 * PATTERN_TIME
            while time.process_time() < until:
                sum(range(1000))
            return b""

    job, replies, now = Slow(hot=False), list[Any](), 1000.0
    feed = Until.feed

    def starved(until: Until, data: bytes) -> Any:
        time.sleep(1.5 * PATTERN_TIME)
        return feed(until, data)

    monkeypatch.setattr(Until, "feed", starved)
    wait = looking(job, "done", replies, now=now)
    job.screen.feed(b"done")
    wait.on_output(now, b"done")
    assert not replies
    advance(wait, now)
    assert [answer.verdict.reason for answer in replies] == [Reason.PATTERN]


def test_a_pattern_that_takes_for_ever_is_refused() -> None:
    replies: list[Any] = []
    wait = looking(Flood(hot=False), "(a+)+$", replies, now=1000.0)
    wait.on_output(1000.0, b"a" * 40 + b"b")
    assert wait.done
    assert isinstance(replies[0], BadPattern)


@pytest.mark.parametrize("newest", [b"7\r\n8\r\n", b"9\x1b[4;1H8\x1b[H"])
def test_progress_of_a_flood_is_its_newest_line_and_only_a_screen_is_drawn_for_it(
    advance: Advance, newest: bytes
) -> None:
    job, now, told = Flood(hot=True), 1000.0, list[str]()
    job.newest = newest
    job.screen.feed(b"\x1b[2;1H8")
    start = mark(job.screen, offset=0, echo=False, canonical=False)
    ask = Ask(timeout=10.0, progress=True)
    wait = Waiter(
        cast(Job, job),
        ask,
        owner=1,
        mark=start,
        now=now,
        reply=lambda *_: None,
        progress=told.append,
    )
    for step in range(1, 20):
        advance(wait, now + step * PROGRESS_EVERY / 10)
    assert told == ["8"]
    assert job.drawn == (b"\x1b" in newest)


def test_the_deadline_of_a_flood_is_kept(advance: Advance) -> None:
    job, now = Flood(hot=True), 1000.0
    replies: list[Any] = []
    wait = waiter(job, replies, now=now, timeout=0.01)
    advance(wait, now)
    advance(wait, now + 0.02)
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
    holder.current = Run(cast(Job, job), JobService.__new__(JobService))
    holder.service.inputs = cast(InputQueue, [wait])
    holder._fold_a_little(5.0)
    assert seen == [wait.observe]
    assert holder._fold_due == 5.01


def raw_terminal() -> tuple[Pty, int]:
    """A pty without a child; bytes written to the slave arrive at the master."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return Pty(PtyProcess(0, master)), slave


def test_reads_of_a_flood_are_put_together_while_more_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ptys, "GATHERING", 60.0)  # however busy the machine is
    terminal, slave = raw_terminal()
    pieces = [b"b" * 3000, b"c" * 10]
    os.write(slave, b"a" * 3000)

    def more() -> bool:
        if not pieces:
            return False
        os.write(slave, pieces.pop(0))
        return True

    try:
        assert wait_for(terminal, more) == b"a" * 3000 + b"b" * 3000 + b"c" * 10
        assert terminal.read() == b""
        assert terminal.read(more=lambda: pytest.fail("nothing came: nobody waits for more")) == b""
    finally:
        os.close(slave)
        terminal.close()


def test_what_was_put_together_is_handed_on_though_more_would_come() -> None:
    """Bounded in size and time, so that other requests are served."""
    terminal, slave = raw_terminal()
    os.set_blocking(slave, False)

    def more() -> bool:
        with contextlib.suppress(BlockingIOError):
            os.write(slave, b"x" * 4000)
        return True

    try:
        sizes = [len(wait_for(terminal, more)) for _ in range(20) if more()]
        assert all(0 < size < GATHER_MORE + READ_SIZE for size in sizes)
    finally:
        os.close(slave)
        terminal.close()


def test_the_end_of_a_flood_is_told_after_its_last_bytes() -> None:
    terminal, slave = raw_terminal()
    os.write(slave, b"the last")

    def more() -> bool:
        with contextlib.suppress(OSError):
            os.close(slave)
        return True

    try:
        assert wait_for(terminal, more) == b"the last"
        assert terminal.read(more=more) is None
    finally:
        terminal.close()


def wait_for(terminal: Pty, more: Callable[[], bool]) -> bytes:
    """The kernel hands the bytes over a moment after they were written."""
    select.select([terminal.master], [], [], 5)
    data = terminal.read(more=more)
    assert data is not None
    return data


def test_a_job_is_hot_as_soon_as_it_wrote_what_makes_it_hot() -> None:
    courtesy = Courtesy(SharedPage())
    courtesy.on_read(1000.0, 1)  # ends the first window
    courtesy.on_read(1000.01, int(HOT_RATE * WINDOW))
    assert not courtesy.hot
    courtesy.on_read(1000.02, 1)
    assert courtesy.hot
    courtesy.on_read(1000.0 + 1.1 * WINDOW, 1)
    assert courtesy.hot
    courtesy.calm(1002.0)
    assert not courtesy.hot


def test_an_end_that_is_kept_back_keeps_no_caller(advance: Advance) -> None:
    """The leader has exited, but the log has no room for its last output: the deadline holds."""
    job, now = Flood(hot=False), 1000.0
    replies: list[Any] = []
    job.gone, job.pacing.held = True, b"the rest"
    wait = waiter(job, replies, now=now, timeout=1.0)
    advance(wait, now + 0.9)
    assert not replies
    advance(wait, now + 1.1)
    assert [answer.verdict.reason for answer in replies] == [Reason.TIMEOUT]


def test_an_end_that_is_near_is_awaited(advance: Advance) -> None:
    job, now = Flood(hot=False), 1000.0
    replies: list[Any] = []
    job.gone = True
    wait = waiter(job, replies, now=now, timeout=1.0)
    advance(wait, now + 1.0 + ENDING / 2)
    assert not replies
    advance(wait, now + 1.0 + 2 * ENDING)
    assert [answer.verdict.reason for answer in replies] == [Reason.TIMEOUT]
