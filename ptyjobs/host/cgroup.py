"""A job's own cgroup, where this user may make one: what no daemon leaves, whoever was killed.

Owns the directories `ptyjobs-*` below our own cgroup (cgroup v2, cgroups(7)) and the file `cgroup`
of a job's directory, which names the one of that job. A subreaper loses the tree of a job when it
is killed together with everybody above it; a cgroup is kept by the kernel, so that whoever looks
next can end what is in it (`cgroup.kill`, Linux 5.14). A bonus, never the base: where no cgroup
may be made, which is usual for a plain user, nothing here does anything. Not a wall either: a job
that wants to can move itself, as its user may.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "ptyjobs-"
NOTE = "cgroup"  # the file in a job's directory
EMPTYING = 2.0  # seconds in which killed processes must have left a cgroup
PAUSE = 0.01


def base() -> Path | None:
    """Our own cgroup's directory, if we may make cgroups in it that can be killed at once."""
    own = _own()
    if own is None or not os.access(own / "cgroup.procs", os.W_OK):
        return None
    trial = own / f"{PREFIX}trial-{os.getpid()}"
    try:
        trial.mkdir(mode=0o700)
    except OSError:  # EACCES, EROFS, EPERM: not delegated to us
        return None
    try:
        return own if (trial / "cgroup.kill").exists() else None
    finally:
        trial.rmdir()


def _own() -> Path | None:
    """Where the cgroup that this process is in can be seen."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:  # no /proc, or another system
        return None
    path = next((line[3:] for line in lines if line.startswith("0::/")), None)
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        if path is None or not after.startswith("cgroup2 "):
            continue
        root, point = before.split()[3:5]
        if Path(path).is_relative_to(root):
            return Path(point) / Path(path).relative_to(root)
    return None


def make(parent: Path, directory: Path) -> Path | None:
    """A new cgroup below `parent` for the job of that directory, noted there first."""
    group = parent / f"{PREFIX}{os.urandom(8).hex()}"
    try:
        fd = os.open(directory / NOTE, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as note:
            note.write(f"{directory.stat().st_ino}\n{group}\n")
        group.mkdir(mode=0o700)
    except OSError:  # ENOSPC, EAGAIN (cgroup.max.descendants): then without
        return None
    return group


@contextlib.contextmanager
def visited(group: Path | None) -> Iterator[None]:
    """This process is in the cgroup for a moment, and what it starts then stays there."""
    if group is None or not _enter(group):
        yield
        return
    try:
        yield
    finally:
        _enter(group.parent)


def _enter(group: Path) -> bool:
    try:
        fd = os.open(group / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:  # it has gone
        return False
    try:
        return os.write(fd, b"0") == 1
    except OSError:  # EAGAIN (pids.max), EBUSY: without, then; the holder looks where its job is
        return False
    finally:
        os.close(fd)


def holds(group: Path, pid: int, *, without: int = 0) -> bool:
    """Whether that process is in the cgroup, and the process `without` is not."""
    try:
        inside = (group / "cgroup.procs").read_text().split()
    except OSError:  # it has gone
        return False
    return str(pid) in inside and str(without) not in inside


def kill(group: Path) -> None:
    """SIGKILL everything in the cgroup and below it, forks in this moment included."""
    try:
        (group / "cgroup.kill").write_text("1")
    except OSError:  # it has gone, or was never made
        return


def noted(directory: Path) -> Path | None:
    """The cgroup that was made for the job of that directory."""
    try:
        inode, name = (directory / NOTE).read_text().splitlines()
        mine = directory.stat().st_ino == int(inode)
    except (OSError, ValueError):  # it had none, or a full disk cut the note
        return None
    return Path(name) if mine and Path(name).name.startswith(PREFIX) else None


def end(directory: Path) -> None:
    """End what is left in the cgroup of the job of that directory, and remove it.

    A copy of the directory has no cgroup, whatever stands in it: the note names the directory's
    inode, which a job keeps under another name.
    """
    group = noted(directory)
    if group is None or not (group / "cgroup.procs").exists():
        return
    kill(group)
    limit = time.monotonic() + EMPTYING
    while not _remove(group) and time.monotonic() < limit:
        time.sleep(PAUSE)


def _remove(group: Path) -> bool:
    """Remove an empty cgroup with those that its job made in it; False while a process is there."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:  # EBUSY
            return False
    return True
