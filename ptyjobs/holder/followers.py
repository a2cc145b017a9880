"""Live followers of a job: attach, web page, `logs -f`.

Owns each follower's offset and terminal size. A follower has an offset instead of a queue: output
that its socket does not accept now is read from the log later, so a slow viewer costs no memory and
loses only what the log itself drops. While people are attached, the job has the size of the most
recently attached terminal; its own size returns when the last of them detaches.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import Peer
from ptyjobs.json_values import to_json
from ptyjobs.model import Size, Status
from ptyjobs.protocol import Data, data_frame

CHUNK = 64 << 10  # maximum bytes per frame
AHEAD = 256 << 10  # bytes queued at a follower's socket before it is fed from the log instead


@dataclass(slots=True)
class Follower:
    """One following connection."""

    peer: Peer
    offset: int
    types: bool
    size: Size | None
    name: str


class Followers:
    """All followers of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._all: dict[int, Follower] = {}
        self.own_size: Size | None = None  # the job's own size, saved while people are attached

    def __len__(self) -> int:
        return len(self._all)

    @property
    def people(self) -> int:
        """Number of followers that can type."""
        return sum(f.types for f in self._all.values())

    @property
    def sessions(self) -> tuple[str, ...]:
        """Agent sessions of the followers."""
        return tuple(f.peer.session for f in self._all.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the people who can type, without duplicates."""
        return tuple(dict.fromkeys(f.name for f in self._all.values() if f.types and f.name))

    def here(self, name: str) -> bool:
        """True while a connection of this person is open."""
        return any(f.types and f.name == name for f in self._all.values())

    def tell(self, event: dict[str, object]) -> None:
        """Send an event to every follower, with the names of the people who can type."""
        for follower in self._all.values():
            follower.peer.send({**event, "people": list(self.names)})

    def add(
        self,
        peer: Peer,
        *,
        since: int | None,
        types: bool,
        size: Size | None,
        name: str,
        scrollback: int = 0,
    ) -> None:
        """Start streaming: from offset `since`, or a repaint of the screen, then live bytes.

        `scrollback`: lines above the screen included in the repaint.
        """
        job = self._job
        if since is None:
            job.fold.catch_up(job.log.end)  # a repaint shows the screen; bytes need none
        if size is not None:
            self._resize_to(size)
        offset = job.log.end if since is None else max(since, job.log.floor)
        follower = Follower(peer, offset, types, size, name)
        self._all[peer.number] = follower
        if since is None:
            peer.send(
                {
                    "event": "repaint",
                    "offset": offset,
                    "size": to_json(job.size),
                    "top": job.fold.screen.first_line,
                    "data": job.fold.screen.repaint(scrollback=scrollback).decode("latin-1"),
                }
            )
        elif since < job.log.floor:
            peer.send({"event": "dropped", "from": since, "to": job.log.floor})
        self._update_replies()

    def answers(self, peer: Peer) -> bool:
        """True if this person's terminal answers queries: the most recently attached one does."""
        typing = [number for number, follower in self._all.items() if follower.types]
        return bool(typing) and typing[-1] == peer.number

    def get(self, peer: Peer) -> Follower | None:
        return self._all.get(peer.number)

    def remove(self, peer: Peer) -> bool:
        """Remove a closed connection; True if it was a follower."""
        if self._all.pop(peer.number, None) is None:
            return False
        self._update_replies()
        sizes = [f.size for f in self._all.values() if f.size is not None]
        if sizes:
            self._apply(sizes[-1])
        elif self.own_size is not None:
            own, self.own_size = self.own_size, None
            self._apply(own)
        return True

    def resize(self, peer: Peer, size: Size) -> None:
        follower = self._all.get(peer.number)
        if follower is not None:
            follower.size = size
            self._resize_to(size)

    def set_own(self, size: Size) -> None:
        """Set the job's own size: now, or when the last person with a size detaches."""
        if self.own_size is not None:
            self.own_size = size
        else:
            self._apply(size)

    def _resize_to(self, size: Size) -> None:
        if self.own_size is None:
            self.own_size = self._job.size
        self._apply(size)

    def _apply(self, size: Size) -> None:
        import time

        if size == self._job.size:
            return
        fold = self._job.fold
        fold.catch_up(self._job.log.end)
        fold.screen.anchors["top"] = (fold.screen.first_line, 0)
        self._job.resize(size, time.monotonic())
        top = fold.screen.first_line
        moved = top - fold.screen.anchors.pop("top", (top, 0))[0]
        event = {"event": "resize", "size": to_json(size), "top": top, "moved": moved}
        for follower in self._all.values():
            follower.peer.send(event)

    def _update_replies(self) -> None:
        """Leave queries to an attached terminal; two answers would be typed twice."""
        self._job.fold.replies_on = self._job.spec.replies and self.people == 0

    def on_output(self, offset: int, data: bytes) -> None:
        """Send new output at once to every follower that is up to date."""
        if not self._all:
            return
        frame = data_frame(offset, data)
        for follower in self._all.values():
            if follower.offset == offset and follower.peer.queued < AHEAD:
                follower.peer.send_frame(frame)
                follower.offset = offset + len(data)

    def pump(self) -> bool:
        """Feed lagging followers from the log; True while any of them still lags."""
        lagging = False
        for follower in list(self._all.values()):
            while follower.offset < self._job.log.end and follower.peer.queued < AHEAD:
                first, data = self._job.dir.log.read(follower.offset, CHUNK)
                if not data:
                    follower.offset = self._job.log.end
                    break
                if first > follower.offset:
                    follower.peer.send({"event": "dropped", "from": follower.offset, "to": first})
                follower.peer.send(Data(first, data))
                follower.offset = first + len(data)
            lagging |= follower.offset < self._job.log.end
        return lagging

    def on_ended(self, status: Status) -> None:
        self.pump()
        for follower in self._all.values():
            follower.peer.send({"event": "exit", "status": to_json(status)})
