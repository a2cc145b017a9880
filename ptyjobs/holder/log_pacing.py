"""Output on its way into the log, held back while the log has no room (`log_full=wait`).

Owns the bytes that were read from the terminal and are not in the log yet, and when they are
offered again. Never reads the terminal: its owner stops while something is held, so the program
blocks in its writes, as behind any full pipe. The subtle thing: once the job is to end, waiting
ends too, and what finds no room is a gap in the log.
"""

from __future__ import annotations

from ptyjobs.store.log import LogWriter

ROOM_PAUSE = 0.2  # seconds until a log without room is tried again


class LogPacing:
    """The way into one log; `waits` for room instead of losing output."""

    __slots__ = ("_log", "due", "held", "waits")

    def __init__(self, log: LogWriter, *, waits: bool) -> None:
        self._log = log
        self.waits = waits
        self.held = b""  # read from the terminal, but the log has no room for it yet
        self.due = 0.0  # when it is offered again

    def append(self, data: bytes, now: float) -> tuple[bytes, OSError | None]:
        """Write `data`: the part of it that the log accounts for, and why not all was written.

        The rest is held; where output does not wait, it has become a gap.
        """
        if not self.waits:
            return data, self._log.append(data)
        taken, failure = self._log.take(data)
        self.held = data[taken:]
        if failure is not None:
            self.due = now + ROOM_PAUSE
        return data[:taken], failure

    def release(self, now: float) -> bytes:
        """What was held, to be appended once more; b"" until that is due."""
        if self.waits and now < self.due:
            return b""
        held, self.held = self.held, b""
        return held

    def retry(self) -> None:
        """There may be room now: try at once."""
        self.due = 0.0

    def give_up(self) -> None:
        """The job is to end: from now on what finds no room is a gap."""
        self.waits = False
