"""Every case through the real server process and the SDK's own client: one call a step."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

import pytest

from tests.cases import case as cases
from tests.cases.drive import server
from tests.cases.judge import judge

pytestmark = pytest.mark.live
ALL = cases.load()


def runnable(program: str) -> bool:
    return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("case", ALL, ids=[case.id for case in ALL])
def test_one_reply_a_step_holds_the_whole_answer(case: cases.Case, tmp_path: Path) -> None:
    first = case.cmd.split()[0]
    missing = case.missing() or ([] if first.startswith("{") or cases.find(first) else [first])
    if missing:
        pytest.skip(f"not here: {', '.join(missing)}")
    if "{py313}" in case.cmd and not (cases.python("3.13") and runnable(cases.python("3.13"))):
        pytest.skip("no Python 3.13")
    work = tmp_path / "work"
    work.mkdir()
    case = cases.placed(case, work)
    if case.setup:
        subprocess.run(["bash", "-c", case.setup], check=True, stdin=subprocess.DEVNULL)
    asyncio.run(session(case, tmp_path / "state", work))


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
            late = ("still running",) if "still running" in status and not step.noprompt else ()
            if not found.correct or late:
                wrong.append((step.send, found.incomplete + found.incorrect + late, reply))
        await driver.end(job_id)
    assert not wrong
