"""One pending answer: an `interact`, `execute` or `wait` until its verdict.

Owns the state of one call: its settle machine, the fresh text since its mark, its patterns, its
deadline. Never writes to the terminal. The subtle thing: a pattern found in the stream is only a
candidate; it counts once it appears in the fresh text on the screen, which excludes the echo of the
input.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptyjobs._dataclass import replace
from ptyjobs.config.defaults import MAX_CHARS
from ptyjobs.errors import BadPattern, PtyJobsError, unforeseen
from ptyjobs.holder.job import Job
from ptyjobs.holder.ready import Watch
from ptyjobs.model import Answer, Confidence, Fresh, Reason, Verdict
from ptyjobs.process.fair_share import PATIENCE
from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import look_at
from ptyjobs.readiness.settle import (
    DoDrain,
    DoLook,
    DoProbe,
    DoWait,
    Look,
    Probe,
    Sent,
    Settle,
    Wait,
)
from ptyjobs.store import log_matches, views
from ptyjobs.store.fold import addresses
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.terminal import Screen
from ptyjobs.terminal.values import Line
from ptyjobs.text.fresh import FreshText, Mark
from ptyjobs.text.late import standing
from ptyjobs.text.patterns import Until, plain

if TYPE_CHECKING:
    from ptyjobs.text.redaction import Redactor

PROGRESS_EVERY = 0.5  # seconds between two progress notes
ENDING = 0.3  # seconds that an exited leader's end may come after the deadline
PACE = 0.005  # seconds between two checks for that end
RETRY = 0.1  # seconds until a step that failed is tried again
PROMPTS = 8  # earlier prompts compared with the lines of an answer
NEWEST = 1000  # bytes of heavy output searched for its last line
BACKLOG = 1 << 20  # maximum bytes before a wait that are searched when it begins
REDACTED = 64 << 10  # bytes of omitted output that are redacted to confirm a match
STEPS = 200  # steps of the machine before other events are handled
FLOODS = 0.1  # seconds between two probes of a job whose output never pauses
Untold = tuple[tuple[int, Line], ...]  # see `Mark`
ENTER_FOLLOWS = "the text is typed; Enter follows as soon as the program has drawn it"


@dataclass(frozen=True, slots=True)
class Ask:
    """The validated parameters of a call."""

    timeout: float
    ready: bool = True  # readiness of the program ends the wait; False: only exit or a pattern does
    certain: bool = False  # with ready=False: a certain prompt ends it too
    patterns: tuple[re.Pattern[str], ...] = ()
    budget: int = MAX_CHARS
    view: str = "auto"
    since_generation: int | None = None  # with view="rows": the caller's last view
    typed: str = ""  # the text typed, for its echo
    sent: Sent | None = None
    nbytes: int = 0
    progress: bool = False
    quiet: float | None = None  # seconds without output that end the wait (until="quiet")
    redactor: Redactor | None = None  # secrets that the patterns must not find
    person: bool = False  # a person's answer or release ends the wait
    offer: str = ""  # token of an answer that its reader fetches later (store.offers)


class Waiter:
    """Drives one settle machine; `reply` is called once, with the answer and its untold lines."""

    def __init__(
        self,
        job: Job,
        ask: Ask,
        *,
        owner: int,
        mark: Mark,
        now: float,
        reply: Callable[[Answer | PtyJobsError, Untold], None],
        progress: Callable[[str], None] | None = None,
        late: str = "",
        baseline: Probe | None = None,
        watch: Watch | None = None,
        typist: str = "",
    ) -> None:
        self.job = job
        self.ask = ask
        self.owner = owner
        self.mark = mark
        self.began = now
        self._deadline = now + ask.timeout
        self._probed = -FLOODS  # time of the last probe
        self.due = now
        self.done = False
        self.late = late
        self.watch = watch
        self._failed = watch.failed if watch is not None else 0
        self._left = False  # the leader has ended, but remaining processes may still become ready
        self.by_person = False
        self.typist = typist
        self.untyped = 0  # bytes that a hold has removed from the queue
        self._reply = reply
        self._progress = progress
        self._progress_at = now
        self._progress_line = ""
        self.reader = ""  # key of the read position that it continues from
        self.begin_at(mark)
        self.until = Until(ask.patterns, typed=ask.typed) if ask.patterns else None
        self.settle = Settle(
            now=now,
            deadline=self._deadline,
            tier=job.tier,
            evidence=job.evidence,
            baseline=baseline,
            sent=ask.sent,
            memory=job.memory,
            quiet_floor=job.spec.quiet_floor,
            until_ready=ask.ready,
            certain=ask.certain,
        )

    def left(self, now: float) -> float:
        """Seconds until the deadline."""
        return max(0.0, self._deadline - now)

    def begin_at(self, mark: Mark) -> None:
        """Start the answer's text at `mark`."""
        self.mark = mark
        self.fresh = FreshText(
            mark,
            typed=self.ask.typed,
            entered=self.ask.sent is not None and self.ask.sent.enter,
            budget=self.ask.budget,
            view=self.ask.view,
            hint=f"output(job_id, since={mark.offset})",
            since=self.ask.since_generation,
            prompts=self.job.memory.shown()[:PROMPTS],
        )

    def observe(self, screen: Screen) -> bool:
        """The fold has advanced: keep the head of a long output; False once it is kept."""
        self.fresh.observe(screen)
        return not self.fresh.head_full

    # -- events ------------------------------------------------------------------------------

    def on_output(self, now: float, data: bytes) -> None:
        self.settle.on_output(now, len(data))
        self.due = now
        if self.until is not None:
            self._watch(now, data)

    def look_back(self, now: float) -> None:
        """Search the output between the mark and the start of this wait."""
        if self.watch is not None:
            self.watch.look_back(self.mark.offset)
        if self.until is None:
            return
        log, end = self.job.dir.log, self.job.log.end
        at = max(self.mark.offset, end - BACKLOG)
        while at < end and not self.done:
            first, data = log.read(at, 64 << 10)
            if not data:  # a gap up to the end
                return
            at = first + len(data)
            self._watch(now, data)

    def _watch(self, now: float, data: bytes) -> None:
        assert self.until is not None
        try:
            with bounded_search():
                found = self.until.feed(data)
            if found is None:
                return
            index, text = found
            self.job.fold.catch_up(self.job.log.end, self.observe)
            seen, _ = self._finish(prompt_row=False)
            shown = seen.text + "\n" + self._row()
            with bounded_search():
                stands = self._stands(self.ask.patterns[index], shown, seen.omitted_chars)
            if stands:
                self.settle.on_pattern(now, index, text)
        except BadPattern as error:
            self.done = True
            self._reply(error, ())

    def _stands(self, pattern: re.Pattern[str], shown: str, omitted: int) -> bool:
        """True if the pattern matches the text that the caller may see, or its omitted part."""
        redactor = self.ask.redactor
        if not redactor:
            return bool(omitted or pattern.search(shown))
        if omitted:
            _, data = self.job.dir.log.read(max(0, self.job.log.end - REDACTED), REDACTED)
            shown = "\n".join([*map(plain, data.split(b"\n")), shown])
        return bool(pattern.search(redactor.redact(shown).text))

    def on_exit(self, now: float) -> None:
        assert self.job.exit is not None
        self.due = now
        if self.watch is not None and not self.watch.decided:
            self._left = True
        else:
            self.settle.on_exit(now, self.job.exit)

    def on_person(self, now: float, verdict: Verdict) -> None:
        """A person has answered."""
        self._answer(verdict, now)

    def on_fault(self, now: float, fault: Exception) -> None:
        """`advance` failed: try again later; at the deadline, or without an answer, report it."""
        self.due = now + RETRY
        if self.done or now >= self._deadline:
            self.done = True
            self.job.input.drop(self.owner)
            self._reply(unforeseen(fault), ())

    # -- the loop ----------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Run steps until the machine waits or has a verdict."""
        for _ in range(STEPS):
            if self.done or (self.watch is not None and self._serves(self.watch, now)):
                return
            step = self.settle.step(now)
            if isinstance(step, DoWait):
                quiet_at = self._quiet_at()
                if now >= quiet_at:
                    why = f"no output for {self.ask.quiet:g} s"
                    self._answer(Verdict(Reason.QUIET, Confidence.MEDIUM, why=why), now)
                    return
                self.due = min(step.until, quiet_at)
                self.job.courtesy.waiting(step.until - now <= PATIENCE)
                self._note_progress(now)
                return
            if isinstance(step, DoProbe):
                if self._flows(now):
                    return
                if self._ends(now):
                    self.due = now + PACE
                    return
                if not self.done:
                    typing = self.job.input
                    self.settle.on_unsent(now, typing.unsent(self.owner), reacted=typing.reacted)
                    self._probed = now
                    probe = self.job.look(now)
                    # Its output is incomplete, or it is being ended: no verdict yet.
                    if self.job.pacing.held or self.job.killing_reason:
                        probe = replace(probe, wait=Wait.BUSY, blocked=False)
                    self.settle.on_probe(now, probe)
            elif isinstance(step, DoDrain):
                self.job.drain(now)
            elif isinstance(step, DoLook):
                self.settle.on_look(now, self._look())
            elif self.watch is not None and self.watch.undecided and now < self._deadline:
                self.due = min(self._deadline, max(now, self.watch.due) + PACE)
                return
            else:
                self._answer(step, now)
                return
            now = time.monotonic()
        self.due = now

    def _serves(self, watch: Watch, now: float) -> bool:
        """True if the service is ready or failed (answered), or can still be without its leader."""
        service = watch.service
        if service.ready or watch.failed > self._failed:
            reason = Reason.SERVICE_READY if service.ready else Reason.SERVICE_FAILED
            found = ", ".join(map(str, service.listening)) if service.ready else service.why
            why = "its conditions hold" if service.ready else service.why
            self._answer(Verdict(reason, match=found, why=why, exit=self.job.exit), now)
            return True
        if not self._left:
            return False
        if watch.decided or now >= self._deadline:
            assert self.job.exit is not None
            self.settle.on_exit(now, self.job.exit)
            return False
        self.due = self._deadline
        return True

    def _quiet_at(self) -> float:
        """When a wait for quiet ends if no further output arrives."""
        if self.ask.quiet is None:
            return float("inf")
        return max(self.began, self.job.last_output) + self.ask.quiet

    def _ends(self, now: float) -> bool:
        """True if the leader has exited and its end is about to be published: no verdict before.

        A full log, or a remote side that is still being ended, delays it further.
        """
        until = self._deadline if self.job.pacing.held else self._deadline + ENDING
        return now < until and self.job.leader_gone()

    def _flows(self, now: float) -> bool:
        """Read the terminal; True while heavy output continues and a probe would add nothing.

        Then `due` is set, and the answer's text is prepared while the terminal fills again.
        """
        job = self.job
        end = job.log.end
        drained = job.drain(now)
        if not job.courtesy.hot or now >= min(self._deadline, self._probed + FLOODS):
            return False
        if drained and job.log.end == end:
            return False
        job.fold.ahead(job.log.end, self.observe)
        if drained:
            job.fold.draw(job.log.end, self.observe)
        self._note_progress(now)
        self.due = time.monotonic() + tuning.BREATH if drained else now
        return True

    def _look(self) -> Look:
        self.job.fold.catch_up(self.job.log.end, self.observe)
        return look_at(self.job.fold.screen)

    def _row(self) -> str:
        screen = self.job.fold.screen
        return screen.row_text(screen.cursor_row, 0, screen.cursor_col)

    def _note_progress(self, now: float) -> None:
        if self._progress is None or now - self._progress_at < PROGRESS_EVERY:
            return
        self._progress_at = now
        line = next((row for row in reversed(self._rows_now()) if row.strip()), "")
        if line != self._progress_line:
            self._progress_line = line
            self._progress(line)

    def _rows_now(self) -> list[str]:
        """The rows of the screen; under heavy output, its newest lines, drawn separately."""
        job = self.job
        if job.courtesy.hot:
            _, tail = job.dir.log.read(max(0, job.log.end - NEWEST), NEWEST)
            if not addresses(tail):
                scratch = Screen(job.size)
                scratch.feed(tail)
                return scratch.text()
        job.fold.catch_up(job.log.end, self.observe)
        return job.fold.screen.text()

    def _from_log(self) -> Fresh:
        """The output since the mark, read from the log without a screen."""
        job = self.job
        page = views.page(job.dir.log, size=job.size, since=self.mark.offset, limit=self.ask.budget)
        return Fresh(page.text, offset=self.mark.offset, end=job.log.end)

    # -- the answer --------------------------------------------------------------------------

    def _finish(self, *, prompt_row: bool) -> tuple[Fresh, str]:
        return self.fresh.finish(
            self.job.fold.screen,
            prompt_row=prompt_row,
            end=self.job.log.end,
            exited=self.job.state.ended,
            newlines=self.job.newlines,
            hole=self.job.lost_since(self.mark.offset),
        )

    def _unmatched(self, verdict: Verdict) -> str:
        """Text about a pattern that did not match, and where it matched before this wait."""
        patterns = self.ask.patterns
        if not patterns or verdict.pattern is not None:  # of a job that has exited, too
            return ""
        last = None
        if self.ask.sent is None:
            log, before = self.job.dir.log, self.mark.offset
            last = log_matches.earlier(log, patterns, before=before, redactor=self.ask.redactor)
        return log_matches.no_match(patterns, last)

    def _answer(self, verdict: Verdict, now: float) -> None:
        self.done = True
        self.job.courtesy.waiting(False)
        untold: Untold = ()
        try:
            self.job.fold.catch_up(self.job.log.end, self.observe)
            turn = verdict.reason.ready or verdict.reason is Reason.PERSON
            asks = turn and not self.settle.drawn
            fresh, prompt = self._finish(prompt_row=asks)
            screen = self.job.fold.screen
            if asks:
                self.job.memory.told = (self._row(), prompt)
            untold = self.fresh.untold(screen)
            title, late = screen.title, standing(self.late, self.mark, screen, fresh=fresh.text)
        except Exception as error:  # a failing fold is reported, then dropped; the answer is sent
            self.job.errors["screen"] = f"screen: {type(error).__name__}: {error}"[:300]
            fresh, prompt, title, late = self._from_log(), verdict.prompt, "", self.late
        unsent = self.untyped + self.job.input.leave(self.owner)
        typed = self.ask.sent is not None and not unsent
        follows = typed and verdict.exit is None and self.job.input.unsent(self.owner) > 0
        self._reply(
            Answer(
                job_id=self.job.spec.job_id,
                state=self.job.state,
                verdict=replace(
                    verdict, prompt=prompt, waited=now - self.began, says=self.job.says
                ),
                fresh=replace(fresh, late=late),
                sent=self.ask.nbytes - unsent,
                unsent=unsent,
                by_person=self.by_person,
                title=title,
                unmatched=self._unmatched(verdict),
                service=self.watch.service if self.watch is not None else None,
                notes=(ENTER_FOLLOWS,) if follows else (),
            ),
            untold,
        )
