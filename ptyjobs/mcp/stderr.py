"""Standard error that never blocks.

Owns writes to descriptor 2. Never waits for a reader: if the client does not read the pipe, it
fills at 64 KiB, and a blocking write would hang the server and all its jobs. So only warnings and
errors are logged, and writes that do not fit are dropped and counted.
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
    """A text stream on a descriptor that drops writes that would block."""

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
            # After poll reports room, up to PIPE_BUF bytes are written atomically (pipe(7)).
            for start in range(0, len(data), select.PIPE_BUF):
                if not self._room.poll(0):
                    self.dropped += len(data) - start
                    break
                os.write(self._fd, data[start : start + select.PIPE_BUF])
        except OSError:  # the read end is closed
            self.dropped += len(data)
        return len(text)


def install(level: int = logging.WARNING) -> DroppingStream:
    """Route standard error, standard output and logging through one dropping stream."""
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
