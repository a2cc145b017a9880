"""A job's own cgroup, where this user may make one: what no daemon leaves, whoever was killed.

Owns the directories `ptyjobs-*` below our own cgroup (cgroup v2, cgroups(7)), each for one holder
and its tree, and the file `cgroup` of a job's directory, which names the one of that job. A
subreaper loses the tree of a job when it is killed together with everybody above it; a cgroup is
kept by the kernel, so that whoever looks next can end what is in it (`cgroup.kill`, Linux 5.14). A
bonus, never the base: where no cgroup may be made, which is usual for a plain user, nothing here
does anything. Not a wall either: a job that wants to can move itself, as its user may.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PREFIX = "ptyjobs-"
NOTE = "cgroup"  # the file in a job's directory
EMPTYING = 2.0  # seconds in which killed processes must have left a cgroup
PAUSE = 0.01
LEFT = 60.0  # seconds after which an empty cgroup is nobody's
SYS_CLONE3 = 435  # on every architecture
CLONE_INTO_CGROUP = 1 << 33  # Linux 5.7
_PYTHON = ctypes.PyDLL(None, use_errno=True)  # calls that keep the interpreter's lock


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


def make(parent: Path) -> Path | None:
    """A new cgroup below `parent` for one holder and its tree."""
    group = parent / f"{PREFIX}{os.urandom(8).hex()}"
    try:
        group.mkdir(mode=0o700)
    except OSError:  # EAGAIN (cgroup.max.descendants): then without
        return None
    return group


def note(group: Path, directory: str) -> bool:
    """Note that this is the cgroup of the job of that directory; False when the disk is full.

    Before anything is started in it, or nobody would find it after a kill of all above.
    """
    try:
        fd = os.open(f"{directory}/{NOTE}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as file:
            file.write(f"{os.stat(directory).st_ino}\n{group}\n")
    except OSError:
        return False
    return True


def sweep(parent: Path) -> None:
    """Remove the empty cgroups that zygotes which were killed have left below `parent`.

    Not those that somebody may have just made to fork into.
    """
    old = time.time() - LEFT
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # EBUSY: in use; ENOENT: gone
                    if entry.stat().st_mtime < old:
                        os.rmdir(entry.path)


def fork_into(group: Path) -> int:
    """Like fork(2) for a process with a single thread; the child begins in the cgroup.

    A child that is moved there afterwards waits for a grace period of the kernel, 15 ms. Raises
    OSError where that cannot be had (ENOSYS: an older kernel, or a container's filter). The C
    library is not told, so the child's notion of its own thread id is its parent's; with a single
    thread nothing asks for it.
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
    """The cgroup that was made for the job of that directory."""
    try:
        inode, name = (directory / NOTE).read_text().splitlines()
        mine = directory.stat().st_ino == int(inode)
    except (OSError, ValueError):  # it had none, or a full disk cut the note
        return None
    return Path(name) if mine and Path(name).name.startswith(PREFIX) else None


def oom_kills(directory: Path) -> int | None:
    """Processes of that job that were killed for want of memory; None without a cgroup."""
    group = noted(directory)
    if group is None:
        return None
    try:
        words = (group / "memory.events").read_text().split()
    except OSError:  # the memory controller is not on here
        return None
    return int(words[words.index("oom_kill") + 1]) if "oom_kill" in words else None


def end(directory: Path) -> None:
    """End what is left in the cgroup of the job of that directory, and remove it.

    A copy of the directory has no cgroup, whatever stands in it: the note names the directory's
    inode, which a job keeps under another name.
    """
    group = noted(directory)
    if group is None or not (group / "cgroup.procs").exists():
        return
    try:
        (group / "cgroup.kill").write_text("1")  # forks in this moment included
    except OSError:  # it has just gone
        return
    limit = time.monotonic() + EMPTYING
    while not remove(group) and time.monotonic() < limit:
        time.sleep(PAUSE)


def remove(group: Path) -> bool:
    """Remove an empty cgroup with those that its job made in it; False while a process is there."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            continue
        except OSError:  # EBUSY
            return False
    return True
