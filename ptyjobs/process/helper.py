"""Run the helpers that follow a job's end: killing the remote program, then the user's command.

Owns these helper processes and their deadline. Never blocks: the holder polls `step`. The subtle
thing: the exit of a target's local client does not mean that the remote program exited. Only the
reap command reports whether it still ran, so it finishes before the end is published.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

REAP_TIME = 10.0  # maximum seconds for ending the remote program
MAX_SAID = 4096  # bytes of its output that are read


class Helper:
    """One process without a terminal; keeps its output and is killed at its deadline."""

    def __init__(
        self, argv: Sequence[str], *, env: dict[str, str], now: float, limit: float = REAP_TIME
    ) -> None:
        self._deadline = now + limit
        self.said = b""
        self.done = False
        self._out, write = os.pipe()
        os.set_blocking(self._out, False)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, write, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        try:
            self._pid = os.posix_spawnp(argv[0], list(argv), env, file_actions=actions)
        except OSError:  # the client program does not exist (any more)
            self.done = True
            os.close(self._out)
        finally:
            os.close(write)

    def step(self, now: float) -> bool:
        """Read its output; True once it has exited (or was killed at its deadline)."""
        if self.done:
            return True
        try:
            data = os.read(self._out, MAX_SAID)
        except BlockingIOError:
            if now < self._deadline:
                return False
            with contextlib.suppress(ProcessLookupError):  # exited concurrently
                os.kill(self._pid, signal.SIGKILL)
            data = b""
        if data:
            self.said = (self.said + data)[-MAX_SAID:]
            return False
        os.close(self._out)
        self.done = True
        return True
