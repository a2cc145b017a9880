"""A spare: one holder forked ahead of its job, so that no start waits for a fork.

Owns the channel between the zygote and the spare: `Spare` is the zygote's end, `SpareChannel` the
other. Never holds anything of a job; the spare exits when the zygote discards it, dies or closes.
The subtle thing: a stopped spare would delay its job without limit, so its state is checked before
it gets one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.process import tree
from ptyjobs.spawn.messages import MAX_FDS

MAX_FOLDER = 8 << 10  # bytes
REST = 0.005  # seconds without a request before the next fork, which would slow a request down
RETRY = 1.0  # seconds until the next attempt after a spare died or could not be forked


@dataclass(frozen=True, slots=True)
class Spare:
    """The zygote's handle on the spare."""

    pid: int
    group: Path | None  # its cgroup
    _post: socket.socket

    def give(self, folder: str, fds: Sequence[int], slot: int) -> bool:
        """Assign the job of that directory to the spare. False if the spare is not running.

        `fds`: its first connection and its lock.
        """
        stat = tree.read_stat(self.pid)
        if stat is None or stat.state not in "SR":
            return False
        message = slot.to_bytes(4, "little") + os.fsencode(folder)
        try:
            socket.send_fds(self._post, [message], fds)
        except OSError:  # EPIPE, ECONNRESET: it has just died; EMSGSIZE, ETOOMANYREFS
            return False
        self._post.close()
        return True

    def close(self) -> None:
        """Discard the spare: it exits as soon as it reads the end of file."""
        self._post.close()


@dataclass(frozen=True, slots=True)
class SpareChannel:
    """The spare's end of the channel."""

    _post: socket.socket

    def wait(self) -> tuple[str, list[int], int] | None:
        """(the job's directory, its connection and lock, its slot); None: exit."""
        try:
            data, fds, _, _ = socket.recv_fds(self._post, MAX_FOLDER, MAX_FDS)
        except OSError:  # ECONNRESET
            return None
        self._post.close()
        if not data or not fds:
            return None
        for fd in fds:
            os.set_inheritable(fd, False)
        return os.fsdecode(data[4:]), fds, int.from_bytes(data[:4], "little")


def channel() -> tuple[socket.socket, socket.socket]:
    """The zygote's end and the spare's; raises OSError without descriptors."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
