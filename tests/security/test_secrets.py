"""Secrets of the server do not reach its jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs.client.registry import Registry
from ptyjobs.process import tree
from tests.faults import world
from tests.mcp.live import Server

pytestmark = pytest.mark.live

ENV = {"PTYJOBS_SECRET_VAULT": "hunter2", "MY_TOKEN": "hunter2", "PTYJOBS_ENV_DENY": "*TOKEN*"}


@pytest.mark.parametrize("zygote", ["the first", "a restarted one"])
@pytest.mark.stops("env_deny", "denied variables in a job, its holder and zygote")
def test_no_process_of_ours_above_a_job_shows_secrets(tmp_path: Path, zygote: str) -> None:
    with Server(tmp_path / "state", env=ENV) as server:
        if zygote == "a restarted one":
            server.text("execute", command="true", wait=10)
            (pid,) = tree.children(server.process.pid)
            os.kill(pid, signal.SIGKILL)
            assert world.eventually(lambda: not world.running(pid))
        line = "env; tr '\\0' '\\n' </proc/$PPID/environ; echo the end"
        text = server.text("execute", command=line, name="j", wait=15)
        assert "the end" in text
        assert "hunter2" not in text
        server.text("execute", command="sleep 99", name="long", wait=0)
        status = Registry(server.state).find("long").status()
        assert status is not None
        holder = tree.read_stat(status.holder or 0)
        assert holder is not None
        for pid in (holder.pid, holder.ppid):  # the holder and its zygote
            assert pid != server.process.pid
            assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0") == b"ptyjobs"
        assert "PATH=" in server.text("execute", command="env", wait=15)


@pytest.mark.stops("own processes", "the command line that started a job, in its holder")
def test_a_holder_does_not_show_the_command_line_that_started_it(tmp_path: Path) -> None:
    """Any user may read it for as long as the job runs; an environment they may not."""
    state = tmp_path / "state"
    env = {**os.environ, "PTYJOBS_STATE": str(state), "HOME": str(tmp_path)}
    own = [sys.executable, "-m", "ptyjobs"]
    words = ["run", "-d", "--name", "j", "--env", "VALUE=hunter2-hunter2", "sleep", "99"]
    subprocess.run([*own, *words], env=env, check=True, timeout=60)
    try:
        status = Registry(state).find("j").status()
        assert status is not None
        assert status.holder is not None
        assert world.running(status.holder)
        assert b"hunter2" not in Path(f"/proc/{status.holder}/cmdline").read_bytes()
    finally:
        subprocess.run([*own, "kill", "j"], env=env, check=True, timeout=60)
