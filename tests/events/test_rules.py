"""When a follower is woken, on a virtual clock."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from ptyjobs.client.event_rules import BURST, BURST_GAP, GATHER, PAUSE, EventRules
from ptyjobs.store.journal import ANSWERED, STARTED, Transition

HOUR = 3600.0


def event(job: str, kind: str = "exited", *, run: float = 0.0, **more: object) -> Transition:
    return Transition(kind, job, run, 0.0, session="s", cwd="/p/a", **more)  # type: ignore[arg-type]


class Session:
    """A follower that obeys `due`, and records the time and reason of each wake-up."""

    def __init__(self, rules: EventRules | None = None) -> None:
        self.rules = rules or EventRules(session="s")
        self.now = 0.0
        self.woken: list[tuple[float, tuple[Transition, ...]]] = []

    def until(self, time: float) -> None:
        while (due := self.rules.due) is not None and due <= time:
            self.now = max(self.now, due)
            batch = self.rules.take(self.now)
            assert batch
            self.woken.append((self.now, batch))
        self.now = time

    def comes(self, time: float, transition: Transition) -> None:
        self.until(time)
        self.rules.on_transition(time, transition)

    @property
    def jobs(self) -> list[list[str]]:
        return [[t.job_id for t in batch] for _, batch in self.woken]


def test_a_lone_transition_is_reported_at_once() -> None:
    session = Session()
    session.comes(1.0, event("a"))
    session.until(10)
    assert session.woken == [(1.0 + GATHER, (event("a"),))]


def test_fifty_jobs_that_end_together_are_one_wake() -> None:
    session = Session()
    for number in range(50):
        session.comes(1.0 + number * 0.01, event(f"j{number}"))
    session.until(10)
    assert [len(batch) for _, batch in session.woken] == [50]
    assert session.woken[0][0] <= 1.49 + BURST_GAP


def test_a_burst_that_never_pauses_is_reported_all_the_same() -> None:
    session = Session()
    for number in range(400):
        session.comes(number * 0.01, event(f"j{number}"))
    session.until(20)
    times = [time for time, _ in session.woken]
    assert times[0] == BURST
    assert sum(len(batch) for _, batch in session.woken) == 400
    assert len(times) == 3


def test_what_follows_within_the_pause_is_held_and_becomes_one_line() -> None:
    session = Session()
    for time, job in ((0.0, "a"), (0.5, "b"), (1.0, "c"), (1.9, "d")):
        session.comes(time, event(job))
    session.until(10)
    assert session.jobs == [["a"], ["b", "c", "d"]]
    assert session.woken[1][0] == GATHER + PAUSE


def test_a_burst_that_begins_slowly_is_its_first_at_once_and_all_others_in_one_line() -> None:
    session = Session()
    times = [0.0, GATHER + 0.001, *(0.1 + n * 0.095 for n in range(20))]  # up to 1.9 s
    for number, time in enumerate(times):
        session.comes(time, event(f"j{number}"))
    session.until(10)
    assert [(time, len(batch)) for time, batch in session.woken] == [
        (GATHER, 1),
        (GATHER + PAUSE, 21),
    ]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=60))
def test_any_arrivals_make_at_most_one_line_in_two_seconds_and_none_is_late(
    times: list[float],
) -> None:
    session = Session()
    arrived = {f"j{number}": time for number, time in enumerate(sorted(times))}
    for job, time in arrived.items():
        session.comes(time, event(job))
    session.until(60)
    lines = [time for time, _ in session.woken]
    assert all(b - a >= PAUSE - 1e-9 for a, b in itertools.pairwise(lines))
    reported = {t.job_id: time for time, batch in session.woken for t in batch}
    assert reported.keys() == arrived.keys()
    late = {job: reported[job] - time for job, time in arrived.items()}
    assert all(-1e-9 <= seconds <= PAUSE + BURST_GAP for seconds in late.values()), late
    first, *others = sorted(arrived.values())
    if not others or others[0] - first > GATHER:  # alone: at once
        assert lines[0] == first + GATHER


def test_what_a_call_has_returned_is_not_reported() -> None:
    session = Session()
    session.comes(0.0, event("a", offset=5, to=("s",)))  # the call that waited
    session.comes(1.0, event("b", "asks", offset=7))
    session.comes(1.01, event("b", ANSWERED, offset=7))  # a call that came a moment later
    session.comes(5.0, event("c", offset=9, to=("another",)))
    session.until(10)
    assert session.jobs == [["c"]]


def offered(job: str, kind: str = "exited", *, token: str = "server.1") -> Transition:
    return event(job, kind, offset=5, to=("s",), offers=(f"{token} s", "server.9 another"))


def test_an_answer_that_has_to_be_fetched_is_reported_only_if_its_server_is_killed() -> None:
    session = Session()
    session.comes(0.0, offered("a"))
    session.comes(0.0, offered("b", token="server.2"))
    session.comes(0.0, offered("c", "asks", token="server.3"))
    session.until(HOUR)  # its client may take its time
    assert session.rules.offers == {"server.1", "server.2", "server.3"}
    fetched = Transition(ANSWERED, "", 0.0, 0.0, session="s", offers=("server.2",))
    session.comes(HOUR, fetched)
    session.comes(HOUR, event("c", ANSWERED, offset=6))  # another call has told the question
    assert session.rules.offers == {"server.1"}
    assert session.woken == []
    session.rules.withdraw(HOUR, "server.1")
    session.until(2 * HOUR)
    assert session.jobs == [["a"]]
    assert session.rules.offers == set()


def test_a_question_that_was_not_fetched_is_dropped_at_the_end_of_its_job() -> None:
    session = Session()
    session.comes(0.0, offered("a", "asks"))
    session.comes(1.0, event("a"))
    assert session.rules.offers == set()
    session.until(10)
    assert session.jobs == [["a"]]


def test_an_answer_does_not_cover_what_comes_after_it() -> None:
    session = Session()
    session.comes(0.0, event("a", "asks", offset=7))
    session.comes(0.001, event("a", "asks", offset=20))
    session.comes(0.002, event("a", ANSWERED, offset=7))
    session.until(10)
    assert [t.offset for _, batch in session.woken for t in batch] == [20]


def test_an_end_is_reported_once_whoever_wrote_it_down() -> None:
    session = Session()
    for time, kind in ((0.0, "exited"), (5.0, "lost"), (9.0, "exited")):
        session.comes(time, event("a", kind))
    session.comes(20.0, event("a", run=1.0))  # another run of the same name
    session.until(30)
    assert session.jobs == [["a"], ["a"]]


def test_a_job_that_has_ended_asks_nothing() -> None:
    session = Session()
    session.comes(0.0, event("x"))
    session.comes(0.5, event("a", "asks"))
    session.comes(0.6, event("a"))
    session.until(10)
    assert [[t.kind for t in batch] for _, batch in session.woken] == [["exited"], ["exited"]]


def test_kinds_sessions_and_directories_are_told_apart() -> None:
    asks = Session(EventRules(session="s", kinds=("asks",)))
    inside = Session(EventRules(project="/p"))
    beside = Session(EventRules(project="/p/ab"))
    for follower in (asks, inside, beside):
        follower.comes(0.0, event("a"))
        follower.comes(9.0, Transition("asks", "b", 0.0, 0.0, session="t", cwd="/q"))
        follower.comes(18.0, event("c", "asks"))
        follower.comes(19.0, event("c", STARTED))
        follower.until(30)
    assert (asks.jobs, inside.jobs, beside.jobs) == ([["c"]], [["a"], ["c"]], [])


def test_a_clock_that_jumps_delays_nothing_for_ever() -> None:
    session = Session()
    session.comes(0.0, event("a"))
    session.until(HOUR)  # suspended meanwhile
    session.comes(HOUR, event("b"))
    session.until(HOUR + 1)
    assert session.jobs == [["a"], ["b"]]


def test_an_hour_of_twenty_jobs_wakes_exactly_as_often_as_the_rule_says() -> None:
    """200 transitions: lone ones, bursts, pairs, and ones that calls have returned."""
    rng = random.Random(18)
    plan: list[tuple[float, Transition]] = []
    wakes = reported = 0
    slots = iter(range(10, 3600, 20))  # far apart: each slot is judged by itself
    jobs = [f"job{number}" for number in range(20)]
    for _ in range(60):  # lone questions
        plan.append((next(slots), event(rng.choice(jobs), "asks")))
        wakes, reported = wakes + 1, reported + 1
    for _ in range(5):  # bursts of ten
        at = next(slots)
        plan += [(at + n * 0.015, event(rng.choice(jobs), "matched")) for n in range(10)]
        wakes, reported = wakes + 1, reported + 10
    for _ in range(15):  # pairs, the second within the pause: a line each
        at = next(slots)
        plan += [(at + extra, event(rng.choice(jobs), "port")) for extra in (0.0, 1.0)]
        wakes, reported = wakes + 2, reported + 2
    for _ in range(40):  # returned by the call that waited
        plan.append((next(slots), event(rng.choice(jobs), "asks", to=("s",))))
    for number, job in enumerate(jobs):  # ends; half of them returned a moment later by a call
        at = next(slots)
        plan.append((at, event(job, "exited", offset=4)))
        if number % 2:
            plan.append((at + GATHER / 2, event(job, ANSWERED, offset=4)))
        else:
            wakes, reported = wakes + 1, reported + 1
    transitions = [t for _, t in plan if t.kind != ANSWERED]
    assert len(transitions) == 200
    session = Session()
    for time, transition in sorted(plan, key=lambda item: item[0]):
        session.comes(time, transition)
    session.until(HOUR)
    assert len(session.woken) == wakes == 60 + 5 + 30 + 10
    assert sum(len(batch) for _, batch in session.woken) == reported
    times = [time for time, _ in session.woken]
    assert min(b - a for a, b in itertools.pairwise(times)) >= PAUSE
