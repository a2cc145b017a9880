"""The lock that is held while a job is alive.

Owns the file `alive` of a job's directory. The process that makes the directory locks it and hands
the lock to the holder, which keeps it until it exits; the kernel releases it if they die. Never
reads the file: a holder writes its pid into it. The subtle thing: the lock belongs to the open file
(flock(2)), so it passes from the client to the holder without a moment in which it is free.
"""

from __future__ import annotations

import fcntl
import os

from ptyjobs.process.regular import open_regular

ALIVE = "alive"


def lock(folder: str) -> int:
    """Create and lock the file; raises OSError and leaves none if that fails."""
    path = f"{folder}/{ALIVE}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:  # ENOLCK: a network file system without such locks
        os.close(fd)
        os.unlink(path)
        raise
    return fd


def is_locked(folder: str) -> bool:
    """True if the holder of that directory's job runs, or the client that starts it."""
    path = os.path.join(folder, ALIVE)
    while True:
        try:
            fd = open_regular(path)
        except FileNotFoundError:  # ended in order, or a copy of a recording
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:  # the holder has just removed it
            return False
        finally:
            os.close(fd)
        # The directory now belongs to the job's next run (`runs.exchange`): look at its lock.
