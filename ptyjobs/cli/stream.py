"""Copy a job's live output to a standard output that is not a terminal."""

from __future__ import annotations

import sys

from ptyjobs.cli.format import exit_code
from ptyjobs.client.sync import Jobs
from ptyjobs.errors import HolderLost
from ptyjobs.protocol import Data


def stream(jobs: Jobs, job_id: str, *, show: bool = True) -> int:
    """Copy the job's output until it ends; returns the program's exit code."""
    offset = 0
    try:
        follow = jobs.follow(job_id, since=0)
        while (message := follow.receive()) is not None:
            if isinstance(message, Data):
                _out(message.data, show=show)
                offset = message.offset + len(message.data)
            elif message.get("event") == "exit":
                break
    except HolderLost:  # it ended before we connected
        pass
    while (found := jobs.raw(job_id, since=offset))[1]:
        _out(found[1], show=show)
        offset = found[0] + len(found[1])
    return exit_code(jobs.status(job_id))


def _out(data: bytes, *, show: bool) -> None:
    if show:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
