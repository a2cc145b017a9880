"""Peer credentials of a unix socket: may this process connect to us?

Owns the rule for every socket of ours: the same user or root, and outside a sandbox. Never reads
the peer's data.
"""

from __future__ import annotations

import os
import socket
import struct

from ptyjobs.process.sandbox import peer_is_sandboxed

_PEERCRED = struct.Struct("3i")


def same_user(sock: socket.socket) -> bool:
    """True if the peer runs as us or as root (SO_PEERCRED, unix(7)) and outside a sandbox.

    Landlock does not cover sockets that have a path, so a sandboxed job could otherwise type into
    other jobs.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # no such option: the folder's mode protects the socket
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEERCRED.size)
    pid, uid, _ = _PEERCRED.unpack(credentials)
    return uid in (os.geteuid(), 0) and not peer_is_sandboxed(pid)
