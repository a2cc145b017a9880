"""What a job leaves when its holder was killed and nobody stood above it.

Owns the mark in a job's environment that names its directory, and the search for processes that
carry it. A session job has its zygote and its server above its holder; a persistent one whose
server has gone has not, so whoever finds its holder lost ends what is left. The subtle thing: a
process that was given another environment carries no mark; only the job's cgroup (where one
could be made, `process/cgroup.py`) or a pid namespace (`sandbox="bwrap"`) holds it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ptyjobs.process import cgroup, tree

MARK = "PTYJOBS_JOB_DIR"
ROUNDS = 5
"""Searches until none is found: what forks while it is looked at is seen in the next one."""


def name(directory: Path) -> str:
    """The directory as the mark spells it, however a caller came to it."""
    return os.path.realpath(directory)


def end(directory: Path) -> int:
    """Kill every process of ours that is in the cgroup of `directory` or carries its mark.

    The number of those with the mark.
    """
    cgroup.end(directory)
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
    """The living processes of this user that carry the mark, this one excepted."""
    wanted = b"\0" + os.fsencode(f"{MARK}={name(directory)}") + b"\0"
    found = []
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:  # it has ended, or belongs to somebody else
            continue
        if wanted in b"\0" + environment + b"\0":
            found.append(int(entry))
    return found
