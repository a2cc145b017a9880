"""Answers that wait to be fetched, and the servers that keep them.

Owns `$STATE/offers/SERVER`, a file that a server locks while it runs, and the tokens of its
offers, "SERVER.NUMBER". Never knows the answers. The subtle thing: an event that was answered by an
offer is reported after all if that server is killed before its client has fetched the answer; the
lock, a flock(2), distinguishes that from a client that has not asked yet.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from pathlib import Path

from ptyjobs.process.regular import open_regular
from ptyjobs.store.jobdir import private_directory

_SERVER = re.compile(r"[A-Za-z0-9_-]{16}\Z")


class Offers:
    """The offers of one server process."""

    def __init__(self, state_dir: str | os.PathLike[str]) -> None:
        self._folder = Path(state_dir) / "offers"
        self._server = ""
        self._lock = -1
        self._numbers = 0

    def token(self) -> str:
        """A new token; raises OSError if the state directory is not writable."""
        if self._lock < 0:
            self._begin()
        self._numbers += 1
        return f"{self._server}.{self._numbers}"

    def _begin(self) -> None:
        private_directory(self._folder)
        for name in os.listdir(self._folder):
            if not serves(self._folder.parent, name):  # it was killed
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._folder / name)
        while True:
            self._server = secrets.token_urlsafe(12)
            path = self._folder / self._server
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if path.exists():
                self._lock = fd
                return
            os.close(fd)  # another server removed it before it was locked

    def close(self) -> None:
        """The server ends; what was not fetched is reported."""
        if self._lock >= 0:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._folder / self._server)
            os.close(self._lock)
        self._lock = -1


def serves(state_dir: str | os.PathLike[str], token: str) -> bool:
    """True while the server of this token runs."""
    server = token.partition(".")[0]
    if not _SERVER.match(server):  # written by a job
        return False
    try:
        fd = open_regular(os.path.join(state_dir, "offers", server))
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
