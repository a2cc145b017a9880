"""One holder forked ahead of its job, so that no start waits for a fork.

Owns the channel between the zygote and that one process: `Spare` is the zygote's end, `Post` the
other. Nothing in it belongs to a job yet; it ends when the zygote gives it up, dies or closes. The
subtle thing: a spare that is stopped would keep its job waiting for ever, so it is looked at before
it is given one.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.process import tree

MAX_FOLDER = 8 << 10  # bytes
REST = 0.005  # seconds without a request before the next one is forked: a fork would slow it down
RETRY = 1.0  # seconds until the next one is tried after one that died or could not be forked


@dataclass(frozen=True, slots=True)
class Spare:
    """The zygote's handle on it."""

    pid: int
    group: Path | None  # its cgroup
    _post: socket.socket

    def give(self, folder: str, connection: int, slot: int) -> bool:
        """Make it the holder of the job of that directory; False when it is in no state to be."""
        stat = tree.read_stat(self.pid)
        if stat is None or stat.state not in "SR":
            return False
        message = slot.to_bytes(4, "little") + os.fsencode(folder)
        try:
            socket.send_fds(self._post, [message], [connection])
        except OSError:  # EPIPE, ECONNRESET: it has just died; EMSGSIZE, ETOOMANYREFS
            return False
        self._post.close()
        return True

    def close(self) -> None:
        """Give it up: it ends as soon as it can see that."""
        self._post.close()


@dataclass(frozen=True, slots=True)
class SpareChannel:
    """What the spare itself waits at."""

    _post: socket.socket

    def wait(self) -> tuple[str, int, int] | None:
        """(the job's directory, the descriptor of its first client, its slot); None: to end."""
        try:
            data, fds, _, _ = socket.recv_fds(self._post, MAX_FOLDER, 1)
        except OSError:  # ECONNRESET
            return None
        self._post.close()
        if not data or not fds:
            return None
        os.set_inheritable(fds[0], False)
        return os.fsdecode(data[4:]), fds[0], int.from_bytes(data[:4], "little")


def channel() -> tuple[socket.socket, socket.socket]:
    """The zygote's end and the spare's; raises OSError without descriptors."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
