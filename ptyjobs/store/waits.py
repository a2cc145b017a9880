"""Stored waits: one file for each wait that outlives its call.

Owns `$STATE/waits/ID.json` (0600, in a 0700 directory) and the lock that names the one process that
carries out a wait. Never waits itself. The subtle thing: the lock is a flock(2), so it is released
whenever its process exits, and the next server on the same state directory takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import time
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING, dataclass, field, replace
from ptyjobs.json_values import checked_from_json, to_json
from ptyjobs.process.regular import open_regular
from ptyjobs.store.jobdir import private_directory

if TYPE_CHECKING:
    from typing import Any

KEPT = 7 * 86400.0  # seconds for which a finished wait can still be queried
MAX_WAITS = 1000  # files; the oldest finished ones are deleted first
_ID = re.compile(r"[A-Za-z0-9_-]{32}\Z")


@dataclass(frozen=True, slots=True)
class StoredWait:
    """One wait: its condition, the reader whose output it continues, and its result.

    `offsets` are the reader's positions when the wait began, by job. `created`, `updated` and
    `deadline` are seconds since the epoch. `status`: "working", "completed" or "cancelled".
    """

    wait_id: str
    created: float
    updated: float
    deadline: float
    job_ids: list[str]
    until: str
    patterns: list[str]
    any_of: bool
    budget: int
    reader: str
    offsets: dict[str, int]
    message: str = ""  # for a person
    status: str = "working"
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    session: str = ""  # of the server that began it; empty: any may ask for it
    offer: str = ""  # token of its answers until they are fetched (store.offers)


class WaitStore:
    """The waits of one state directory."""

    def __init__(self, state_dir: str | os.PathLike[str]) -> None:
        self._folder = Path(state_dir) / "waits"
        self._locks: dict[str, int] = {}

    def create(self, wait: StoredWait) -> StoredWait:
        """Store a new wait under an id that cannot be guessed (192 random bits)."""
        private_directory(self._folder)
        self._sweep()
        wait = replace(wait, wait_id=secrets.token_urlsafe(24))
        self.save(wait)
        return wait

    def save(self, wait: StoredWait) -> None:
        """Replace the file of `wait`; a reader sees the old or the new one."""
        path = self._path(wait.wait_id)
        assert path is not None
        temporary = path.with_suffix(f".{os.getpid()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            json.dump(to_json(wait), file)
        os.replace(temporary, path)

    def load(self, wait_id: str) -> StoredWait | None:
        """The wait of that id; None if there is none."""
        path = self._path(wait_id)
        if path is None:
            return None
        try:
            with open(path, "rb", opener=open_regular) as file:
                return checked_from_json(StoredWait, json.loads(file.read()))
        except (FileNotFoundError, ValueError, RecursionError):  # truncated by a full disk
            return None

    def claim(self, wait_id: str) -> bool:
        """Become the process that carries out this wait; False if another one is."""
        path = self._path(wait_id)
        if path is None:
            return False
        if wait_id in self._locks:
            return True
        fd = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._locks[wait_id] = fd
        return True

    def release(self, wait_id: str) -> None:
        """Give up the claim on a wait that is over."""
        fd = self._locks.pop(wait_id, None)
        path = self._path(wait_id)
        if fd is None or path is None:
            return
        with contextlib.suppress(FileNotFoundError):
            path.with_suffix(".lock").unlink()
        os.close(fd)

    def close(self) -> None:
        """Release every claim; another server may continue the waits."""
        while self._locks:
            os.close(self._locks.popitem()[1])

    def _path(self, wait_id: str) -> Path | None:
        return self._folder / f"{wait_id}.json" if _ID.match(wait_id) else None

    def _sweep(self) -> None:
        """Remove finished waits that are old, or too many."""
        files = sorted(self._folder.glob("*.json"), key=_modified, reverse=True)
        for number, path in enumerate(files):
            old = _modified(path) < time.time() - KEPT
            if not old and number < MAX_WAITS:
                continue
            wait = self.load(path.stem)
            if old or wait is None or wait.status != "working":
                for name in (path, path.with_suffix(".lock")):
                    with contextlib.suppress(FileNotFoundError):
                        name.unlink()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # removed by another server
        return 0.0
