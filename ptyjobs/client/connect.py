"""A connection to a job's holder.

Owns how its socket is reached, and nothing of what is said there. The subtle thing: `Gone` is no
error; a holder leaves when its job has ended.
"""

from __future__ import annotations

import os
import socket

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.store.jobdir import JobDir

LONGEST = 107  # bytes of a socket's path (unix(7))


class ConnectionClosed(Exception):
    """The holder has closed the connection: its job has ended, or it was killed."""


def connect(job: JobDir, *, blocking: bool = True) -> socket.socket:
    """A connection to the job's holder; Gone when there is none.

    Without `blocking` it never waits: BlockingIOError when too many others do.
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


def _connect_by_descriptor(sock: socket.socket, job: JobDir) -> None:
    """To a path that is too long: below the open directory's name in /proc, where there is one."""
    directory = os.open(job.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = f"/proc/self/fd/{directory}"
        sock.connect(os.path.join(short if os.path.exists(short) else job.folder, "sock"))
    finally:
        os.close(directory)
