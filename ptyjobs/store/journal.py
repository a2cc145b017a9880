"""The journal of one state directory: every job's transitions, one JSON object per line.

Owns `$STATE/events/journal` and its predecessor `journal.old` (0600, in a 0700 directory), and the
positions at which readers resume. Holders append; followers read. Never decides what to report.
There is one file for all jobs: a follower watches one directory and keeps one position, and a
hundred quiet jobs cost it nothing. The subtle thing: over `LIMIT` bytes the journal is renamed and
a new one is started. A writer holds a shared lock (flock(2)) on the file that currently has the
name, so a line is never written to a file that its readers have left.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os

from ptyjobs._dataclass import dataclass
from ptyjobs.json_values import checked_from_json, told
from ptyjobs.process.regular import open_regular

LIMIT = 4 << 20  # bytes of one journal
LONGEST = 4096  # bytes of one line
STARTED = "started"
ANSWERED = "answered"  # `session` has the job's output up to `offset`, or what `offers` names
FOLLOWS = "; "  # in `what` of an end: before what becomes of the job now
KINDS = ("exited", "asks", "ready", "matched", "port", "lost", "oom", "stalled")
"""The transitions that are reported, in the order of the documentation."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a job's state. `time` and `run` are seconds since the epoch.

    `run` is the job's start time: it distinguishes jobs that had the same name. `what` is our
    phrase, `text` the program's output, unchanged. `to` names the sessions whose pending call was
    answered by this transition, `offers` those of them that still have to fetch that answer: "TOKEN
    SESSION" each (store.offers). In an "answered" line, `offers` has the token that was fetched.
    """

    kind: str
    job_id: str
    run: float
    time: float
    session: str = ""
    cwd: str = ""
    offset: int = 0  # log offset
    what: str = ""
    text: str = ""
    to: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the journal: the file, by its inode, and an offset in it."""

    inode: int = 0
    offset: int = 0


class Journal:
    """The journal below one state directory."""

    def __init__(self, state_dir: str | os.PathLike[str]) -> None:
        self.folder = os.path.join(state_dir, "events")
        self._path = os.path.join(self.folder, "journal")
        self._old = self._path + ".old"

    def append(self, transition: Transition) -> None:
        """Write one line; raises OSError if the state directory is not writable."""
        line = json.dumps(told(transition), separators=(",", ":")).encode("ascii") + b"\n"
        if len(line) > LONGEST:
            raise ValueError(f"a transition of {len(line)} bytes")
        fd = self._open_shared()
        try:
            os.write(fd, line)
            if os.fstat(fd).st_size >= LIMIT:
                self._begin_anew(fd)
        finally:
            os.close(fd)

    def _open_shared(self) -> int:
        """The file that currently has the name, locked against a rename."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        flags |= os.O_NONBLOCK  # a FIFO in its place is an error (ENXIO)
        while True:
            try:
                fd = os.open(self._path, flags, 0o600)
            except FileNotFoundError:
                from pathlib import Path  # only for the first line of a state directory

                from ptyjobs.store.jobdir import private_directory

                private_directory(Path(self.folder))
                continue
            fcntl.flock(fd, fcntl.LOCK_SH)
            try:
                if os.stat(self._path).st_ino == os.fstat(fd).st_ino:
                    return fd
            except FileNotFoundError:  # renamed between the two calls
                pass
            os.close(fd)

    def _begin_anew(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another writer holds it: it, or the next one, will rotate
            return
        if os.stat(self._path).st_ino == os.fstat(fd).st_ino:
            os.rename(self._path, self._old)

    def end(self) -> Position:
        """Position of the next line to be written."""
        try:
            info = os.stat(self._path)
        except FileNotFoundError:
            return Position()
        return Position(info.st_ino, info.st_size)

    def start(self) -> Position:
        """Position of the oldest line that is kept."""
        for path in (self._old, self._path):
            try:
                return Position(os.stat(path).st_ino, 0)
            except FileNotFoundError:
                continue
        return Position()

    def read(self, position: Position) -> tuple[list[Transition], Position]:
        """The transitions from `position` on and the position after them.

        If that file was deleted meanwhile, reading continues at the oldest line that is kept.
        """
        found: list[Transition] = []
        with contextlib.ExitStack() as stack:
            # Newer file first: a rename in between then yields one file twice, and none is missed.
            newer, older = (self._open(path, stack) for path in (self._path, self._old))
            files = dict(fd for fd in (older, newer) if fd is not None)
            if newer is not None and position.inode == newer[0]:
                files = dict((newer,))
            for inode, fd in files.items():
                offset = position.offset if inode == position.inode else 0
                data = _rest(fd, offset)
                whole = data[: data.rfind(b"\n") + 1]
                found += [t for line in whole.splitlines() if (t := _parse(line)) is not None]
                position = Position(inode, offset + len(whole))
        return found, position

    def _open(self, path: str, stack: contextlib.ExitStack) -> tuple[int, int] | None:
        """The file's inode and a descriptor; None if there is no such file."""
        try:
            fd = open_regular(path)
        except FileNotFoundError:
            return None
        stack.callback(os.close, fd)
        return os.fstat(fd).st_ino, fd


def _rest(fd: int, offset: int) -> bytes:
    pieces = []
    while data := os.pread(fd, 1 << 20, offset):
        pieces.append(data)
        offset += len(data)
    return b"".join(pieces)


def _parse(line: bytes) -> Transition | None:
    try:
        return checked_from_json(Transition, json.loads(line))
    except (ValueError, RecursionError):  # truncated by a full disk, or written by a job
        return None
