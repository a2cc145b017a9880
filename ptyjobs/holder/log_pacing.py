"""Back-pressure from a full log (`log_full=wait`).

Owns the bytes that were read from the terminal but are not in the log yet, and the time of the next
attempt. Never reads the terminal: its owner stops reading while bytes are held, so the program
blocks in its writes, as on any full pipe. The subtle thing: once the job is being ended, output no
longer waits, and output without room becomes a gap in the log.
"""

from __future__ import annotations

from ptyjobs.store.log import LogWriter

ROOM_PAUSE = 0.2  # seconds between two attempts to write to a full log


class LogPacing:
    """Appends to one log; with `waits`, waits for room instead of losing output."""

    __slots__ = ("_log", "due", "held", "waits")

    def __init__(self, log: LogWriter, *, waits: bool) -> None:
        self._log = log
        self.waits = waits
        self.held = b""  # read from the terminal, but the log has no room for it yet
        self.due = 0.0  # time of the next attempt

    def append(self, data: bytes, now: float) -> tuple[bytes, OSError | None]:
        """Append `data`; returns the part the log accounts for and the error that stopped it.

        The rest is held; without `waits` it becomes a gap.
        """
        if not self.waits:
            return data, self._log.append(data)
        taken, failure = self._log.take(data)
        self.held = data[taken:]
        if failure is not None:
            self.due = now + ROOM_PAUSE
        return data[:taken], failure

    def release(self, now: float) -> bytes:
        """Return the held bytes for another attempt; b"" until it is due."""
        if self.waits and now < self.due:
            return b""
        held, self.held = self.held, b""
        return held

    def retry(self) -> None:
        """The log may have room now: retry at once."""
        self.due = 0.0

    def give_up(self) -> None:
        """Stop blocking on a full log; record dropped output as a gap."""
        self.waits = False
