"""Find this process's children without /proc (a chroot, a bare container).

Owns the search by system calls. Never sees grandchildren: they become children when their parent
has ended, because a holder is a child subreaper. The subtle thing: waitid(2) with WNOWAIT answers
for one pid whether it is a child of ours, so every pid assigned since our own start is tried; the
newest is found by forking a child for this purpose.
"""

from __future__ import annotations

import ctypes
import os

_PYTHON = ctypes.PyDLL(None, use_errno=True)
_SYS_CLONE3 = 435  # on every architecture
_WALL = 0x40000000  # __WALL: also children whose end sends no SIGCHLD
_DEFAULT, _LIMIT = 1 << 15, 1 << 22  # PID_MAX_DEFAULT, PID_MAX_LIMIT (linux/threads.h)


def children() -> list[int]:
    """The children of this process, living and dead."""
    return [pid for some in _since(os.getpid(), _newest()) for pid in some if state(pid)]


def _since(mine: int, newest: int) -> list[range]:
    """The numbers given out after `mine`, up to `newest`."""
    if newest > mine:
        return [range(mine + 1, newest)]
    # They have started over: after 32768, unless the administrator or many processors raised it.
    last = _DEFAULT if mine < _DEFAULT else _LIMIT
    return [range(mine + 1, last), range(2, newest)]


def state(pid: int) -> str:
    """ "S" for a living child of ours, "Z" for a dead one, "" for another process or none."""
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return ""
    return "S" if ended is None else "Z"


def _newest() -> int:
    """The number that the kernel gives a process now.

    Its end sends no signal, which would wake a holder's loop for another search.
    """
    size = 88  # of struct clone_args (linux/sched.h); all zero: as fork(2), without exit_signal
    pid = int(_PYTHON.syscall(_SYS_CLONE3, (ctypes.c_char * size)(), size))
    if pid == 0:
        os._exit(0)
    if pid < 0:  # ENOSYS: a container's seccomp filter
        return _DEFAULT if os.getpid() < _DEFAULT else _LIMIT
    os.waitpid(pid, _WALL)
    return pid
