"""System call numbers: the call a sleeping thread is in, and the argument that identifies its wait.

Owns the tables for x86-64 and aarch64 (asm/unistd_64.h, asm-generic/unistd.h). Never reads a
process. The numbers differ by architecture, and a call that is not listed counts as "busy": it
cannot be a wait for the terminal. 32-bit programs on a 64-bit kernel use a third table; they are
recognised by their stack pointer (`blocked.py`), and their calls count as unknown.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """The way a call identifies its wait."""

    READ = enum.auto()  # a descriptor in argument 0
    WRITE = enum.auto()  # a descriptor in argument 0; blocks while the reader does not read
    POLL = enum.auto()  # an array of struct pollfd; milliseconds in argument 2
    PPOLL = enum.auto()  # the same; a struct timespec pointer in argument 2
    SELECT = enum.auto()  # bitmaps; a time-out pointer in argument 4
    EPOLL = enum.auto()  # an epoll descriptor in argument 0; milliseconds in argument 3
    EPOLL2 = enum.auto()  # the same; a struct timespec pointer in argument 3
    CHILD = enum.auto()  # waits for a child to exit
    TIMED = enum.auto()  # sleeps for a time
    SOCKET = enum.auto()  # waits for a peer: descriptor in argument 0
    SIGNAL = enum.auto()  # waits for a signal
    LOCK = enum.auto()  # waits for another thread or process
    URING = enum.auto()  # cannot be interpreted
    RESTART = enum.auto()  # a call resumed after a stop: only wchan identifies it
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Syscall:
    name: str
    kind: Kind


def _table(numbers: dict[int, str]) -> dict[int, Syscall]:
    return {number: Syscall(name, _KINDS[name]) for number, name in numbers.items()}


_KINDS = {
    "read": Kind.READ,
    "readv": Kind.READ,
    "pread64": Kind.OTHER,
    "write": Kind.WRITE,
    "writev": Kind.WRITE,
    "poll": Kind.POLL,
    "ppoll": Kind.PPOLL,
    "select": Kind.SELECT,
    "pselect6": Kind.SELECT,
    "epoll_wait": Kind.EPOLL,
    "epoll_pwait": Kind.EPOLL,
    "epoll_pwait2": Kind.EPOLL2,
    "wait4": Kind.CHILD,
    "waitid": Kind.CHILD,
    "nanosleep": Kind.TIMED,
    "clock_nanosleep": Kind.TIMED,
    "recvfrom": Kind.SOCKET,
    "recvmsg": Kind.SOCKET,
    "sendto": Kind.SOCKET,
    "sendmsg": Kind.SOCKET,
    "connect": Kind.SOCKET,
    "accept": Kind.SOCKET,
    "accept4": Kind.SOCKET,
    "pause": Kind.SIGNAL,
    "rt_sigsuspend": Kind.SIGNAL,
    "rt_sigtimedwait": Kind.SIGNAL,
    "futex": Kind.LOCK,
    "futex_wait": Kind.LOCK,
    "futex_waitv": Kind.LOCK,
    "flock": Kind.LOCK,
    "fcntl": Kind.LOCK,
    "io_uring_enter": Kind.URING,
    "restart_syscall": Kind.RESTART,
    "openat": Kind.OTHER,
    "ioctl": Kind.OTHER,
    "fsync": Kind.OTHER,
    "fdatasync": Kind.OTHER,
    "sync": Kind.OTHER,
    "splice": Kind.OTHER,
    "sendfile": Kind.OTHER,
    "copy_file_range": Kind.OTHER,
    "exit_group": Kind.OTHER,
    "clone": Kind.OTHER,
    "vfork": Kind.OTHER,
}

_X86_64 = _table(
    {
        0: "read",
        1: "write",
        7: "poll",
        16: "ioctl",
        17: "pread64",
        19: "readv",
        20: "writev",
        23: "select",
        34: "pause",
        35: "nanosleep",
        40: "sendfile",
        42: "connect",
        43: "accept",
        44: "sendto",
        45: "recvfrom",
        46: "sendmsg",
        47: "recvmsg",
        56: "clone",
        58: "vfork",
        61: "wait4",
        72: "fcntl",
        73: "flock",
        74: "fsync",
        75: "fdatasync",
        128: "rt_sigtimedwait",
        130: "rt_sigsuspend",
        162: "sync",
        202: "futex",
        219: "restart_syscall",
        230: "clock_nanosleep",
        231: "exit_group",
        232: "epoll_wait",
        247: "waitid",
        257: "openat",
        270: "pselect6",
        271: "ppoll",
        275: "splice",
        281: "epoll_pwait",
        288: "accept4",
        326: "copy_file_range",
        426: "io_uring_enter",
        441: "epoll_pwait2",
        449: "futex_waitv",
        455: "futex_wait",
    }
)

_AARCH64 = _table(
    {
        22: "epoll_pwait",
        25: "fcntl",
        29: "ioctl",
        32: "flock",
        56: "openat",
        63: "read",
        64: "write",
        65: "readv",
        66: "writev",
        67: "pread64",
        71: "sendfile",
        72: "pselect6",
        73: "ppoll",
        76: "splice",
        81: "sync",
        82: "fsync",
        83: "fdatasync",
        94: "exit_group",
        95: "waitid",
        98: "futex",
        101: "nanosleep",
        115: "clock_nanosleep",
        128: "restart_syscall",
        133: "rt_sigsuspend",
        137: "rt_sigtimedwait",
        202: "accept",
        203: "connect",
        206: "sendto",
        207: "recvfrom",
        211: "sendmsg",
        212: "recvmsg",
        220: "clone",
        242: "accept4",
        260: "wait4",
        285: "copy_file_range",
        426: "io_uring_enter",
        441: "epoll_pwait2",
        449: "futex_waitv",
        455: "futex_wait",
    }
)

PIDFD_GETFD = 438  # the same number on every architecture (asm-generic since Linux 5.6)


def calls(machine: str) -> dict[int, Syscall] | None:
    """The table of `os.uname().machine`; None for an unsupported architecture."""
    return {"x86_64": _X86_64, "aarch64": _AARCH64}.get(machine)
