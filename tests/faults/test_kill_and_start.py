"""A kill never overtakes the start of its job."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.config import load
from ptyjobs.errors import UnknownJob
from ptyjobs.model import State
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]


@pytest.mark.parametrize("steps", range(8))
def test_a_kill_after_any_number_of_steps_of_the_start_ends_the_job(
    tmp_path: Path, steps: int
) -> None:
    settings = load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})

    async def scenario() -> None:
        jobs = AsyncJobs(settings)
        try:
            for number in range(6):
                name = f"j{number}"
                spec = prepare(settings, command="sleep 500", name=name)
                start = asyncio.ensure_future(jobs.start(spec, name=name))
                for _ in range(steps):
                    await asyncio.sleep(0)
                killed = None
                with contextlib.suppress(UnknownJob):  # it has not been asked for yet
                    killed = await jobs.kill(name, grace=0.1)
                if killed is None:
                    await start
                    killed = await jobs.kill(name, grace=0.1)
                assert killed.result in ("killed", "already_terminated")
                assert killed.status.job_id == name
                await asyncio.gather(start, return_exceptions=True)
                status = jobs.registry.status(jobs.registry.find(name))
                assert status.state is State.KILLED
                assert status.pid
                assert world.eventually(lambda pid=status.pid: not world.running(pid))
        finally:
            await jobs.close()
            jobs.end_session()

    asyncio.run(scenario())
