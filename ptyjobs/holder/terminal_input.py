"""Input on its way into one job's terminal.

Owns the queue of input that the terminal has not accepted yet, and the terminal's own replies to
queries, which are written first. Never decides which input is next (`input_queue` does) and never
encodes keys. The subtle things: input is written in pieces and output is read between them, so that
neither side of the pty fills up; and a piece may wait until the program has read the previous one,
because a program in raw mode may treat the bytes of one read as one key or as a paste.
"""

from __future__ import annotations

import enum
import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ptyjobs.input.keys import PASTE_BEGIN
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.readiness.linux.embedded import Shown

PIECE = 1024  # bytes of input written at once
REPLY_HOLD = 0.03  # seconds that typed input is held after a query reply
REPLY_HOLD_MOST = 0.15  # seconds in total, for a program that keeps sending queries
UNREAD = 0.0005  # seconds between two checks whether the program has read its input
UNREAD_MOST = 0.6  # seconds in total; then the rest is typed ahead (loops with lags of 0.2 s)
PAINTED_MOST = 0.15  # seconds a program that has read a text gets to draw it before Enter
# Seconds between the drawn text and Enter for a program that takes fast keys for a paste, and an
# Enter among them for a line break: Codex 0.171 for 0.12 s after the last one, Gemini CLI 0.03 s.
TYPED_GAP = 0.15
# Maximum seconds until such a program, while busy, draws the text: if it draws something else, and
# if it does not read or draws nothing, as Codex and Claude Code while they start: Codex 11 s beside
# other work, 15 s beside twenty processes.
TYPED_MOST, TYPED_SILENT = 1.0, 30.0
TAIL = 8  # characters by which a drawn text is recognised
KEY_MOST = 0.05  # seconds a program that has read a key gets to handle it before the next
HANDLED = 0.004  # seconds it must sleep in its wait: React attaches its handler after drawing
HANDLED_MOST = 0.8  # seconds a program that has read a text gets until it waits for input again
ESCAPE_GAP = 0.03  # minimum seconds after a lone ESC
ESCAPE_MOST = 1.2  # maximum seconds after it: the timeout of ncurses is 1 s
LINES_MOST = 20  # lines typed one by one, each for as long as a text and its Enter; chosen
LEFT = -1 << 40  # owner of an Enter whose call has been answered; no request and no person has it


class Gap(enum.Enum):
    """The condition for writing a piece of input after the previous piece."""

    NONE = "none"
    READ = "read"  # the program has read the previous piece, a key, and waits for input again
    DRAWN = "drawn"  # the program has drawn the previous piece: Enter after a text, if it polls
    PAINTED = "painted"  # and waits for input again: Enter after a text
    TYPED = "typed"  # and TYPED_GAP has passed since: Enter in a text field of a user interface
    ESCAPED = "escaped"  # and no longer waits for the rest of a key that begins with ESC


_SEQUENCES = (b"\x1b[", b"\x1bO")  # begin keys with several bytes, and reports
_CR = 13
_ENTERS = (Gap.DRAWN, Gap.PAINTED, Gap.TYPED)


def line_cuts(data: bytes, enter: Gap) -> list[tuple[int, Gap]]:
    """The cuts around each Enter of typed lines: `enter` is the gap before it, after its text.

    Only around the last one if the lines are pasted, or many.
    """
    ends = [at for at, byte in enumerate(data) if byte == _CR]
    if len(ends) > LINES_MOST or PASTE_BEGIN in data:
        ends = ends[-1:]
    cuts: list[tuple[int, Gap]] = []
    for end in ends:
        if end:
            cuts.append((end, Gap.READ if data[end - 1] == _CR else enter))
        if end + 1 < len(data) and data[end + 1] != _CR:
            cuts.append((end + 1, Gap.READ))
    return cuts


class Port(Protocol):
    """The terminal that input is written to, and the program that reads there."""

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as the terminal accepts now; returns the number of bytes."""

    def read_once(self, now: float) -> int:
        """Read output once, so that an echo does not fill the terminal."""

    def unread(self) -> bool:
        """True while the terminal holds input that no program has read."""

    def probe(self) -> Probe:
        """Probe the foreground program."""

    def showing(self, text: str) -> int:
        """Number of times `text` is on the screen."""

    @property
    def written(self) -> int:
        """Bytes that the job has written so far."""


@dataclass(slots=True)
class Outgoing:
    """Input on its way: `left` shrinks as the terminal accepts it."""

    owner: int  # request or peer that sent it
    left: memoryview
    after: float  # earliest time to write it
    latest: float  # written at this time regardless of further queries
    person: bool = False
    gap: Gap = Gap.NONE
    since: int = 0  # log offset when the previous piece had been written
    read_at: float = 0.0  # when that piece was first seen to be read; 0: not yet
    tail: str = ""  # the last characters before it
    shown: int = 0  # how often the screen showed them before they were typed
    shown_at: float = 0.0  # when it first showed them once more; 0: not yet
    looked_at: int = 0  # bytes that the job had written when the screen was last searched
    ran: int = -1  # CPU time of the waiting thread when it was first seen to wait again
    rests: float = 0.0  # when that was


class TerminalInput:
    """Input and query replies, in the order in which they are written."""

    __slots__ = ("_piece_in", "_port", "_sent_at", "hold", "inputs", "queue", "replies", "sent")

    def __init__(self, port: Port) -> None:
        self._port = port
        self.queue: deque[Outgoing] = deque()
        self.inputs = 0  # number of inputs typed
        self.replies = b""  # query replies that the terminal has not accepted yet
        self.hold = 0.0  # typed input is held until this time, after a query reply
        self.sent = Shown()  # the last input
        self._piece_in = 0.0  # when the last piece with a successor was written
        self._sent_at = 0  # bytes the job had written when the last input had been typed

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
        """Queue input; `pump` writes it as the terminal accepts it.

        `cuts`: ascending positions in `data`, each with the condition for writing the piece that
        starts there.
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
                item = Outgoing(owner, piece, after, latest, person, gap)
                if gap is Gap.TYPED:
                    item.tail = data[:start].decode("utf-8", "replace")[-TAIL:]
                    item.shown = self._port.showing(item.tail)
                self.queue.append(item)

    def type(self, data: bytes, now: float, *, owner: int) -> None:
        """Type a person's keys: at once if no input is queued before them, else in order.

        They do not wait for what answered calls have left; what the person's terminal reports does
        (the focus, the mouse), and so do its arrow keys.
        """
        self.inputs += 1
        if not data.startswith(_SEQUENCES):
            self.hurry()
        if self.idle and now >= self.hold:
            data = data[self._port.write(data[:PIECE]) :]
        if data:
            self.enqueue(data, owner=owner, person=True)
            self.pump(now)

    def answer(self, replies: bytes, now: float) -> None:
        """Write the terminal's reply to a program's query before any typed input."""
        self.replies += replies
        self.hold = now + REPLY_HOLD
        self._write_replies()

    def _write_replies(self) -> None:
        if self.replies:
            self.replies = self.replies[self._port.write(self.replies) :]

    def pump(self, now: float) -> bool:
        """Write as much as the terminal accepts now; True if anything was written."""
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
                self._sent_at = self._port.written
                if self.queue and self.queue[0].gap is not Gap.NONE:
                    most = TYPED_SILENT if self.queue[0].gap is Gap.TYPED else ESCAPE_MOST
                    self.queue[0].latest = now + UNREAD_MOST + most
                    self.queue[0].since = self._port.written
                    self._piece_in = now
            if self.queue:
                self._port.read_once(now)
        return progressed

    def _at(self, head: Outgoing) -> float:
        return min(max(head.after, self.hold), head.latest)

    def _taken(self, head: Outgoing, now: float) -> bool:
        """True once the program has handled the piece before `head`, or its time is up."""
        if not head.read_at:
            if self._port.unread():
                most = TYPED_SILENT if head.gap is Gap.TYPED else UNREAD_MOST
                if now - self._piece_in < most:
                    return False
                for piece in self.queue:  # it does not read now: type the rest ahead at once
                    piece.gap = Gap.NONE
                return True
            head.read_at = now
        waited = now - head.read_at
        if head.gap in (Gap.DRAWN, Gap.PAINTED):
            if waited >= HANDLED_MOST:
                return True
            drawn = self._port.written > head.since or waited >= PAINTED_MOST
            return drawn and (head.gap is Gap.DRAWN or self._rests(head, now))
        if head.gap is Gap.TYPED:
            if not head.shown_at and self._shown(head, waited):
                head.shown_at = now
            return head.shown_at > 0.0 and now - head.shown_at >= TYPED_GAP
        if head.gap is Gap.ESCAPED:
            if waited < ESCAPE_GAP:
                return False
            probe = self._port.probe()
            own = probe.returns or probe.wakes
            return waited >= min(own, ESCAPE_MOST) or not 0.0 < own <= ESCAPE_MOST
        return waited >= KEY_MOST or self._rests(head, now)

    def _rests(self, head: Outgoing, now: float) -> bool:
        """True if the program waits for input again, and has slept for a moment."""
        probe = self._port.probe()
        ran = probe.runtime if probe.wait is not Wait.BUSY else -1
        if ran < 0 or ran != head.ran:
            head.ran, head.rests = ran, now
            return False
        return now - head.rests >= HANDLED

    def _shown(self, head: Outgoing, waited: float) -> bool:
        """True once the text before `head` is drawn, or it seems that it will not be."""
        written = self._port.written
        if written > head.looked_at:
            head.looked_at = written
            if self._port.showing(head.tail) > head.shown:
                return True
        if waited < PAINTED_MOST:
            return False
        most = TYPED_MOST if written > head.since else TYPED_SILENT
        if waited >= most:
            return True
        probe = self._port.probe()  # a thread may read the keys, and another one draw them
        working = probe.works or b"running" in probe.asleep
        return probe.wait is not Wait.BUSY and not working

    @property
    def reacted(self) -> bool:
        """True if the job has written something since the last queued input was typed."""
        return self._port.written > self._sent_at

    def unsent(self, owner: int) -> int:
        """Bytes of `owner`, or left by an answered call, that have not been written yet."""
        return sum(len(item.left) for item in self.queue if item.owner in (owner, LEFT))

    def leave(self, owner: int) -> int:
        """Discard the input of an answered call, except Enter; returns the number of bytes.

        An Enter whose text has been written is still pressed when the program has drawn the text:
        a line without it would stay in the text field, and the next one would be appended.
        """
        items = [item for item in self.queue if item.owner == owner]
        if len(items) != 1 or items[0].gap not in _ENTERS:
            return self.drop(owner)
        for item in items:
            item.owner = LEFT
        return 0

    def hurry(self) -> None:
        """Write what answered calls have left at once: a key such as C-c must not wait for it."""
        for item in self.queue:
            if item.owner == LEFT:
                item.gap = Gap.NONE
                item.after = 0.0

    def clear(self) -> None:
        """Discard everything: there is no terminal any more."""
        self.queue.clear()
        self.replies = b""

    def drop(self, owner: int) -> int:
        """Discard queued input of `owner`; returns the number of bytes."""
        if not self.queue:
            return 0
        dropped = sum(len(item.left) for item in self.queue if item.owner == owner)
        self.queue = deque(item for item in self.queue if item.owner != owner)
        return dropped

    def due(self) -> float | None:
        """When held input may be written, None if none is held."""
        return self._at(self.queue[0]) if self.queue else None
