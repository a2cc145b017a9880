"""The connections of one holder, over all runs of its job.

Owns the set of peers and their place in the poll set. Never reads a request (`loop` and
`operations` do). The subtle thing: a peer may close in the middle of a batch of events, so its
descriptor is looked up for each event and its number is never used again.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

from ptyjobs.holder.peers import MAX_PEERS, Peer
from ptyjobs.holder.poll_set import PollSet
from ptyjobs.holder.typed_secrets import TypedSecrets
from ptyjobs.process.peercred import same_user


class Clients:
    """The peers by descriptor."""

    def __init__(self, poll: PollSet) -> None:
        self._poll = poll
        self._peers: dict[int, Peer] = {}
        self._masks: dict[int, int] = {}  # the poll mask of each peer's socket
        self._numbers = 0

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._peers.values()))

    def get(self, fd: int) -> Peer | None:
        return self._peers.get(fd)

    def numbered(self) -> dict[int, Peer]:
        """The peers by number."""
        return {peer.number: peer for peer in self._peers.values()}

    @property
    def unsent(self) -> bool:
        """True while a peer has not taken all that was sent to it."""
        return any(peer.wants_write for peer in self._peers.values())

    def adopt(self, sock: socket.socket, *, secrets: TypedSecrets) -> Peer:
        """Add a connection that already exists."""
        self._numbers += 1
        peer = Peer(sock, self._numbers, secrets=secrets)
        self._peers[sock.fileno()] = peer
        self._poll.register(sock.fileno())
        return peer

    def admit(self, sock: socket.socket, *, secrets: TypedSecrets) -> Peer | None:
        """Add a new connection; None if it is another user's, or one too many."""
        if len(self._peers) >= MAX_PEERS or not same_user(sock):
            sock.close()
            return None
        return self.adopt(sock, secrets=secrets)

    def remove(self, peer: Peer) -> bool:
        """Forget a peer, before its socket is closed; False if it was forgotten before."""
        fd = peer.fileno()
        if self._peers.pop(fd, None) is None:
            return False
        self._masks.pop(fd, None)
        self._poll.unregister(fd)
        return True

    def update_masks(self) -> None:
        """Wait for room in the socket of each peer that has unsent messages."""
        for fd, peer in self._peers.items():
            mask = select.EPOLLIN | (select.EPOLLOUT if peer.wants_write else 0)
            if mask != self._masks.get(fd, select.EPOLLIN):
                self._poll.modify(fd, mask)
            self._masks[fd] = mask

    def close(self) -> None:
        for peer in self._peers.values():
            peer.close()
