"""The state machine alone, on a virtual clock: no process, no terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptyjobs.model import Confidence, Exit, Reason, Size, Tier, Verdict
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import (
    DoDrain,
    DoLook,
    DoProbe,
    DoWait,
    Effort,
    Look,
    Probe,
    Sent,
    Wait,
    look_at,
)
from ptyjobs.readiness.prompt_memory import PromptGuess, PromptMemory, normal
from ptyjobs.readiness.settle import Settle
from ptyjobs.readiness.tuning import (
    ALONE,
    BANNER,
    EDIT,
    FAR_BLANK,
    FIRST,
    MARK,
    PAINT,
    POLLING,
    QUESTION,
    REACTION,
    RETRY,
    STILL,
    STOPPED,
    WORKING,
)
from ptyjobs.terminal.screen import Screen

HARD = Probe(Wait.HARD, pid=7, tid=7, runtime=100, start=1, doing="cat in read")
SOFT = replace(HARD, wait=Wait.SOFT, canonical=False, echo=False, signature="epoll_wait/2")
BUSY = replace(HARD, wait=Wait.BUSY, doing="cat on CPU")
FAR = replace(SOFT, wait=Wait.UNKNOWN)
ENTER = Sent(lines=1, text=True, enter=True, nbytes=4)


class World:
    """A job scripted by the test, with times."""

    def __init__(self, **options: object) -> None:
        self.now = 100.0
        self.evidence = Evidence()
        self.memory = options.pop("memory", None) or PromptMemory()
        self.probe = BUSY
        self.look = Look()
        self.probes = 0
        self.unread = b""  # in the terminal: written after the drain that precedes a probe
        self.options = options

    def settle(self, timeout: float = 30.0, **options: object) -> Settle:
        options = self.options | options
        self.machine = Settle(
            now=self.now,
            deadline=self.now + timeout,
            tier=Tier.FULL,
            evidence=self.evidence,
            memory=self.memory,
            **options,  # type: ignore[arg-type]
        )
        return self.machine

    def say(self, data: bytes) -> None:
        self.evidence.feed(data)
        self.machine.on_output(self.now, len(data))

    def run(self, until: float = 1e9) -> Verdict | None:
        """Run the machine until a verdict, or for `until` seconds."""
        end = self.now + until
        for _ in range(100_000):
            step = self.machine.step(self.now)
            if isinstance(step, Verdict):
                return step
            if isinstance(step, DoProbe):
                self.probes += 1
                self.machine.on_probe(self.now, self.probe)
            elif isinstance(step, DoDrain):
                if self.unread:
                    self.say(self.unread)
                    self.unread = b""
            elif isinstance(step, DoLook):
                self.machine.on_look(self.now, self.look)
            else:
                assert isinstance(step, DoWait)
                assert step.until > self.now, "waiting for the past never ends"
                if step.until > end:
                    self.now = end
                    return None
                self.now = step.until
        raise AssertionError("the machine does not stop")


def prompt(text: str, **fields: object) -> PromptGuess:
    return PromptGuess(text=normal(text), raw=text, pid=7, start=1, **fields)  # type: ignore[arg-type]


def known(text: str, **fields: object) -> PromptMemory:
    memory = PromptMemory()
    memory.learn(prompt(text, **fields))
    return memory


def test_one_look_at_a_hard_wait_is_not_enough() -> None:
    world = World()
    settle = world.settle()
    assert isinstance(settle.step(world.now), DoProbe)
    settle.on_probe(world.now, HARD)
    assert isinstance(settle.step(world.now), DoProbe)  # race 3 and 4: drain, and look again
    settle.on_probe(world.now, HARD)
    assert isinstance(settle.step(world.now), DoLook)
    settle.on_look(world.now, Look(before_cursor="$ "))
    verdict = settle.step(world.now)
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.confidence) == (Reason.WAITING_FOR_INPUT, Confidence.CERTAIN)
    assert verdict.prompt == "$ "
    assert verdict.waited == 0.0


@pytest.mark.parametrize(
    "between",
    [{"runtime": 101}, {"tid": 8}, {"pid": 8}, {"start": 2}],
    ids=["it ran", "another thread", "another process", "a reused pid"],
)
def test_a_waiter_that_ran_between_two_looks_is_looked_at_again(between: dict[str, int]) -> None:
    world = World()
    settle = world.settle()
    settle.on_probe(world.now, HARD)
    settle.on_probe(world.now, replace(HARD, **between))  # type: ignore[arg-type]
    assert isinstance(settle.step(world.now), DoProbe)
    settle.on_probe(world.now, replace(HARD, **between))  # type: ignore[arg-type]
    assert isinstance(settle.step(world.now), DoLook)


def test_a_relay_is_given_time_between_two_looks() -> None:
    """Also when it was judged soft before: the soft rules are not for it."""
    world = World(memory=known("> ", signature=SOFT.signature))
    settle = world.settle(sent=ENTER)
    world.say(b"> ")
    settle.on_look(world.now, Look(before_cursor="> "))
    settle.on_probe(world.now, SOFT)
    world.now += 0.05
    settle.on_probe(world.now, replace(HARD, relayed=True))
    step = settle.step(world.now)
    assert isinstance(step, DoWait)
    assert step.until == pytest.approx(world.now + 0.002)


def test_unread_input_is_never_ready() -> None:
    world = World()
    world.settle(timeout=5, sent=ENTER)
    world.probe = replace(HARD, unread=True)
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.TIMEOUT
    assert not verdict.input_consumed


def test_a_busy_program_never_settles_on_silence() -> None:
    world = World(memory=known("$ "))
    world.settle(timeout=3600)
    world.look = Look(before_cursor="$ ")  # even with a prompt in sight
    world.say(b"$ ")
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.doing) == (Reason.TIMEOUT, "cat on CPU")
    assert verdict.waited == pytest.approx(3600, abs=0.01)


def test_waiting_for_a_minute_costs_few_probes() -> None:
    world = World()
    world.settle(timeout=60)
    assert world.run() is not None
    assert world.probes < 1000


def test_a_flood_is_probed_seldom_and_its_end_at_once() -> None:
    world = World()
    world.settle()
    for _ in range(3000):  # three seconds of a chunk each millisecond... at a tenth of that
        world.now += 0.0001
        world.say(b"x" * 4096)
        step = world.machine.step(world.now)
        if isinstance(step, DoProbe):
            world.probes += 1
            world.machine.on_probe(world.now, BUSY)
    assert world.probes < 130  # one in 3 ms, and the first few
    world.probe = HARD
    last = world.now
    verdict = world.run()
    assert verdict is not None
    assert world.now - last < 0.0005


def test_small_output_is_probed_at_once() -> None:
    world = World()
    settle = world.settle()
    settle.on_probe(world.now, BUSY)
    for _ in range(4):
        world.now += 0.00002
        world.say(b"2\r\n>>> ")
        assert isinstance(settle.step(world.now), DoProbe)
        settle.on_probe(world.now, BUSY)


def test_learned_prompt_counts_only_after_new_output() -> None:
    world = World(memory=known("> ", signature=SOFT.signature))
    world.settle(sent=ENTER)
    world.probe, world.look = SOFT, Look(before_cursor="> ")
    assert world.run(1.0) is None  # the old prompt is still on the screen
    world.say(b"2\r\n> ")
    said = world.now
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.confidence) == (Reason.PROMPT, Confidence.HIGH)
    assert world.now - said < 2 * MARK


def test_a_prompt_that_nobody_answered_still_stands() -> None:
    world = World(memory=known("> ", signature=SOFT.signature))
    world.evidence.feed(b"> ")
    world.settle()
    world.probe, world.look = SOFT, Look(before_cursor="> ")
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.PROMPT
    assert verdict.waited < 0.02
    for marks in (b"\x1b]133;A\x07", b"\x1b[?2004h"):
        world = World()
        world.evidence.feed(marks)
        world.settle()
        world.probe = FAR
        verdict = world.run()
        assert verdict is not None
        assert verdict.reason is Reason.PROMPT


def test_numbers_in_prompts_are_one_prompt() -> None:
    assert known("In [3]: ").known("In [14]: ") is not None
    assert known("In [3]: ").known("Out[14]: ") is None


def test_a_program_with_a_prompt_that_shows_none_is_given_time() -> None:
    world = World(memory=known("> ", signature=SOFT.signature))
    world.settle(sent=ENTER)
    world.probe = SOFT
    world.say(b"await x\r\n")
    assert world.run(3.0) is None
    world.say(b"done\r\n> ")
    world.look = Look(before_cursor="> ")
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.PROMPT


def test_dots_of_progress_are_no_question_but_a_gap_before_the_cursor_is() -> None:
    for row, ready in (("....", False), ("name ", True), ("sure?", True), ("... ", True)):
        world = World(memory=known("> ", signature=SOFT.signature))
        world.settle(sent=ENTER)
        world.probe, world.look = SOFT, Look(before_cursor=row)
        world.say(row.encode())
        assert (world.run(0.5) is not None) is ready, row


def test_a_program_never_seen_with_a_prompt() -> None:
    world = World()
    world.settle()
    world.probe = SOFT
    assert world.run(FIRST / 2) is None  # it accepts input, but has no output yet
    world.say(b"menu")
    world.look = Look(before_cursor="menu")
    said = world.now
    verdict = world.run()
    assert verdict is not None
    assert verdict.confidence is Confidence.HIGH
    assert world.now - said == pytest.approx(PAINT, abs=0.005)


def test_a_banner_is_followed_by_a_prompt_most_often() -> None:
    world = World()
    world.settle()
    world.probe = SOFT
    world.say(b"Welcome\r\n")
    assert world.run(BANNER / 2) is None
    world.say(b"(1)> ")
    world.look = Look(before_cursor="(1)> ")
    assert world.run(2 * PAINT) is not None
    world = World()
    world.settle()
    world.probe = SOFT
    world.say(b"listening\r\n")
    assert world.run(1.2 * BANNER) is not None  # a server that takes keys shows none


def test_a_clock_in_a_toolbar_holds_up_nobody() -> None:
    for edits in (True, False):
        world = World(memory=known("> ", signature=SOFT.signature))
        if edits:
            world.evidence.feed(b"\x1b[?2004h")
        world.settle(sent=ENTER)
        world.probe, world.look = SOFT, Look(before_cursor="> x", after_cursor=")")
        verdict = None
        for _ in range(100):
            world.say(b"\x1b7\x1b[H12:00\x1b8")
            verdict = verdict or world.run(0.02)
        assert (verdict is not None) is edits


def test_a_line_is_read_without_the_line_editor() -> None:
    for echo, patience in ((True, WORKING), (False, None)):
        world = World(memory=known("> ", signature=SOFT.signature, canonical=False, echo=False))
        world.settle(sent=ENTER)
        world.probe, world.look = replace(SOFT, echo=echo), Look()
        world.say(b"getLine\r\n")
        assert world.run(WORKING * 0.9) is None
        assert (world.run(WORKING * 0.2) is not None) is (patience is not None)


def test_cpu_of_the_waiting_thread_is_work() -> None:
    world = World()
    world.settle(timeout=1)
    start = world.now
    world.say(b"...")
    for _ in range(500):
        step = world.machine.step(world.now)
        assert not isinstance(step, Verdict) or step.reason is Reason.TIMEOUT
        if isinstance(step, Verdict):
            break
        if isinstance(step, DoProbe):
            used = int((world.now - start) * 0.5e9)
            world.machine.on_probe(world.now, replace(SOFT, runtime=used, cpu=used))
        elif isinstance(step, DoLook):
            world.machine.on_look(world.now, Look())
        elif isinstance(step, DoWait):
            world.now = step.until
    else:
        raise AssertionError("no end")


def test_bracketed_paste_says_prompt_and_busy() -> None:
    world = World(memory=known(">>> ", signature=SOFT.signature))
    world.evidence.feed(b"\x1b[?2004h>>> ")
    world.settle(sent=ENTER)
    world.probe, world.look = SOFT, Look(before_cursor="")
    world.say(b"x\r\n\x1b[?2004l\r")
    assert world.run(1.5) is None
    world.look = Look(before_cursor="?!? ")
    world.say(b"\x1b[?2004h?!? ")
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.why) == (Reason.PROMPT, "it marked its prompt")


def test_a_frame_that_is_being_drawn_is_not_settled() -> None:
    world = World()
    world.settle()
    world.probe = SOFT
    world.say(b"\x1b[?1049h\x1b[?2026hhalf")
    world.look = Look(alternate=True)
    assert world.run(PAINT * 2) is None
    world.say(b"rest\x1b[?2026l")
    said = world.now
    assert world.run() is not None
    assert world.now - said == pytest.approx(PAINT, abs=0.005)


def test_children_since_the_send_work() -> None:
    base = replace(SOFT, children=frozenset({1, 7}))
    world = World(memory=known("> ", signature=SOFT.signature), baseline=base)
    world.look = Look(before_cursor="odd")
    world.settle(sent=ENTER)
    world.probe = replace(SOFT, children=frozenset({1, 7, 9}), lineage=frozenset({1, 7}))
    world.say(b"odd")
    assert world.run(1.5) is None
    # ... but the waiter itself and its ancestors are no work
    world = World(baseline=base)
    world.settle(sent=ENTER)
    lineage = frozenset({1, 7, 8, 9})
    world.probe = replace(SOFT, pid=9, children=frozenset({1, 7, 8, 9}), lineage=lineage)
    world.say(b"menu")
    assert world.run(0.1) is not None


@pytest.mark.parametrize(("row", "asks"), [("Installing... ", False), ("main[1] ", True)])
def test_beside_a_working_child_a_gap_alone_is_no_question(row: str, asks: bool) -> None:
    base = replace(SOFT, children=frozenset({1, 7}))
    world = World(memory=known("name: ", signature=SOFT.signature), baseline=base)
    world.look = Look(before_cursor=row)
    world.settle(sent=ENTER)
    world.probe = replace(SOFT, children=frozenset({1, 7, 9}), lineage=frozenset({1, 7}))
    world.say(row.encode())
    assert (world.run(1.5) is not None) is asks


@pytest.mark.parametrize(
    ("before", "after", "rests"),
    [(0.0, 12.0, False), (7.0, 8.0, False), (8.0, 6.0, False), (7.0, 7.0, True), (7.0, 0.0, True)],
)
def test_a_long_timer_that_the_input_began_is_work(
    before: float, after: float, rests: bool
) -> None:
    idle = replace(SOFT, alone=True, signature="epoll_pwait/9")
    base = replace(idle, timed=before > 0, wakes=before)
    world = World(memory=known("> ", signature=SOFT.signature), baseline=base)
    world.settle(sent=ENTER)
    world.probe = replace(idle, timed=after > 0, wakes=after)
    world.say(b"\r\n")
    assert (world.run(5.0) is not None) is rests


@pytest.mark.parametrize(
    ("row", "above", "before", "after", "patience"),
    [
        ("> ", "// Entering editor mode", (0.0, 0.0), (8.0, 108.0), QUESTION),
        ("> ", "> await sleep(8)", (0.0, 0.0), (8.0, 108.0), None),
        ("> ", "slept 0", (0.0, 0.0), (3.0, 103.0), None),
        ("> ", "// Entering editor mode", (4.0, 103.0), (3.0, 103.02), QUESTION),
        ("> ", "> await earlier", (4.0, 103.0), (3.0, 103.02), None),
        ("", "function f() {", (4.0, 103.0), (3.0, 103.02), FIRST),
        ("", "function f() {", (4.0, 103.0), (3.0, 103.2), None),
    ],
)
def test_a_timer_that_the_input_did_not_begin_is_hardly_awaited(
    row: str,
    above: str,
    before: tuple[float, float],
    after: tuple[float, float],
    patience: float | None,
) -> None:
    idle = replace(SOFT, alone=True, signature="epoll_pwait/3")
    base = replace(idle, wakes=before[0], due=before[1])
    world = World(memory=known("> ", signature=SOFT.signature), baseline=base)
    world.memory.row = row
    world.look = Look(above=above)
    world.settle(sent=ENTER)
    world.probe = replace(idle, wakes=after[0], due=after[1])
    world.say(above.encode() + b"\r\n")
    assert world.run(0.5 * (patience or 2.9)) is None
    assert (world.run(1.0) is not None) is (patience is not None)


@pytest.mark.parametrize(
    ("before", "after", "begun"),
    [
        ({}, {}, True),
        ({"signature": "read"}, {}, False),  # it always reads
        ({"canonical": True}, {}, False),
        ({}, {"canonical": False}, False),  # its line editor
        ({}, {"works": True}, False),
        ({}, {"rings": 2.0}, False),  # another thread sleeps
        ({"rings": 2.0}, {"rings": 2.0}, True),
        ({}, {"rings": 60.0}, True),  # Go's runtime
        ({}, {"children": frozenset({7, 9}), "lineage": frozenset({7})}, False),
    ],
)
def test_a_thread_that_begins_to_read_a_line_is_what_the_command_does(
    before: dict[str, object], after: dict[str, object], begun: bool
) -> None:
    base = replace(SOFT, signature="pselect6/2", main=False, children=frozenset({7}))
    now = replace(base, signature="read", canonical=True, echo=True, takes=1)
    base = replace(base, **before)  # type: ignore[arg-type]
    world = World(memory=known("~> "), baseline=base)
    world.evidence.feed(b"\x1b[?2004h~> ")
    world.settle(sent=ENTER)
    world.probe = replace(now, **after)  # type: ignore[arg-type]
    world.say(b"read-line\r\n\x1b[?2004l\r")
    assert (world.run(QUESTION + 0.1) is not None) is begun


@pytest.mark.parametrize(
    ("before", "after", "answered"),
    [
        ({"canonical": True, "signature": "pselect6/1"}, {}, True),
        ({"canonical": True, "signature": "pselect6/1"}, {"works": True}, False),
        ({"canonical": True, "signature": "pselect6/1"}, {"signature": "poll/1"}, False),
        ({"canonical": True, "signature": "pselect6/1"}, {"canonical": True, "echo": True}, False),
        ({}, {}, False),  # an event loop that is always in raw mode, and awaits something
    ],
)
def test_a_line_editor_that_is_called_again_waits_without_a_prompt_too(
    before: dict[str, object], after: dict[str, object], answered: bool
) -> None:
    base = replace(SOFT, **before)  # type: ignore[arg-type]
    memory = known("1> ", signature=SOFT.signature, canonical=False, echo=False)
    world = World(memory=memory, baseline=base)
    world.settle(sent=ENTER)
    world.probe = replace(SOFT, **after)  # type: ignore[arg-type]
    world.say(b"c\r\n")
    assert (world.run(QUESTION + 0.1) is not None) is answered


def test_far_away_a_silence_between_two_passwords_is_waited_out() -> None:  # race 11
    asked = replace(FAR, foreign=True, canonical=True, echo=False)
    world = World(baseline=asked, memory=known("$ "))
    world.settle(sent=ENTER)
    world.look = Look(before_cursor="x: ")
    world.probe = replace(asked, echo=True)
    world.say(b"\r\n")
    assert world.run(RETRY * 0.9) is None
    world.say(b"Sorry, try again.\r\n[sudo] password: ")
    world.probe = asked
    said = world.now
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.PASSWORD
    assert world.now - said < 0.1


CLIENT = replace(SOFT, wait=Wait.OPAQUE, pid=8, canonical=True, echo=True, doing="nc in poll")


@pytest.mark.parametrize(
    ("before", "now", "said", "least", "most"),
    [
        (CLIENT, CLIENT, b"abc\r\n", FAR_BLANK, 1.2 * FAR_BLANK),  # only its echo
        (CLIENT, CLIENT, b"abc\r\n250 ok\r\n", QUESTION, 1.5 * QUESTION),
        # Neither the command that starts it, nor a remote shell without its prompt.
        (HARD, CLIENT, b"nc\r\n220 hello\r\n", FAR_BLANK, 1.2 * FAR_BLANK),
        (
            replace(CLIENT, canonical=False),
            replace(CLIENT, canonical=False),
            b"abc\r\n250 ok\r\n",
            FAR_BLANK,
            1.2 * FAR_BLANK,
        ),
    ],
    ids=["echo", "answer", "start", "raw"],
)
def test_a_client_that_sends_lines_is_given_time_for_the_answer(
    before: Probe, now: Probe, said: bytes, least: float, most: float
) -> None:
    world = World(baseline=before, memory=known("$ "))
    world.probe = now
    world.settle(sent=ENTER)
    world.say(said)
    start = world.now
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.confidence) == (Reason.QUIET, Confidence.LOW)
    assert least <= world.now - start < most


def test_hidden_input_is_a_password() -> None:
    world = World()
    world.settle()
    world.probe = replace(HARD, echo=False)
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.confidence) == (Reason.PASSWORD, Confidence.CERTAIN)


def test_text_without_enter_stays_in_the_line_discipline() -> None:  # race 9
    world = World(baseline=HARD)
    world.settle(sent=Sent(text=True, nbytes=3))
    world.probe = HARD
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert not verdict.input_consumed


def test_keys_that_never_woke_the_program_were_not_consumed() -> None:
    raw = replace(HARD, canonical=False)
    for runtime, consumed in ((raw.runtime, False), (raw.runtime + 1, True)):
        world = World(baseline=raw)
        world.settle(sent=Sent(nbytes=1))
        world.probe = replace(raw, runtime=runtime)
        verdict = world.run()
        assert verdict is not None
        assert verdict.input_consumed is consumed


def test_a_stopped_job_says_so() -> None:
    world = World()
    world.settle(sent=ENTER)
    world.probe = replace(BUSY, stopped=True, doing="cat is stopped by a signal", unread=True)
    verdict = world.run()
    assert verdict is not None
    assert (verdict.reason, verdict.confidence) == (Reason.QUIET, Confidence.HIGH)
    assert "SIGCONT" in verdict.why
    assert not verdict.input_consumed
    assert verdict.waited < 2 * STOPPED


def test_a_stopped_terminal_says_so() -> None:
    world = World()
    world.settle(sent=ENTER)
    world.probe = replace(BUSY, blocked=True, doing="cat blocked writing")
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.QUIET
    assert "C-q" in verdict.why
    assert not verdict.input_consumed


def test_a_program_that_polls_its_terminal_is_quiet_after_a_while() -> None:
    for canonical, quiet in ((False, True), (True, False)):
        world = World()
        world.settle(timeout=10)
        start = world.now
        while world.now < start + 9:
            step = world.machine.step(world.now)
            if isinstance(step, Verdict):
                break
            if isinstance(step, DoProbe):
                runs = int((world.now - start) * 50)
                world.machine.on_probe(
                    world.now, replace(BUSY, polling=True, canonical=canonical, runs=runs)
                )
            elif isinstance(step, DoLook):
                world.machine.on_look(world.now, Look())
            elif isinstance(step, DoWait):
                world.now = step.until
        assert (world.now - start < 2 * POLLING) is quiet


@pytest.mark.parametrize(("after", "answered"), [("(x)", False), ("", True), ("  right", True)])
def test_a_line_editor_that_spins_in_the_entered_line_is_busy(after: str, answered: bool) -> None:
    world = World()
    world.settle(timeout=9, sent=ENTER)
    world.look = Look(before_cursor="In> sin", after_cursor=after)
    start = world.now
    while not isinstance(step := world.machine.step(world.now), Verdict):
        if isinstance(step, DoProbe):
            ticks = int((world.now - start) * 100)
            spinning = replace(BUSY, canonical=False, running=True, effort=Effort(system=ticks))
            world.machine.on_probe(world.now, spinning)
        elif isinstance(step, DoLook):
            world.machine.on_look(world.now, world.look)
        elif isinstance(step, DoWait):
            world.now = step.until
    assert (step.reason is not Reason.TIMEOUT) is answered


def test_the_deadline_confirms_what_was_begun() -> None:
    world = World()
    world.settle(timeout=0)
    world.probe = HARD
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert world.probes == 2


def test_exit_and_pattern_come_first() -> None:
    world = World()
    settle = world.settle()
    settle.on_pattern(world.now, 1, "ready")
    verdict = settle.step(world.now)
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.pattern, verdict.match) == (Reason.PATTERN, 1, "ready")
    settle.on_exit(world.now, Exit(code=3))
    verdict = settle.step(world.now)
    assert isinstance(verdict, Verdict)
    assert (verdict.reason, verdict.exit) == (Reason.EXITED, Exit(code=3))


def test_a_wait_for_an_exit_does_not_probe_before_its_deadline() -> None:
    world = World()
    world.settle(timeout=9, until_ready=False)
    world.probe = HARD
    verdict = world.run()
    assert verdict is not None
    assert verdict.reason is Reason.TIMEOUT
    assert world.probes == 1


def test_a_far_target_may_ask_for_more_silence() -> None:
    world = World(quiet_floor=2.0)
    world.settle(sent=ENTER)
    world.probe, world.look = FAR, Look(before_cursor="login: ")
    world.say(b"login: ")
    assert world.run(1.9) is None
    assert world.run(0.2) is not None


def test_far_away_a_row_is_a_prompt_when_it_was_waited_at_twice() -> None:
    world = World()
    times = []
    for _ in range(4):
        world.settle(sent=ENTER)
        world.probe, world.look = FAR, Look(before_cursor="far$ ")
        world.say(b"x\r\nfar$ ")
        said = world.now
        assert world.run() is not None
        times.append(world.now - said)
    assert times[0] > 0.15
    assert times[-1] < 0.05


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 0.5),
        st.sampled_from([HARD, SOFT, BUSY, FAR, replace(SOFT, unread=True)]),
        st.sampled_from([b"", b"x", b"$ ", b"\x1b[?2004h", b"\x1b[?2004l", b"\x1b]133;C\x07"]),
    ),
    max_size=30,
)


@given(events=EVENTS, timeout=st.floats(0, 3))
@example(events=[(0.0, SOFT, b"\x1b[?2004h")], timeout=0.002)
@example(events=[(0.4995, SOFT, b""), (0.1, SOFT, b"x")], timeout=0.5)
def test_always_by_the_deadline_and_never_ready_while_busy(
    events: list[tuple[float, Probe, bytes]], timeout: float
) -> None:
    """Law 6."""
    world = World()
    world.settle(timeout=timeout)
    start = world.now
    verdict = None
    for pause, probe, data in [*events, (timeout + 1, BUSY, b"")]:
        world.probe = probe
        if data:
            world.say(data)
        verdict = world.run(pause)
        if verdict is not None:
            break
    assert verdict is not None
    assert world.now <= start + timeout + 1e-6
    if verdict.reason.ready:
        assert world.probe.wait is not Wait.BUSY
        assert not world.probe.unread


def test_a_question_of_a_command_that_cannot_be_looked_at() -> None:
    for row, patience in (("Name: ", 1.1), ("Counting objects, ", 5.1), ("", 5.1)):
        world = World(memory=known("$ "))
        world.evidence.feed(b"\x1b[?2004h")
        world.settle(sent=ENTER)
        world.probe, world.look = FAR, Look(before_cursor=row)
        world.say(b"\x1b[?2004l\r\n" + row.encode())
        assert world.run(patience * 0.85) is None
        verdict = world.run(patience * 0.2)
        assert verdict is not None, row
        assert verdict.reason is Reason.QUIET


def test_far_away_bracketed_paste_that_a_line_followed_is_no_prompt() -> None:
    """rlwrap sets it again before its program has read the line."""
    for row, patience in (("", 5.0), ("half a lin", 1.0), ("$ ", 0.0)):
        world = World(memory=known("$ "))
        world.evidence.feed(b"\x1b[?2004h$ ")
        world.settle(sent=ENTER)
        world.probe, world.look = FAR, Look(before_cursor=row)
        world.say(b"\x1b[?2004l\r\x1b[K\x1b[?2004hsleep\r\r\n" + row.encode())
        assert world.run(patience * 0.95) is None or not patience
        verdict = world.run(0.5)
        assert verdict is not None, row
        assert (verdict.reason is Reason.PROMPT) is (row == "$ ")


@pytest.mark.parametrize("probe", [FAR, replace(SOFT, tier=Tier.NO_SYSCALL)])
def test_unless_the_wait_is_seen_a_prompt_is_marked_before_it_is_drawn(probe: Probe) -> None:
    world = World(memory=known("$ "))
    world.evidence.feed(b"\x1b[?2004h$ ")
    world.settle(sent=ENTER)
    world.probe, world.look = probe, Look()
    world.say(b"\x1b[?2004l\r\n\x1b[?2004h")
    assert world.run(0.04) is None
    verdict = world.run(0.02)
    assert verdict is not None
    assert verdict.reason is Reason.PROMPT


def test_far_away_a_line_editor_that_has_not_shown_enter_has_not_read_it() -> None:
    world = World(memory=known("> "))
    world.evidence.feed(b"\x1b[?2004h> ")
    world.settle(sent=ENTER)
    world.probe, world.look = FAR, Look(before_cursor="> ")
    assert world.run(0.9) is None
    world.say(b"1\r\n2\r\n> ")
    verdict = world.run(0.1)
    assert verdict is not None
    assert verdict.reason is Reason.PROMPT


@pytest.mark.parametrize(("row", "patience"), [("% ", 0.2), ("Name: ", 0.2), ("0 ", 1.0)])
def test_far_away_a_word_and_a_blank_are_hardly_a_question(row: str, patience: float) -> None:
    world = World(memory=known("* "))
    world.settle(sent=ENTER)
    world.probe, world.look = FAR, Look(before_cursor=row)
    world.say(b"x\r\n" + row.encode())
    assert world.run(patience * 0.95) is None
    verdict = world.run(0.1)
    assert verdict is not None
    assert (verdict.reason, verdict.confidence) == (Reason.QUIET, Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("tier", "row", "patience"),
    [(Tier.FULL, "0 ", 0.3), (Tier.NO_SYSCALL, "0 ", 2.0), (Tier.NO_SYSCALL, "Name: ", 0.3)],
)
def test_a_row_is_a_question_of_a_command_by_its_sign_where_the_call_is_hidden(
    tier: Tier, row: str, patience: float
) -> None:
    """Without `syscall` a sleep in select(2) looks like a wait for the terminal."""
    soft = replace(SOFT, tier=tier)
    world = World(memory=known("$ ", signature=SOFT.signature), baseline=soft)
    world.evidence.feed(b"\x1b[?2004h$ ")
    world.settle(sent=ENTER)
    world.probe, world.look = soft, Look(before_cursor=row)
    world.say(b"\x1b[?2004l\r\n" + row.encode())
    assert world.run(patience * 0.95) is None
    assert world.run(0.3) is not None


@pytest.mark.parametrize(("tier", "patience"), [(Tier.FULL, 4.0), (Tier.NO_SYSCALL, 12.0)])
def test_work_beside_a_wait_that_cannot_be_seen_is_work_for_longer(
    tier: Tier, patience: float
) -> None:
    world = World(memory=known("> ", signature=SOFT.signature, canonical=False, echo=False))
    world.settle(sent=ENTER)
    world.look = Look()
    start = world.now
    for _ in range(1000):
        world.probe = replace(
            SOFT, echo=True, tier=tier, main=False, cpu=int((world.now - start) * 1e9)
        )
        if world.run(0.02) is not None:
            break
    assert patience - 0.1 <= world.now - start <= patience + 0.5


FIELD = Look(before_cursor=" > ", after_cursor="  Type your message", fields=True)


def text_field() -> World:
    """A user interface that shows its text field " > " all the time, also before the send."""
    world = World()
    world.evidence.feed(b"\x1b[?2004h > ")
    world.memory.learn(PromptGuess(text=" > ", raw=" > ", pid=7, start=1))
    world.look, world.probe = FIELD, SOFT
    world.settle(baseline=SOFT, sent=ENTER)
    return world


def test_an_animation_beside_a_text_field_is_work() -> None:
    world = text_field()
    for _ in range(100):  # 10 s
        world.say(b"\x1b[5;1Hworking")
        assert world.run(0.1) is None
    world.say(b"answer")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert STILL - 0.01 <= verdict.waited - 10.0 <= STILL + 0.1


def test_a_line_editor_with_the_same_prompt_is_answered_at_once() -> None:
    world = text_field()
    world.look = replace(FIELD, fields=False)
    world.say(b"\x1b[?2004l\r\nanswer\r\n\x1b[?2004h > ")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.waited < STILL / 2


def test_a_shell_that_marks_its_prompts_has_no_text_field() -> None:
    world = text_field()
    world.say(b"answer\x1b]133;A\x07 > ")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.PROMPT
    assert verdict.waited < STILL / 2


def test_a_screen_drawn_by_another_thread_than_the_reader_is_waited_for() -> None:
    """As fzf, if Go has the terminal read by the main thread."""
    reading = replace(HARD, canonical=False, echo=False, threaded=True)
    world = World()
    world.evidence.feed(b"\x1b[?1049h> ")
    world.look, world.probe = Look(before_cursor="> 1", alternate=True), reading
    world.settle(baseline=reading, sent=Sent(nbytes=1))
    assert world.run(0.008) is None  # the key is read, and nothing is drawn
    world.say(b"\x1b[39;1H> 1")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert verdict.waited < STILL / 2


def test_a_full_screen_program_with_threads_that_is_busy_is_busy() -> None:
    """Busy by its own report, though the kernel sees it take keys; or because it is being ended."""
    world = World()
    world.evidence.feed(b"\x1b[?1049h> ")
    world.look, world.probe = Look(before_cursor="> ", alternate=True), SOFT
    world.settle(sent=Sent(nbytes=1))
    world.say(b"\x1b[5;1Hworking")
    world.probe = replace(BUSY, threaded=True)
    assert world.run(3.0) is None


@pytest.mark.parametrize(
    ("change", "silence"),
    [
        ({}, ALONE),
        ({"threaded": True}, PAINT),
        ({"wakes": 0.2}, PAINT),
        ({"timed": False}, PAINT),
        ({"relayed": True}, PAINT),
    ],
)
def test_a_screen_whose_only_thread_waits_for_keys_alone_is_finished_sooner(
    change: dict[str, object], silence: float
) -> None:
    sleeping = replace(SOFT, timed=True, wakes=1.5)
    world = World()
    world.evidence.feed(b"\x1b[?1049h")
    world.look, world.probe = Look(alternate=True), replace(sleeping, **change)  # type: ignore[arg-type]
    world.settle(baseline=sleeping, sent=Sent(nbytes=1))
    world.say(b"\x1b[5;1Hlist")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert silence <= verdict.waited <= silence + 0.006


def test_output_of_a_program_that_sleeps_again_is_read_before_it_is_called_waiting() -> None:
    asleep, hint = replace(SOFT, wakes=0.5), replace(SOFT, wakes=0.08)
    world = World()
    world.evidence.feed(b"\x1b[?1049h")
    world.look, world.probe = Look(alternate=True), hint
    world.settle(baseline=asleep, sent=Sent(nbytes=1))
    world.say(b"key")
    assert world.run(2 * PAINT) is None
    # It draws after the drain, and sleeps as usual before the probe.
    world.probe, world.unread = asleep, b"hint"
    size = world.evidence.nbytes + len(b"hint")
    drawn = world.now
    verdict = world.run(1.0)
    assert verdict is not None
    assert world.evidence.nbytes == size
    assert world.now - drawn >= PAINT


@pytest.mark.parametrize("screen", [b"", b"\x1b[?1049h"])
@pytest.mark.parametrize(
    ("before", "rings", "canonical", "awaited"),
    [
        (0.0, 0.016, False, True),
        (0.016, 0.016, False, True),
        (0.1, 0.016, False, False),
        (0.0, 0.1, False, False),
        (0.0, 0.0, False, False),
        (0.0, 0.016, True, False),
    ],
)
def test_a_thread_with_a_frame_clock_may_draw_frames(
    screen: bytes, before: float, rings: float, canonical: bool, awaited: bool
) -> None:
    idle = replace(SOFT, threaded=True, canonical=canonical, echo=canonical)
    ringing = replace(idle, rings=rings)
    world = World()
    world.evidence.feed(screen)
    world.look, world.probe = Look(alternate=bool(screen), cursor_visible=False), ringing
    world.settle(baseline=replace(idle, rings=before), sent=ENTER)
    for frame in range(20):
        world.say(b"\x1b[5;1Hloading")
        world.probe = idle if frame % 5 == 1 else ringing  # another thread takes the timer over
        verdict = world.run(0.1)
        if verdict is not None:
            break
    assert (verdict is None) == awaited or verdict.confidence is Confidence.MEDIUM
    verdict = verdict or world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT


@pytest.mark.parametrize(
    ("rings", "canonical", "awaited"),
    [(0.016, False, True), (0.1, False, False), (0.016, True, False)],
)
def test_a_main_thread_that_reads_is_not_sure_beside_a_frame_clock(
    rings: float, canonical: bool, awaited: bool
) -> None:
    world = World()
    world.look = replace(world.look, cursor_visible=False)
    world.probe = replace(HARD, canonical=canonical, echo=canonical, threaded=True, rings=rings)
    world.settle(baseline=world.probe, sent=ENTER)
    assert (world.run(0.1) is None) == awaited


def test_a_thread_that_ticks_beside_a_visible_cursor_changes_no_certain_wait() -> None:
    world = World()
    world.look = Look("")
    world.probe = replace(HARD, threaded=True, rings=0.016)
    world.settle(baseline=world.probe, sent=ENTER)
    verdict = world.run(0.1)
    assert verdict is not None
    assert verdict.confidence is Confidence.CERTAIN


@pytest.mark.parametrize(("rings", "silence"), [(0.016, STILL), (0.0, EDIT)])
def test_a_key_in_a_line_is_drawn_by_a_renderer_thread_in_its_own_time(
    rings: float, silence: float
) -> None:
    world = World()
    world.memory.learn(PromptGuess("name: ", "name: ", pid=7, start=1, canonical=False))
    world.look, world.probe = Look("name: "), replace(SOFT, rings=rings)
    world.settle(baseline=world.probe, sent=Sent(text=True, nbytes=1))
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT
    assert silence - 0.001 <= verdict.waited <= silence + 0.006


def full_screen_interface(sent: Sent | None) -> World:
    """The same on the alternate screen."""
    world = World()
    world.evidence.feed(b"\x1b[?1049h\x1b[?2004h > ")
    world.look, world.probe = replace(FIELD, alternate=True), SOFT
    world.settle(baseline=SOFT, sent=sent)
    return world


@pytest.mark.parametrize("sent", [ENTER, None])
@pytest.mark.parametrize("pause", [0.02, 0.045])  # shorter and longer than PAINT
def test_steady_frames_of_a_full_screen_interface_are_work(sent: Sent | None, pause: float) -> None:
    world = full_screen_interface(sent)
    for frame in range(100):
        world.say(b"\x1b[5;1Hworking")
        assert world.run(0.01 if frame < 4 else pause) is None
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.reason is Reason.WAITING_FOR_INPUT


def frame_by_frame(look: Look, *, works: bool) -> Verdict | None:
    """Frames on the alternate screen, 60 ms of a runnable program before each; 4 s at most."""
    world = World()
    world.evidence.feed(b"\x1b[?1049h")
    world.settle(baseline=SOFT, sent=Sent(nbytes=1))
    world.look, cpu = look, 0
    for _ in range(65):
        world.say(b"\x1b[Hframe")
        world.probe = SOFT
        verdict = world.run(0.006)
        for _ in range(6):
            cpu += 10_000_000 if works else 0
            world.probe = replace(BUSY, running=True, cpu=cpu)
            verdict = verdict or world.run(0.01)
        if verdict is not None:
            return verdict
    return None


def test_frames_that_wait_for_a_processor_are_drawn_without_pause() -> None:
    verdict = frame_by_frame(Look(alternate=True), works=False)
    assert verdict is not None
    assert (verdict.reason, verdict.why) == (Reason.WAITING_FOR_INPUT, "it redraws all the time")
    assert 1.0 < verdict.waited < 1.2


def test_frames_between_work_are_none_of_a_waiting_program() -> None:
    assert frame_by_frame(Look(alternate=True), works=True) is None


def test_frames_beside_a_text_field_are_work_on_a_busy_machine_too() -> None:
    assert frame_by_frame(replace(FIELD, alternate=True), works=False) is None


def test_a_full_screen_interface_that_draws_once_is_answered_at_once() -> None:
    world = full_screen_interface(ENTER)
    world.say(b"\x1b[5;1Hdone")
    verdict = world.run(1.0)
    assert verdict is not None
    assert verdict.waited < STILL / 2


def test_what_is_drawn_before_the_wait_knows_of_enter_is_a_reaction_to_it() -> None:
    world = full_screen_interface(ENTER)
    world.machine.on_unsent(world.now, 1)
    world.now += 0.05
    world.say(b"\x1b[5;1Hdone")
    world.machine.on_unsent(world.now, 0, reacted=True)
    verdict = world.run(2.0)
    assert verdict is not None
    assert verdict.waited < REACTION / 2


@pytest.mark.parametrize(
    ("opening", "fields"),
    [
        (b"\x1b[?1049h\x1b[?2004h\x1b[>1u", True),
        (b"\x1b[?1049h\x1b[?1h\x1b[?1004h\x1b[?2004h\x1b[>1u", False),  # Neovim
        (b"\x1b[?1049h\x1b[?1h\x1b[?1004h\x1b[?2004h\x1b[>4;2m", False),  # vim
        (b"\x1b[?1004h\x1b[?2004h", True),
        (b"\x1b[?2004h", False),
    ],
)
def test_editors_are_no_user_interfaces_with_text_fields(opening: bytes, fields: bool) -> None:
    screen = Screen(Size(5, 20))
    screen.feed(opening)
    assert look_at(screen).fields is fields


def test_a_user_interface_gets_time_to_react_to_enter() -> None:
    world = text_field()
    world.machine.on_unsent(world.now, 1)
    world.say(b"make a file")  # the text, drawn
    world.now += 0.2
    world.machine.on_unsent(world.now, 0)  # Enter
    verdict = world.run(5.0)
    assert verdict is not None
    assert REACTION <= verdict.waited <= REACTION + 0.3


def test_silence_until_an_escape_is_taken_is_no_redrawing() -> None:
    world = World(baseline=HARD, sent=Sent(nbytes=1, escape=True))
    world.evidence.feed(b"\x1b[?1049h\x1b[Htext")
    world.look = Look(before_cursor="text", alternate=True)
    world.probe = replace(SOFT, timed=True)
    world.settle()
    verdict = world.run()
    assert verdict is not None
    assert (verdict.confidence, verdict.why) == (
        Confidence.HIGH,
        "a lone ESC, which may begin a key",
    )
