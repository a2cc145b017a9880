"""With an allow-list: a line is typed only for a reader that waits and takes all of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs
from ptyjobs.errors import Refused
from ptyjobs.process import tree
from tests.faults import world

ALLOWED = "^sleep,^echo,^cat,^python3,^bash,^stty"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    environ = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_ALLOWED_COMMANDS": ALLOWED}
    with Jobs(config.load(environ=environ)) as client:
        yield client


@pytest.fixture
def shell(jobs: Jobs) -> str:
    job_id = jobs.execute("bash --norc --noprofile -i", wait=20).job_id
    assert jobs.interact(job_id, input="echo here", timeout=20).fresh.text == "here"
    return job_id


def until_it_runs(jobs: Jobs, job_id: str, name: str) -> None:
    """Until the shell has given its terminal away."""

    def runs() -> bool:
        leader = tree.read_stat(jobs.status(job_id).pid or 0)
        assert leader is not None
        below = [tree.read_stat(pid) for pid in tree.children(leader.pid)]
        return any(s is not None and s.name == name and s.pgrp != leader.pgrp for s in below)

    assert world.eventually(runs)


def test_no_line_is_typed_for_later(jobs: Jobs, shell: str, tmp_path: Path) -> None:
    """A program could read a part of it (`head -c 5`), and the shell the rest."""
    mark = tmp_path / "made"
    jobs.interact(shell, input="sleep 3", timeout=0)
    until_it_runs(jobs, shell, "sleep")
    for line in (f"touch {mark}", "echo later", f"echo one\ntouch {mark}"):
        with pytest.raises(Refused, match="the shell that started this program"):
            jobs.interact(shell, input=line, timeout=0)
    with pytest.raises(Refused):  # half a line has not been checked
        jobs.interact(shell, input="echo", enter=False, timeout=0)
    with pytest.raises(Refused):
        jobs.interact(shell, raw=b"echo\n", timeout=0)
    jobs.wait(shell, timeout=30)
    assert jobs.interact(shell, input="echo now", timeout=20).fresh.text == "now"
    assert not mark.exists()


def test_a_shell_gets_one_line_a_call(jobs: Jobs, shell: str) -> None:
    with pytest.raises(Refused, match="several lines"):
        jobs.interact(shell, input="echo one\necho two", timeout=5)
    assert jobs.interact(shell, input="echo one\n", timeout=20).fresh.text == "one"


def test_a_line_must_fit_one_read_of_the_program(jobs: Jobs, shell: str) -> None:
    program = "import os; print('go', flush=True); print(len(os.read(0, 8)))"
    jobs.interact(shell, input=f'python3 -c "{program}"', timeout=20, until=["go"])
    with pytest.raises(Refused, match="may read a part"):
        jobs.interact(shell, input="x" * 8, timeout=20)
    assert jobs.interact(shell, input="x" * 7, timeout=20).fresh.text == "8"


def test_it_can_be_interrupted(jobs: Jobs, shell: str) -> None:
    jobs.interact(shell, input="sleep 1000", timeout=0)
    until_it_runs(jobs, shell, "sleep")
    answer = jobs.interact(shell, keys=["C-c"], timeout=20)
    assert answer.verdict.reason.ready


def test_a_program_that_reads_a_line_gets_it_and_nothing_is_left_for_the_shell(
    jobs: Jobs, shell: str, tmp_path: Path
) -> None:
    mark = tmp_path / "made"
    jobs.interact(shell, input="cat", timeout=20)
    until_it_runs(jobs, shell, "cat")
    assert jobs.interact(shell, input="rm whatever", timeout=20).fresh.text == "rm whatever"
    with pytest.raises(Refused):
        jobs.interact(shell, input=f"one\ntouch {mark}", timeout=1)
    with pytest.raises(Refused):
        jobs.interact(shell, input=f"touch {mark}", enter=False, timeout=1)
    with pytest.raises(Refused):
        jobs.interact(shell, keys=["a", "Enter", "b", "Enter"], timeout=1)
    with pytest.raises(Refused):
        jobs.interact(shell, raw=f"a\ntouch {mark}\n".encode(), timeout=1)
    with pytest.raises(Refused):
        jobs.interact(shell, input="one\necho two", timeout=1)
    answer = jobs.interact(shell, keys=["C-d"], timeout=20)
    assert answer.verdict.reason.ready
    assert jobs.interact(shell, input="echo back", timeout=20).fresh.text == "back"
    assert not mark.exists()


def test_a_program_that_takes_keys_gets_one_a_call(jobs: Jobs, shell: str) -> None:
    """Any key may end it (`q` in a pager), and the shell would read the next ones."""
    program = "import sys,tty,os; tty.setraw(0); print('go', flush=True); os.read(0, 99)"
    jobs.interact(shell, input=f'python3 -c "{program}"', timeout=20, until=["go"])
    for several in ("any\nthing", "qid"):
        with pytest.raises(Refused):
            jobs.interact(shell, input=several, timeout=20)
    answer = jobs.interact(shell, keys=["x"], timeout=20)
    assert answer.sent == 1


@pytest.mark.parametrize("command", ["cat", "python3 -i -q"])
def test_without_a_shell_behind_it_a_program_gets_whatever_is_typed(
    jobs: Jobs, command: str
) -> None:
    job_id = jobs.execute(command, wait=20).job_id
    answer = jobs.interact(job_id, input="1\n2\n3", timeout=20)
    assert answer.sent >= len("1\n2\n3")
    assert os.path.exists(f"/proc/{jobs.status(job_id).pid}")
