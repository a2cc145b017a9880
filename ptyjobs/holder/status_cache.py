"""What a quiet job looks like, on disk: a list of a hundred jobs need not wake their holders.

Owns `glimpse.json` in a job's directory: the brief status of one moment and its witnesses, the
threads that must not have run since. A holder writes it once at each lull, and when somebody had to
ask because it was no longer true; nothing else is ever spent on it.

The subtle thing: a program begins to wait, or to work, without any event at which a record could be
written, so a record alone would lie. The witnesses are those by which the probe itself would call
its last answer still valid (`probe.py`): where none of them has run for another nanosecond, all
are in the very system calls that were judged. Whoever reads it looks at them, at the holder's lock
and at the end of the log, and asks the holder when one of the three has moved on. Not noticed are
terminal modes that were changed from outside of the foreground program while it slept.
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
LULL = 1.0  # seconds without output after which it is written
MOST = 8  # witnesses that a reader is asked to look at


class Glimpses:
    """Keeps one job's glimpse true enough to be worth reading."""

    def __init__(self, job: Job, look: Callable[[], Status]) -> None:
        self._job, self._look = job, look
        self.due = float("inf")  # monotonic seconds

    def step(self, now: float) -> None:
        """Write it if it is time."""
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
            with contextlib.suppress(OSError):  # a full disk: whoever wants to know asks
                job.dir.write(NAME, facts)

    def remove(self) -> None:
        """The job has ended: its record says all."""
        with contextlib.suppress(OSError):  # there was none
            os.unlink(os.path.join(self._job.dir.folder, NAME))


def read(job: JobDir) -> Status | None:
    """The brief status of a job whose holder lives, if there is one that is true at this moment."""
    try:
        facts = json.loads(_content(os.path.join(job.folder, NAME)))
        for pid, ran in facts["witnesses"]:
            if int(_content(f"/proc/{pid}/schedstat").split()[0]) != ran:
                return None
        age = max(0.0, time.monotonic() - facts["heard"])
        status = from_json(Status, {**facts["status"], "output_age": age})
        return status if status.job_id == job.job_id and status.end == job.log.end else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # there is none, or a witness has gone, or a newer version wrote it


def _content(path: str) -> bytes:
    """Of a small file, without a file object: a list reads hundreds of them."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)
