"""The Python API as README shows it: its example runs, and both classes answer the same."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptyjobs import AsyncJobs, Jobs
from ptyjobs.client import calls
from ptyjobs.config import Config, load
from ptyjobs.errors import PtyJobsError
from ptyjobs.model import Reason, State
from tests.docs import generate

pytestmark = pytest.mark.live


def test_the_example_of_the_readme_runs_as_it_stands(tmp_path: Path) -> None:
    code = re.search(
        r"```python\n(from ptyjobs import Jobs\n.*?)```",
        (generate.ROOT / "README.md").read_text(),
        re.S,
    )
    assert code
    environ = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state"), "PYTHON_BASIC_REPL": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code[1]], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(">>> 6 * 7\n42\n>>> import time")
    assert "\nlate\n>>> 1/0\nTraceback" in done.stdout


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("reference/python-api.md", "42 waiting_for_input"),
        ("agents.md", "['0', '499500', '1999000']"),
    ],
)
def test_the_examples_of_the_site_run_as_they_stand(
    tmp_path: Path, page: str, printed: str
) -> None:
    text = (generate.ROOT / "docs" / page).read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    environ = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state"), "PYTHON_BASIC_REPL": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == printed


def test_both_classes_answer_the_same(tmp_path: Path) -> None:
    settings = load({"PTYJOBS_STATE": str(tmp_path / "state")})

    def plain() -> list[object]:
        with Jobs(settings) as jobs:
            started = jobs.execute("read -p 'name? ' n; echo hello $n; exit 3", name="a")
            ended = jobs.interact("a", input="bob")
            status = jobs.status("a")
            return [started.verdict.prompt, ended.fresh.text, status.exit, jobs.output("a").text]

    async def looped() -> list[object]:
        async with AsyncJobs(settings) as jobs:
            started = await jobs.execute("read -p 'name? ' n; echo hello $n; exit 3", name="b")
            ended = await jobs.interact("b", input="bob")
            status = await jobs.status("b")
            output = await jobs.output("b")
            return [started.verdict.prompt, ended.fresh.text, status.exit, output.text]

    first = plain()
    assert first[0] == "name? "
    assert "hello bob" in str(first[1])
    assert first == asyncio.run(looped())


def test_execute_takes_what_prepare_takes(tmp_path: Path) -> None:
    with Jobs(load({"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        answer = jobs.execute(
            argv=["sh", "-c", "stty size; pwd"], rows=7, cols=50, cwd=str(tmp_path)
        )
        assert answer.verdict.reason is Reason.EXITED
        assert answer.fresh.text.split() == ["7", "50", str(tmp_path)]


def test_threads_share_one_client(tmp_path: Path) -> None:
    """Inputs of several threads all arrive; a kill is not delayed by another thread's wait."""
    with Jobs(Config(state_dir=tmp_path / "state")) as jobs:
        jobs.execute("sh", name="sh")
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda n: jobs.interact("sh", input=f"echo n{n}"), range(12))
            texts = [answer.fresh.text for answer in answers]
            assert sorted(texts) == sorted(f"n{n}" for n in range(12))
            assert len(set(pool.map(lambda n: jobs.execute(f"echo {n}").job_id, range(8)))) == 8
            waiting = pool.submit(jobs.interact, "sh", input="sleep 100", timeout=60)
            deadline = time.monotonic() + 20
            while "sleep" not in jobs.status("sh").doing and time.monotonic() < deadline:
                assert not waiting.done()
            jobs.kill("sh")
            assert waiting.result(timeout=30).state is State.KILLED


@pytest.mark.parametrize("how", ["file", "parent"])
def test_a_state_directory_that_cannot_be_used_is_named(tmp_path: Path, how: str) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" if how == "file" else tmp_path / "file" / "state"
    with Jobs(Config(state_dir=state)) as jobs:
        for call in (jobs.list, lambda: jobs.execute("true")):
            with pytest.raises(PtyJobsError, match=r"state directory .*file.*PTYJOBS_STATE"):
                call()


STAYS = """
import signal, time
def stay(*_): print('sure? ', end='', flush=True); input()
signal.signal(signal.SIGTERM, stay); print('up', flush=True)
while True: time.sleep(100)
"""


def test_a_program_that_is_being_ended_is_not_waiting(tmp_path: Path) -> None:
    """It asks something when SIGTERM comes; the call that waits is answered with its end."""
    with Jobs(Config(state_dir=tmp_path / "state")) as jobs, ThreadPoolExecutor(1) as pool:
        argv = [sys.executable, "-c", STAYS]
        jobs.execute(argv=argv, name="p", until=["up"], wait=20)
        waiting = pool.submit(jobs.wait, "p", timeout=60)
        while not waiting.running():
            time.sleep(0)
        jobs.kill("p", grace=1)
        answer = waiting.result(timeout=30)
        assert (answer.state, answer.verdict.reason) == (State.KILLED, Reason.EXITED)


def test_a_client_talks_to_the_job_that_replaced_the_one_it_knew(tmp_path: Path) -> None:
    """Another client put it there; the first holder's end was not read yet."""
    config = Config(state_dir=str(tmp_path))
    with Jobs(config) as mine, Jobs(config) as yours:
        mine.execute("read x", name="build")
        yours.interact("build", input="one", timeout=0)
        mine.execute("read x; echo got $x", name="build", replace=True)
        assert "got two" in yours.interact("build", input="two", timeout=10).fresh.text


def test_an_async_client_talks_to_the_job_that_replaced_the_one_it_knew(tmp_path: Path) -> None:
    config = Config(state_dir=str(tmp_path))

    async def replaced() -> str:
        async with AsyncJobs(config) as yours:
            with Jobs(config) as mine:
                mine.execute("read x", name="build")
                await yours.interact("build", input="one", timeout=0)
                mine.execute("read x; echo got $x", name="build", replace=True)
                return (await yours.interact("build", input="two", timeout=10)).fresh.text

    assert "got two" in asyncio.run(replaced())


@pytest.mark.parametrize("patience", [0.0, 0.05])
def test_a_first_start_may_take_longer_than_any_other_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    """It waits until the zygote has loaded; on a busy machine that took more than 10 s."""
    monkeypatch.setattr(calls, "SLACK", patience)
    with Jobs(Config(state_dir=str(tmp_path / "a"))) as jobs:
        assert jobs.execute("cat", name="j", wait=0).job_id == "j"

    async def start() -> str:
        async with AsyncJobs(Config(state_dir=str(tmp_path / "b"))) as other:
            return (await other.execute("cat", name="j", wait=0)).job_id

    assert asyncio.run(start()) == "j"
