"""A person holds a job: input is theirs alone until they release it.

Owns who holds since when, and the report of what they did, which every other reader gets with its
next answer. Never types and never reads the terminal. The subtle thing: a hold is bound to a person
and not to a connection, because a viewer reconnects and attach opens a new connection for each
repaint. While none of their connections is open and the session they asked from has ended, the hold
is released after `GRACE`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ptyjobs.errors import Refused
from ptyjobs.process import tree

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

GRACE = 10.0  # seconds until the hold of a person who has gone is released
LOOK_EVERY = 1.0  # seconds between two looks whether they are still there
REPORTS = 5  # kept for readers that have not seen them
LINES = 20  # of one report
TYPED = 12  # of them: lines that were typed, the last ones


@dataclass(slots=True)
class Held:
    """One hold."""

    by: str
    session: int  # process of their session that must live (0: only their connections count)
    start: int  # its start time, because process ids come again
    since: float  # wall clock
    began: float
    offset: int  # log offset at its beginning
    exits: int  # commands that had ended by then
    lines: list[str] = field(default_factory=list)
    left_at: float | None = None


class Hold:
    """The hold of one job. `here` tells whether a person has a connection open."""

    def __init__(self, job: Job, *, here: Callable[[str], bool]) -> None:
        self._job = job
        self._here = here
        self.held: Held | None = None
        self._reports: list[str] = []
        self._dropped = 0  # reports that are not kept any more
        self._read: dict[str, int] = {}  # by reader: reports read, the dropped ones included

    def take(self, by: str, *, session: int, now: float) -> None:
        """`by` holds the job from now on; Refused while somebody else does."""
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
        """Go on with the hold and the reports of the run before this one."""
        self.held, self._reports = before.held, before._reports
        self._dropped, self._read = before._dropped, before._read
        if self.held is not None:
            self.held.offset = self.held.exits = 0

    def release(self, now: float, *, how: str = "") -> bool:
        """End the hold and report it; False if nobody held."""
        held, self.held = self.held, None
        if held is None:
            return False
        self._reports.append(self._report(held, now, how))
        if len(self._reports) > REPORTS:
            del self._reports[0]
            self._dropped += 1
        return True

    def line(self, who: str, line: str) -> None:
        """`who` typed a line."""
        if self.held is not None and self.held.by == who:
            self.held.lines.append(line)

    def words(self) -> str:
        """Who holds and since when; "" if nobody does."""
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
        )

    def handback(self, reader: str) -> str:
        """What this reader has not been told yet of holds that are over."""
        total = self._dropped + len(self._reports)
        seen = self._read.get(reader, 0)
        self._read[reader] = total
        return "\n".join(self._reports[max(0, seen - self._dropped) :])

    # -- a person who has gone

    def gone(self, now: float) -> bool:
        """True once the person who holds has been gone for `GRACE` seconds."""
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
