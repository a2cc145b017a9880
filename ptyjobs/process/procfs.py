"""Small reads below /proc: one process, its threads, its descriptors, its memory.

Owns the formats of /proc (proc(5)) that readiness needs. Never judges a process. A file of an
exited process raises `ProcessExited`, an unreadable one `Denied`; no other error is caught. The
subtle thing: an open descriptor of /proc/PID/... belongs to that process, not to its number, so a
reused pid can never answer in its place (fs/proc/base.c: the inode holds the struct pid).
"""

from __future__ import annotations

import functools
import os
import resource
import stat as _stat
from dataclasses import dataclass
from typing import NamedTuple

_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_REOPENED = -2  # in place of a descriptor: the file is opened for each read
SPARE_FDS = 16  # descriptors that kept files leave to the rest of the process
PTMX = os.makedev(5, 2)  # Documentation/admin-guide/devices.txt
DEV_TTY = os.makedev(5, 0)


class ProcessExited(Exception):
    """The process or thread has exited (ENOENT, ESRCH)."""


class Denied(Exception):
    """Permission denied (EACCES, EPERM): another user's or a hardened process."""


def read(path: str, size: int = 4096) -> bytes:
    """The first `size` bytes of a /proc file."""
    try:
        fd = os.open(path, _FLAGS)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
        raise ProcessExited(path) from error
    except PermissionError as error:
        raise Denied(path) from error
    try:
        return os.read(fd, size)
    except ProcessLookupError as error:
        raise ProcessExited(path) from error
    except PermissionError as error:
        raise Denied(path) from error
    finally:
        os.close(fd)


def read_all(path: str) -> bytes:
    """A /proc file of any length."""
    try:
        fd = os.open(path, _FLAGS)
        try:
            parts = []
            while part := os.read(fd, 4096):  # `open` would write to 20 more pages of a holder
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(fd)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessExited(path) from error
    except PermissionError as error:
        raise Denied(path) from error


class Stat(NamedTuple):
    """Fields of /proc/PID/stat; `start` (ticks after boot) and pid identify a process uniquely."""

    pid: int
    name: str
    state: str
    ppid: int
    pgrp: int
    session: int
    tty: int  # st_rdev of the controlling terminal, 0 for none
    tpgid: int  # foreground group of that terminal
    threads: int
    start: int


def parse_stat(data: bytes) -> Stat:
    """The text of /proc/PID/stat (a name may hold spaces and brackets)."""
    head, _, tail = data.rpartition(b")")
    f = tail.split(None, 20)
    pid, _, name = head.partition(b" (")
    number = int(f[4])
    return Stat(
        int(pid),
        name.decode("utf-8", "replace"),
        chr(f[0][0]),
        int(f[1]),
        int(f[2]),
        int(f[3]),
        # new_encode_dev() of include/linux/kdev_t.h
        os.makedev((number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)),
        int(f[5]),
        int(f[17]),
        int(f[19]),
    )


def stat(proc: str, pid: int) -> Stat:
    """/proc/PID/stat; raises ProcessExited."""
    return parse_stat(read(f"{proc}/{pid}/stat"))


def activity(proc: str, pid: int) -> tuple[int, int, int]:
    """CPU time in ns of the main thread, and bytes read and written by the process, with all its
    threads and its reaped children.

    Raises ProcessExited and Denied.
    """
    ran = int(read(f"{proc}/{pid}/schedstat").split()[0])
    fields = dict(line.split(b": ") for line in read(f"{proc}/{pid}/io").splitlines())
    try:
        return ran, int(fields[b"rchar"]), int(fields[b"wchar"])
    except (KeyError, ValueError):
        raise Denied(f"{proc}/{pid}/io") from None


def reads(proc: str, pid: int) -> tuple[int, int]:
    """Read calls of a process so far, and the bytes they returned; zeros if not readable.

    A call that returns EAGAIN counts, with 0 bytes.
    """
    try:
        fields = dict(line.split(b": ") for line in read(f"{proc}/{pid}/io").splitlines())
        return int(fields[b"syscr"]), int(fields[b"rchar"])
    except (ProcessExited, Denied, KeyError, ValueError):
        return 0, 0


def effort(proc: str, pid: int) -> tuple[int, int, int]:
    """User and system CPU time of a process in clock ticks, and its page faults; zeros if gone."""
    try:
        f = read(f"{proc}/{pid}/stat").rpartition(b")")[2].split(None, 13)
        return int(f[11]), int(f[12]), int(f[7])
    except (ProcessExited, Denied):
        return 0, 0, 0


def threads(proc: str, pid: int) -> list[int]:
    """The thread ids of `pid`, the main thread first; empty if it has exited."""
    try:
        return sorted(map(int, os.listdir(f"{proc}/{pid}/task")), key=lambda tid: (tid != pid, tid))
    except (FileNotFoundError, ProcessLookupError):
        return []


def _may_keep(fd: int) -> bool:
    """True if this process may keep `fd` open: enough descriptors remain for its other uses.

    The kernel gives out the lowest free number (open(2)), so a high one means that few are left.
    """
    return fd < _keep_below()


@functools.cache
def _keep_below() -> float:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return float("inf") if limit == resource.RLIM_INFINITY else limit - SPARE_FDS


class _Kept:
    """One /proc file that is kept open, if descriptors are plentiful, and read repeatedly."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        try:
            self._fd = os.open(path, _FLAGS)
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
            raise ProcessExited(path) from error
        except PermissionError as error:
            raise Denied(path) from error
        if not _may_keep(self._fd):
            os.close(self._fd)
            self._fd = _REOPENED

    def read(self, size: int) -> bytes:
        if self._fd == _REOPENED:
            return read(self._path, size)
        if self._fd < 0:
            raise ProcessExited(self._path)
        try:
            return os.pread(self._fd, size, 0)
        except ProcessLookupError as error:
            raise ProcessExited(self._path) from error
        except PermissionError as error:
            raise Denied(self._path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class Thread:
    """One thread: its system call, its run time, its children."""

    __slots__ = ("_base", "_children", "_schedstat", "_syscall", "tid")

    def __init__(self, proc: str, pid: int, tid: int) -> None:
        self.tid = tid
        self._base = f"{proc}/{pid}/task/{tid}/"
        self._syscall: _Kept | None = None
        self._schedstat: _Kept | None = None
        self._children: _Kept | None = None

    def syscall(self) -> bytes:
        """The line of /proc/PID/task/TID/syscall; raises ProcessExited and Denied."""
        if self._syscall is None:
            self._syscall = _Kept(self._base + "syscall")
        return self._syscall.read(200)

    def children(self) -> bytes:
        """The pids that this thread started, as the kernel prints them; raises ProcessExited."""
        if self._children is None:
            self._children = _Kept(self._base + "children")
        return self._children.read(65536)

    def ran(self) -> tuple[int, int]:
        """CPU time in ns, and how often the thread was scheduled; raises ProcessExited."""
        if self._schedstat is None:
            self._schedstat = _Kept(self._base + "schedstat")
        fields = self._schedstat.read(64).split()
        return (int(fields[0]), int(fields[2])) if len(fields) > 2 else (0, 0)

    def close(self) -> None:
        for kept in (self._syscall, self._schedstat, self._children):
            if kept is not None:
                kept.close()
        self._syscall = self._schedstat = self._children = None


class Process:
    """One process with the /proc descriptors opened so far."""

    KEPT_THREADS = 32  # further ones are opened for each use

    def __init__(self, proc: str, pid: int) -> None:
        self.pid = pid
        self._proc = proc
        self._stat = _Kept(f"{proc}/{pid}/stat")
        self.main = Thread(proc, pid, pid)
        self.memory = Memory(proc, pid)
        self._others: dict[int, Thread] = {}
        self._raw = b""
        self._below: list[int] = []

    def stat(self) -> Stat:
        """Its /proc/PID/stat; raises ProcessExited."""
        return parse_stat(self._stat.read(1024))

    def others(self, count: int) -> list[Thread]:
        """Thread ids except the main one; reuses the cached list while it has `count` entries."""
        if len(self._others) != count:
            tids = threads(self._proc, self.pid)[1:]
            for tid in self._others.keys() - set(tids):
                self._others.pop(tid).close()
            for tid in tids[: self.KEPT_THREADS]:
                self._others.setdefault(tid, Thread(self._proc, self.pid, tid))
        return list(self._others.values())

    def forget(self, thread: Thread) -> None:
        """Drop a thread that has exited."""
        thread.close()
        self._others.pop(thread.tid, None)

    def children(self, count: int) -> list[int]:
        """The pids of its children; `count` is its number of threads. Raises ProcessExited."""
        raw = self.main.children()
        if count > 1:
            for thread in self.others(count - 1):
                try:
                    raw += thread.children()
                except ProcessExited:
                    self.forget(thread)
        if raw != self._raw:
            self._raw, self._below = raw, [int(pid) for pid in raw.split()]
        return self._below

    def cpu(self, count: int) -> int:
        """CPU time of all its threads in ns; 0 if it has exited."""
        try:
            total = self.main.ran()[0]
        except ProcessExited:
            return 0
        for thread in self.others(count - 1) if count > 1 else []:
            try:
                total += thread.ran()[0]
            except ProcessExited:
                self.forget(thread)
        return total

    def close(self) -> None:
        self._stat.close()
        self.main.close()
        self.memory.close()
        for thread in self._others.values():
            thread.close()
        self._others.clear()


class Memory:
    """Reads another process's memory through an open /proc/PID/mem (reopened after an exec)."""

    __slots__ = ("_fd", "_path")

    def __init__(self, proc: str, pid: int) -> None:
        self._path = f"{proc}/{pid}/mem"
        self._fd = -1

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`; raises ProcessExited or Denied."""
        for _ in range(2):
            if self._fd < 0:
                self._open()
            try:
                data = os.pread(self._fd, size, address)
            except OSError:  # EIO: not mapped, or the memory from before an exec
                data = b""
            if len(data) == size:
                if not _may_keep(self._fd):
                    self.close()
                return data
            self.close()
        raise ProcessExited(self._path)

    def _open(self) -> None:
        try:
            self._fd = os.open(self._path, _FLAGS)
        except (FileNotFoundError, ProcessLookupError) as error:
            raise ProcessExited(self._path) from error
        except PermissionError as error:
            raise Denied(self._path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class Tty:
    """Identifies one pty slave: its number, and its devpts instance (containers have their own)."""

    rdev: int
    dev: int


class Fd:
    """Kinds of descriptors that readiness distinguishes."""

    TTY = "tty"
    MASTER = "master"
    SOCKET = "socket"
    EPOLL = "epoll"
    OTHER = "other"


def descriptor(proc: str, pid: int, number: int, tty: Tty) -> str:
    """The `Fd` kind of a descriptor; /dev/tty counts as the terminal, being the controlling one.

    Raises ProcessExited for a closed descriptor and Denied.
    """
    try:
        info = os.stat(f"{proc}/{pid}/fd/{number}")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessExited(f"{pid}/{number}") from error
    except PermissionError as error:
        raise Denied(f"{pid}/{number}") from error
    if _stat.S_ISCHR(info.st_mode):
        if info.st_rdev == DEV_TTY or (info.st_rdev == tty.rdev and info.st_dev == tty.dev):
            return Fd.TTY
        return Fd.MASTER if info.st_rdev == PTMX else Fd.OTHER
    if not _stat.S_IFMT(info.st_mode) and _is_epoll(f"{proc}/{pid}/fd/{number}"):
        return Fd.EPOLL
    return Fd.SOCKET if _stat.S_ISSOCK(info.st_mode) else Fd.OTHER


def link(proc: str, pid: int, number: int) -> str:
    """The name of a descriptor, as proc(5) shows it; "" if it is closed or not permitted."""
    try:
        return os.readlink(f"{proc}/{pid}/fd/{number}")
    except OSError:
        return ""


def _is_epoll(path: str) -> bool:
    """True for an epoll, by its name: anonymous inodes have no file type (fs/eventpoll.c)."""
    try:
        return os.readlink(path) == "anon_inode:[eventpoll]"
    except OSError:
        return False


def fdinfo(proc: str, pid: int, number: int) -> bytes:
    """/proc/PID/fdinfo/N; raises ProcessExited and Denied."""
    return read_all(f"{proc}/{pid}/fdinfo/{number}")


def oom_kills(proc: str = "/proc") -> int:
    """Processes that the kernel has killed for lack of memory since boot (vmstat)."""
    try:
        data = read_all(f"{proc}/vmstat")
    except (ProcessExited, Denied):  # no /proc
        return 0
    _, _, rest = data.partition(b"\noom_kill ")
    return int(rest.split(None, 1)[0]) if rest else 0
