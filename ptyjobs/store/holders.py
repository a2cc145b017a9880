"""Find the holders: the pids in the lock files of a state directory's jobs.

Owns that search. Never talks to a holder. The subtle thing: a lock file whose lock is free belongs
to a killed holder.
"""

from __future__ import annotations

import fcntl
import os

from ptyjobs.process.regular import open_regular


def living(jobs: str | os.PathLike[str]) -> dict[int, str]:
    """Pid → job id of every living holder; `jobs` is the directory of all jobs."""
    found: dict[int, str] = {}
    try:
        names = os.listdir(jobs)
    except FileNotFoundError:  # no job yet
        return found
    for name in names:
        try:
            fd = open_regular(os.path.join(jobs, name, "alive"))
        except OSError:  # it has exited
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 20)
            if pid.isdigit():
                found[int(pid)] = name
        finally:
            os.close(fd)
    return found
