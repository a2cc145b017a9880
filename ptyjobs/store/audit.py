"""The audit log: who started, typed, held and killed what, one JSON object a line.

Owns `$STATE/audit/journal.jsonl` (0600, append-only) and its rotation. Never blocks a caller for
longer than one small write and never raises: an audit log that cannot be written is an error of the
job, not of the call. The subtle thing: every holder appends to the same file, so each entry is one
write to a descriptor opened with O_APPEND, opened anew because another holder may have rotated it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.process.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

FOLDER = "audit"
NAME = "journal.jsonl"
LIMIT = 8 << 20  # bytes of one file
KEPT = 4  # rotated files
TEXT = 1000  # characters of one entry's text
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""O_NONBLOCK: a FIFO in its place is an error (ENXIO) and not a wait for its reader."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `time` in seconds since the epoch; `who` a person, a program or "" for ptyjobs."""

    time: float
    job: str
    what: str  # start, input, hold, release, ask, answer, kill, signal, end
    who: str = ""
    session: str = ""  # key of the read position, or the agent's session
    offset: int = 0  # of the log
    text: str = ""


class AuditLog:
    """Appends entries below one state directory."""

    def __init__(self, state_dir: str) -> None:
        self._path = os.path.join(state_dir, FOLDER, NAME)

    def write(self, entry: Entry) -> OSError | None:
        """Append one entry; the failure, if there was one."""
        line = {
            "time": round(entry.time, 3),
            "job": entry.job,
            "what": entry.what,
            "who": entry.who,
            "session": entry.session,
            "offset": entry.offset,
            "text": entry.text[:TEXT],
        }
        data = json.dumps({k: v for k, v in line.items() if v != ""}).encode() + b"\n"
        try:
            fd = self._open()
            try:
                os.write(fd, data)
                full = os.fstat(fd).st_size > LIMIT
            finally:
                os.close(fd)
            if full:
                self._rotate()
        except OSError as failure:  # ENOSPC, EACCES: the job goes on
            return failure
        return None

    def _open(self) -> int:
        try:
            return os.open(self._path, _FLAGS, 0o600)
        except FileNotFoundError:
            folder = os.path.dirname(self._path)
            for private in (os.path.dirname(folder), folder):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(private, 0o700)
            return os.open(self._path, _FLAGS, 0o600)

    def _rotate(self) -> None:
        """Rename the file, under a lock and only if it is still too large."""
        lock = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.stat(self._path).st_size <= LIMIT:
                return
            for number in range(KEPT, 0, -1):
                older = f"{self._path}.{number}"
                newer = f"{self._path}.{number - 1}" if number > 1 else self._path
                if os.path.exists(newer):
                    os.replace(newer, older)
        finally:
            os.close(lock)


def read(
    state_dir: str, *, wanted: Callable[[Entry], bool] = lambda entry: True
) -> Iterator[Entry]:
    """The entries that are `wanted`, oldest first; a line cut by a crash is skipped."""
    path = os.path.join(state_dir, FOLDER, NAME)
    for name in [f"{path}.{number}" for number in range(KEPT, 0, -1)] + [path]:
        try:
            fd = open_regular(name)
        except OSError:  # not rotated so often, or nothing was journalled
            continue
        with open(fd, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                entry = _entry(line)
                if entry is not None and wanted(entry):
                    yield entry


def _entry(line: str) -> Entry | None:
    try:
        value: dict[str, Any] = json.loads(line)
        return Entry(
            float(value["time"]),
            str(value["job"]),
            str(value["what"]),
            str(value.get("who", "")),
            str(value.get("session", "")),
            int(value.get("offset", 0)),
            str(value.get("text", "")),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
