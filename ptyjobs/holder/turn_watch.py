"""Notice a prompt while no call waits for it.

Owns one settle machine over a job while no call waits for its readiness. Never answers a call and
never types. The subtle thing is its cost: it begins in a lull of the output, its pauses double
while the program is busy, and a program found waiting is left alone until input is typed or it
prints output after its prompt.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ptyjobs.model import Confidence, Reason, Verdict
from ptyjobs.readiness.facts import DoDrain, DoLook, DoProbe, DoWait, Wait, look_at
from ptyjobs.readiness.prompt_memory import normal
from ptyjobs.readiness.settle import Settle

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

LULL = 0.02  # seconds without output before the first check
LULL_MOST = 1.0  # the same for a program that keeps printing without a prompt
PATIENCE = 1.0  # maximum seconds of one settle machine
PAUSE, PAUSE_MOST = 0.5, 12.0  # seconds between two probes while the program is busy
STEPS = 50  # maximum steps of a machine per loop iteration
SURE = (Confidence.CERTAIN, Confidence.HIGH, Confidence.MEDIUM)
NEVER = float("inf")


class TurnWatch:
    """Calls `found` once each time the program becomes ready: the verdict and its prompt row."""

    def __init__(self, job: Job, *, found: Callable[[float, Verdict, bool], None]) -> None:
        """`found` gets the time, the verdict, and whether the prompt was shown before.

        A prompt that was shown before is a program back at its prompt; a new one is a question.
        """
        self._job = job
        self._found = found
        self._settle: Settle | None = None
        self._due = NEVER
        self._lull = LULL
        self._pause = PAUSE
        self._inputs = -1  # inputs of the job when readiness was last reported; -1: not yet
        self._reported = ""  # the prompt reported then
        self._prompts: set[str] = set()

    def due(self, now: float) -> float:
        """Time of the next `step`."""
        if self._inputs != self._job.input.inputs and self._due == NEVER:
            self._lull, self._pause = LULL, PAUSE
            self._due = now + LULL
        return self._due

    def on_output(self, now: float, nbytes: int) -> None:
        """The job has written output."""
        if self._settle is not None:
            self._settle = None
            self._lull = min(self._lull * 1.5, LULL_MOST)
        lull = self._lull if self._inputs != self._job.input.inputs else LULL_MOST
        self._due = now + lull

    def told(self, verdict: Verdict) -> None:
        """The job's own session has been answered with this verdict."""
        self._prompts.add(normal(verdict.prompt))
        self._rest(verdict.prompt)

    def knows(self, verdict: Verdict) -> bool:
        """True if this prompt was shown before."""
        return normal(verdict.prompt) in self._prompts and verdict.reason is not Reason.PASSWORD

    def _rest(self, prompt: str) -> None:
        self._inputs, self._reported = self._job.input.inputs, normal(prompt)
        self._settle, self._due = None, NEVER

    def step(self, now: float) -> None:
        """Advance the settle machine as far as it can go now."""
        job = self._job
        settle = self._settle
        if settle is None and self._pause > PAUSE and job.look(now).wait is Wait.BUSY:
            self._later(now)  # unchanged: one probe suffices to see that
            return
        if settle is None:
            settle = self._settle = Settle(
                now=now,
                deadline=now + PATIENCE,
                tier=job.tier,
                evidence=job.evidence,
                memory=job.memory,
                quiet_floor=job.spec.quiet_floor,
            )
        for _ in range(STEPS):
            step = settle.step(now)
            if isinstance(step, DoWait):
                self._due = step.until
                return
            if isinstance(step, DoProbe | DoDrain):
                job.drain(now)
                if self._settle is None:  # there was output: begin again after a lull
                    return
            if isinstance(step, DoProbe):
                if job.leader_gone():
                    self._settle, self._due = None, NEVER  # the job is about to end
                    return
                probe = job.look(now)
                if job.pacing.held:
                    probe = replace(probe, wait=Wait.BUSY, blocked=False)
                settle.on_probe(now, probe)
            elif isinstance(step, DoLook):
                job.fold.catch_up(job.log.end)
                settle.on_look(now, look_at(job.fold.screen))
            elif not isinstance(step, DoDrain):
                self._decide(now, step)
                return
            now = time.monotonic()
        self._due = now

    def _later(self, now: float) -> None:
        self._due = now + self._pause
        self._pause = min(self._pause * 2, PAUSE_MOST)

    def _decide(self, now: float, verdict: Verdict) -> None:
        self._settle = None
        if not verdict.reason.ready or verdict.confidence not in SURE:
            self._later(now)
            return
        prompt = normal(verdict.prompt)
        again = self._inputs == self._job.input.inputs
        screen = self._job.fold.screen
        if again and (prompt == self._reported or screen.alternate or not prompt.strip()):
            self._due = NEVER  # redrawn, or output was printed before it
            return
        known = self.knows(verdict)
        self._prompts.add(prompt)
        self._rest(verdict.prompt)
        self._found(now, verdict, known)
