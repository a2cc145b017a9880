"""Wake when files change: inotify(7), or polling where it is not available.

Owns the descriptor and its watches. Never reads the files. The subtle thing: an event only causes a
look at the files; events are neither counted nor trusted, so a lost one (IN_Q_OVERFLOW) does no
harm.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

_MODIFY, _CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE_SELF = 0x2, 0x8, 0x80, 0x100, 0x400
_IGNORED = 0x8000
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_EVENT = struct.Struct("iIII")
PAUSE = 0.04  # seconds between two polls where inotify is missing or its limit is reached


class FileWatch:
    """The files that a follower watches. `fd` is -1 if it must poll every `PAUSE` s."""

    def __init__(self) -> None:
        self.fd = -1
        self._names: dict[int, str] = {}
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self.fd = int(self._libc.inotify_init1(_NONBLOCK | _CLOEXEC))
        except AttributeError:  # no inotify in this C library (macOS)
            return

    def directory(self, path: str) -> None:
        """Wake when a file in it is written, created or renamed."""
        self._add(path, _MODIFY | _CREATE | _MOVED_TO, "")

    def closed(self, path: str, name: str) -> None:
        """Wake, reporting `name`, when the last writer of that file closes it or exits."""
        self._add(path, _CLOSE_WRITE | _DELETE_SELF, name)

    def _add(self, path: str, mask: int, name: str) -> None:
        if self.fd < 0:
            return
        watch = int(self._libc.inotify_add_watch(self.fd, os.fsencode(path), mask))
        if watch >= 0:
            self._names[watch] = name
        elif ctypes.get_errno() == errno.ENOSPC:  # max_user_watches: poll instead
            self.close()

    def names(self) -> set[str]:
        """Names passed to `closed` whose file was closed or removed since the last call."""
        found: set[str] = set()
        if self.fd < 0:
            return found
        while True:
            try:
                data = os.read(self.fd, 64 << 10)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                watch, mask, _, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size + size
                name = self._names.get(watch, "")
                if mask & _IGNORED:
                    self._names.pop(watch, None)
                if name:
                    found.add(name)

    def close(self) -> None:
        """Release the descriptor."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
