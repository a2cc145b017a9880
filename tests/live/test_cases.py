"""Every case through the real server process and the SDK's own client: one call a step."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cases import case as cases
from tests.cases.drive import server
from tests.cases.judge import judge

pytestmark = pytest.mark.live
ALL = cases.load()


@pytest.fixture
def world() -> Iterator[Path]:
    """A folder that other users can reach (a database server does not run as root)."""
    with tempfile.TemporaryDirectory(prefix="ptyjobs-case-") as name:
        yield Path(name)


def runnable(program: str) -> bool:
    return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])
def test_one_reply_a_step_holds_the_whole_answer(case: cases.Case, world: Path) -> None:
    first = case.cmd.split()[0].rstrip(";")
    missing = case.missing() or ([] if first.startswith("{") or cases.find(first) else [first])
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")
    if "{py313}" in case.cmd and not (cases.python("3.13") and runnable(cases.python("3.13"))):
        pytest.skip("no Python 3.13")
    work = world / "work"
    work.mkdir()
    case = cases.placed(case, work)
    if case.setup:
        subprocess.run(["bash", "-c", case.setup], check=True, stdin=subprocess.DEVNULL)
    asyncio.run(session(case, world / "state", work))


async def session(case: cases.Case, state: Path, work: Path) -> None:
    wrong = []
    async with server(state) as driver:
        job_id, _ = await driver.start(case.cmd, cwd=work)
        earlier: list[str] = []
        for step in case.steps:
            began = time.monotonic()
            reply = await driver.step(job_id, step)
            took = time.monotonic() - began
            status = reply.partition("\n")[0]
            ended = any(word in status for word in ("exited with", "ended by", "killed ("))
            if step.view == "screen":
                reply += "\n" + await driver.screen(job_id)
            found = judge(step, reply, took=took, ended=ended, earlier=earlier)
            earlier += found.shown
            if not found.correct:
                wrong.append((step.send, found.incomplete + found.incorrect, reply))
        await driver.end(job_id)
    assert not wrong
