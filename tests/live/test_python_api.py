"""The Python API as README shows it: its example runs, and both classes answer the same."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import AsyncJobs, Jobs
from ptyjobs.config import load
from ptyjobs.model import Reason
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
