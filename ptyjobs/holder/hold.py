"""A hold: one person has exclusive input to a job until they release it.

Owns the current hold (person and start) and the reports of ended holds, which every other
reader gets with its next answer. Never types and never reads the terminal. The subtle thing: a hold
belongs to a person, not to a connection, because a viewer reconnects and attach opens a new
connection for each repaint. A hold is released `GRACE` seconds after the person's last connection
has closed and the session they asked from has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ptyjobs.errors import Hint, Refused
from ptyjobs.process import tree

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

GRACE = 10.0  # seconds from a person's disappearance to the release of their hold
LOOK_EVERY = 1.0  # seconds between two checks for the person
REPORTS = 5  # kept for readers that have not received them
LINES = 20  # maximum lines of one report
TYPED = 12  # of which typed lines, the most recent


@dataclass(slots=True)
class Held:
    """One hold."""

    by: str
    session: int  # pid of their session leader, must be alive (0: only connections count)
    start: int  # its start time, because pids are reused
    since: float  # wall clock
    began: float
    offset: int  # log offset at the start of the hold
    exits: int  # commands that had ended by then
    lines: list[str] = field(default_factory=list)
    left_at: float | None = None


class Hold:
    """The hold of one job. `here` is true while a person has a connection open."""

    def __init__(self, job: Job, *, here: Callable[[str], bool]) -> None:
        self._job = job
        self._here = here
        self.held: Held | None = None
        self._reports: list[str] = []
        self._dropped = 0  # number of discarded reports
        self._read: dict[str, int] = {}  # per reader: reports read, including discarded ones

    def take(self, by: str, *, session: int, now: float) -> None:
        """Give `by` the hold; Refused while another person has it."""
        held = self.held
        if held is not None and held.by != by:
            raise Refused(
                f"Job {self._job.spec.job_id!r} is {self.words()} already.",
                advice=f"Ask them, or ptyjobs release {self._job.spec.job_id}.",
            )
        if held is not None:
            held.left_at = None
            return
        start = tree.read_stat(session) if session else None
        self.held = Held(
            by,
            session=session if start else 0,
            start=start.started if start else 0,
            since=time.time(),
            began=now,
            offset=self._job.log.end,
            exits=self._job.evidence.exit_count,
        )

    def succeed(self, before: Hold) -> None:
        """Take over the hold and the reports of the previous run."""
        self.held, self._reports = before.held, before._reports
        self._dropped, self._read = before._dropped, before._read
        if self.held is not None:
            self.held.offset = self.held.exits = 0

    def release(self, now: float, *, how: str = "") -> bool:
        """End the hold and report it; False if there was none."""
        held, self.held = self.held, None
        if held is None:
            return False
        self._reports.append(self._report(held, now, how))
        if len(self._reports) > REPORTS:
            del self._reports[0]
            self._dropped += 1
        return True

    def line(self, who: str, line: str) -> None:
        """Record a line that `who` typed."""
        if self.held is not None and self.held.by == who:
            self.held.lines.append(line)

    def words(self) -> str:
        """The person who holds and since when, as text; "" without a hold."""
        held = self.held
        if held is None:
            return ""
        clock = time.strftime("%H:%M:%S", time.localtime(held.since))
        return f"held by {held.by} since {clock}"

    def refuse(self, who: str) -> None:
        """Raise Refused if input of `who` may not be typed now."""
        if self.held is None or self.held.by == who:
            return
        raise Refused(
            f"Job {self._job.spec.job_id!r} is {self.words()}: nothing was typed.",
            advice='Reading goes on; wait(until="person") returns at the release.',
            hint=Hint.HELD,
            facts={"job_id": self._job.spec.job_id},
        )

    def handback(self, reader: str) -> str:
        """Text of the ended holds that this reader has not received yet."""
        total = self._dropped + len(self._reports)
        seen = self._read.get(reader, 0)
        self._read[reader] = total
        return "\n".join(self._reports[max(0, seen - self._dropped) :])

    # -- a person who has disconnected

    def gone(self, now: float) -> bool:
        """True once the person who holds has been absent for `GRACE` seconds."""
        held = self.held
        if held is None:
            return False
        if self._here(held.by) or self._session_lives(held):
            held.left_at = None
        elif held.left_at is None:
            held.left_at = now
        return held.left_at is not None and now - held.left_at >= GRACE

    def _session_lives(self, held: Held) -> bool:
        stat = tree.read_stat(held.session) if held.session else None
        return stat is not None and stat.state != "Z" and stat.started == held.start

    # -- the report

    def _report(self, held: Held, now: float, how: str) -> str:
        job = self._job
        what = f"held by {held.by} for {now - held.began:.0f} s"
        lines = [f"{what}, released ({how})" if how else f"{what}, released"]
        typed = held.lines[-TYPED:]
        if len(held.lines) > len(typed):
            lines.append(f"typed: {len(held.lines) - len(typed)} lines before these")
        lines += [f"typed: {line}" for line in typed]
        count = min(job.evidence.exit_count - held.exits, len(job.evidence.exits))
        if count > 0:
            codes = ", ".join(map(str, list(job.evidence.exits)[-count:]))
            lines.append(f"commands exited with: {codes}")
        lines.append(f"now: {self._where()}")
        if job.log.end > held.offset:
            nbytes = job.log.end - held.offset
            lines.append(f"output meanwhile: {nbytes:,} B, see output(since={held.offset})")
        return "\n".join(lines[:LINES])

    def _where(self) -> str:
        job = self._job
        if job.state.ended:
            return "the job has ended"
        job.fold.catch_up(job.log.end)
        screen = job.fold.screen
        if screen.alternate:
            return f"a full screen, {screen.title!r}" if screen.title else "a full screen"
        row = screen.row_text(screen.cursor_row, 0, screen.cursor_col).strip()[-80:]
        return f"at {row!r} in {screen.cwd}" if screen.cwd else f"at {row!r}"
