"""Cached status of a job on disk: listing a hundred jobs need not wake their holders.

Owns `glimpse.json` in a job's directory: the brief status at one moment and what proves that it is
current. A holder writes it once per lull, again when a reader had to ask because it was out of
date, and during a flood `REFRESH` apart while readers ask. Never costs anything else.

The subtle thing: a program begins to wait, or to work, without any event at which a record could be
written, so a record alone would become wrong unnoticed. The proof of a quiet job are its witnesses,
the threads by which the probe itself would consider its last answer still valid (`probe.py`): if
none of them has run for another nanosecond, all are in the very system calls that were judged. A
reader checks the witnesses, the holder's lock and the end of the log, and asks the holder when one
of the three has changed. Not noticed: terminal modes changed from outside the foreground program
while it slept. The proof of a flooding job is the flood: a record at most `FRESH` seconds old whose
log has grown since and was written within `FLOWING` seconds; the status then has that `age`. A
record younger than `RECENT` needs no growth: a busy machine may not have run the job since, and
would take longer to run its holder for an answer. A reader of a flood's record sets the file's time
to 0, which shows the holder that there still are readers; otherwise one in some dozens of them
would have to ask it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.json_values import checked_from_json, told
from ptyjobs.model import Status
from ptyjobs.process.regular import open_regular
from ptyjobs.store.log import segment_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ptyjobs.holder.job import Job
    from ptyjobs.store.jobdir import JobDir

NAME = "glimpse.json"
LULL = 1.0  # seconds without output until it is written
REFRESH = 0.2  # seconds between two records of a flood
WATCHED = 3.0  # seconds after a reader's question for which a flood is recorded
FRESH = 1.0  # maximum age of a flood's record, in seconds
RECENT = 0.05  # age up to which the log need not have grown since, in seconds
FLOWING = 0.25  # seconds since the last write to the log within which a flood still flows
MOST = 8  # maximum number of witnesses that a reader must check
MAX_QUIET = 4096  # records that a reader remembers


class StatusCache:
    """Keeps one job's glimpse current enough to be worth reading."""

    def __init__(self, job: Job, look: Callable[[], Status]) -> None:
        self._job, self._look = job, look
        self.due = float("inf")  # monotonic seconds: the next record of a quiet job
        self._flow_due = float("inf")  # the next record of a flood
        self._watched_until = 0.0

    @property
    def next_due(self) -> float:
        """When `step` has something to do (monotonic seconds)."""
        return min(self.due, self._flow_due)

    def asked(self, now: float) -> None:
        """A reader had to ask: the glimpse on disk was out of date."""
        self._watched_until = now + WATCHED
        if self._job.courtesy.hot:
            self._flow_due = now
        else:
            self.due = 0.0

    def step(self, now: float) -> None:
        """Write the glimpse if it is due."""
        job = self._job
        if now < self.next_due:
            return
        flows = now >= self._flow_due and job.courtesy.hot
        if now >= self.due:
            self.due = float("inf")
        if flows and self._was_read():
            self._watched_until = now + WATCHED
        watched = flows and now < self._watched_until
        self._flow_due = now + REFRESH if watched else float("inf")
        if job.pty is None or job.state.ended or job.ending:
            return
        status = self._look()
        facts = {"status": told(status), "heard": job.last_output}
        if flows:
            self._write({**facts, "at": now})
        elif 0 < len(witnesses := job.kernel.witnesses()) <= MOST:
            self._write({**facts, "witnesses": witnesses})

    @property
    def _path(self) -> str:
        return os.path.join(self._job.dir.folder, NAME)

    def _was_read(self) -> bool:
        """True if a reader has marked the record of the flood."""
        try:
            return os.stat(self._path).st_mtime_ns == 0
        except OSError:  # none yet
            return False

    def _write(self, facts: dict[str, object]) -> None:
        with contextlib.suppress(OSError):  # a full disk: readers ask the holder instead
            self._job.dir.write(NAME, facts)

    def remove(self) -> None:
        """The job has ended: its record replaces the glimpse."""
        with contextlib.suppress(OSError):  # there was none
            os.unlink(self._path)


_Record = tuple[tuple[int, int, int], Status, list[tuple[int, int]]]
_quiet: dict[str, _Record] = {}
"""Records of quiet jobs by path, so that only a changed one is read: inode, change time and size of
the file; the status, whose `output_age` is the time of the last output; the witnesses."""


def read(job: JobDir, *, after: int = 0) -> Status | None:
    """The brief status of a live holder's job, if the one on disk is current.

    `after`: log offset up to which the reader has been answered; a flood's record must be newer.
    """
    try:
        path = os.path.join(job.folder, NAME)
        found = os.lstat(path)
        identity = found.st_ino, found.st_ctime_ns, found.st_size
        record = _quiet.get(path)
        if record is None or record[0] != identity:
            facts = json.loads(_content(path))
            if facts["status"]["job_id"] != job.job_id:
                return None
            now = time.monotonic()
            if "at" in facts:
                return _of_flood(job, facts, now, after)
            status = checked_from_json(Status, {**facts["status"], "output_age": facts["heard"]})
            record = identity, status, facts["witnesses"]
            if len(_quiet) >= MAX_QUIET:
                _quiet.clear()
            _quiet[path] = record
        _, status, witnesses = record
        for pid, ran in witnesses:
            if int(_content(f"/proc/{pid}/schedstat").split()[0]) != ran:
                return None
        if job.log.end != status.end:
            return None
        heard = status.output_age or 0.0
        return replace(status, output_age=max(0.0, time.monotonic() - heard))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # none, a witness has exited, a newer version or the job itself wrote it


def _of_flood(job: JobDir, facts: dict[str, Any], now: float, after: int) -> Status | None:
    """The recorded status of a job that has printed ever since, with its age."""
    recorded = facts["status"].get("end", 0)
    age = now - facts["at"]
    if not 0 <= age <= FRESH or recorded < after:
        return None
    start, size = job.log.segments()[-1]
    written = os.stat(os.path.join(job.folder, segment_name(start))).st_mtime
    grown = start + size > recorded or (age < RECENT and recorded > after)
    if not grown or time.time() - written > FLOWING:
        return None
    with contextlib.suppress(OSError):  # replaced meanwhile, or read-only
        os.utime(os.path.join(job.folder, NAME), ns=(0, 0))
    status = {**facts["status"], "end": start + size, "age": round(age, 3)}
    status["output_age"] = round(max(0.0, time.time() - written), 3)
    return checked_from_json(Status, status)


def _content(path: str) -> bytes:
    """Content of a small file, without a file object: a list reads hundreds of them."""
    fd = open_regular(path)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
