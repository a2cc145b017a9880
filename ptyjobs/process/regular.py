"""Open files in whose place a job may have put something else: its own, ours, a project's.

Owns one rule: only a regular file counts; anything else is absent. A FIFO would block its
reader until it has a writer, a device has no end, and a symbolic link may point to either. Never
reads a file.
"""

from __future__ import annotations

import errno
import os
import stat

_NO_FILE = (errno.ELOOP, errno.ENXIO, errno.EISDIR)  # a link; a socket or device; a directory


def open_regular(path: str, flags: int = os.O_RDONLY) -> int:
    """Descriptor of a regular file; FileNotFoundError for anything else. Never waits."""
    return open_linked(path, flags | os.O_NOFOLLOW)


def open_linked(path: str, flags: int = os.O_RDONLY) -> int:
    """Like `open_regular`, but a symbolic link may lead to the file: in a project it often does."""
    try:
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _absent(path) from None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _absent(path)
    return fd


def _absent(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "no regular file", path)
