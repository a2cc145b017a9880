"""Status of all jobs: query every live holder in parallel, and read the records of ended jobs.

Owns the parallel query: all requests are sent before the first answer is read, and the whole round
is limited to `patience` seconds. Never waits longer: a job whose holder does not answer in time is
shown from its record. For a brief status, the holder of a quiet job is not even woken
(`holder/status_cache.py`).
"""

from __future__ import annotations

import contextlib
import os
import select
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client.files import status_cache
from ptyjobs.client.registry import is_alive
from ptyjobs.json_values import from_json
from ptyjobs.model import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptyjobs.client.files import JobDir
    from ptyjobs.client.registry import Registry

PATIENCE = 1.0  # seconds that the whole round may take
ENDED_SHOWN = 10  # ended jobs that are shown unless `all` is set


def glance(
    registry: Registry,
    *,
    chosen: set[str] | None = None,
    all: bool = False,
    brief: bool = False,
    patience: float = PATIENCE,
) -> list[Status]:
    """The live jobs, and the last ended ones or `all` of them; newest first.

    `chosen`: only jobs with these ids.
    `brief` omits the facts that cost a holder most: CPU, memory, processes, ports, directory.
    """
    jobs = [job for job in registry.all() if chosen is None or job.job_id in chosen]
    told = _seen(jobs) if brief else {}
    told |= _ask([job for job in jobs if job.job_id not in told], brief=brief, patience=patience)
    found: list[Status] = []
    ended = 0
    for job in jobs:
        status = told.get(job.job_id)
        if status is None:
            enough = ended >= ENDED_SHOWN and not all
            if enough and not os.path.exists(os.path.join(job.folder, "alive")):
                continue
            status = registry.status(job)
        if status.state.ended:
            ended += 1
            if ended > ENDED_SHOWN and not all:
                continue
        found.append(status)
    return found


def _seen(jobs: Sequence[JobDir]) -> dict[str, Status]:
    """The cached statuses of quiet jobs whose status on disk is current."""
    found = {}
    for job in jobs:
        status = status_cache.read(job)
        if status is not None and is_alive(job):
            found[job.job_id] = status
    return found


def _ask(jobs: Sequence[JobDir], *, brief: bool, patience: float) -> dict[str, Status]:
    if not jobs:
        return {}
    from ptyjobs import protocol, requests
    from ptyjobs.client.connect import ConnectionClosed, connect

    limit = time.monotonic() + patience
    question = requests.encode(requests.StatusRequest(brief), protocol.FIRST_REQUEST)
    answers: dict[str, Status] = {}
    with contextlib.ExitStack() as stack:
        poll = select.poll()
        pending = {}
        for job in jobs:
            try:
                sock = stack.enter_context(connect(job, blocking=False))
                sock.send(question)
            except (ConnectionClosed, BlockingIOError, BrokenPipeError, ConnectionResetError):
                continue  # it has ended, or it hangs and its backlog is full
            pending[sock.fileno()] = (job.job_id, sock, protocol.Decoder())
            poll.register(sock.fileno(), select.POLLIN)
        while pending and (left := limit - time.monotonic()) > 0:
            for number, _ in poll.poll(left * 1000):
                job_id, sock, decoder = pending[number]
                try:
                    data = sock.recv(256 << 10)
                except ConnectionResetError:
                    data = b""
                for message in decoder.feed(data):
                    if isinstance(message, dict) and "ok" in message:
                        status = from_json(Status, protocol.member(message, "ok", dict)["status"])
                        if status.job_id == job_id:  # else a spare holder without a job
                            answers[job_id] = status
                if not data or job_id in answers:
                    poll.unregister(number)
                    del pending[number]
    return answers
