"""The job's cgroup: contains even daemonized children.

Owns the directories `ptyjobs-*` below our own cgroup (cgroup v2, cgroups(7)), each for one holder
and its tree, and the file `cgroup` in a job's directory, which names that job's cgroup. Never the
only means: where the user may not create a cgroup, which is usual without root, nothing here does
anything. Never a security boundary either: a job may move itself out of it. The subtle thing: a
subreaper that is killed together with all its ancestors loses the tree of its job, but the kernel
keeps the cgroup, so that a later process can kill its members (`cgroup.kill`, Linux 5.14).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

from ptyjobs.process.regular import open_regular

PREFIX = "ptyjobs-"
NOTE = "cgroup"  # the file in a job's directory
MAX_NOTE = 8192  # characters of it
EMPTYING = 2.0  # seconds in which killed processes must leave a cgroup
PAUSE = 0.01
LEFT = 60.0  # seconds after which an empty cgroup counts as abandoned
SYS_CLONE3 = 435  # on every architecture
CLONE_INTO_CGROUP = 1 << 33  # Linux 5.7
_PYTHON = ctypes.PyDLL(None, use_errno=True)  # calls that do not release the GIL


def base() -> Path | None:
    """Our own cgroup's directory, if we may create cgroups in it that have `cgroup.kill`."""
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
    """The directory of the cgroup that this process is in."""
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


def make(parent: Path) -> Path | None:
    """A new cgroup below `parent` for one holder and its tree."""
    group = parent / f"{PREFIX}{os.urandom(8).hex()}"
    try:
        group.mkdir(mode=0o700)
    except OSError:  # EAGAIN (cgroup.max.descendants): do without
        return None
    return group


def note(group: Path, directory: str) -> bool:
    """Record the cgroup in the job's directory; False if the disk is full.

    Call it before anything starts in the cgroup; otherwise nothing could find the cgroup after a
    kill of all its processes' ancestors.
    """
    try:
        text = os.fsencode(f"{os.stat(directory).st_ino}\n{group}\n")
        fd = os.open(f"{directory}/{NOTE}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return os.write(fd, text) == len(text)
        finally:
            os.close(fd)
    except OSError:
        return False


def sweep(parent: Path) -> None:
    """Remove the empty cgroups that killed zygotes left below `parent`.

    Keeps cgroups so young that a process may be about to fork into them.
    """
    old = time.time() - LEFT
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # EBUSY: in use; ENOENT: gone
                    if entry.stat().st_mtime < old:
                        os.rmdir(entry.path)


def fork_into(group: Path) -> int:
    """Like fork(2) for a process with a single thread; the child starts in the cgroup.

    Moving the child afterwards would wait for a grace period of the kernel, 15 ms. Raises OSError
    where it is not available (ENOSYS: an older kernel, or a container's seccomp filter). The C
    library does not see this fork, so the child's cached thread id is its parent's; with a single
    thread nothing uses it.
    """
    fd = os.open(group, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        wanted = _CloneArgs(flags=CLONE_INTO_CGROUP, exit_signal=signal.SIGCHLD, cgroup=fd)
        pid = int(_PYTHON.syscall(SYS_CLONE3, ctypes.byref(wanted), ctypes.sizeof(wanted)))
        if pid < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(fd)
    return pid


class _CloneArgs(ctypes.Structure):
    """struct clone_args (linux/sched.h)."""

    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size",
            "tls", "set_tid", "set_tid_size", "cgroup",
        )
    )  # fmt: skip


def noted(directory: Path) -> Path | None:
    """The cgroup that was created for the job of that directory."""
    try:
        with open(directory / NOTE, opener=open_regular) as file:
            inode, name = file.read(MAX_NOTE).splitlines()
        mine = directory.stat().st_ino == int(inode)
    except (OSError, ValueError):  # no cgroup, or a full disk truncated the note
        return None
    return Path(name) if mine and Path(name).name.startswith(PREFIX) else None


def oom_kills(directory: Path) -> int | None:
    """Processes of that job killed for lack of memory; None without a cgroup."""
    group = noted(directory)
    if group is None:
        return None
    try:
        words = (group / "memory.events").read_text().split()
    except OSError:  # the memory controller is not enabled here
        return None
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else None


def left(directory: Path) -> Path | None:
    """The cgroup of that job, if it is still there.

    A copy of the directory has no cgroup, even if it holds a note: the note contains the inode
    number of the directory, which survives a rename but not a copy.
    """
    group = noted(directory)
    return group if group is not None and (group / "cgroup.procs").exists() else None


def end(group: Path | None) -> None:
    """Kill the remaining processes of a cgroup, and remove it; without one, nothing."""
    if group is None:
        return
    try:
        (group / "cgroup.kill").write_text("1")  # includes concurrent forks
    except OSError:  # it was removed concurrently
        return
    limit = time.monotonic() + EMPTYING
    while not remove(group) and time.monotonic() < limit:
        time.sleep(PAUSE)


def remove(group: Path) -> bool:
    """Remove an empty cgroup and its child cgroups; False while it contains a process."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:  # EBUSY
            return False
    return True
