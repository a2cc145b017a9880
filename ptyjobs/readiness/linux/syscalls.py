"""System call numbers: the call a sleeping thread is in, and the argument that identifies its wait.

Owns the tables for x86-64, aarch64 and i386 (asm/unistd_64.h, asm-generic/unistd.h,
asm/unistd_32.h). Never reads a process. The numbers differ by architecture, and a call that is not
listed counts as "busy": it cannot be a wait for the terminal. A 32-bit program on an x86-64 kernel
uses the i386 table (`blocked.py` recognises it); on aarch64 its calls count as unknown.
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
    PACKED = enum.auto()  # a select whose five arguments are in memory, at argument 0
    EPOLL = enum.auto()  # an epoll descriptor in argument 0; milliseconds in argument 3
    EPOLL2 = enum.auto()  # the same; a struct timespec pointer in argument 3
    CHILD = enum.auto()  # waits for a child to exit
    TIMED = enum.auto()  # sleeps for a time
    SOCKET = enum.auto()  # waits for a peer: descriptor in argument 0
    PEER = enum.auto()  # the same, with the descriptor in memory, at argument 1
    SIGNAL = enum.auto()  # waits for a signal
    LOCK = enum.auto()  # waits for another thread or process
    URING = enum.auto()  # cannot be interpreted
    RESTART = enum.auto()  # a call resumed after a stop: only wchan identifies it
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Syscall:
    name: str
    kind: Kind
    time: int = 8  # size of the seconds in its time-out, in bytes


def _table(numbers: dict[int, str], *, time: int = 8) -> dict[int, Syscall]:
    """`time`: size of the seconds, except in the calls that are newer than 32-bit times."""
    table = {}
    for number, name in numbers.items():
        plain = name.removesuffix("_time64")
        wide = plain != name or name == "epoll_pwait2"
        table[number] = Syscall(plain, _KINDS[plain], 8 if wide else time)
    return table


_KINDS = {
    "read": Kind.READ,
    "readv": Kind.READ,
    "pread64": Kind.OTHER,
    "write": Kind.WRITE,
    "writev": Kind.WRITE,
    "poll": Kind.POLL,
    "ppoll": Kind.PPOLL,
    "select": Kind.SELECT,
    "old_select": Kind.PACKED,
    "pselect6": Kind.SELECT,
    "epoll_wait": Kind.EPOLL,
    "epoll_pwait": Kind.EPOLL,
    "epoll_pwait2": Kind.EPOLL2,
    "wait4": Kind.CHILD,
    "waitpid": Kind.CHILD,
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
    "socketcall": Kind.PEER,
    "pause": Kind.SIGNAL,
    "sigsuspend": Kind.SIGNAL,
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

_I386 = _table(
    {
        0: "restart_syscall",
        3: "read",
        4: "write",
        7: "waitpid",
        29: "pause",
        36: "sync",
        54: "ioctl",
        55: "fcntl",
        72: "sigsuspend",
        82: "old_select",
        102: "socketcall",
        114: "wait4",
        118: "fsync",
        120: "clone",
        142: "select",
        143: "flock",
        145: "readv",
        146: "writev",
        148: "fdatasync",
        162: "nanosleep",
        168: "poll",
        177: "rt_sigtimedwait",
        179: "rt_sigsuspend",
        180: "pread64",
        187: "sendfile",
        190: "vfork",
        221: "fcntl",
        239: "sendfile",
        240: "futex",
        252: "exit_group",
        256: "epoll_wait",
        267: "clock_nanosleep",
        284: "waitid",
        295: "openat",
        308: "pselect6",
        309: "ppoll",
        313: "splice",
        319: "epoll_pwait",
        362: "connect",
        364: "accept4",
        369: "sendto",
        370: "sendmsg",
        371: "recvfrom",
        372: "recvmsg",
        377: "copy_file_range",
        407: "clock_nanosleep_time64",
        413: "pselect6_time64",
        414: "ppoll_time64",
        421: "rt_sigtimedwait_time64",
        422: "futex_time64",
        426: "io_uring_enter",
        441: "epoll_pwait2",
        449: "futex_waitv",
        455: "futex_wait",
    },
    time=4,
)

PIDFD_GETFD = 438  # the same number on every architecture (asm-generic since Linux 5.6)


def calls(machine: str) -> dict[int, Syscall] | None:
    """The table of `os.uname().machine`; None for an unsupported architecture."""
    return {"x86_64": _X86_64, "aarch64": _AARCH64, "i386": _I386, "i686": _I386}.get(machine)
