"""Cached status of a quiet job on disk: listing a hundred jobs need not wake their holders.

Owns `glimpse.json` in a job's directory: the brief status at one moment and its witnesses, the
threads whose CPU time must be unchanged. A holder writes it once per lull, and again when a reader
had to ask because it was out of date. Never costs anything else.

The subtle thing: a program begins to wait, or to work, without any event at which a record could be
written, so a record alone would become wrong unnoticed. The witnesses are the threads by which the
probe itself would consider its last answer still valid (`probe.py`): if none of them has run for
another nanosecond, all are in the very system calls that were judged. A reader checks the
witnesses, the holder's lock and the end of the log, and asks the holder when one of the three has
changed. Not noticed: terminal modes changed from outside the foreground program while it slept.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.model import Status, from_json, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptyjobs.holder.job import Job
    from ptyjobs.store.jobdir import JobDir

NAME = "glimpse.json"
LULL = 1.0  # seconds without output until it is written
MOST = 8  # maximum number of witnesses that a reader must check


class Glimpses:
    """Keeps one job's glimpse current enough to be worth reading."""

    def __init__(self, job: Job, look: Callable[[], Status]) -> None:
        self._job, self._look = job, look
        self.due = float("inf")  # monotonic seconds

    def step(self, now: float) -> None:
        """Write the glimpse if it is due."""
        job = self._job
        if now < self.due:
            return
        self.due = float("inf")
        if job.pty is None or job.state.ended or job.ending:
            return
        status = self._look()
        witnesses = job.kernel.witnesses()
        if 0 < len(witnesses) <= MOST:
            facts = {"status": told(status), "heard": job.last_output, "witnesses": witnesses}
            with contextlib.suppress(OSError):  # a full disk: readers ask the holder instead
                job.dir.write(NAME, facts)

    def remove(self) -> None:
        """The job has ended: its record replaces the glimpse."""
        with contextlib.suppress(OSError):  # there was none
            os.unlink(os.path.join(self._job.dir.folder, NAME))


def read(job: JobDir) -> Status | None:
    """The brief status of a live holder's job, if the one on disk is current."""
    try:
        facts = json.loads(_content(os.path.join(job.folder, NAME)))
        for pid, ran in facts["witnesses"]:
            if int(_content(f"/proc/{pid}/schedstat").split()[0]) != ran:
                return None
        age = max(0.0, time.monotonic() - facts["heard"])
        status = from_json(Status, {**facts["status"], "output_age": age})
        return status if status.job_id == job.job_id and status.end == job.log.end else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # there is none, a witness has exited, or a newer version wrote it


def _content(path: str) -> bytes:
    """Content of a small file, without a file object: a list reads hundreds of them."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
