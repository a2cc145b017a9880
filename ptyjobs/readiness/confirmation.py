"""What must hold still until a candidate is believed: output, the cursor's row, use of processors.

Owns these observations of one wait. Never decides how long they must last (see `rules.py`). The
subtle thing: the row is looked at only when a silence may end the wait, and a look is good until
the next byte of output.
"""

from __future__ import annotations

from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Look, Probe


class Confirmation:
    """The silence, the row of the cursor and the CPU time of one wait."""

    __slots__ = (
        "cpu",
        "flow",
        "look",
        "looked",
        "nbytes",
        "output",
        "runs",
        "runtime",
        "still",
        "window",
    )

    def __init__(self, *, now: float) -> None:
        self.output = now  # time of the last output
        self.flow = now  # since when it has never been silent for as long as a frame lasts
        self.nbytes = 0
        self.look: Look | None = None
        self.looked = -1  # bytes of output that the look has seen
        self.still = now  # since when the row of the cursor has looked the same
        self.window = now  # since when the CPU time is measured
        self.runs: int | None = None  # of its thread, at the first probe behind the last output
        self.runtime = self.cpu = 0  # at that time: of the waiting thread, of all its program

    def on_output(self, now: float, nbytes: int) -> None:
        """The job wrote `nbytes`."""
        self.runs = None
        if now - self.output > tuning.PAINT:
            self.flow = now
        self.output = now
        self.nbytes += nbytes

    def on_probe(self, probe: Probe) -> None:
        """The newest probe."""
        if self.runs is None:
            self.runs = probe.runs

    def idled(self, probe: Probe) -> bool:
        """True if its timer has rung since the last output, and again, and nothing was drawn."""
        return self.runs is not None and probe.runs - self.runs >= tuning.IDLE_RINGS

    def on_look(self, now: float, look: Look) -> None:
        """The screen was looked at, with all output drawn."""
        if self.look != look:
            self.still = now
        self.look = look
        self.looked = self.nbytes

    @property
    def current(self) -> Look | None:
        """The look, unless output came after it."""
        return self.look if self.looked == self.nbytes else None

    def watch(self, now: float, probe: Probe) -> None:
        """Begin a new window in which its use of processors is measured."""
        self.window, self.runtime, self.cpu = now, probe.runtime, probe.cpu

    def watched_until(self, settle: float) -> float:
        """When the use of processors has been watched for long enough."""
        return self.window + min(settle, tuning.PAINT)

    def idle(self, probe: Probe, *, probed: float, alone: bool) -> bool:
        """True if it used no more of a processor than a waiting program does.

        `alone`: only the waiting thread counts.
        """
        spent = probe.runtime - self.runtime if alone else probe.cpu - self.cpu
        return spent <= max(tuning.IDLE_CPU, tuning.SHARE * 1e9 * (probed - self.window))
