"""Bytes on their way into one job's terminal.

Owns the queue of input that the terminal has not taken yet, and the terminal's own answers to
queries, which go in first. Never decides whose turn it is to type (`input_queue` does) and never
encodes keys. The subtle things: input goes in by pieces between which output is read, so that
neither side of the pty fills up; and a piece may wait until the program has read the one before it,
because a program in raw mode takes what one read brings for one key, or for a paste.
"""

from __future__ import annotations

import enum
import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ptyjobs.readiness.facts import Probe
from ptyjobs.readiness.linux.embedded import Shown

PIECE = 1024  # bytes of input that are written at once
REPLY_HOLD = 0.03  # seconds that typed input waits behind an answer to a query
REPLY_HOLD_MOST = 0.15  # seconds in all, for a program that asks again and again
UNREAD = 0.0005  # seconds until it is looked again whether the program has read its input
UNREAD_MOST = 0.6  # seconds in all; then what follows is typed ahead (loops with lags of 0.2 s)
PAINTED_MOST = 0.15  # seconds that a program which has read a text gets to show it before Enter
ESCAPE_GAP = 0.03  # seconds behind a lone ESC, at least
ESCAPE_MOST = 1.2  # seconds, at most: the time-out of ncurses is 1 s


class Gap(enum.Enum):
    """What a piece of input waits for after the piece before it has gone in."""

    NONE = "none"
    READ = "read"  # the program has read what went in: a key for programs that read chunks
    PAINTED = "painted"  # and has written something since: Enter behind a text
    ESCAPED = "escaped"  # and has stopped waiting for the rest of a key that begins with ESC


class Port(Protocol):
    """The terminal that input goes into, and the program that reads there."""

    def write(self, data: bytes | memoryview) -> int:
        """Write what the terminal takes now; returns the number of bytes."""

    def read_once(self, now: float) -> int:
        """Read output once, so that an echo does not fill the terminal."""

    def unread(self) -> bool:
        """True while input lies in the terminal that no program has read."""

    def probe(self) -> Probe:
        """One look at the foreground program."""

    @property
    def written(self) -> int:
        """Bytes that the job has written so far."""


@dataclass(slots=True)
class Outgoing:
    """Input on its way: `left` shrinks while the terminal takes it."""

    owner: int  # request or peer that sent it
    left: memoryview
    after: float  # not before this time
    latest: float  # from then on it goes in, whatever the job has asked meanwhile
    person: bool = False
    gap: Gap = Gap.NONE
    since: int = 0  # log offset at which the piece before it had gone in
    read_at: float = 0.0  # when that piece was first seen to be read; 0: not yet


class TerminalInput:
    """Input and answers to queries, in the order in which they go in."""

    __slots__ = ("_piece_in", "_port", "hold", "inputs", "queue", "replies", "sent")

    def __init__(self, port: Port) -> None:
        self._port = port
        self.queue: deque[Outgoing] = deque()
        self.inputs = 0  # how often something was typed
        self.replies = b""  # answers to queries that the terminal has not taken yet
        self.hold = 0.0  # typed input waits until then, behind an answer
        self.sent = Shown()  # the last input
        self._piece_in = 0.0  # when the last piece of input that others follow went in

    @property
    def idle(self) -> bool:
        """True if there is nothing to write."""
        return not (self.queue or self.replies)

    def enqueue(
        self,
        data: bytes,
        *,
        owner: int,
        person: bool = False,
        cuts: Sequence[tuple[int, Gap]] = (),
    ) -> None:
        """Queue input; `pump` writes it when the terminal takes it.

        `cuts`: positions in `data`, ascending, each with what the piece from there waits for.
        """
        if not data:
            return
        self.inputs += 1
        if not any(item.owner == owner for item in self.queue):
            written = self._port.written
            self.sent = Shown(written, self.sent.inputs + 1, written, len(data))
        after = self.hold
        latest = max(after, time.monotonic()) + REPLY_HOLD_MOST
        whole = memoryview(data)
        bounds = [(0, Gap.NONE), *cuts, (len(data), Gap.NONE)]
        for (start, gap), (end, _) in itertools.pairwise(bounds):
            if end > start:
                piece = whole[start:end]
                self.queue.append(Outgoing(owner, piece, after, latest, person, gap))

    def type(self, data: bytes, now: float, *, owner: int) -> None:
        """A person's keys: at once where nothing waits before them, else in their turn."""
        self.inputs += 1
        if self.idle and now >= self.hold:
            data = data[self._port.write(data[:PIECE]) :]
        if data:
            self.enqueue(data, owner=owner, person=True)
            self.pump(now)

    def answer(self, replies: bytes, now: float) -> None:
        """The terminal's answer to a query of the program: typed input waits behind it."""
        self.replies += replies
        self.hold = now + REPLY_HOLD
        self._write_replies()

    def _write_replies(self) -> None:
        if self.replies:
            self.replies = self.replies[self._port.write(self.replies) :]

    def pump(self, now: float) -> bool:
        """Write what the terminal takes now; True when something went in."""
        self._write_replies()
        if self.replies:
            return False
        progressed = False
        while self.queue:
            head = self.queue[0]
            if now < self._at(head):
                return progressed
            if head.gap is not Gap.NONE and not self._taken(head, now):
                head.after = now + UNREAD
                return progressed
            taken = self._port.write(head.left[:PIECE])
            if taken == 0:
                return progressed
            progressed = True
            head.left = head.left[taken:]
            if not head.left:
                self.queue.popleft()
                if self.queue and self.queue[0].gap is not Gap.NONE:
                    self.queue[0].latest = now + UNREAD_MOST + ESCAPE_MOST
                    self.queue[0].since = self._port.written
                    self._piece_in = now
            if self.queue:
                self._port.read_once(now)
        return progressed

    def _at(self, head: Outgoing) -> float:
        return min(max(head.after, self.hold), head.latest)

    def _taken(self, head: Outgoing, now: float) -> bool:
        """True once the program has dealt with the piece before `head`, or has had its time."""
        if not head.read_at:
            if self._port.unread():
                if now - self._piece_in < UNREAD_MOST:
                    return False
                for piece in self.queue:  # it does not read now: type the rest ahead at once
                    piece.gap = Gap.NONE
                return True
            head.read_at = now
        waited = now - head.read_at
        if head.gap is Gap.PAINTED:
            return self._port.written > head.since or waited >= PAINTED_MOST
        if head.gap is Gap.ESCAPED:
            if waited < ESCAPE_GAP:
                return False
            probe = self._port.probe()
            own = probe.returns or probe.wakes
            return waited >= min(own, ESCAPE_MOST) or not 0.0 < own <= ESCAPE_MOST
        return True

    def unsent(self, owner: int) -> int:
        """Bytes of `owner` that have not gone in yet."""
        return sum(len(item.left) for item in self.queue if item.owner == owner)

    def drop(self, owner: int) -> int:
        """Give up what `owner` still has queued; how many bytes that were."""
        dropped = self.unsent(owner)
        self.queue = deque(item for item in self.queue if item.owner != owner)
        return dropped

    def due(self) -> float | None:
        """When held input may go in, None when none is held."""
        return self._at(self.queue[0]) if self.queue else None
