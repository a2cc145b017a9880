"""Required silence for one kind of evidence.

Owns `Rule` and its usual forms. Never weighs evidence: see `rules.py`, `idle.py` and `far.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.model import Confidence, Reason
from ptyjobs.readiness.facts import Probe


@dataclass(frozen=True, slots=True)
class Rule:
    """Required silence for one kind of evidence, and the reason named in the verdict."""

    settle: float
    reason: Reason
    confidence: Confidence
    why: str
    alone: bool = True  # count only the waiting thread's CPU, not the whole program's
    ticks: bool = False  # one of its timers is about to fire: it may be drawing frames


def password(probe: Probe, *, confidence: Confidence) -> Rule | None:
    """A line is read without echo: the input is secret."""
    if probe.canonical and not probe.echo:
        return Rule(0.0, Reason.PASSWORD, confidence, "it reads a line without echo")
    return None


def waits(settle: float, why: str) -> Rule:
    """It is waiting for input after this silence."""
    return Rule(settle, Reason.WAITING_FOR_INPUT, Confidence.HIGH, why)


def silent(settle: float, why: str) -> Rule:
    """Only its silence is known; all of its processor time counts as work."""
    return Rule(settle, Reason.QUIET, Confidence.LOW, why, alone=False)


def medium(settle: float, why: str) -> Rule:
    """Like `silent`, with some evidence."""
    return Rule(settle, Reason.QUIET, Confidence.MEDIUM, why, alone=False)
