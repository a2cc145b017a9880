"""The request of one wait and the state before its input, as values.

Owns `Situation`. Never changes during the wait.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.model import Tier
from ptyjobs.readiness.evidence import Evidence, Snapshot
from ptyjobs.readiness.facts import Look, Probe, Sent
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.readiness.weighing import Weighing


@dataclass(frozen=True, slots=True)
class Situation:
    """The request, and the state before the send."""

    tier: Tier
    evidence: Evidence
    before: Snapshot  # of the evidence
    memory: PromptMemory
    baseline: Probe | None  # the probe before the send
    sent: Sent | None
    quiet_floor: float
    until_ready: bool
    certain: bool

    def weigh(self, probe: Probe, look: Look) -> Weighing:
        """The facts of the present silence."""
        return Weighing(
            probe=probe,
            look=look,
            sent=self.sent,
            baseline=self.baseline,
            memory=self.memory,
            before=self.before,
            now=self.evidence.snapshot(),
        )
