"""Status reports of the foreground program, and when they are believed.

Owns the last report (OSC 7501) and progress indicator (OSC 9;4). Never reads the terminal. The
subtle thing: "working", or a progress indicator of a program without status reports, is believed of
a program that reads keys while it works, as long as it keeps writing: so a file with such a report,
printed at a prompt, delays an answer by at most `BELIEF`.
"""

from __future__ import annotations

from ptyjobs._dataclass import replace
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.terminal.program_status import ProgramStatus

BELIEF = 5.0  # seconds without output for which a program's report "working" is believed
PROGRESS_BELIEF = 1.0  # the same for a progress indicator, which few programs draw less often


class ProgramReports:
    """The reports of one job's programs."""

    def __init__(self) -> None:
        self._status = ProgramStatus()
        self.after = 0  # inputs typed before the last report

    @property
    def open(self) -> bool:
        """True inside an unfinished report."""
        return self._status.open

    def read(self, data: bytes, *, group: int, inputs: int) -> None:
        """Read the reports in this output of a process group, after so many inputs."""
        if self._status.feed(data, group=group):
            self.after = inputs

    def believed(self, probe: Probe, *, now: float, last_output: float) -> Probe:
        """The probe, with the program's own report where it is believed."""
        if probe.wait is not Wait.SOFT or probe.canonical:
            return probe
        record = self._status.current(group=probe.group)
        if record is not None:
            doing, belief = "it says that it works", BELIEF
            works = record.state == "working"
        else:
            doing, belief = "its progress indicator runs", PROGRESS_BELIEF
            works = self._status.progresses(group=probe.group)
        if works and now < last_output + belief:
            return replace(probe, wait=Wait.BUSY, doing=doing)
        return probe

    def words(self, *, group: int) -> str:
        """The report of a process group that wants attention; "" if none."""
        record = self._status.current(group=group)
        if record is None or record.state not in ("blocked", "done", "error"):
            return ""
        return record.words
