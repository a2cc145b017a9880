"""A job's directory: everything that outlives its processes.

Owns the layout of `$STATE/jobs/<job_id>/` (SPEC.md "A job's directory"): `spec.json`,
`status.json`, `events`, the log's segments, `sock`. Allocates the id by `mkdir`, so two servers can
never collide. Never talks to a holder. The subtle thing: `status.json` is replaced by rename, so a
reader sees the old or the new version, never a partial one.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from _thread import get_ident

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.errors import BadInput, DuplicateJob, Refused
from ptyjobs.json_values import checked_from_json, to_json
from ptyjobs.model import JobSpec, Status, size_of
from ptyjobs.process.regular import open_regular
from ptyjobs.store import alive
from ptyjobs.store.log import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any, TypeVar

    from ptyjobs.model import Size

    T = TypeVar("T")

JOB_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"
SOCKET = "sock"
BLOCK = 4096  # bytes: allocation unit of file systems
FOREVER = 1e10  # seconds: no job runs longer; nor is a time NaN
MAX_CRASH = 1 << 20  # bytes of a traceback
MAX_RECORD = 64 << 20  # bytes of a JSON file; a longer one is not ours
RESERVE = 256  # minimum bytes of blanks after a record, for the fields that the end adds
_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of `events`: an event at a log offset, `time` seconds after the start.

    Uses asciicast's codes: "o" (an index entry: output up to `offset` had arrived by `time`), "r"
    (resize, data "ROWSxCOLS"), "m" (marker), "i" (input, only typed while ECHO was on), "x" (exit,
    data "code 3" or "signal 9"), "g" (gap, data errno name), "h" (the on_exit command has failed,
    data how).
    """

    time: float
    offset: int
    code: str
    data: str = ""
    who: str = ""  # of an input: the person or program that typed it

    @property
    def size(self) -> Size | None:
        """The size that a resize event sets; None for any other line."""
        match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", self.data) if self.code == "r" else None
        return size_of(int(match[1]), int(match[2])) if match else None


def private_directory(path: Path) -> Path:
    """`path` as a directory that only we can access (0700), created if absent.

    Raises Refused if it is a symbolic link or belongs to another user, or if others could write to
    it and one of them has.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise Refused(f"{path} is not a directory.", advice="Name another state directory.")
    if info.st_uid != os.geteuid():
        raise Refused(
            f"{path} belongs to uid {info.st_uid}.", advice="Name another state directory."
        )
    if (mode := stat.S_IMODE(info.st_mode)) != 0o700:
        path.chmod(0o700)
        if mode & 0o022:  # only now can no other user add one
            _check_entries(path, mode)
    return path


def _check_entries(path: Path, mode: int) -> None:
    """Raise Refused for an entry of another user; the next call finds the same `mode` again."""
    for entry in sorted(path.iterdir()):
        owner = entry.lstat().st_uid
        if owner != os.geteuid():
            path.chmod(mode)
            raise Refused(
                f"{path} could be changed by other users; {entry.name!r} in it is of uid {owner}.",
                advice="Name another state directory, or remove that and run chmod 700 on it.",
            )


def check_job_id(job_id: str) -> str:
    """`job_id` itself, or BadInput: it becomes a folder's name."""
    if not re.match(JOB_ID, job_id):
        raise BadInput(
            f"{job_id[:80]!r} cannot name a job.",
            advice="Use 1-64 letters, digits, '.', '_' or '-', starting with a letter or digit.",
        )
    return job_id


def is_name(name: str) -> bool:
    """True if a directory of that name may hold a job or an earlier run of one."""
    return re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z", name) is not None


class JobDir:
    """The files of one job."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self.log = LogReader(self.folder)
        self.lock = -1  # of `alive`, from `allocate` until the holder has it
        self.inode = 0  # of the directory that `allocate` has made

    @property
    def path(self) -> Path:
        from pathlib import (
            Path,
        )  # a sixth of the start of `ptyjobs list`, which does not use it

        return Path(self.folder)

    @property
    def job_id(self) -> str:
        return os.path.basename(self.folder)

    @classmethod
    def allocate(cls, jobs: Path, job_id: str) -> JobDir:
        """Create the directory and thereby reserve the id; DuplicateJob if it exists.

        Locks it as its holder will, which gets the lock with its first connection: a job that
        starts belongs to a process at every moment. The caller holds the lock of names.
        """
        private_directory(jobs)
        path = jobs / check_job_id(job_id)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            raise DuplicateJob(f"A job named {job_id!r} exists already.") from None
        path.chmod(0o700)  # mkdir's mode is reduced by the umask
        made = cls(path)
        made.inode = path.stat().st_ino
        try:
            made.lock = alive.lock(made.folder)
        except OSError:  # EMFILE, ENOSPC
            path.rmdir()
            raise
        return made

    def still_ours(self) -> bool:
        """True if the directory that `allocate` has made still has its name."""
        try:
            return os.stat(self.folder).st_ino == self.inode
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go of the lock that `allocate` took: the holder has it, or there will be none."""
        if self.lock >= 0:
            os.close(self.lock)
        self.lock = -1

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            with open(os.path.join(self.folder, name), "rb", opener=open_regular) as file:
                value = json.loads(file.read(MAX_RECORD))
        except (FileNotFoundError, NotADirectoryError):  # not written yet, or deleted
            return None
        except RecursionError:  # not ours: a job may put anything there
            return None
        except ValueError:  # a full disk can leave a file empty; the job itself continues
            return None
        return value if isinstance(value, dict) else None

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file of that name; readers see the old or the new version, never a part."""
        data = _JSON.encode(to_json(value)).encode("ascii")
        data = data.ljust(-(-(len(data) + RESERVE) // BLOCK) * BLOCK)
        target = os.path.join(self.folder, name)
        temporary = os.path.join(self.folder, f".{name}.{os.getpid()}.{get_ident()}")
        try:
            _write_file(temporary, data)
        except OSError as failure:
            import contextlib  # part of the start-up time of every command

            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            if failure.errno not in (errno.ENOSPC, errno.EDQUOT) or not os.path.exists(target):
                raise
            # No room for a second file: overwrite the old one's blocks, which include a reserve. A
            # reader that sees a partial file at this moment treats it as absent.
            _write_file(target, data)
            return
        os.replace(temporary, target)

    def write_spec(self, spec: JobSpec) -> None:
        """Store the spec; of the environment only the names, because values can be secrets."""
        plain = to_json(spec)
        plain["env"] = dict.fromkeys(sorted(spec.env), "")
        plain["masked"] = None if spec.masked is None else []  # digests are for the holder alone
        self.write("spec.json", plain)

    def spec(self) -> JobSpec | None:
        return self._value(JobSpec, "spec.json")

    def write_status(self, status: Status) -> None:
        self.write("status.json", status)

    def status(self) -> Status | None:
        """The status as last written; the log's bounds are read anew."""
        return self._value(Status, "status.json")

    def tidy(self, holder: int) -> None:
        """Remove the socket and lock that a killed holder has left, once its job's end is recorded.

        Called by the process that reaps the holder, or that records its job's end for it. The
        descriptor stays with the directory even if its name is given to another job meanwhile.
        """
        try:
            directory = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:  # removed, or EMFILE
            return
        try:
            status = self.status()
            if status is not None and status.state.ended and status.holder == holder:
                for name in (SOCKET, alive.ALIVE):
                    try:
                        os.unlink(name, dir_fd=directory)
                    except FileNotFoundError:  # the holder had removed it
                        continue
        except OSError:  # EACCES, EMFILE: it goes with the job's directory
            return
        finally:
            os.close(directory)

    def _value(self, cls: type[T], name: str) -> T | None:
        """A file as a value; None if it is absent or of wrong types (a job may write to it)."""
        data = self._read(name)
        try:
            return None if data is None else checked_from_json(cls, data)
        except ValueError:
            return None

    def crash(self) -> str:
        """The last line of the traceback that a holder left when it failed; "" for none."""
        try:
            with open(os.path.join(self.folder, "crash"), "rb", opener=open_regular) as file:
                text = file.read(MAX_CRASH).decode("utf-8", "replace")
        except OSError:
            return ""
        return text.rstrip().rpartition("\n")[2][:300]

    def secrets(self) -> list[dict[str, Any]]:
        """Digests of typed secrets that the log contains (see `text.secrets`)."""
        data = self._read("secrets.json")
        entries = None if data is None else data.get("secrets")
        if not entries:
            return []
        from ptyjobs.text.secrets import digests_only  # few jobs have secrets

        return digests_only(entries)

    def events(self) -> Iterator[LogEvent]:
        """The events in order; a line truncated by a crash ends the iteration."""
        try:
            fd = open_regular(os.path.join(self.folder, "events"))
            with open(fd, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    try:
                        time, offset, code, *rest = json.loads(line)
                        data, who = [*map(str, rest), "", ""][:2]
                        event = LogEvent(float(time), int(offset), str(code), data, who)
                        if not 0 <= event.time < FOREVER or event.offset < 0:
                            continue
                    except (ValueError, TypeError, OverflowError, RecursionError):
                        continue  # truncated by a crash or a full disk, or written by the job
                    yield event
        except FileNotFoundError:  # no event yet
            return


def _write_file(path: str, data: bytes) -> None:
    """Overwrite `path` with exactly `data`; OSError if it does not fit."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


class EventWriter:
    """Appends to `events`; output is indexed at most once per `interval` seconds."""

    @classmethod
    def open(cls, directory: str, *, started: float) -> EventWriter:
        """Append to the events of that directory; times count from `started`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        return cls(os.open(f"{directory}/events", flags, 0o600), started=started)

    def __init__(self, fd: int, *, started: float = 0.0, interval: float = 0.005) -> None:
        """Own `fd`; with -1 every event fails, as on a full disk."""
        self._fd = fd
        self._started = started
        self._interval = interval
        self._last = -1.0
        self._pending: tuple[float, int] | None = None  # output seen since the last index entry
        self.error: OSError | None = None

    def output(self, now: float, end: int) -> None:
        """Note output up to `end`; an index entry is written once the interval has passed."""
        if now - self._last >= self._interval:
            self._last = now
            self._pending = None
            self._append(now, end, "o")
        else:
            self._pending = (now, end)

    def event(self, now: float, offset: int, code: str, data: str = "", *, who: str = "") -> None:
        """Write an event, with any pending index entry before it. `who`: typed an input."""
        self.flush()
        self._append(now, offset, code, data, who)

    def flush(self) -> None:
        if self._pending is not None:
            time, end = self._pending
            self._pending = None
            self._append(time, end, "o")

    def _append(self, now: float, offset: int, code: str, data: str = "", who: str = "") -> None:
        entry: list[Any] = [round(now - self._started, 6), offset, code]
        if data or who:
            entry.append(data)
        if who:
            entry.append(who)
        try:
            os.write(self._fd, (_JSON.encode(entry) + "\n").encode("ascii"))
        except OSError as failure:  # disk full: the index has a gap, the job continues
            self.error = failure

    def close(self) -> None:
        self.flush()
        os.close(self._fd)
