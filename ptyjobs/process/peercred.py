"""The user at the other end of a local connection: may this process connect to us?

Owns the rules for every socket of ours: on a unix socket the same user or root, and outside a
sandbox; on TCP the same user or root. Never reads the peer's data. The subtle thing: SO_PEERCRED
gives the number of the process that connected, which another process may have by now, one outside
the sandbox; a child of the first still has the connection. So the peer must still run after it has
been looked at (SO_PEERPIDFD, Linux 6.5).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import sys
from typing import Any

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


class PrivateSocket(socket.socket):
    """A listening socket that turns other users away, and on a unix socket sandboxed jobs.

    They are turned away as they connect, so that they hold no descriptor that the server may need.
    """

    def accept(self) -> tuple[socket.socket, Any]:
        connection, address = super().accept()
        if self.family == socket.AF_UNIX:
            ours = same_user(connection)
        else:
            ours = not is_stranger(connection)
        if ours:
            return connection, address
        connection.close()
        raise ConnectionAbortedError  # asyncio continues with the next connection


def is_stranger(connection: socket.socket) -> bool:
    """True if the other end of a local TCP connection is another user's, or is closed.

    Root may do everything anyway. False if the kernel does not report the owner: then the token
    decides. The subtle thing: a closed socket has no owner (the kernel shows uid 0), but what it
    has sent can still be read.
    """
    try:
        peer, local = connection.getpeername()[:2], connection.getsockname()[:2]
        owner = _owner(peer, local)
        if owner is None:
            connection.getpeername()
    except OSError:  # ENOTCONN: it was reset
        return True
    return owner is not None and owner not in (0, os.geteuid())


_CLOSED = -1


def _owner(peer: tuple[str, int], local: tuple[str, int]) -> int | None:
    """The user of the socket `peer` that is connected to `local` (proc(5), /proc/net/tcp).

    `_CLOSED` if no process has it any more; None if the kernel does not report it.
    """
    wanted = [_address(*peer), _address(*local)]
    table = "/proc/net/tcp6" if ":" in peer[0] else "/proc/net/tcp"
    with contextlib.suppress(OSError), open(table, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[1:3] == wanted:
                return int(words[7]) if words[9] != "0" else _CLOSED  # its inode
    return None


def _address(host: str, port: int) -> str:
    """The kernel's notation: 32-bit words of the address in this machine's byte order."""
    data = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data), 4)]
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
