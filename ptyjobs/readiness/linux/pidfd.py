"""Descriptors of another process, borrowed for a moment: is something unread, where does it lead?

Owns pidfd_getfd(2) (Linux 5.6; needs the right to ptrace, as /proc/PID/syscall does). A borrowed
descriptor is the very same open file: it is only asked, never read, and closed at once.
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
    """Descriptor `number` of process `pid` as one of ours; None when we may not, or it has gone."""
    fd = _get(pid, number)
    try:
        yield fd
    finally:
        if fd is not None:
            os.close(fd)


def _get(pid: int, number: int) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except (OSError, AttributeError):  # gone, or no pidfd here
        return None
    try:
        fd = int(ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, number, 0))
        return fd if fd >= 0 else None  # EPERM, EBADF
    finally:
        os.close(pidfd)


def readable(pid: int, number: int) -> bool:
    """Whether a read of it would find something now; False when we may not ask."""
    with borrowed(pid, number) as fd:
        return fd is not None and termios_state.readable(fd)


def leads_away(pid: int, number: int) -> bool:
    """Whether a socket is a connection to somebody else; True when we may not ask.

    Not one that listens, and not half of a pair which the process made itself, for a child: there
    nobody else can speak.
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
            except OSError:  # not connected: a datagram socket, or one that connects right now
                return True
    return int.from_bytes(credentials[:4], "little") != pid
