"""Limits of time and number; no answer is published before its data is written."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.client.registry import is_alive
from ptyjobs.errors import JobEnded, UnknownJob
from ptyjobs.mcp import session
from ptyjobs.model import State
from ptyjobs.spawn import zygote as zygotes
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    settings = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_RETENTION_COUNT": "3"}
    with Jobs(config.load(environ=settings)) as client:
        yield client


def test_a_time_limit_ends_the_whole_tree_and_says_why(jobs: Jobs, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    spec = prepare(jobs.config, command=world.command("deaf", notes), timeout=1.0)
    job_id = jobs.start(spec).job_id
    assert jobs.wait(job_id, until="exited", timeout=30).state is State.KILLED
    status = jobs.status(job_id)
    assert status.reason == "its time limit of 1 s was over"
    assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(world.noted(notes))


def test_a_persistent_job_without_client_or_output_ends(jobs: Jobs) -> None:
    spec = prepare(jobs.config, command="exec sleep 1000", lifetime="persistent")
    spec = dataclasses.replace(spec, idle_limit=0.3)
    looked_at = jobs.start(spec, name="looked-at")  # its connection stays
    jobs.start(spec, name="alone")
    jobs.release("alone")
    alone = jobs.registry.find("alone")
    assert world.eventually(lambda: jobs.registry.status(alone).state.ended)
    assert jobs.registry.status(alone).reason == "idle for more than 0.3 s"
    assert jobs.status(looked_at.job_id).state is State.RUNNING
    assert jobs.kill(looked_at.job_id).result == "killed"


def test_the_newest_ended_jobs_are_kept_and_living_ones_never_removed(jobs: Jobs) -> None:
    jobs.start(prepare(jobs.config, command="exec sleep 1000"), name="living")
    for number in range(5):
        jobs.start(prepare(jobs.config, command="true"), name=f"n{number}", wait=20)
    assert world.eventually(lambda: jobs.registry.running() == 1)
    assert sorted(jobs.clean()) == ["n0", "n1"]
    assert {s.job_id for s in jobs.list()} == {"living", "n2", "n3", "n4"}
    with pytest.raises(UnknownJob):
        jobs.status("n0")


def test_ended_jobs_go_when_all_logs_together_are_too_large(tmp_path: Path) -> None:
    settings = {"PTYJOBS_STATE": str(tmp_path / "state")}
    settings |= {"PTYJOBS_LOG_TOTAL": "1M", "PTYJOBS_LOG_LIMIT": "1M"}
    with Jobs(config.load(environ=settings)) as jobs:
        for number in range(4):
            line = "head -c 400000 /dev/zero | tr '\\0' x"
            answer = jobs.start(prepare(jobs.config, command=line), name=f"n{number}", wait=30)
            assert answer.state is State.COMPLETED
            assert jobs.status(f"n{number}").end == 400_000
        assert world.eventually(lambda: jobs.registry.running() == 0)
        jobs.clean()
        assert {s.job_id for s in jobs.list()} == {"n2", "n3"}


def test_a_server_cleans_at_its_interval(tmp_path: Path) -> None:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path), "PTYJOBS_RETENTION": "0"})
    settings = dataclasses.replace(settings, cleanup_interval=0.05)
    zygote = zygotes.start()
    ended = tmp_path / "jobs" / "ended"

    async def serve() -> None:
        async with session.session(settings, zygote) as jobs:
            await jobs.start(prepare(settings, command="sleep 1000"), name="living")
            await jobs.start(prepare(settings, command="true"), name="ended", wait=20)
            assert str(jobs.registry.folder) == str(ended.parent)  # it may be gone already
            async with asyncio.timeout(20):
                while ended.exists():  # noqa: ASYNC110 - nothing tells of a folder's end
                    await asyncio.sleep(0.02)
            assert [s.job_id for s in await jobs.list()] == ["living"]
            await jobs.close()

    asyncio.run(serve())
    assert zygote.join(20)


LINGERING = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sys.stdin.readline()
if os.fork(): os._exit(5)
for _ in range(2000): os.write(1, b"late\\n"); time.sleep(0.005)
"""


def type_on(jobs: Jobs, job_id: str) -> None:
    """Type until it is refused."""
    while True:
        jobs.interact(job_id, keys=["Up"], timeout=0)


def test_input_is_refused_only_once_the_end_is_written_down(jobs: Jobs) -> None:
    argv = (sys.executable, "-S", "-u", "-c", LINGERING)
    for number in range(3):
        job_id = jobs.start(prepare(jobs.config, argv=argv), wait=0.2, name=f"l{number}").job_id
        directory = jobs.registry.find(job_id)
        jobs.interact(job_id, input="go", timeout=0)
        with pytest.raises(JobEnded, match="exited with code 5"):
            type_on(jobs, job_id)  # the leader exits at some point of this
        status = directory.status()
        assert status is not None
        assert status.state is State.FAILED
        jobs.kill(job_id)
        assert world.eventually(lambda d=directory: not is_alive(d))
