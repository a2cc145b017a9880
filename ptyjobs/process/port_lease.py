"""A free port for a job, reserved without a race until the job has ended.

Owns the lock files `$STATE/ports/NUMBER`: the process that holds the lock may use the port, and the
kernel releases it when the holder exits. Never binds the port: a bound socket would block programs
that do not set SO_REUSEADDR. The subtle thing: ports that the kernel itself assigns to sockets
(ip_local_port_range) are never leased, so no connection can take one between the lease and the
job's bind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import zlib
from pathlib import Path

from ptyjobs.errors import LimitReached
from ptyjobs.process import ports

LOWEST, HIGHEST = 10_000, 65_535
TRIES = 2_000


class PortLease:
    """A leased port; `close` releases it."""

    def __init__(self, number: int, lock: int) -> None:
        self.number = number
        self._lock = lock

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def lease(folder: Path, *, key: str) -> PortLease:
    """Lease a port; the same `key` gets its previous port again if it is free."""
    folder.mkdir(mode=0o700, exist_ok=True)
    first, last = ports.ephemeral()
    free = [*range(LOWEST, first), *range(max(last + 1, LOWEST), HIGHEST + 1)]
    taken = {one.port for one in ports.tcp()}
    begin = zlib.crc32(key.encode("utf-8", "surrogateescape"))
    for step in range(min(TRIES, len(free))):
        number = free[(begin + step) % len(free)]
        if number in taken:
            continue
        lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another job has it
            os.close(lock)
            continue
        if can_bind(number):
            return PortLease(number, lock)
        os.close(lock)
    raise LimitReached("No free port is left to lease.", advice="Name one: port=3000.")


def can_bind(number: int) -> bool:
    """True if a server could bind the port now, on every address of either family."""
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, number))
        except OSError as failure:
            if family == socket.AF_INET6 and failure.errno in _NO_IPV6:
                continue
            return False
    return True


_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
