"""The descriptors that one holder waits for, and the waiting.

Owns the epoll descriptor, the pipe that signals write to, and the calls of readiness probes. Never
knows what another descriptor means (`loop` does). The subtle thing: the zygote builds it closed,
because an epoll descriptor made before a fork would be shared by all holders; `open` belongs to the
running process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable

NEXT = 0.001  # seconds to wait for the next bytes under heavy output
COARSE = 0.5  # seconds: longer pauses need no millisecond precision

Event = tuple[int, int]  # descriptor and mask


class PollSet:
    """An epoll set with precise time-outs."""

    def __init__(self) -> None:
        """Build it closed."""
        self._epoll = select.epoll()
        self._epoll.close()
        self._probes: dict[int, Callable[[int], None]] = {}
        self.woken = -1  # readable after a signal
        self._signals = -1

    def open(self) -> None:
        """Create the descriptors, and let signals write to the pipe.

        SIGCHLD already has a handler (the zygote's); without one, nothing would wake the loop.
        """
        self._epoll = select.epoll()
        self.woken, self._signals = os.pipe()
        for fd in (self.woken, self._signals):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._signals, warn_on_full_buffer=False)
        self.register(self.woken)

    def register(self, fd: int, mask: int = select.EPOLLIN) -> None:
        self._epoll.register(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        self._epoll.unregister(fd)

    def wait(self, timeout: float) -> list[Event]:
        """The next events, at most after `timeout` seconds."""
        if timeout > COARSE:
            return self._epoll.poll(timeout)
        # epoll rounds its timeout up to whole ms; select on the epoll descriptor does not
        if timeout:
            ready, _, _ = select.select([self._epoll.fileno()], [], [], timeout)
            if not ready:
                return []
        return self._epoll.poll(0)

    def next(self) -> list[Event]:
        """The events of the next millisecond, for heavy output."""
        return self._epoll.poll(NEXT)

    def drain_signals(self) -> None:
        """Empty the pipe of signals."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.woken, 4096):
                pass

    # -- descriptors of probes ---------------------------------------------------------------

    def watch(self, fd: int, mask: int, call: Callable[[int], None]) -> None:
        """Call `call` with the events of a probe's descriptor."""
        if fd in self._probes:
            self.modify(fd, mask)
        else:
            self.register(fd, mask)
        self._probes[fd] = call

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor, before it is closed."""
        if self._probes.pop(fd, None) is not None:
            self.unregister(fd)

    def probe(self, fd: int) -> Callable[[int], None] | None:
        """The call for this descriptor, if it belongs to a probe."""
        return self._probes.get(fd)

    def close(self) -> None:
        """Release the descriptors, which a holder keeps until its process ends."""
        signal.set_wakeup_fd(-1)
        self._epoll.close()
        for fd in (self.woken, self._signals):
            os.close(fd)
