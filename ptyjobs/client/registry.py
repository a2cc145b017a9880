"""Directory of all jobs: find, allocate, remove.

Owns `$STATE/jobs/`: the directory is the registry, so listing jobs is listing a directory and a
crashed server loses nothing. A holder is alive while it holds a lock that the kernel releases when
it dies. Never talks to a holder. The subtle thing: a job recorded as "running" whose lock is free
had its holder killed; the first process that sees this records it.
"""

from __future__ import annotations

import fcntl
import os
import time
from _thread import get_ident

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.errors import DuplicateJob, Hint, LimitReached, Refused, UnknownJob
from ptyjobs.model import Event, State, Status, next_state
from ptyjobs.store import alive, runs
from ptyjobs.store.jobdir import JobDir, check_job_id, is_name, private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from ptyjobs.store.journal import Journal

_REMOVED = ".removed."  # prefix of a directory that is being deleted
SHOWN_IDS = 12  # maximum ids named in an error
STARTING = 5.0  # seconds in which a new job's holder must have locked its directory
ALLOCATE_TRIES = 100_000


class Registry:
    """All jobs of one state directory."""

    def __init__(self, state_dir: str | os.PathLike[str]) -> None:
        self.folder = os.path.join(state_dir, "jobs")

    @property
    def path(self) -> Path:
        from pathlib import Path  # a sixth of the start of `ptyjobs list`, not needed there

        return Path(self.folder)

    def open(self) -> None:
        """Create the directories, private to this user; raises Refused if they are not."""
        try:
            private_directory(self.path.parent)
            private_directory(self.path)
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def find(self, job_id: str) -> JobDir:
        """Directory of a job; UnknownJob names the ids that exist."""
        folder = os.path.join(self.folder, job_id)
        try:
            check_job_id(job_id)
            if os.path.isdir(folder):
                return JobDir(folder)
        except ValueError:  # a NUL byte in the name
            pass
        except Exception as error:
            if getattr(error, "code", "") != "bad_input":
                raise
        ids = [job.job_id for job in self.all()]
        import difflib  # only for an unknown id

        close = difflib.get_close_matches(job_id, ids, n=1)
        hint = None
        if not ids:
            advice, hint = "There are no jobs; start one with execute.", Hint.START_A_JOB
        elif close:
            advice = f"Did you mean {close[0]!r}?"
        else:
            shown = ", ".join(ids[:SHOWN_IDS]) + (" ..." if len(ids) > SHOWN_IDS else "")
            advice = f"Jobs: {shown}."
        raise UnknownJob(f"No job {job_id[:80]!r}.", advice=advice, hint=hint)

    def all(self) -> list[JobDir]:
        """Directories of all jobs, newest first."""
        try:
            with os.scandir(self.folder) as entries:
                found = [
                    JobDir(entry.path)
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and is_name(entry.name)
                ]
        except FileNotFoundError:  # no job yet
            return []
        except OSError as error:
            raise _unusable(self.folder, error) from None
        return sorted(found, key=_started, reverse=True)

    def allocate(self, name: str, *, program: str) -> JobDir:
        """Create a job directory: `name` itself, or `<program>-<n>`.

        An ended job of that name is kept under `<name>.<n>`; raises DuplicateJob if it still runs.
        """
        self.open()
        if name:
            return self._allocate_name(check_job_id(name))
        taken = set(os.listdir(self.path))
        for number in range(1, ALLOCATE_TRIES):
            if f"{program}-{number}" in taken:
                continue
            try:
                with self._names():
                    return JobDir.allocate(self.path, f"{program}-{number}")
            except DuplicateJob:  # another process took the name first
                continue
        raise LimitReached("No free job name is left.", advice="Remove ended jobs: ptyjobs clean.")

    def _allocate_name(self, name: str) -> JobDir:
        with self._names():
            old = JobDir(os.path.join(self.folder, name))
            if os.path.isdir(old.folder):
                if not self._over(old):
                    raise DuplicateJob(
                        f"A live job is already named {name!r}.",
                        advice=f"Use it, kill it (job_id={name!r}), or choose another name.",
                        hint=Hint.NAME_IN_USE,
                        facts={"job_id": name},
                    )
                runs.put_aside(old)
            return JobDir.allocate(self.path, name)

    def _names(self) -> _Locked:
        """Lock held, for a few system calls, while a name is taken from an ended job.

        Otherwise the name could get a new job between the check that the old one has ended and its
        renaming or removal, which would then hit the new one.
        """
        return _Locked(self.folder)

    def _over(self, job: JobDir) -> bool:
        """True if the job has ended; the caller holds the lock of names."""
        return not is_alive(job) and self._status(job, locked=True).state.ended

    def status(self, job: JobDir) -> Status:
        """Status of the job from its files alone; records a lost holder."""
        return self._status(job, locked=False)

    def _status(self, job: JobDir, *, locked: bool) -> Status:
        status = job.status()
        if status is None:
            spec = job.spec()
            status = Status(
                job_id=job.job_id,
                state=State.STARTING,
                command=spec.command if spec else "",
                cwd=spec.cwd if spec else "",
                started=_started(job),
            )
        status = replace(status, job_id=job.job_id)
        ready = status.service is not None and status.service.ready
        if ready and status.state.ended and not is_alive(job):  # no process of it is left
            status = replace(status, service=None)
        if status.state.ended or is_alive(job):
            segments = job.log.segments()
            if not segments:
                return status
            end = segments[-1][0] + segments[-1][1]
            return replace(status, floor=segments[0][0], end=max(end, status.end))
        if status.state is State.STARTING and time.time() - _made(job) < STARTING:
            return status  # its holder is starting
        if locked:
            return self._lost(job, status)
        try:
            with self._names():
                return self._lost(job, status)
        except FileNotFoundError:  # the whole state directory was removed
            return status

    def _lost(self, job: JobDir, status: Status) -> Status:
        """Record that the job's holder was killed; the caller holds the lock of names.

        Without the lock, the record and the search for orphans could hit a new job of that name.
        """
        fresh = job.status()
        if fresh is not None and fresh.state.ended:  # it ended during this check
            return replace(fresh, job_id=job.job_id)
        if not os.path.isdir(job.folder) or is_alive(job):  # it was renamed: another has the name
            return status
        if fresh is None and time.time() - _made(job) < STARTING:
            return status
        crash = job.crash()
        how = f"failed ({crash})" if crash else "was killed"
        lost = replace(
            status,
            state=next_state(status.state, Event.HOLDER_LOST),
            reason=f"its holder {how}; the exit is unknown",
            ended=time.time(),
            floor=job.log.floor,
            end=job.log.end,
        )
        import contextlib  # only for a holder that was killed

        self.note_lost(job, lost)

        from ptyjobs.client import orphans

        with contextlib.suppress(OSError):  # ENOSPC: the next reader records it
            job.write_status(lost)
            job.tidy(lost.holder or 0)
        orphans.end(job.path)
        return lost

    def note_lost(self, job: JobDir, status: Status) -> None:
        """Record in the journal, once, that this job's holder was killed."""
        import contextlib

        from ptyjobs.store.journal import Transition

        spec = job.spec()
        if spec is None or not spec.notify:
            return
        with contextlib.suppress(OSError):  # recorded by another process, or the disk is full
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(os.path.join(job.folder, "lost"), flags, 0o600))
            self.journal.append(
                Transition(
                    "lost",
                    job.job_id,
                    status.started,
                    time.time(),
                    session=status.session,
                    cwd=status.cwd,
                    offset=job.log.end,
                    what="lost: its holder was killed, how it ended is unknown",
                )
            )

    def note_fetched(self, offer: str, session: str) -> None:
        """Record in the journal that the session has the answers of this offer."""
        import contextlib

        from ptyjobs.store.journal import ANSWERED, Transition

        line = Transition(ANSWERED, "", 0.0, time.time(), session=session, offers=(offer,))
        with contextlib.suppress(OSError):  # a full disk: they may be reported once more
            self.journal.append(line)

    def note_returned(self, status: Status) -> None:
        """Record in the journal that a call of the job's session returned its end."""
        import contextlib

        from ptyjobs.store.journal import ANSWERED, Transition

        spec = JobDir(os.path.join(self.folder, status.job_id)).spec()
        if spec is None or not spec.notify:
            return
        with contextlib.suppress(OSError):  # a full disk: it may be reported once more
            self.journal.append(
                Transition(
                    ANSWERED,
                    status.job_id,
                    status.started,
                    time.time(),
                    session=status.session,
                    offset=status.end,
                )
            )

    @property
    def journal(self) -> Journal:
        """Journal of every job's transitions."""
        from ptyjobs.store.journal import Journal

        return Journal(os.path.dirname(self.folder))

    def sweep(self) -> None:
        """End the remaining processes of jobs whose holders were killed; nothing else changes."""
        for job in self.all():
            self.status(job)
            if not is_alive(job) and _cgroup_of(job) is not None:
                with self._names():  # without it the cgroup could be the next job's
                    group = None if is_alive(job) else _cgroup_of(job)
                _end(group)
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            if name.startswith(_REMOVED):  # by a process that was killed in the middle
                _delete(os.path.join(self.folder, name))

    def running(self) -> int:
        """Number of jobs with a live holder; cheap, because an ended job has no lock file."""
        return sum(map(self._lives, self._entries()))

    def _lives(self, name: str) -> bool:
        folder = f"{self.folder}/{name}"
        return os.access(f"{folder}/alive", os.F_OK) and is_alive(JobDir(folder))

    def full(self, limit: int) -> bool:
        """True if `limit` jobs have a live holder.

        Below `limit` directories one listing answers: every start asks, and locking each job's file
        for each start would make the cost of many starts quadratic.
        """
        return len(self._entries()) >= limit and self.running() >= limit

    def _entries(self) -> list[str]:
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:  # no job yet
            return []
        except OSError as error:
            raise _unusable(self.folder, error) from None

    def remove(self, job: JobDir, *, ended: bool = False) -> bool:
        """Delete a job and all its files; with `ended` only if it has ended. False if it is kept.

        Its directory first gets a hidden name, so that its own is free for the next job at once.
        The hidden one is never used again: without descriptors the files stay until a `sweep`.
        """
        unique = f"{job.job_id}.{os.getpid()}.{get_ident()}.{time.monotonic_ns()}"
        hidden = os.path.join(self.folder, f"{_REMOVED}{unique}")
        with self._names():
            if ended and not self._over(job):
                return False
            try:
                if job.inode and os.stat(job.folder).st_ino != job.inode:
                    return False  # another job has the name by now
                os.rename(job.folder, hidden)
            except FileNotFoundError:  # another process has removed or renamed it
                return False
        _delete(hidden)
        return True

    def clean(
        self, *, retention: float | None, keep: int | None, total: int, dry_run: bool = False
    ) -> list[str]:
        """Remove ended jobs older than `retention` seconds, beyond `keep`, or over `total` bytes.

        Oldest first; live jobs are never removed. Returns the ids that were removed, or with
        `dry_run` would be.
        """
        self.sweep()
        removed: list[str] = []
        kept = used = 0
        now = time.time()
        for job in self.all():
            size = sum(size for _, size in job.log.segments())
            status = self.status(job)
            if not status.state.ended or is_alive(job):
                used += size
                continue
            age = now - (status.ended or now)
            old = retention is not None and age > retention
            many = keep is not None and kept >= keep
            if old or many or used + size > total:
                if dry_run or self.remove(job, ended=True):
                    removed.append(job.job_id)
            else:
                kept += 1
                used += size
        return removed


def is_alive(job: JobDir) -> bool:
    """True if the job's holder runs, or the client that starts it."""
    return alive.is_locked(job.folder)


class _Locked:
    """Holds the lock of a directory; the kernel releases it if this process dies."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError:  # ENOLCK, EBADF: a network file system without such locks
            return

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _delete(folder: str) -> None:
    import shutil  # imports every archive format; only for removal

    _end(_cgroup_of(JobDir(folder)))  # the note names the directory by its inode
    shutil.rmtree(folder, ignore_errors=True)


def _cgroup_of(job: JobDir) -> Path | None:
    from ptyjobs.process import cgroup  # with ctypes and pathlib: a third of the start of `list`

    return cgroup.left(job.path)


def _end(group: Path | None) -> None:
    from ptyjobs.process import cgroup

    cgroup.end(group)


def _made(job: JobDir) -> float:
    try:
        return os.stat(job.folder).st_mtime
    except FileNotFoundError:
        return 0.0


def _started(job: JobDir) -> float:
    """Time of the job's start request: the spec is written first and never changed."""
    try:
        return os.lstat(os.path.join(job.folder, "spec.json")).st_mtime
    except FileNotFoundError:
        return _made(job)


def _unusable(folder: str, error: OSError) -> Refused:
    """Error for a state directory that is not ours, not a directory, or not writable."""
    why = "not a directory" if isinstance(error, FileExistsError) else error.strerror
    return Refused(
        f"The state directory cannot be used: {folder}: {why}.",
        advice="Set state_dir (PTYJOBS_STATE) to a directory that you can write to.",
    )
