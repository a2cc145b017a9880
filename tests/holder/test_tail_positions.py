"""Lines shown by a tail are not repeated by a wait of the same reader."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import AsyncJobs, Jobs
from ptyjobs.config import Config

pytestmark = pytest.mark.live

LINES = "seq 5; read x; echo after; read x; exit 3"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=str(tmp_path))) as running:
        running.execute(LINES, name="a", wait=0)
        with Jobs(Config(state_dir=str(tmp_path))) as other:
            assert other.wait("a", timeout=20).verdict.reason.ready  # all lines are there
        yield running


def shown(jobs: Jobs, *, lines: int = 50) -> str:
    return jobs.tail("a", lines=lines).text


def test_a_wait_gives_what_came_after_a_tail(jobs: Jobs, tmp_path: Path) -> None:
    assert shown(jobs).split() == list("12345")
    assert jobs.wait("a", timeout=20).fresh.text.strip() == ""
    with Jobs(Config(state_dir=str(tmp_path))) as other:
        assert other.wait("a", timeout=20).verdict.reason.ready  # its own position


def test_the_first_wait_of_a_new_reader_says_what_came_before(jobs: Jobs, tmp_path: Path) -> None:
    jobs.wait("a", timeout=20)
    with Jobs(Config(state_dir=str(tmp_path))) as other:
        first, second = other.wait("a", timeout=20), other.wait("a", timeout=20)
    assert first.fresh.text == ""
    assert first.notes == ("earlier output: 15 B, see output(since=0)",)
    assert second.notes == ()
    with Jobs(Config(state_dir=str(tmp_path))) as other:
        assert other.interact("a", input="x", timeout=20).notes == ()  # who types knows the job


def test_a_tail_that_showed_only_the_end_counts_for_nothing(jobs: Jobs) -> None:
    assert shown(jobs, lines=2).split() == ["4", "5"]
    assert jobs.wait("a", timeout=20).fresh.text.split() == list("12345")


def test_a_pattern_is_found_in_what_a_tail_has_shown(jobs: Jobs) -> None:
    shown(jobs)
    answer = jobs.wait("a", until="pattern", patterns=["^4"], timeout=20)
    assert answer.verdict.match == "4"


def test_the_end_of_a_job_gives_only_the_rest(jobs: Jobs, tmp_path: Path) -> None:
    shown(jobs)
    with Jobs(Config(state_dir=str(tmp_path))) as other:
        other.interact("a", input="", timeout=20)
        other.interact("a", input="", timeout=20)
    assert jobs.wait("a", until="exited", timeout=20).fresh.text.split() == ["after"]


def test_a_tail_beside_a_pending_wait(tmp_path: Path) -> None:
    asyncio.run(_tail_beside_a_wait(tmp_path))


async def _tail_beside_a_wait(tmp_path: Path) -> None:
    config = Config(state_dir=str(tmp_path))
    async with AsyncJobs(config) as jobs, AsyncJobs(config) as other:
        await jobs.execute(LINES, name="a", wait=0)
        pending = asyncio.create_task(jobs.wait("a", until="exited", timeout=30))
        while not (await jobs.tail("a")).text.endswith("5"):
            pass
        await other.interact("a", input="", timeout=20)
        await other.interact("a", input="", timeout=20)
        answer = await pending
    assert "1" not in answer.fresh.text
    assert "after" in answer.fresh.text
