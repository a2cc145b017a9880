"""Open the files of a job's directory, in whose place the job may have put something else.

Owns one rule: only a regular file is a job's file; anything else is absent. A FIFO would block its
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
    try:
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
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
