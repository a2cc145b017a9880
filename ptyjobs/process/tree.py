"""The process tree below one process: find it, signal it, reap all of it.

Owns the child-subreaper flag and the walk through /proc; the order of signals is `tree_kill`'s.
Never signals by name or pattern: only pids found below the given root at this moment. The subtle
thing: a process group, a session or an environment marker each miss some trees; killing the
descendants of a subreaper until none is left misses none.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Collection

from ptyjobs._dataclass import dataclass
from ptyjobs.process import no_proc

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PR_SET_TIMERSLACK = 29
ONE_THREAD = 3  # links of /proc/PID/task: 2, and one per thread (fs/proc/base.c)
READ = 16 << 10
SUBREAPER = sys.platform == "linux"  # elsewhere a kill reaches only current descendants of the job


_PYTHON = ctypes.PyDLL(None, use_errno=True)  # calls that do not release the GIL
_LIBC = ctypes.CDLL(None, use_errno=True)  # once: each load creates an unshared class


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    return bool(_LIBC.prctl(option, value, 0, 0, 0) == 0)


def bare_fork() -> int:
    """fork(2) for a process with a single thread, without Python's fork handlers.

    Its handlers in the child (of `threading` and `random`) touch 0.3 to 0.4 MB, which would be
    private memory of each holder, and take half a millisecond. Without other threads there is no
    lock to reinitialise and nothing else to repair; `random` continues from the parent's state.
    """
    if sys.platform != "linux":
        return os.fork()
    pid = int(_PYTHON.fork())
    if pid < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return pid


def become_subreaper() -> bool:
    """Orphans below this process become its children; False if the system does not support it."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def precise_timers() -> None:
    """Timer slack of 1 µs instead of 50: the readiness back-off counts in tenths of a ms."""
    _prctl(PR_SET_TIMERSLACK, 1000)


def children(pid: int) -> list[int]:
    """The living and dead children of `pid` (/proc/PID/task/*/children).

    Without /proc, only our own can be found.
    """
    found: list[int] = []
    folder = f"/proc/{pid}/task"
    try:
        alone = os.stat(folder).st_nlink == ONE_THREAD
        tasks = [str(pid)] if alone else os.listdir(folder)
    except OSError:  # ENOENT, ESRCH: it has exited
        return no_proc.children() if pid == os.getpid() and sys.platform == "linux" else found
    for task in tasks:
        try:
            found += map(int, _content(f"{folder}/{task}/children").split())
        except OSError:  # the thread has exited
            continue
    return found


def _content(path: str) -> bytes:
    """A whole /proc file, without the system calls by which `open` inspects a file."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, READ)
        while data and (more := os.read(fd, READ)):
            data += more
        return data
    finally:
        os.close(fd)


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, parents before children."""
    found: list[int] = []
    pending = [pid]
    while pending:
        below = children(pending.pop())
        found += below
        pending += below
    return found


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat (proc_pid_stat(5)) used here; CPU in seconds, rss in bytes."""

    pid: int
    name: str
    state: str
    ppid: int
    pgrp: int
    session: int
    cpu: float
    started: int  # clock ticks after boot: with the pid it identifies a process uniquely
    rss: int


_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def read_stat(pid: int) -> Stat | None:
    """Read /proc/PID/stat; None if the process has exited. Without /proc, little is known."""
    try:
        data = _content(f"/proc/{pid}/stat")
    except OSError:  # ENOENT, ESRCH: it has exited
        return None if os.path.exists("/proc/self/stat") else _own_child(pid)
    head, _, tail = data.rpartition(b")")
    fields = tail.split()
    return Stat(  # by position: keywords cost 3 microseconds here
        pid,
        head.partition(b"(")[2].decode("utf-8", "replace"),
        fields[0].decode(),
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        (int(fields[11]) + int(fields[12])) / _TICK,
        int(fields[19]),
        int(fields[21]) * _PAGE,
    )


def _own_child(pid: int) -> Stat | None:
    """Facts about a child of ours from system calls alone."""
    state = no_proc.state(pid) if sys.platform == "linux" else ""
    if not state:
        return None
    try:
        group, session = os.getpgid(pid), os.getsid(pid)
    except OSError:  # ESRCH: a zombie; EPERM: another session
        group = session = 0
    return Stat(pid, "", state, os.getpid(), group, session, 0.0, 0, 0)


def alive(root: int, *, exclude: Collection[int] = ()) -> list[int]:
    """The running descendants of `root` (zombies only wait to be reaped).

    `exclude`: sessions that do not count.
    """
    living = []
    for pid in descendants(root):
        stat = read_stat(pid)
        if stat is not None and stat.state not in "ZX" and stat.session not in exclude:
            living.append(pid)
    return living


def send(pids: list[int], *signals: int) -> int:
    """Send each of `signals` to each of `pids`; returns the number of existing processes."""
    reached = 0
    for pid in pids:
        try:
            for number in signals:
                os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:  # a setuid child of another user: only root can kill it
            continue
        reached += 1
    return reached


class Used:
    """Resources used by reaped processes and by the children that they had reaped (wait4(2))."""

    def __init__(self) -> None:
        self.cpu = 0.0  # seconds
        self.peak = 0  # bytes of resident memory of the largest; 0 if below the holder's own

    def add(self, usage: resource.struct_rusage) -> None:
        self.cpu += usage.ru_utime + usage.ru_stime
        # exec(2) counts the memory of the process that it replaces, at first a copy of the holder.
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if usage.ru_maxrss > own:
            self.peak = max(self.peak, usage.ru_maxrss * 1024)


def unreaped() -> bool:
    """True if a child has ended and `reap` has not collected it yet."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def reap(used: Used | None = None) -> dict[int, int]:
    """Reap every exited child: pid -> wait status; `used` adds up their resource usage."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status
        if used is not None:
            used.add(usage)
