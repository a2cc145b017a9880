"""The incoming side of one connection: requests and a person's keys.

Owns the answer to each request, even if it fails. Never acts on the job (`operations` and
`person_keys` do). The subtle thing: a bug of ours is answered as an error. Otherwise the
client would wait in vain, and requests that arrived with it would be lost.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptyjobs import requests
from ptyjobs.errors import BadInput, PtyJobsError, unforeseen
from ptyjobs.holder import operations, person_keys
from ptyjobs.protocol import Data, JsonObject

if TYPE_CHECKING:
    from ptyjobs.holder.peers import Peer
    from ptyjobs.holder.service import JobService

Guard = Callable[..., Exception | None]


def receive(service: JobService, peer: Peer, mask: int, *, guard: Guard) -> None:
    """Handle the events `mask` of the peer's socket; `guard` survives errors."""
    if mask & select.EPOLLOUT:
        peer.flush()
    if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
        for message in peer.receive():
            service.limits.client(time.monotonic())
            if isinstance(message, Data):
                guard(person_keys.press, service, peer, message.data)
            else:
                _answer(service, peer, message, guard)


def _answer(service: JobService, peer: Peer, message: JsonObject, guard: Guard) -> None:
    fault = guard(_on_request, service, peer, message)
    if fault is not None:
        number = requests.number_of(message)
        guard(service.inputs.cancel, peer, number)
        peer.send({"id": number, "error": unforeseen(fault).to_wire()})


def _on_request(service: JobService, peer: Peer, message: JsonObject) -> None:
    number = requests.number_of(message)
    try:
        reply = operations.perform(service, peer, number, requests.decode(message))
    except PtyJobsError as error:
        peer.send({"id": number, "error": error.to_wire()})
    except (TypeError, ValueError) as error:  # an unusable number, such as NaN seconds
        bad = BadInput(f"Bad parameters: {error}.")
        peer.send({"id": number, "error": bad.to_wire()})
    else:
        if reply is not None:
            peer.send({"id": number, "ok": reply})
