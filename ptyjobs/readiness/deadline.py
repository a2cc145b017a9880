"""Deadline of one wait and the times of its probes.

Owns the times of one wait: its start, its deadline, the next probe, and the budget of probes that
output may cause. Never judges a probe. The subtle thing: output triggers a probe at once while
tokens are left, so a prompt is answered without delay and a flood costs one probe per `PACE`.
"""

from __future__ import annotations

from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import DoWait


class Deadline:
    """The clock of one wait; all times are the caller's."""

    __slots__ = ("at", "due", "final", "probed", "start", "tokens")

    def __init__(self, *, start: float, at: float) -> None:
        self.start = start
        self.at = at  # when the answer is due
        self.due = start  # time of the next probe
        self.probed = -1.0  # time of the newest probe
        self.tokens = float(tuning.BURST)
        self.final = 0  # probes made at the deadline

    def on_output(self, now: float, *, silence: float) -> None:
        """Record output after `silence` seconds without any."""
        self.tokens = min(float(tuning.BURST), self.tokens + silence / tuning.PACE)
        if self.tokens >= 1.0:
            self.due = min(self.due, now)
        else:
            last = max(self.probed, self.start)
            self.due = min(now + tuning.BREATH, last + tuning.PACE)

    def on_probe(self, now: float) -> None:
        """Record a probe."""
        self.tokens = max(0.0, self.tokens - 1.0)
        self.probed = now
        if now >= self.at:
            self.final += 1

    def pause(self, now: float, *, output: float) -> float:
        """Probe back-off: a share of the silence since `output`, up to a limit.

        A program that prints is probed at once; this bounds the cost of a silent program.
        """
        silence = now - max(output, self.start)
        if silence < tuning.LONG:
            return min(silence * tuning.BACKOFF, tuning.BACKOFF_LIMIT)
        return min(silence * tuning.LONG_BACKOFF, tuning.LONG_BACKOFF_LIMIT)

    def wait(self, until: float) -> DoWait:
        """Wait until `until` or the deadline."""
        return DoWait(min(until, self.at))
