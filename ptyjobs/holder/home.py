"""A holder's place in its job's directory: the lock that it lives, and its socket.

Owns both descriptors, and the exchange of directories between two runs. Never reads the socket. The
subtle thing: the next run's directory has its lock and its socket before it gets the job's name, so
a client finds a live holder under that name at every moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from dataclasses import dataclass

from ptyjobs.holder.peers import listen
from ptyjobs.store import alive, runs
from ptyjobs.store.jobdir import JobDir


@dataclass(frozen=True, slots=True)
class Home:
    """The open lock and socket of one directory."""

    lock: int
    listening: socket.socket

    @classmethod
    def nowhere(cls) -> Home:
        """The place of a holder that has no job: nothing is open."""
        sock = socket.socket(socket.AF_UNIX)
        sock.close()
        return cls(-1, sock)

    @classmethod
    def take(cls, folder: str, lock: int = -1) -> Home:
        """Listen in a directory, and lock it unless `lock` is its lock already.

        Raises OSError if its files cannot be created.
        """
        if lock < 0:
            lock = alive.lock(folder)
        os.write(lock, b"%d" % os.getpid())  # pid of the process that holds the lock
        try:
            return cls(lock, listen(folder))
        except OSError:
            os.close(lock)
            raise

    def lost(self, folder: str) -> bool:
        """True if the directory was removed, or another one has its name."""
        try:
            named = os.stat(f"{folder}/{alive.ALIVE}")
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # EIO, ESTALE, EACCES: that says nothing about the directory
            return False
        return not os.path.samestat(named, os.fstat(self.lock))

    def close(self) -> None:
        self.listening.close()
        if self.lock >= 0:
            os.close(self.lock)


def succeed(directory: JobDir, run: int) -> Home:
    """Create a new directory in place of `run`'s, which is renamed and kept.

    Raises OSError if it cannot be created; then the old one stays. The caller closes the old home.
    """
    from ptyjobs.process import cgroup  # few jobs restart

    fresh = runs.allocate(directory, run)
    group = cgroup.noted(directory.path)
    try:
        home = Home.take(fresh.folder)
    except OSError:
        shutil.rmtree(fresh.folder, ignore_errors=True)
        raise
    runs.exchange(directory, fresh)
    for name in (cgroup.NOTE, "sock", alive.ALIVE):  # unlocked, the old one may be cleaned
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{fresh.folder}/{name}")
    if group is not None:
        cgroup.note(group, directory.folder)
    return home
