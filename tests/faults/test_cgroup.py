"""If cgroups can be created, no process escapes even when all of ptyjobs is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.client.registry import Registry
from ptyjobs.process import cgroup
from tests.faults import world
from tests.faults.test_containment import zygote_of
from tests.mcp.live import Server

pytestmark = [
    pytest.mark.live,
    pytest.mark.fault,
    pytest.mark.skipif(cgroup.base() is None, reason="no cgroup v2 may be made here"),
]
TREE = "daemon with an emptied environment"


def orphaned(state: Path, tmp_path: Path, *, lifetime: str) -> Path:
    """Job "t", of which server, zygote and holder were killed together; its notes."""
    notes = tmp_path / "notes"
    with Server(state) as server:
        line = world.command(TREE, notes)
        server.text("execute", command=line, name="t", wait=0, lifetime=lifetime)
        assert world.eventually(lambda: len(world.noted(notes)) >= 2)
        status = Registry(state).find("t").status()
        assert status is not None
        assert status.holder
        assert Jobs(config.load(environ={"PTYJOBS_STATE": str(state)})).status("t").containment == (
            "cgroup"
        )
        zygote = zygote_of(server)
        stopped = (server.process.pid, zygote, status.holder)
        for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none observes another's end
            for pid in stopped:
                os.kill(pid, number)
        assert world.eventually(lambda: not any(world.running(pid) for pid in stopped))
        server.process.wait()
    assert list(world.all_gone(notes))
    return notes


@pytest.mark.parametrize("lifetime", ["session", "persistent"])
def test_the_next_server_ends_what_three_kills_left(tmp_path: Path, lifetime: str) -> None:
    notes = orphaned(tmp_path / "state", tmp_path, lifetime=lifetime)
    group = cgroup.noted(tmp_path / "state" / "jobs" / "t")
    assert group is not None
    with Server(tmp_path / "state") as server:
        assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(
            world.noted(notes)
        )
        assert world.eventually(lambda: not group.exists())
        assert "holder was killed" in server.text("status", job_id="t")


def test_cleaning_ends_what_three_kills_left(tmp_path: Path) -> None:
    state = tmp_path / "state"
    notes = orphaned(state, tmp_path, lifetime="session")
    Registry(state).clean(retention=None, keep=None, total=1 << 40)
    assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(world.noted(notes))


def test_a_jobs_cgroup_ends_with_it_and_a_copy_of_its_directory_has_none(tmp_path: Path) -> None:
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        jobs.start(prepare(jobs.config, command="exec cat"), name="c", wait=10)
        directory = jobs.registry.find("c").path
        group = cgroup.noted(directory)
        assert group is not None
        assert str(jobs.status("c").pid) in (group / "cgroup.procs").read_text().split()
        copy = directory.with_name("copy")
        copy.mkdir()
        (copy / cgroup.NOTE).write_bytes((directory / cgroup.NOTE).read_bytes())
        assert cgroup.noted(copy) is None
        jobs.registry.sweep()
        assert jobs.interact("c", input="still here").fresh.text == "still here"
        (group / "inner").mkdir()  # as a job does that manages cgroups itself
        assert jobs.kill("c").result == "killed"
        assert world.eventually(lambda: not group.exists())
