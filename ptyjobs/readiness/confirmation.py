"""Stability checks that confirm a candidate: output, the cursor row, CPU time.

Owns these observations of one wait. Never decides how long they must last (see `rules.py`). The
subtle thing: the row is examined only when silence may end the wait, and a look stays valid until
the next byte of output.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Look, Probe, Wait


class Confirmation:
    """Silence, cursor row and CPU time during one wait."""

    __slots__ = (
        "asleep",
        "bursts",
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
        "worked",
    )

    def __init__(self, *, now: float) -> None:
        self.output = now  # time of the last output
        self.flow = now  # start of output without a pause as long as a frame
        self.asleep = self.worked = now  # times of the newest probes that found it waiting, busy
        self.bursts = 0  # of output, with a pause before each, since the input was typed
        self.nbytes = 0
        self.look: Look | None = None
        self.looked = -1  # bytes of output that the look includes
        self.still = now  # time since which the cursor row is unchanged
        self.window = now  # start of the CPU time measurement
        self.runs: int | None = None  # of its thread, at the first probe after the last output
        self.runtime = self.cpu = 0  # at that time: of the waiting thread, of the whole program

    def on_output(self, now: float, nbytes: int) -> None:
        """The job wrote `nbytes`."""
        self.runs = None
        # A pause that it slept through: on a busy machine it waits for a processor, and so do we.
        if self.asleep - max(self.output, self.worked) > tuning.PAINT:
            self.flow = now
        if now - self.output > tuning.APART:
            self.bursts += 1
        self.output = now
        self.nbytes += nbytes

    def on_probe(self, now: float, probe: Probe) -> None:
        """Record the newest probe."""
        if probe.wait is Wait.BUSY:
            self.worked = now
        else:
            self.asleep = now
        if self.runs is None:
            self.runs = probe.runs

    def idled(self, probe: Probe) -> bool:
        """True if its timer fired at least twice since the last output without drawing anything."""
        return self.runs is not None and probe.runs - self.runs >= tuning.IDLE_RINGS

    def on_look(self, now: float, look: Look) -> None:
        """Record a look at the screen, with all output drawn."""
        if self.look != look:
            self.still = now
        self.look = look
        self.looked = self.nbytes

    @property
    def current(self) -> Look | None:
        """The last look, or None if output followed it."""
        return self.look if self.looked == self.nbytes else None

    def watch(self, now: float, probe: Probe) -> None:
        """Start a new window for measuring CPU time."""
        self.window, self.runtime, self.cpu = now, probe.runtime, probe.cpu

    def watched_until(self, settle: float) -> float:
        """Time at which the CPU time has been measured long enough."""
        return self.window + min(settle, tuning.PAINT)

    def idle(self, probe: Probe, *, probed: float, alone: bool) -> bool:
        """True if the program used no more CPU time than a waiting program does.

        `alone`: count only the waiting thread.
        """
        spent = probe.runtime - self.runtime if alone else probe.cpu - self.cpu
        return spent <= max(tuning.IDLE_CPU, tuning.SHARE * 1e9 * (probed - self.window))


class Alarms:
    """The short time-out of a thread that does not wait for the terminal, as last seen.

    The thread that holds it has just run, or another one has taken it over (Go's runtime), in some
    probes; it counts as held for a while.
    """

    __slots__ = ("_at", "_seen")

    def __init__(self, *, now: float, before: Probe | None) -> None:
        self._at = now
        self._seen = before

    def remember(self, now: float, probe: Probe) -> Probe:
        """The probe, with the time-out of an earlier one if it shows none."""
        if 0.0 < probe.rings <= tuning.CLOCK:
            self._at, self._seen = now, probe
            return probe
        old = self._seen
        if old is None or (old.pid, old.start) != (probe.pid, probe.start):
            return probe
        held = 0.0 < old.rings <= tuning.CLOCK and now - self._at <= tuning.STILL
        return replace(probe, rings=old.rings) if held else probe
