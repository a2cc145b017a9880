"""CPU sharing between holders: one byte each on a page that the zygote maps for all of them.

Owns the page and the duty cycle of hot holders. A byte is 0 (idle), 1 (a caller waits for this
job's answer) or 2 (hot: it reads a flood). Never sleeps: `pause` returns the time until which the
pty should be left alone, and the holder removes it from its poller for so long. The subtle thing:
pauses lie between *bursts* of reads; a pause before each read costs 30 times the throughput (the
tty hands over about 4 KB after it).
"""

from __future__ import annotations

import mmap

IDLE, WAITED_FOR, HOT = 0, 1, 2
SLOTS = 4096

HOT_RATE = 400_000  # bytes/s above which a job is hot
CALM_RATE = 100_000  # bytes/s below which it is calm again
WINDOW = 0.25  # seconds over which the rate is measured
BURST_READS = 16
BURST_TIME = 0.002  # seconds
READERS = 1  # hot holders that may read at full speed at the same time
LONGEST = 0.2  # maximum seconds of one pause
YIELD = 0.004  # additional seconds while a caller waits for another job
YIELDS = 15
LINGER = 1.0  # seconds for which a finished wait still counts
PATIENCE = 0.010  # a waiter whose back-off exceeds this no longer needs low latency


class SharedPage:
    """The shared page; the zygote creates it and gives each holder a slot."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, SLOTS)
        self._taken: set[int] = set()
        self._next = 0

    def take(self) -> int:
        """The number of a free slot (the last one is shared when all are taken)."""
        for step in range(SLOTS - 1):
            slot = (self._next + step) % (SLOTS - 1)
            if slot not in self._taken:
                self._taken.add(slot)
                self._next = slot + 1
                return slot
        return SLOTS - 1

    def free(self, slot: int) -> None:
        self._map[slot] = IDLE
        self._taken.discard(slot)

    def set(self, slot: int, value: int) -> None:
        self._map[slot] = value

    def waits(self) -> int:
        """Number of jobs whose answer a caller waits for."""
        return self._map[:].count(WAITED_FOR)

    def waited_for(self) -> bool:
        """True if a caller waits for the answer of any job."""
        return self._map.find(b"\x01") >= 0

    def hot(self) -> int:
        """Number of hot holders."""
        return self._map[:].count(HOT)


class Courtesy:
    """Decides when one holder leaves its pty alone."""

    def __init__(self, page: SharedPage) -> None:
        self._page = page
        self.slot = 0  # its byte on the page
        self._hot = False
        self._waiting = False
        self._window_start = 0.0
        self._window_bytes = 0
        self._burst_start = 0.0
        self._burst_reads = 0
        self._yields = 0
        self._needed = -LINGER  # when a wait was last seen
        self.paused_until = 0.0

    def waiting(self, on: bool) -> None:
        """Set whether a caller waits for this job's answer (with a back-off still short)."""
        if on != self._waiting:
            self._waiting = on
            self._show()

    def alone(self, now: float) -> bool:
        """True if no caller waits for another job's answer, nor did within `LINGER`."""
        if self._page.waits() > self._waiting:
            self._needed = now
        return now - self._needed >= LINGER

    def resume(self) -> None:
        """A client sent a request to this job: read at once."""
        self.paused_until = 0.0
        self._burst_reads = 0

    def on_read(self, now: float, nbytes: int) -> None:
        """Account one read; may set `paused_until`."""
        self._rate(now, nbytes)
        if not self._hot or self._waiting:
            return
        if self._burst_reads == 0:
            self._burst_start = now
        self._burst_reads += 1
        busy = now - self._burst_start
        if self._burst_reads < BURST_READS and busy < BURST_TIME:
            return
        self._burst_reads = 0
        self._yields = 0
        if self._page.waited_for():
            self._needed = now
        if now - self._needed < LINGER:
            share = self._page.hot() / READERS - 1
            if share > 0:
                self.paused_until = now + min(busy * share, LONGEST)

    def at_pause_end(self, now: float) -> None:
        """Call when a pause has ended: extends it while a caller waits for another job."""
        if self._yields < YIELDS and self._page.waited_for():
            self._yields += 1
            self.paused_until = now + YIELD
        else:
            self.paused_until = 0.0

    def _rate(self, now: float, nbytes: int) -> None:
        self._window_bytes += nbytes
        span = now - self._window_start
        if span < WINDOW:
            hot = self._hot or self._window_bytes > HOT_RATE * WINDOW
        else:
            hot = self._window_bytes / span > (CALM_RATE if self._hot else HOT_RATE)
            self._window_start, self._window_bytes = now, 0
        if hot != self._hot:
            self._hot = hot
            self._show()

    def calm(self, now: float) -> None:
        """No output for a window: no longer hot."""
        if self._hot and now - self._window_start > 2 * WINDOW:
            self._hot, self._window_bytes, self._window_start = False, 0, now
            self._show()

    @property
    def hot(self) -> bool:
        return self._hot

    def _show(self) -> None:
        value = WAITED_FOR if self._waiting else HOT if self._hot else IDLE
        self._page.set(self.slot, value)
