"""A server whose working directory was removed; calls with a wrong type."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import load
from ptyjobs.errors import BadInput
from ptyjobs.process import tree
from tests.faults import world
from tests.mcp.live import START, Server

pytestmark = [pytest.mark.live, pytest.mark.fault]


@pytest.mark.parametrize("again", [True, False])
def test_jobs_start_after_the_servers_directory_was_removed(tmp_path: Path, again: bool) -> None:
    place = tmp_path / "place"
    place.mkdir()
    code = f"import os; os.chdir({str(place)!r})\n{START}"
    with Server(tmp_path / "state", code=code) as server:
        assert str(place) in server.text("execute", command="pwd", wait=10)
        place.rmdir()
        if again:
            place.mkdir()
        (zygote,) = tree.children(server.process.pid)
        os.kill(zygote, signal.SIGKILL)  # a new one starts from there, too
        assert world.eventually(lambda: not world.running(zygote))
        text = server.text("execute", command="pwd", wait=10)
        if again:
            assert str(place) in text
        else:
            assert f"{place}, no longer exists" in text
            assert "Errno" not in text
        assert str(tmp_path) in server.text("execute", command="pwd", cwd=str(tmp_path), wait=10)


def test_start_with_a_command_line_names_execute(tmp_path: Path) -> None:
    with (
        Jobs(load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs,
        pytest.raises(BadInput, match="execute"),
    ):
        jobs.start("echo hi")  # type: ignore[arg-type]
