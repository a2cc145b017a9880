"""A start that is interrupted: the job has ended, or its id was told."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import config
from ptyjobs.client import sync
from ptyjobs.client.connection import Connection
from ptyjobs.requests import Request, StartRequest
from tests.cli.conftest import Shell
from tests.faults import world

pytestmark = pytest.mark.live


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_start_leaves_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    request = Connection.request

    def interrupted(connection: Connection, what: Request, **kwargs: Any) -> object:
        answer = request(connection, what, **kwargs)
        if isinstance(what, StartRequest):
            raise interruption
        return answer

    monkeypatch.setattr(Connection, "request", interrupted)
    with sync.Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        with pytest.raises(interruption):
            jobs.execute("sleep 100", lifetime="persistent", wait=0)
        found = jobs.list()
        assert found
        assert all(status.state.ended for status in found)


def test_a_terminal_that_closes_while_a_job_starts_takes_it_along(shell: Shell) -> None:
    pid, fd = pty.fork()
    if pid == 0:
        words = ["run", "--name", "j", "--", "sleep 100"]
        os.execve(sys.executable, [sys.executable, "-m", "ptyjobs", *words], shell.env)
    assert world.eventually(lambda: (shell.state / "jobs" / "j").exists())
    os.close(fd)
    os.waitpid(pid, 0)
    running = ("list", "--ids", "--running")
    assert world.eventually(lambda: "j" not in shell.run(*running).stdout.split())
