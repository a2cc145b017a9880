"""When is it the caller's turn? The readiness state machine: facts and `now` in, a verdict out.

Owns the decision procedure (SPEC.md "How we know"). Never reads a clock, a file or a screen: the
holder carries out the steps it asks for and brings back what was seen. The subtle thing: a *hard*
wait is only believed when two probes with an empty drain between them show the same thread with
the same run time, because then that thread cannot have run in between.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.model import Confidence, Exit, Reason, Tier, Verdict
from ptyjobs.readiness.continuation import continues
from ptyjobs.readiness.evidence import Evidence, PromptGuess, PromptMemory, normal
from ptyjobs.readiness.facts import DoLook, DoProbe, DoWait, Look, Probe, Sent, Step, Wait
from ptyjobs.readiness.rules import (
    FAR_BLANK,
    FRAME,
    GAP,
    MARK_FAR,
    PAINT,
    POLLING,
    QUESTION,
    RELAY,
    SHARE,
    STOPPED,
    WORKING,
    Rule,
    Weighing,
    password,
)

__all__ = ["DoLook", "DoProbe", "DoWait", "Look", "Probe", "Sent", "Settle", "Step", "Wait"]

PACE = 0.003  # seconds; while output flows, at most one probe in this time
BREATH = 0.00025  # seconds; a gap in the output that is worth a probe at once
BURST = 8  # probes that output may cause at once before PACE applies


class Settle:
    """One wait for one job. Make it before the send; then obey `step` until it is a Verdict."""

    def __init__(
        self,
        *,
        now: float,
        deadline: float,
        tier: Tier,
        evidence: Evidence,
        memory: PromptMemory,
        baseline: Probe | None = None,
        sent: Sent | None = None,
        quiet_floor: float = 0.0,
        until_ready: bool = True,
        certain: bool = False,
    ) -> None:
        """`until_ready=False`: only an exit or a pattern ends the wait; with `certain` also a
        moment at which nothing can happen before input: the job's only program waits at its prompt.
        """
        self._start = now
        self._deadline = deadline
        self._tier = tier
        self._evidence = evidence
        self._before = evidence.snapshot()
        self._memory = memory
        self._baseline = baseline
        self._sent = sent
        self._floor = quiet_floor
        self._until_ready = until_ready
        self._certain = certain
        self._exit: Exit | None = None
        self._match: tuple[int, str] | None = None
        self._unsent = 0
        # output
        self._output = now  # time of the last output
        self._flow = now  # since when it has never been silent for as long as a frame lasts
        self._bytes = 0
        self._tokens = float(BURST)
        # probes
        self._due = now
        self._probe: Probe | None = None
        self._probed = -1.0
        self._candidate: Probe | None = None
        self._candidate_at = now
        self._streak: float | None = None  # since when every probe found it accepting input
        self._window = now  # in which the CPU it uses is measured
        self._runtime = self._cpu = 0
        self._accepting: float | None = None  # the same, whatever its output and CPU
        self._busy_at: float | None = None  # since when every probe found it busy
        self._busy_kind: tuple[int, bool, bool, bool] | None = None
        self._busy_since = now
        self._busy_runs = 0
        self._final = 0  # probes made at the deadline
        # the screen
        self._look: Look | None = None
        self._looked_bytes = -1
        self._still = now  # since when the row of the cursor has looked the same
        self._decided: Rule | None = None

    # -- what happened

    def on_output(self, now: float, nbytes: int) -> None:
        """The job wrote `nbytes`; `Evidence.feed` has them already."""
        self._tokens = min(float(BURST), self._tokens + (now - self._output) / PACE)
        if now - self._output > PAINT:
            self._flow = now
        self._output = now
        self._bytes += nbytes
        if self._tokens >= 1.0:
            self._due = min(self._due, now)
        else:
            self._due = min(now + BREATH, max(self._probed, self._start) + PACE)

    def on_exit(self, now: float, exit: Exit) -> None:
        """The job has ended and its last output was read."""
        self._exit = exit

    def on_pattern(self, now: float, index: int, text: str) -> None:
        """An `until` pattern matched the output."""
        self._match = (index, text)

    def on_unsent(self, now: float, left: int) -> None:
        """`left` bytes of the input have not gone into the terminal yet."""
        if left != self._unsent:
            self._unsent = left
            self._due = min(self._due, now)

    def on_look(self, now: float, look: Look) -> None:
        """What DoLook asked for."""
        if self._look != look:
            self._still = now
        self._look = look
        self._looked_bytes = self._bytes

    def on_probe(self, now: float, probe: Probe) -> None:
        """What DoProbe asked for."""
        self._tokens = max(0.0, self._tokens - 1.0)
        self._probe = probe
        self._probed = now
        if now >= self._deadline:
            self._final += 1
        ready = not probe.unread and not self._unsent
        if probe.wait is not Wait.BUSY:
            self._busy_kind = self._busy_at = None
        if probe.wait is Wait.HARD and ready:
            self._hard(now, probe)
            return
        self._candidate = None
        if probe.wait is Wait.BUSY or not ready:
            self._busy(now, probe)
            return
        if self._streak is None:
            self._streak = now
            self._watch(now, probe)
            self._accepting = now if self._accepting is None else self._accepting
        self._due = now + max(PACE, self._pause(now))

    def _pause(self, now: float) -> float:
        """Back-off: a tenth of the silence up to 20 ms, after 1 s a twentieth up to half a second.

        A program that speaks is probed at once; this bounds the cost of one that is silent.
        """
        silence = now - max(self._output, self._start)
        if silence < 1.0:
            return min(silence * 0.1, 0.02)
        return min(silence * 0.05, 0.5)

    def _hard(self, now: float, probe: Probe) -> None:
        self._streak = None
        first = self._candidate
        if first is None or not _same_moment(first, probe):
            self._candidate, self._candidate_at = probe, now
            self._due = now + (RELAY if probe.relayed else 0.0)
            return
        if probe.relayed and now < max(self._output, self._candidate_at) + RELAY:
            self._due = max(self._output, self._candidate_at) + RELAY
            return
        self._decided = password(probe, confidence=Confidence.CERTAIN) or Rule(
            0.0,
            Reason.WAITING_FOR_INPUT,
            Confidence.CERTAIN,
            f"{probe.doing}, on its terminal alone",
        )

    def _busy(self, now: float, probe: Probe) -> None:
        self._streak = None
        if self._busy_at is None:
            self._busy_at = now
        if probe.unread or now - self._busy_at > PAINT:  # not just between two frames
            self._accepting = None
        kind = (probe.pid, probe.stopped, probe.blocked, probe.polling)
        if kind != self._busy_kind:
            self._busy_kind, self._busy_since, self._busy_runs = kind, now, probe.runs
        self._due = now + max(self._pause(now), 0.0001)

    # -- what to do

    def step(self, now: float) -> Step:
        """The next thing to do; a Verdict is the end."""
        if self._exit is not None:
            return self._verdict(
                now, Rule(0, Reason.EXITED, Confidence.CERTAIN, str(self._exit)), look=None
            )
        if self._match is not None:
            return self._verdict(
                now, Rule(0, Reason.PATTERN, Confidence.CERTAIN, "the pattern matched"), look=None
            )
        if self._decided is not None:
            if self._until_ready or self._at_rest():
                return self._finish(now, self._decided)
            self._decided = self._candidate = None  # another process of it may print a match
            self._due = now + max(PACE, self._pause(now))
        if now >= self._deadline:
            return self._late(now)
        if not self._until_ready and not self._certain:
            return DoWait(self._deadline)
        if self._probed < 0 or now >= self._due:
            return DoProbe()
        rule = self._stuck(now) if self._until_ready else None
        if rule is not None:
            return self._finish(now, rule)
        if self._streak is not None:
            return self._settling(now)
        return DoWait(min(self._due, self._deadline))

    def _settling(self, now: float) -> Step:
        """It accepts input: how long must it be silent?"""
        probe = self._probe
        assert probe is not None
        assert self._streak is not None
        if now < self._output + 0.001 and now >= self._start + 0.001:
            return DoWait(min(self._output + 0.001, self._deadline))
        if self._looked_bytes != self._bytes:
            return DoLook()
        assert self._look is not None
        weighing = self._weigh(probe, self._look)
        rule = weighing.rule()
        base = max(self._output, self._streak)
        if rule.settle > MARK_FAR:
            rule = replace(rule, settle=max(rule.settle, self._floor))
        at = max(base + rule.settle, self._window + min(rule.settle, PAINT))
        if self._evidence.snapshot().synchronized:
            at = max(at, self._output + FRAME)
        if not self._until_ready and (rule.settle > MARK_FAR or not self._at_rest()):
            return DoWait(min(self._due, self._deadline))
        if self._redraws(now) or self._ticks(now, weighing):
            rule = Rule(0, Reason.WAITING_FOR_INPUT, Confidence.MEDIUM, "it redraws all the time")
            return self._finish(now, rule)
        if now < at:
            return DoWait(min(at, self._due, self._deadline))
        if self._probed < at:  # what was true when the silence began must be true at its end
            self._due = now
            return DoProbe()
        if self._works(now, probe, rule):
            return DoWait(min(self._window + min(rule.settle, PAINT), self._deadline))
        return self._finish(now, rule)

    def _at_rest(self) -> bool:
        """No process of the job but the one that waits, and those that wait for it."""
        probe = self._probe
        return probe is not None and not (probe.children - probe.lineage)

    def _weigh(self, probe: Probe, look: Look) -> Weighing:
        return Weighing(
            probe=probe,
            look=look,
            sent=self._sent,
            baseline=self._baseline,
            memory=self._memory,
            before=self._before,
            now=self._evidence.snapshot(),
        )

    def _works(self, now: float, probe: Probe, rule: Rule) -> bool:
        """It used more of a processor, while we watched, than a waiting program does.

        Work of other threads (fish reads manuals in one) buys a bounded patience.
        """
        spent = probe.runtime - self._runtime if rule.alone else probe.cpu - self._cpu
        idle = spent <= max(1_000_000, SHARE * 1e9 * (self._probed - self._window))
        shown = rule.settle <= MARK_FAR  # a prompt is
        if idle and (shown or not self._elsewhere(probe)) and (rule.alone or not probe.works):
            return False
        patience = WORKING if probe.wait is Wait.SOFT else FAR_BLANK
        if now > max(self._output, self._accepting or 0.0) + rule.settle + patience:
            return False
        self._watch(now, probe)
        return True

    def _elsewhere(self, probe: Probe) -> bool:
        """A thread of it takes input, but its main thread is not where it was when it was idle."""
        base = self._baseline
        if base is None or not (base.place and probe.place):
            return False
        return (base.pid, base.start) == (probe.pid, probe.start) and base.place != probe.place

    def _watch(self, now: float, probe: Probe) -> None:
        """Begin a new window in which its use of processors is measured."""
        self._window, self._runtime, self._cpu = now, probe.runtime, probe.cpu

    def _redraws(self, now: float) -> bool:
        """A full-screen program that never stops drawing, and takes keys all the while."""
        since = self._accepting
        return (
            since is not None
            and now - max(since, self._flow) > POLLING
            and self._probe is not None
            and self._probe.wait is Wait.SOFT
            and self._evidence.snapshot().alternate
            and not (self._look is not None and self._look.blank)
        )

    def _ticks(self, now: float, weighing: Weighing) -> bool:
        """Its line editor stands where it stood, and draws elsewhere (a clock in a toolbar)."""
        since = max(self._accepting or now, self._still, self._start)
        edits = weighing.marks() == "edit" and not weighing.left_the_line()
        return now - since > POLLING and (edits or weighing.editing())

    def _stuck(self, now: float) -> Rule | None:
        """Busy, but in a way that only its user can end."""
        probe = self._probe
        assert probe is not None
        if probe.wait is Wait.HARD and self._unsent and now - self._start > QUESTION:
            why = "the terminal takes no more input"
            return Rule(0, Reason.WAITING_FOR_INPUT, Confidence.MEDIUM, why)
        if probe.wait is not Wait.BUSY:
            return None
        quiet = now - max(self._output, self._busy_since)
        if probe.stopped and quiet > STOPPED:
            return Rule(0, Reason.QUIET, Confidence.HIGH, f"{probe.doing}; SIGCONT resumes it")
        if probe.blocked and quiet > STOPPED:
            why = f"{probe.doing}: its terminal is stopped, C-q resumes it"
            return Rule(0, Reason.QUIET, Confidence.HIGH, why)
        raw = not (probe.canonical or probe.unread or self._unsent)
        if probe.polling and raw and probe.runs - self._busy_runs >= 4:
            if self._evidence.snapshot().alternate:  # it may draw all the time
                quiet = now - self._busy_since
            if quiet > POLLING:
                why = f"{probe.doing}, and looks at its terminal between"
                return Rule(0, Reason.QUIET, Confidence.LOW, why)
        return None

    # -- the end

    def _late(self, now: float) -> Step:
        """The deadline: a last look at what it does, and a started confirmation is finished."""
        if self._final == 0 and (self._probe is None or now - self._probed > 0.02):
            return DoProbe()
        if self._until_ready and self._candidate is not None and self._final < 2:
            return DoProbe()
        probe = self._probe
        assert probe is not None
        if self._until_ready and self._streak is not None:
            if self._looked_bytes != self._bytes or self._look is None:
                return DoLook()
            rule = self._weigh(probe, self._look).rule()
            if rule.settle <= MARK_FAR:  # a prompt is shown: nothing else was to be awaited
                return self._finish(now, rule) if self._final else DoProbe()  # is it true now?
        timeout = Rule(0, Reason.TIMEOUT, Confidence.CERTAIN, "the deadline came first")
        return self._verdict(now, timeout, look=self._look)

    def _finish(self, now: float, rule: Rule) -> Step:
        """The verdict, once the row of the prompt is known; and learn from it."""
        if self._looked_bytes != self._bytes or self._look is None:
            return DoLook()
        look, probe = self._look, self._probe
        assert probe is not None
        weighing = self._weigh(probe, look)
        continuation = continues(
            probe=probe,
            look=look,
            sent=self._sent,
            memory=self._memory,
            before=self._before,
            now=weighing.now,
        )
        sure = rule.reason in (Reason.WAITING_FOR_INPUT, Reason.PROMPT) and not look.alternate
        learns = sure or (rule.confidence is Confidence.MEDIUM and weighing.asks())
        typed = self._sent is not None and not self._sent.enter
        if self.drawn or (typed and self._memory.known(look.before_cursor) is None):
            learns = False  # a drawn row, or the echo of what was typed, is no prompt
        blanks = len(look.before_cursor) - len(look.before_cursor.rstrip(" "))
        if learns and not weighing.editing() and (blanks <= GAP or continuation):
            self._memory.learn(
                PromptGuess(
                    text=normal(look.before_cursor),
                    raw=look.before_cursor,
                    pid=probe.pid,
                    start=probe.start,
                    group=probe.group,
                    canonical=probe.canonical,
                    echo=probe.echo,
                    signature=probe.signature,
                    continuation=continuation,
                    sure=sure,
                    marked=weighing.marked,
                )
            )
        return self._verdict(now, rule, look=look, continuation=continuation)

    def _verdict(
        self, now: float, rule: Rule, *, look: Look | None, continuation: bool = False
    ) -> Verdict:
        probe = self._probe
        old, new = self._before, self._evidence.snapshot()
        doing = probe.doing if probe is not None else ""
        return Verdict(
            reason=rule.reason,
            confidence=rule.confidence,
            waited=now - self._start,
            prompt="" if look is None or self.drawn else look.before_cursor,
            doing=doing if rule.reason in (Reason.TIMEOUT, Reason.QUIET) else "",
            input_consumed=self._consumed(),
            continuation=continuation,
            pattern=self._match[0] if self._match else None,
            match=self._match[1] if self._match else "",
            exit=self._exit,
            command_exit=new.command_exit if new.marks_done > old.marks_done else None,
            tier=probe.tier if probe is not None and probe.tier is not Tier.FULL else self._tier,
            why=rule.why,
        )

    @property
    def drawn(self) -> bool:
        """True if the program draws a screen and takes keys: its rows are no prompts."""
        if self._look is None or self._look.alternate:
            return False  # an alternate screen is answered as a screen
        now, probe = self._evidence.snapshot(), self._probe
        return now.keys and not now.paste_on and probe is not None and not probe.canonical

    def _consumed(self) -> bool:
        """Whether the program took what was typed."""
        sent, probe, base = self._sent, self._probe, self._baseline
        if sent is None or not sent.nbytes or self._exit is not None:
            return True
        if self._unsent:
            return False
        if probe is None:
            return True
        if probe.unread or probe.stopped or probe.blocked:
            return False
        if probe.canonical and sent.text and not sent.enter and (base is None or base.canonical):
            return False  # the line discipline keeps it until Enter
        # The same hard wait as before the send: it has not run at all.
        return not (base is not None and base.wait is Wait.HARD and _same_moment(base, probe))


def _same_moment(first: Probe, second: Probe) -> bool:
    """The same thread of the same process, which has not run in between."""
    return (first.wait, first.pid, first.start, first.tid, first.runtime) == (
        second.wait,
        second.pid,
        second.start,
        second.tid,
        second.runtime,
    )
