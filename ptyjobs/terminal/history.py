"""The lines that scrolled off the primary screen.

Owns the scrollback: entries in chunks, the count of all lines ever pushed, and the limit. Never
reads the screen. The subtle thing is the `Block`: a stretch of output kept as its bytes, with the
known number of its lines. It is converted to entries when one of them is first read, and dropped
unread when it is too old.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

from .row import Entry

CHUNK = 256


@dataclass(slots=True)
class Block:
    """`count` lines that `render` produces on demand."""

    count: int
    render: Callable[[], list[Entry]]


class History:
    """Lines `floor <= number < total`, at most `limit` of them."""

    __slots__ = ("_chunks", "_held", "_last", "cleared", "limit", "total")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total = 0
        self.cleared = 0  # lines below this number were erased (ED 3)
        self._chunks: deque[list[Entry] | Block] = deque()
        self._held = 0  # lines in the chunks, slightly more than the limit
        self._last: list[Entry] = []  # the chunk that grows

    @property
    def floor(self) -> int:
        """The absolute number of the oldest line kept."""
        return max(self.cleared, self.total - self.limit)

    def __len__(self) -> int:
        return self.total - self.floor

    def push(self, entry: Entry) -> None:
        """Add one line that scrolled off the screen."""
        last = self._last
        if len(last) >= CHUNK or not self._chunks:
            self._trim()
            last = self._last = []
            self._chunks.append(last)
        last.append(entry)
        self.total += 1
        self._held += 1

    def extend(self, entries: list[Entry]) -> None:
        """Add many lines at once; lines that the limit would drop are not stored."""
        if len(entries) > self.limit:
            self.skip(len(entries) - self.limit)
            entries = entries[len(entries) - self.limit :]
        for start in range(0, len(entries), CHUNK):
            self._last = entries[start : start + CHUNK]
            self._chunks.append(self._last)
        self.total += len(entries)
        self._held += len(entries)
        self._trim()

    def push_block(self, block: Block) -> None:
        """Add lines that are rendered when first read."""
        self._chunks.append(block)
        self._last = []
        self._chunks.append(self._last)
        self.total += block.count
        self._held += block.count
        self._trim()

    def skip(self, count: int) -> None:
        """Count `count` lines without keeping them; earlier lines are dropped too."""
        self._drop()
        self.total += count
        self.cleared = self.total

    def clear(self) -> None:
        """Drop every line; numbering continues."""
        self._drop()
        self.cleared = self.total

    def slice(self, start: int, stop: int) -> list[Entry]:
        """The entries with absolute numbers `start <= n < stop`, as far as they are kept."""
        start = max(start, self.floor)
        stop = min(stop, self.total)
        if start >= stop:
            return []
        parts: list[list[Entry]] = []
        number, at = self.total, len(self._chunks)  # most readers want the newest
        while number > start:
            at -= 1
            chunk = self._chunks[at]
            number -= chunk.count if isinstance(chunk, Block) else len(chunk)
            if number < stop:
                if isinstance(chunk, Block):
                    chunk = self._chunks[at] = chunk.render()
                parts.append(chunk[max(0, start - number) : stop - number])
        parts.reverse()
        return parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))

    def replace(self, entries: list[Entry], *, start: int) -> None:
        """Replace all lines; the first new one has the number `start` (reflow)."""
        self._drop()
        self.total = self.cleared = start
        self.extend(entries)

    def _drop(self) -> None:
        self._chunks.clear()
        self._held = 0
        self._last = []

    def _trim(self) -> None:
        """Drop the chunks that are entirely below the floor."""
        floor = self.floor
        while self._chunks:
            first = self._chunks[0]
            count = first.count if isinstance(first, Block) else len(first)
            if first is self._last or self.total - self._held + count > floor:
                break
            self._chunks.popleft()
            self._held -= count
