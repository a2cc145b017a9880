"""Small reads below /proc: one process, its threads, its descriptors, its memory.

Owns the formats of /proc (proc(5)) that readiness needs. A file of a process that has gone gives
`Gone`, one that we may not read gives `Denied`; nothing else is caught. The subtle thing: a kept
descriptor of /proc/PID/... belongs to that very process, not to its number, so that a reused pid
can never answer in its place (fs/proc/base.c: the inode holds the struct pid).
"""

from __future__ import annotations

import os
import stat as _stat
from dataclasses import dataclass

_FLAGS = os.O_RDONLY | os.O_CLOEXEC
PTMX = os.makedev(5, 2)  # Documentation/admin-guide/devices.txt
DEV_TTY = os.makedev(5, 0)


class Gone(Exception):
    """The process or thread has ended (ENOENT, ESRCH)."""


class Denied(Exception):
    """We may not look (EACCES, EPERM): another user's or a hardened process."""


def read(path: str, size: int = 4096) -> bytes:
    """The first `size` bytes of a /proc file."""
    try:
        fd = os.open(path, _FLAGS)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
        raise Gone(path) from error
    except PermissionError as error:
        raise Denied(path) from error
    try:
        return os.read(fd, size)
    except ProcessLookupError as error:
        raise Gone(path) from error
    except PermissionError as error:
        raise Denied(path) from error
    finally:
        os.close(fd)


def read_all(path: str) -> bytes:
    """A /proc file of any length."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Gone(path) from error
    except PermissionError as error:
        raise Denied(path) from error


@dataclass(frozen=True, slots=True)
class Stat:
    """Fields of /proc/PID/stat; `start` (ticks after boot) and pid name one process for ever."""

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


def stat(proc: str, pid: int) -> Stat:
    """/proc/PID/stat; raises Gone."""
    head, _, tail = read(f"{proc}/{pid}/stat").rpartition(b")")
    f = tail.split()
    number = int(f[4])
    return Stat(
        pid,
        head.partition(b"(")[2].decode("utf-8", "replace"),
        f[0].decode(),
        int(f[1]),
        int(f[2]),
        int(f[3]),
        # new_encode_dev() of include/linux/kdev_t.h
        os.makedev((number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)),
        int(f[5]),
        int(f[17]),
        int(f[19]),
    )


def threads(proc: str, pid: int) -> list[int]:
    """The thread ids of `pid`, the main thread first; empty when it has gone."""
    try:
        return sorted(map(int, os.listdir(f"{proc}/{pid}/task")), key=lambda tid: (tid != pid, tid))
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(proc: str, pid: int, count: int) -> list[int]:
    """The children of `pid`, which has `count` threads; empty when it has gone."""
    found: list[int] = []
    for tid in [pid] if count == 1 else threads(proc, pid):
        try:
            found += map(int, read(f"{proc}/{pid}/task/{tid}/children", 65536).split())
        except Gone:
            continue
    return found


def runtime(proc: str, pid: int, tid: int) -> int:
    """CPU time of one thread in ns (schedstat, field 1); 0 where the kernel does not count."""
    try:
        return int(read(f"{proc}/{pid}/task/{tid}/schedstat", 64).split()[0])
    except (Gone, Denied, IndexError, ValueError):
        return 0


class Thread:
    """Kept descriptors of one thread: what it sleeps in and how long it has run."""

    __slots__ = ("_children", "_schedstat", "_syscall", "pid", "tid")

    def __init__(self, proc: str, pid: int, tid: int) -> None:
        self.pid = pid
        self.tid = tid
        self._syscall = self._schedstat = self._children = -1
        base = f"{proc}/{pid}/task/{tid}/"
        try:
            self._schedstat = os.open(base + "schedstat", _FLAGS)
            self._children = os.open(base + "children", _FLAGS)
            self._syscall = os.open(base + "syscall", _FLAGS)
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
            self.close()
            raise Gone(base) from error
        except PermissionError as error:
            self.close()
            raise Denied(base) from error

    def syscall(self) -> bytes:
        """The line of /proc/PID/task/TID/syscall."""
        try:
            return os.pread(self._syscall, 200, 0)
        except ProcessLookupError as error:
            raise Gone(str(self.tid)) from error
        except PermissionError as error:
            raise Denied(str(self.tid)) from error

    def children(self) -> bytes:
        """The pids that this thread started, as the kernel prints them."""
        try:
            return os.pread(self._children, 4096, 0)
        except ProcessLookupError as error:
            raise Gone(str(self.tid)) from error

    def ran(self) -> tuple[int, int]:
        """CPU time in ns, and how often the thread was put on a processor."""
        try:
            fields = os.pread(self._schedstat, 64, 0).split()
        except ProcessLookupError as error:
            raise Gone(str(self.tid)) from error
        return (int(fields[0]), int(fields[2])) if len(fields) > 2 else (0, 0)

    def close(self) -> None:
        for name in ("_syscall", "_schedstat", "_children"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


class Memory:
    """Reads another process's memory through a kept /proc/PID/mem (reopened after an exec)."""

    __slots__ = ("_fd", "_path")

    def __init__(self, proc: str, pid: int) -> None:
        self._path = f"{proc}/{pid}/mem"
        self._fd = -1

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at `address`; raises Gone or Denied."""
        for _ in range(2):
            if self._fd < 0:
                self._open()
            try:
                data = os.pread(self._fd, size, address)
            except OSError:  # EIO: not mapped, or the memory of before an exec
                data = b""
            if len(data) == size:
                return data
            self.close()
        raise Gone(self._path)

    def _open(self) -> None:
        try:
            self._fd = os.open(self._path, _FLAGS)
        except (FileNotFoundError, ProcessLookupError) as error:
            raise Gone(self._path) from error
        except PermissionError as error:
            raise Denied(self._path) from error

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class Tty:
    """Names one pty slave: its number, and the devpts it lies on (containers have their own)."""

    rdev: int
    dev: int


class Fd:
    """What a descriptor of another process is, for readiness."""

    TTY = "tty"
    MASTER = "master"
    SOCKET = "socket"
    OTHER = "other"


def descriptor(proc: str, pid: int, number: int, tty: Tty) -> str:
    """One of the words of `Fd`; /dev/tty counts as the terminal, being the controlling one.

    Raises Gone for a closed descriptor and Denied.
    """
    try:
        info = os.stat(f"{proc}/{pid}/fd/{number}")
    except (FileNotFoundError, ProcessLookupError) as error:
        raise Gone(f"{pid}/{number}") from error
    except PermissionError as error:
        raise Denied(f"{pid}/{number}") from error
    if _stat.S_ISCHR(info.st_mode):
        if info.st_rdev == DEV_TTY or (info.st_rdev == tty.rdev and info.st_dev == tty.dev):
            return Fd.TTY
        return Fd.MASTER if info.st_rdev == PTMX else Fd.OTHER
    return Fd.SOCKET if _stat.S_ISSOCK(info.st_mode) else Fd.OTHER


def fdinfo(proc: str, pid: int, number: int) -> bytes:
    """/proc/PID/fdinfo/N; raises Gone and Denied."""
    return read_all(f"{proc}/{pid}/fdinfo/{number}")
