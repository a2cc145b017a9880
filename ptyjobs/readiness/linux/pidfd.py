"""Descriptors borrowed from another process: unread input, and the peer of a socket.

Owns pidfd_getfd(2) (Linux 5.6; needs ptrace permission, like /proc/PID/syscall). Never reads a
borrowed descriptor: it shares the open file description, so it is only queried and closed at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator

from ptyjobs.process import termios_state
from ptyjobs.readiness.linux.syscalls import PIDFD_GETFD


@contextlib.contextmanager
def borrowed(pid: int, number: int) -> Iterator[int | None]:
    """A duplicate of descriptor `number` of process `pid`; None if not permitted or closed."""
    fd = _get(pid, number)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _get(pid: int, number: int) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except (OSError, AttributeError):  # exited, or no pidfd here
        return None
    try:
        fd = int(ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, number, 0))
        return fd if fd >= 0 else None  # EPERM, EBADF
    finally:
        os.close(pidfd)


def readable(pid: int, number: int) -> bool:
    """True if a read would return data now; False if not permitted."""
    with borrowed(pid, number) as fd:
        return fd is not None and termios_state.readable(fd)


def leads_away(pid: int, number: int) -> bool:
    """True if a socket has a peer outside the process, or if not permitted to ask.

    A listening socket has no peer, and half of a pair that the process made for a child has no
    outside peer.
    """
    with borrowed(pid, number) as fd:
        if fd is None:
            return True
        with socket.socket(fileno=os.dup(fd)) as its:
            try:
                if its.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    return False
                if its.family != socket.AF_UNIX or its.getpeername():
                    return True
                credentials = its.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            except OSError:  # not connected: a datagram socket, or a connection still being made
                return True
    return int.from_bytes(credentials[:4], "little") != pid
