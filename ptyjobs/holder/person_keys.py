"""The keys of an attached person.

Owns what one frame of keys does: it is typed at once, recorded, and its secrets are noticed. Never
waits: a person's keys are not queued behind the inputs of agents. The subtle thing: each attached
terminal answers a program's query, and only one of the answers is passed on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ptyjobs.input.terminal_replies import without_replies

if TYPE_CHECKING:
    from ptyjobs.holder.peers import Peer
    from ptyjobs.holder.service import JobService


def press(service: JobService, peer: Peer, data: bytes) -> None:
    """Type the bytes of an attached person at once."""
    follower = service.followers.get(peer)
    job = service.job
    if follower is None or not follower.types or job.state.ended:
        return
    if b"\x1b" in data and not service.followers.answers(peer):
        data = without_replies(data, cursor=job.cursor)
        if not data:
            return
    who = follower.name
    if (held := service.hold.held) is not None and held.by != who:
        return  # their attach shows who holds it
    job.courtesy.resume()
    for waiter in service.inputs:
        waiter.by_person = True
    now = time.monotonic()
    terminal, end = job.terminal(), job.log.end
    if terminal.secret:
        job.secrets.keys(peer.number, data)
    else:
        job.secrets.forget(peer.number)
    job.input.type(data, now, owner=-peer.number)  # first: a person waits for the echo
    job.typed.keys(now, end, data, echo=terminal.echo, secret=terminal.secret, who=who)
    service.watches.on_typed(data.decode("utf-8", "replace"))
    if not job.courtesy.paused_until:
        job.read_once(time.monotonic())  # the kernel's echo is available by now
