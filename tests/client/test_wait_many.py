"""Waits for several jobs: the job that ends one, cancelled waits, both clients."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import AsyncJobs, Jobs
from ptyjobs.client import WaitResult
from ptyjobs.config import Config, load
from ptyjobs.errors import BadPattern, UnknownJob
from ptyjobs.model import Reason

pytestmark = pytest.mark.live

LISTENER = """import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print("listening", flush=True); input()"""

Wait = Callable[..., WaitResult]


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})


@pytest.fixture
def jobs(settings: Config) -> Iterator[Jobs]:
    with Jobs(settings) as client:
        yield client


@pytest.fixture(params=["sync", "async"])
def wait(request: pytest.FixtureRequest, settings: Config, jobs: Jobs) -> Wait:
    """`wait_many` of either client."""
    if request.param == "sync":
        return jobs.wait_many

    def by_loop(job_ids: list[str], **params: Any) -> WaitResult:
        async def looped() -> WaitResult:
            async with AsyncJobs(settings) as client:
                return await client.wait_many(job_ids, **params)

        return asyncio.run(looped())

    return by_loop


def test_the_first_job_that_meets_the_condition_ends_the_wait(jobs: Jobs, wait: Wait) -> None:
    jobs.execute("exec sleep 1000", name="long", wait=0)
    jobs.execute("read line; exit 3", name="short")
    jobs.interact("short", input="go", timeout=0)
    result = wait(["long", "short"], until="exited", timeout=30)
    assert result.met == ("short",)
    assert not result.timed_out
    assert [str(answer.verdict.exit) for answer in result.answers] == ["exited with code 3"]
    assert jobs.status("long").waiters == 0  # the other wait was cancelled


def test_a_wait_for_all_of_them_answers_in_the_order_of_the_call(jobs: Jobs, wait: Wait) -> None:
    for name in "ab":
        jobs.execute("read line; echo got $line", name=name)
    for name in "ba":
        jobs.interact(name, input=name, timeout=0)
    result = wait(["a", "b", "a"], until="exited", any_of=False, timeout=30)
    assert [answer.job_id for answer in result.answers] == ["a", "b"]
    assert sorted(result.met) == ["a", "b"]
    assert not result.timed_out


def test_a_wait_that_no_job_meets_has_every_answer(jobs: Jobs, wait: Wait) -> None:
    for name in "ab":
        jobs.execute("exec sleep 1000", name=name, wait=0)
    result = wait(["a", "b"], until="pattern", patterns=["never"], timeout=0.1)
    assert [answer.job_id for answer in result.answers] == ["a", "b"]
    assert result.met == ()
    assert result.timed_out


def test_a_port_ends_the_wait_and_is_named(jobs: Jobs, wait: Wait) -> None:
    jobs.execute("exec sleep 1000", name="silent", wait=0)
    jobs.execute(argv=[sys.executable, "-c", LISTENER], name="server")
    result = wait(["silent", "server"], until="port", timeout=30)
    assert result.met == ("server",)
    assert result.answers[-1].verdict.reason is Reason.SERVICE_READY
    assert result.answers[-1].verdict.match.startswith("127.0.0.1:")


def test_a_wait_for_one_job_takes_a_port_too(jobs: Jobs) -> None:
    jobs.execute(argv=[sys.executable, "-c", LISTENER], name="server")
    verdict = jobs.wait("server", until="port", timeout=30).verdict
    assert verdict.match.startswith("127.0.0.1:")


def test_progress_is_reported_while_several_jobs_run(jobs: Jobs, wait: Wait) -> None:
    line = "while :; do echo step; sleep 0.1; done"
    jobs.execute(line, name="a", wait=0)
    jobs.execute("exec sleep 1000", name="b", wait=0)
    lines: list[str] = []
    wait(["a", "b"], until="exited", timeout=1.5, on_progress=lines.append)
    assert "step" in lines


def test_mistakes_are_reported_before_anything_is_sent(jobs: Jobs, wait: Wait) -> None:
    jobs.execute("exec sleep 1000", name="a", wait=0)
    with pytest.raises(UnknownJob):
        wait(["a", "nope"])
    with pytest.raises(BadPattern):
        wait(["a"], until="pattern", patterns=["("])
    assert jobs.status("a").waiters == 0


def test_an_async_client_ends_the_session_jobs_that_it_started(settings: Config) -> None:
    async def start() -> int | None:
        async with AsyncJobs(settings) as client:
            await client.execute("exec sleep 1000", name="mine", wait=0)
            await client.execute("exec sleep 1000", name="kept", lifetime="persistent", wait=0)
        with Jobs(settings) as later:
            assert later.status("mine").state.ended
            kept = later.status("kept")
            later.kill("kept")
        return kept.pid

    assert asyncio.run(start())
