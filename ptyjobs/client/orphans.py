"""Find and kill processes orphaned by a killed holder.

Owns the mark in a job's environment that names its directory, and the search for processes that
carry it. A session job has its zygote and its server above its holder. A persistent job whose
server has exited has neither, so the first process that finds its holder lost ends the job's
remaining processes. The subtle thing: a process with a replaced environment carries no mark; only
the job's cgroup (where one could be created, `process/cgroup.py`) or a pid namespace
(`sandbox="bwrap"`) contains it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ptyjobs.process import cgroup, tree

MARK = "PTYJOBS_JOB_DIR"
ROUNDS = 5
"""Maximum searches: a process that forks during one is found by the next."""


def name(directory: Path) -> str:
    """The directory as spelled in the mark: its real path."""
    return os.path.realpath(directory)


def end(directory: Path) -> int:
    """Kill every process of this user that is in the cgroup of `directory` or carries its mark.

    Returns the number of processes with the mark.
    """
    cgroup.end(cgroup.left(directory))
    ended: set[int] = set()
    for _ in range(ROUNDS):
        found = marked(directory)
        if not found:
            break
        tree.send(found, signal.SIGSTOP)
        tree.send(found, signal.SIGKILL)
        ended.update(found)
    return len(ended)


def marked(directory: Path) -> list[int]:
    """Live processes of this user that carry the mark, except this one."""
    wanted = b"\0" + os.fsencode(f"{MARK}={name(directory)}") + b"\0"
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:  # it has exited, or belongs to another user
            continue
        if wanted in b"\0" + environment + b"\0":
            found.append(int(entry))
    return found
