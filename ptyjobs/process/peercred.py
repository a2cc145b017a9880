"""Peer credentials of a unix socket: may this process connect to us?

Owns the rule for every socket of ours: the same user or root, and outside a sandbox. Never reads
the peer's data. The subtle thing: SO_PEERCRED gives the number of the process that connected, which
another process may have by now, one outside the sandbox; a child of the first still has the
connection. So the peer must still run after it has been looked at (SO_PEERPIDFD, Linux 6.5).
"""

from __future__ import annotations

import os
import select
import socket
import struct

from ptyjobs.process.sandbox import peer_is_sandboxed

_PEERCRED = struct.Struct("3i")
_SO_PEERPIDFD = 77  # asm-generic/socket.h


def same_user(sock: socket.socket) -> bool:
    """True if the peer runs as us or as root (SO_PEERCRED, unix(7)) and outside a sandbox.

    Landlock does not cover sockets that have a path, so a sandboxed job could otherwise type into
    other jobs.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # no such option: the folder's mode protects the socket
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    pid, uid, _ = _PEERCRED.unpack(credentials)
    return uid in (os.geteuid(), 0) and not peer_is_sandboxed(pid) and not _has_exited(sock)


def _has_exited(sock: socket.socket) -> bool:
    """True if the process that connected has exited; False where the kernel cannot tell."""
    try:
        pidfd = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
    except ProcessLookupError:  # it has been reaped
        return True
    except OSError:  # ENOPROTOOPT: an older kernel; EMFILE
        return False
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(pidfd)
