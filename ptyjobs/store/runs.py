"""The runs of a restarted job, and the directories of earlier ones.

Owns the names of runs: the job's directory belongs to its newest run, run N of job `web` is kept as
`web.N`. Never starts or ends one. The subtle thing: the two directories are exchanged atomically,
so a job of that name exists at every moment.
"""

from __future__ import annotations

import errno
import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from pathlib import Path

RENAME_EXCHANGE = 2  # linux/fs.h
AT_FDCWD = -100
_TRIES = 100_000


def kept_as(name: str, run: int) -> str:
    """The directory name of an earlier run."""
    return f"{name}.{run}"


def last(jobs: Path, name: str) -> int:
    """The number of the newest earlier run of that name; 0 for none."""
    prefix = f"{name}."
    try:
        names = os.listdir(jobs)
    except FileNotFoundError:  # no job yet
        return 0
    tails = [one[len(prefix) :] for one in names if one.startswith(prefix)]
    return max((int(tail) for tail in tails if tail.isdecimal()), default=0)


def put_aside(old: JobDir) -> None:
    """Rename an ended job's directory to the name of its run, so that its own name is free."""
    spec = old.spec()
    number = spec.run if spec else 1
    for _ in range(_TRIES):
        target = old.path.parent / kept_as(old.job_id, number)
        if not target.exists():
            old.path.rename(target)
            return
        number += 1


def allocate(old: JobDir, run: int) -> JobDir:
    """A directory for the next run, under the name that the old one will get."""
    for number in range(run, run + _TRIES):
        path = old.path.parent / kept_as(old.job_id, number)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        path.chmod(0o700)
        return JobDir(path)
    raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))


def exchange(one: JobDir, other: JobDir) -> None:
    """Exchange the names of the two directories."""
    import ctypes  # only holders exchange directories; they have it loaded

    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one.folder), os.fsencode(other.folder)
    try:
        done = libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    except AttributeError:  # an older C library
        done = -1
    if done == 0:
        return
    middle = f"{os.path.dirname(one.folder)}/.{one.job_id}.{os.getpid()}"
    os.rename(one.folder, middle)  # not supported: for a moment there is no such job
    os.rename(other.folder, one.folder)
    os.rename(middle, other.folder)


def find(job: JobDir, run: int | None) -> JobDir:
    """The directory of run `run` of a job; BadInput lists the runs that are kept."""
    spec = job.spec()
    newest = spec.run if spec else 1
    if run is None or run == newest:
        return job
    path = job.path.parent / kept_as(job.job_id, run)
    if path.is_dir():
        return JobDir(path)
    prefix = f"{job.job_id}."
    names = [one[len(prefix) :] for one in os.listdir(path.parent) if one.startswith(prefix)]
    numbers = sorted({int(one) for one in names if one.isdecimal()} | {newest})
    raise BadInput(
        f"Job {job.job_id!r} has no run {run}.", advice=f"Runs: {', '.join(map(str, numbers))}."
    )
