"""Connect to a job's holder.

Owns the path to its socket. Never sends or receives messages. The subtle thing: `ConnectionClosed`
is not an error here; a holder exits after its job has ended.
"""

from __future__ import annotations

import os
import select
import socket

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.store.jobdir import JobDir

LONGEST = 107  # bytes of a socket's path (unix(7))


class ConnectionClosed(Exception):
    """The holder closed the connection: its job has ended, or the holder was killed."""


def connect(job: JobDir, *, blocking: bool = True) -> socket.socket:
    """Connect to the job's holder; raises ConnectionClosed if there is none.

    Without `blocking` it never waits; it raises BlockingIOError when the listen queue is full.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(blocking)
        path = os.path.join(job.folder, "sock")
        if len(os.fsencode(path)) <= LONGEST:
            sock.connect(path)
        else:
            _connect_by_descriptor(sock, job)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        sock.close()
        raise ConnectionClosed from None
    except BaseException:
        sock.close()
        raise
    return sock


def hung_up(fd: int) -> bool:
    """True if the holder has closed its end, even if some of its data is still unread."""
    poll = select.poll()
    poll.register(fd, 0)  # POLLHUP is always reported (poll(2))
    return bool(poll.poll(0))


def _connect_by_descriptor(sock: socket.socket, job: JobDir) -> None:
    """Connect to a path over `LONGEST` through /proc/self/fd, where available."""
    directory = os.open(job.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{directory}"
        sock.connect(os.path.join(short if os.path.exists(short) else job.folder, "sock"))
    finally:
        os.close(directory)
