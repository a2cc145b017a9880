"""Standard error that never blocks.

Owns what is written to descriptor 2. A client that never reads it leaves a pipe of 64 KiB; a
server that logs into a full one stands still for ever, with all its jobs. So: warnings and worse
only, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import logging
import os
import select
import sys


class DroppingStream(io.TextIOBase):
    """A text stream onto a descriptor; writes that would block are dropped."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._room = select.poll()
        self._room.register(fd, select.POLLOUT)
        self.dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        data = text.encode("utf-8", "backslashreplace")
        try:
            # Up to PIPE_BUF bytes go in whole once poll says there is room (pipe(7)).
            for start in range(0, len(data), select.PIPE_BUF):
                if not self._room.poll(0):
                    self.dropped += len(data) - start
                    break
                os.write(self._fd, data[start : start + select.PIPE_BUF])
        except OSError:  # nobody holds the other end any more
            self.dropped += len(data)
        return len(text)


def install(level: int = logging.WARNING) -> DroppingStream:
    """Make standard error, standard output and logging go through one dropping stream."""
    try:
        fd = fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError:  # started with descriptor 2 closed
        fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    stream = DroppingStream(fd)
    with contextlib.suppress(ValueError, OSError):
        sys.stderr.flush()
    sys.stderr = sys.stdout = stream
    logging.basicConfig(
        stream=stream, level=level, format="ptyjobs: %(levelname)s: %(message)s", force=True
    )
    return stream
