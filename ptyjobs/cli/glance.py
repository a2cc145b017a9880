"""All jobs at one glance: the records on disk, and a word from every living holder at once.

Owns the round of questions: all are sent before the first answer is read, and nobody is waited for
longer than `patience`. A holder that does not answer in time keeps what its record says.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Sequence

from ptyjobs.client.base import Gone, connect
from ptyjobs.client.sync import Jobs
from ptyjobs.host import wire
from ptyjobs.model import Status, from_json

PATIENCE = 1.0  # seconds that all answers together may take
ENDED_SHOWN = 10  # ended jobs that are shown unless all were asked for


def glance(jobs: Jobs, *, all: bool = False, patience: float = PATIENCE) -> list[Status]:
    """Every living job with its figures, and the last ended ones; newest first."""
    found = jobs.list()
    if not all:
        ended = [status.job_id for status in found if status.state.ended][ENDED_SHOWN:]
        hidden = set(ended)
        found = [status for status in found if status.job_id not in hidden]
    live = _ask(jobs, [s.job_id for s in found if not s.state.ended], patience)
    return [live.get(status.job_id, status) for status in found]


def _ask(jobs: Jobs, ids: Sequence[str], patience: float) -> dict[str, Status]:
    limit = time.monotonic() + patience
    answers: dict[str, Status] = {}
    question = wire.encode({"op": "status", "id": 1})
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for job_id in ids:
            try:
                sock = stack.enter_context(connect(jobs.registry.find(job_id)))
                sock.sendall(question)
            except (Gone, BrokenPipeError, ConnectionResetError):  # it ends in this moment
                continue
            sock.setblocking(False)
            selector.register(sock, selectors.EVENT_READ, (job_id, wire.Decoder()))
        while selector.get_map() and (left := limit - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                job_id, decoder = key.data
                assert isinstance(key.fileobj, socket.socket)
                try:
                    data = key.fileobj.recv(256 << 10)
                except ConnectionResetError:
                    data = b""
                for message in decoder.feed(data):
                    if isinstance(message, dict) and "ok" in message:
                        answers[job_id] = from_json(Status, message["ok"]["status"])
                if not data or job_id in answers:
                    selector.unregister(key.fileobj)
    return answers
