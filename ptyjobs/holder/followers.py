"""People and viewers who watch a job live: attach, web page, `logs -f`.

Owns each follower's offset and its terminal size. A follower holds an offset, not a queue: what
its socket does not take now is read from the log later, so a slow viewer costs nothing and loses
nothing that the log still has. The newest attached person's size is the job's size; the job's own
returns when the last one leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import Peer
from ptyjobs.model import Size, Status, to_json
from ptyjobs.protocol import Data, data_frame

CHUNK = 64 << 10  # bytes of one frame
AHEAD = 256 << 10  # bytes queued at a follower's socket before it is fed from the log instead


@dataclass(slots=True)
class Follower:
    """One watching connection."""

    peer: Peer
    offset: int
    types: bool
    size: Size | None
    name: str


class Followers:
    """All who watch one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._all: dict[int, Follower] = {}
        self.own_size: Size | None = None  # the job's, while people are attached

    def __len__(self) -> int:
        return len(self._all)

    @property
    def people(self) -> int:
        """How many of them can type."""
        return sum(f.types for f in self._all.values())

    @property
    def sessions(self) -> tuple[str, ...]:
        """Sessions of those who watch."""
        return tuple(f.peer.session for f in self._all.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Who can type, each person once."""
        return tuple(dict.fromkeys(f.name for f in self._all.values() if f.types and f.name))

    def here(self, name: str) -> bool:
        """True while a connection of that person is open."""
        return any(f.types and f.name == name for f in self._all.values())

    def tell(self, event: dict[str, object]) -> None:
        """Send an event to everybody who watches, with the names of those who can type."""
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
        """Begin to stream: from offset `since`, or a repaint of the screen and then live bytes.

        `scrollback`: lines above the screen that the repaint holds.
        """
        job = self._job
        job.fold.catch_up(job.log.end)
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
                    "data": job.fold.screen.repaint(scrollback=scrollback).decode("latin-1"),
                }
            )
        elif since < job.log.floor:
            peer.send({"event": "dropped", "from": since, "to": job.log.floor})
        self._update_replies()

    def answers(self, peer: Peer) -> bool:
        """True if this person's terminal is the one that answers queries: the newest attached."""
        typing = [number for number, follower in self._all.items() if follower.types]
        return bool(typing) and typing[-1] == peer.number

    def get(self, peer: Peer) -> Follower | None:
        return self._all.get(peer.number)

    def remove(self, peer: Peer) -> bool:
        """Its connection has ended; True if it was one that watched."""
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

    def _resize_to(self, size: Size) -> None:
        if self.own_size is None:
            self.own_size = self._job.size
        self._apply(size)

    def _apply(self, size: Size) -> None:
        import time

        if size != self._job.size:
            self._job.resize(size, time.monotonic())
            for follower in self._all.values():
                follower.peer.send({"event": "resize", "size": to_json(size)})

    def _update_replies(self) -> None:
        """A person's real terminal answers queries itself; two answers would be typed twice."""
        self._job.fold.replies_on = self._job.spec.replies and self.people == 0

    def on_output(self, offset: int, data: bytes) -> None:
        """New output: straight to those who are up to date."""
        if not self._all:
            return
        frame = data_frame(offset, data)
        for follower in self._all.values():
            if follower.offset == offset and follower.peer.queued < AHEAD:
                follower.peer.send_frame(frame)
                follower.offset = offset + len(data)

    def pump(self) -> bool:
        """Feed those who lag behind from the log; True while somebody still lags."""
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
