"""The readiness state machine: facts and `now` in, a verdict out.

Owns the decision procedure (SPEC.md "How we know") over three values: the `Deadline` of the wait,
the `Candidate` that may end it, and the `Confirmation` that the candidate needs. Never reads a
clock, a file or a screen: the holder carries out the requested steps and reports the results. The
subtle thing: every step is a function of past events and `now`, so a recording on a virtual clock
gives the same verdicts.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.model import Confidence, Exit, Reason, Tier, Verdict
from ptyjobs.readiness import tuning
from ptyjobs.readiness.candidate import Candidate, same_moment
from ptyjobs.readiness.confirmation import Alarms, Confirmation
from ptyjobs.readiness.continuation import continues
from ptyjobs.readiness.deadline import Deadline
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import (
    DoDrain,
    DoLook,
    DoProbe,
    DoWait,
    Look,
    Probe,
    Sent,
    Step,
    Wait,
)
from ptyjobs.readiness.learning import learn
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.readiness.rules import required
from ptyjobs.readiness.silence import Rule
from ptyjobs.readiness.situation import Situation
from ptyjobs.readiness.stuck import stuck, unfinished
from ptyjobs.readiness.weighing import Weighing, draws

__all__ = [
    "DoDrain",
    "DoLook",
    "DoProbe",
    "DoWait",
    "Look",
    "Probe",
    "Sent",
    "Settle",
    "Step",
    "Wait",
]


class Settle:
    """One wait for one job. Create it before the send; then obey `step` until it is a Verdict."""

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
        self._situation = Situation(
            tier=tier,
            evidence=evidence,
            before=evidence.snapshot(),
            memory=memory,
            baseline=baseline,
            sent=sent,
            quiet_floor=quiet_floor,
            until_ready=until_ready,
            certain=certain,
        )
        self._deadline = Deadline(start=now, at=deadline)
        self._candidate = Candidate()
        self._confirmation = Confirmation(now=now)
        self._alarms = Alarms(now=now, before=baseline)
        self._exit: Exit | None = None
        self._match: tuple[int, str] | None = None
        self._drained = True  # the terminal was drained after the newest probe
        self._unsent = 0
        self._unsent_at = now  # when the terminal last took a part of the input
        self._reacted = False  # the program has drawn something since the last piece was written

    # -- events

    def on_output(self, now: float, nbytes: int) -> None:
        """Record `nbytes` of output, which `Evidence.feed` already has."""
        self._reacted = True
        self._deadline.on_output(now, silence=now - self._confirmation.output)
        self._confirmation.on_output(now, nbytes)

    def on_exit(self, now: float, exit: Exit) -> None:
        """Record the end of the job, after its last output was read."""
        self._exit = exit

    def on_pattern(self, now: float, index: int, text: str) -> None:
        """Record a match of an `until` pattern."""
        self._match = (index, text)

    def on_unsent(self, now: float, left: int, *, reacted: bool = False) -> None:
        """`left` bytes of the input have not been written to the terminal yet.

        `reacted`: the program has written something since the last piece was.
        """
        if left != self._unsent:
            self._unsent = left
            self._unsent_at = now
            self._reacted = reacted
            self._confirmation.bursts = int(reacted)
            self._deadline.due = min(self._deadline.due, now)

    def on_look(self, now: float, look: Look) -> None:
        """Record the result of DoLook."""
        self._confirmation.on_look(now, look)

    def on_probe(self, now: float, probe: Probe) -> None:
        """Record the result of DoProbe."""
        deadline, output = self._deadline, self._confirmation.output
        draws = probe.threaded and self._situation.evidence.snapshot().alternate
        if draws and probe.wait is Wait.HARD:
            # It hands its keys to another thread, which draws (fzf, when Go's main thread reads).
            probe = replace(probe, wait=Wait.SOFT)
        probe = self._alarms.remember(now, probe)
        look = self._confirmation.look
        hides = look is None or not look.cursor_visible
        ticks = 0.0 < probe.rings <= tuning.CLOCK and not probe.canonical
        if ticks and hides and probe.wait is Wait.HARD:
            probe = replace(probe, wait=Wait.SOFT)  # its other threads draw frames
        deadline.on_probe(now)
        self._drained = False
        self._confirmation.on_probe(now, probe)
        pause = deadline.pause(now, output=output)
        ready = not probe.unread and not self._unsent
        if probe.wait is Wait.HARD and ready:
            again = self._candidate.on_hard(now, probe, output=output)
            deadline.due = deadline.due if again is None else again
        elif probe.wait is Wait.BUSY or not ready:
            self._candidate.on_busy(now, probe)
            deadline.due = now + max(pause, tuning.BUSY_PACE)
        else:
            if self._candidate.on_accepting(now, probe):
                self._confirmation.watch(now, probe)
            deadline.due = now + max(tuning.PACE, pause)

    # -- decisions

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
        deadline, candidate, situation = self._deadline, self._candidate, self._situation
        if candidate.decided is not None:
            if situation.until_ready or self._at_rest():
                self._drained = True  # between the two probes; it has not run since the first
                return self._finish(now, candidate.decided)
            candidate.forget()
            pause = deadline.pause(now, output=self._confirmation.output)
            deadline.due = now + max(tuning.PACE, pause)
        if now >= deadline.at:
            return self._late(now)
        if not situation.until_ready and not situation.certain:
            return DoWait(deadline.at)
        if deadline.probed < 0 or now >= deadline.due:
            return DoProbe()
        rule = self._stuck(now) if situation.until_ready else None
        if rule is not None:
            return self._finish(now, rule)
        if candidate.streak is not None:
            return self._settling(now, candidate.streak)
        return deadline.wait(deadline.due)

    def _settling(self, now: float, streak: float) -> Step:
        """It has accepted input since `streak`: apply the required silence."""
        deadline, confirmation = self._deadline, self._confirmation
        probe, look = self._newest(), confirmation.current
        lull = confirmation.output + tuning.LULL
        if now < lull and now >= deadline.start + tuning.LULL:
            return deadline.wait(lull)
        if look is None:
            return DoLook()
        weighing = self._situation.weigh(probe, look)
        rule = required(weighing)
        shown = rule.settle <= tuning.MARK_FAR  # a prompt is
        if not shown:
            rule = replace(rule, settle=max(rule.settle, self._situation.quiet_floor))
        sent = self._situation.sent
        entered = sent is not None and sent.enter and weighing.interface
        if entered and not self._reacted:
            rule = replace(rule, settle=max(rule.settle, tuning.REACTION))
        elif weighing.interface and (sent is None or confirmation.bursts > 1):
            rule = replace(rule, settle=max(rule.settle, tuning.STILL))  # it may be animated
        watched = confirmation.watched_until(rule.settle)
        at = max(confirmation.output + rule.settle, streak + rule.settle, watched)
        if self._situation.evidence.snapshot().synchronized:
            at = max(at, confirmation.output + tuning.FRAME)
        if not self._situation.until_ready and not (shown and self._at_rest()):
            return deadline.wait(deadline.due)
        # An interface with text fields animates its work.
        if not weighing.interface and (self._redraws(now) or self._ticks(now, weighing)):
            rule = Rule(0, Reason.WAITING_FOR_INPUT, Confidence.MEDIUM, "it redraws all the time")
            return self._finish(now, rule)
        if now < at:
            return deadline.wait(min(at, deadline.due))
        if deadline.probed < at:  # the state at the start of the silence must hold at its end too
            deadline.due = now
            return DoProbe()
        rings = confirmation.output + tuning.LONGEST_RING
        if rule.ticks and not confirmation.idled(probe) and now < rings:
            return deadline.wait(min(rings, deadline.due))
        if self._works(now, probe, rule):
            return deadline.wait(confirmation.watched_until(rule.settle))
        return self._finish(now, rule)

    def _newest(self) -> Probe:
        """The newest probe; only the first step has none."""
        assert self._candidate.probe is not None
        return self._candidate.probe

    def _at_rest(self) -> bool:
        """True if the job's only processes are the waiter and those waiting for it."""
        probe = self._candidate.probe
        return probe is not None and not (probe.children - probe.lineage)

    def _works(self, now: float, probe: Probe, rule: Rule) -> bool:
        """The program used more CPU time, while measured, than a waiting program does.

        Work of other threads (fish reads manuals in one) gets only bounded extra time.
        """
        confirmation = self._confirmation
        idle = confirmation.idle(probe, probed=self._deadline.probed, alone=rule.alone)
        shown = rule.settle <= tuning.MARK_FAR  # a prompt is
        ticking = 0.0 < probe.rings <= tuning.CLOCK  # it runs for a moment at each ring
        works = probe.works and not (rule.alone or ticking)
        if idle and (shown or not self._elsewhere(probe)) and not works:
            return False
        patience = tuning.WORKING if probe.wait is Wait.SOFT else tuning.FAR_BLANK
        if idle and not probe.works and self._same_loop(probe):
            patience = tuning.ASIDE
        if probe.tier is Tier.NO_SYSCALL and rule.reason is Reason.QUIET:
            patience = tuning.BLANK  # what it polls is unknown
        since = max(confirmation.output, self._candidate.accepting or 0.0)
        if now > since + rule.settle + patience:
            return False
        confirmation.watch(now, probe)
        return True

    def _elsewhere(self, probe: Probe) -> bool:
        """A thread takes input, but the main thread is not in its idle place."""
        base = self._situation.baseline
        if base is None or not (base.place and probe.place):
            return False
        return (base.pid, base.start) == (probe.pid, probe.start) and base.place != probe.place

    def _same_loop(self, probe: Probe) -> bool:
        """The main thread waits as when it was idle, but called from another function."""
        base = self._situation.baseline
        return base is not None and base.waits_on == probe.waits_on

    def _redraws(self, now: float) -> bool:
        """A full-screen program that draws without pause, or by a clock, and accepts keys."""
        since, look = self._candidate.accepting, self._confirmation.look
        clock = 0.0 < self._newest().wakes <= tuning.TICK  # its timer has begun again
        return (
            since is not None
            and now - (since if clock else max(since, self._confirmation.flow)) > tuning.POLLING
            and now - self._confirmation.output <= tuning.TICK
            and self._newest().wait is Wait.SOFT
            and self._situation.evidence.snapshot().alternate
            and not (look is not None and look.blank)
        )

    def _ticks(self, now: float, weighing: Weighing) -> bool:
        """Its line editor has not moved, and it draws elsewhere (a clock in a toolbar)."""
        accepting = self._candidate.accepting or now
        since = max(accepting, self._confirmation.still, self._deadline.start)
        edits = weighing.marks() == "edit" and not weighing.left_the_line()
        return now - since > tuning.POLLING and (edits or weighing.editing())

    def _stuck(self, now: float) -> Rule | None:
        """Busy, but in a way that only the user can end."""
        probe = self._newest()
        if probe.wait is Wait.HARD and self._unsent and now - self._unsent_at > tuning.QUESTION:
            why = "the terminal takes no more input"
            return Rule(0, Reason.WAITING_FOR_INPUT, Confidence.MEDIUM, why)
        busy = self._candidate.busy
        if probe.wait is not Wait.BUSY or busy is None:
            return None
        situation, confirmation = self._situation, self._confirmation
        rule = stuck(now, situation, probe, busy, confirmation, sending=self._unsent > 0)
        start = self._deadline.start
        late = rule is not None and unfinished(now, situation, probe, confirmation, start=start)
        return None if late else rule

    # -- the end

    def _late(self, now: float) -> Step:
        """The deadline: probe once more, and finish a confirmation that has started."""
        deadline, candidate = self._deadline, self._candidate
        if deadline.final == 0 and (
            candidate.probe is None or now - deadline.probed > tuning.STALE
        ):
            return DoProbe()
        if self._situation.until_ready and candidate.first is not None and deadline.final < 2:
            return DoProbe()
        if self._situation.until_ready and candidate.streak is not None:
            look = self._confirmation.current
            if look is None:
                return DoLook()
            rule = required(self._situation.weigh(self._newest(), look))
            if rule.settle <= tuning.MARK_FAR:  # a prompt is shown: nothing else to wait for
                return (
                    self._finish(now, rule) if deadline.final else DoProbe()
                )  # does it still hold?
        timeout = Rule(0, Reason.TIMEOUT, Confidence.CERTAIN, "the deadline came first")
        return self._verdict(now, timeout, look=self._confirmation.look)

    def _finish(self, now: float, rule: Rule) -> Step:
        """The verdict, once the prompt's row is known; also learns the prompt.

        Before that the terminal is drained: the program may have drawn and gone to sleep again
        before the newest probe, but after the drain that came before it.
        """
        if not self._drained:
            self._drained = True
            return DoDrain()
        look = self._confirmation.current
        if look is None:
            return DoLook()
        probe, situation = self._newest(), self._situation
        weighing = self._situation.weigh(probe, look)
        continuation = continues(
            probe=probe,
            look=look,
            sent=situation.sent,
            memory=situation.memory,
            before=situation.before,
            now=weighing.now,
        )
        learn(situation, weighing, rule, continuation=continuation, drawn=self.drawn)
        return self._verdict(now, rule, look=look, continuation=continuation)

    def _verdict(
        self, now: float, rule: Rule, *, look: Look | None, continuation: bool = False
    ) -> Verdict:
        probe, situation = self._candidate.probe, self._situation
        old, new = situation.before, situation.evidence.snapshot()
        doing = probe.doing if probe is not None else ""
        ready = rule.reason not in (Reason.EXITED, Reason.PATTERN, Reason.TIMEOUT)
        situation.memory.row = look.before_cursor if ready and look is not None else None
        return Verdict(
            reason=rule.reason,
            confidence=rule.confidence,
            waited=now - self._deadline.start,
            prompt="" if look is None or self.drawn else look.before_cursor,
            doing=doing if rule.reason in (Reason.TIMEOUT, Reason.QUIET) else "",
            input_consumed=self._consumed(),
            continuation=continuation,
            pattern=self._match[0] if self._match else None,
            match=self._match[1] if self._match else "",
            exit=self._exit,
            command_exit=new.command_exit if new.marks_done > old.marks_done else None,
            tier=situation.tier if probe is None or probe.tier is Tier.FULL else probe.tier,
            why=rule.why,
        )

    @property
    def drawn(self) -> bool:
        """True if the program draws a screen and takes keys: its rows are not prompts."""
        look, probe = self._confirmation.look, self._candidate.probe
        if look is None or look.alternate:
            return False  # an alternate screen is reported as a screen
        return probe is not None and draws(self._situation.evidence.snapshot(), probe, look)

    def _consumed(self) -> bool:
        """True if the program read the input."""
        sent, base = self._situation.sent, self._situation.baseline
        probe = self._candidate.probe
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
        return not (base is not None and base.wait is Wait.HARD and same_moment(base, probe))
