"""Many jobs later no resource use has grown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.process import tree
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]
MANY = 150


def descriptors(pid: int) -> int:
    """The open descriptors of a process; 0 where only root may count them (`own_env`)."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


def test_short_jobs_leave_no_process_and_no_descriptor(tmp_path: Path) -> None:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    with Jobs(settings) as jobs:
        spec = prepare(settings, command="echo done")
        jobs.start(spec, wait=10)
        assert jobs.zygote is not None
        before = descriptors(os.getpid()), descriptors(jobs.zygote.pid)
        for _ in range(MANY):
            answer = jobs.start(spec, wait=10)
            assert answer.fresh.text == "done"
            jobs.status(answer.job_id)
        zygote = jobs.zygote.pid
        # The last holders are still leaving: half a second after their last answer.
        assert world.eventually(lambda: len(tree.children(zygote)) == 1)  # the spare one
        assert descriptors(zygote) <= before[1] + 1  # the channel to the spare
        assert descriptors(os.getpid()) <= before[0] + 2
        assert len(jobs.list()) == MANY + 1
        assert jobs.registry.running() == 0
