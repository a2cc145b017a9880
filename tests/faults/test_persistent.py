"""A persistent job outlives its server, and no output is lost."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import load
from ptyjobs.model import State
from ptyjobs.store import audit
from tests.faults import world
from tests.mcp.live import Server

pytestmark = [pytest.mark.live, pytest.mark.fault]

PROGRAM = """
import sys
n = 0
for line in sys.stdin:
    n += len(line.strip())
    print('sum', n, flush=True)
sys.exit(n)
"""


def test_a_new_server_goes_on_where_the_killed_one_was(tmp_path: Path) -> None:
    program = tmp_path / "sum.py"
    program.write_text(PROGRAM)
    state = tmp_path / "state"
    with Server(state) as first:
        command = f"{sys.executable} {program}"
        first.text("execute", command=command, name="p", lifetime="persistent")
        assert first.text("interact", job_id="p", input="abc").endswith("sum 3")
        first.process.kill()
        first.process.wait()
    with Server(state) as second:
        assert "[p] running" in second.text("list")
        assert second.text("interact", job_id="p", input="defg").endswith("sum 7")
        assert second.text("output", job_id="p").count("sum") == 2
        assert "sum 3" in second.text("tail", job_id="p")
        ended = second.text("interact", job_id="p", keys=["C-d"])
        assert "exited with code 7" in ended
    with Server(state) as third:
        assert "exited with code 7" in third.text("status", job_id="p")


def test_kill_of_a_persistent_job_by_another_server_leaves_nothing(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with Server(tmp_path / "state") as first:
        first.text(
            "execute", command=world.command("deaf", notes), name="p", lifetime="persistent", wait=0
        )
        assert world.eventually(lambda: len(world.noted(notes)) >= 2)
    assert list(world.all_gone(notes))
    with Server(tmp_path / "state") as second:
        assert "killed" in second.text("kill", job_id="p")
    assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(world.noted(notes))


def test_whoever_finds_a_persistent_jobs_holder_killed_ends_what_is_left(tmp_path: Path) -> None:
    state = tmp_path / "state"
    notes = tmp_path / "notes"
    line = f"setsid sh -c 'echo $$ >> {notes}; exec sleep 300' & echo $$ >> {notes}; wait"
    with Server(state) as first:
        first.text("execute", command=line, name="p", lifetime="persistent", wait=0)
        first.text("execute", command="cat", name="other", lifetime="persistent")
        assert world.eventually(lambda: len(world.noted(notes)) >= 2)
        first.process.kill()
        first.process.wait()
    holder = int((state / "jobs" / "p" / "alive").read_text())
    os.kill(holder, signal.SIGKILL)
    assert world.eventually(lambda: not world.running(holder))
    with Server(state) as second:
        assert "holder was killed" in second.text("status", job_id="p")
        assert world.eventually(lambda: not list(world.all_gone(notes))), world.end(
            world.noted(notes)
        )
        assert second.text("interact", job_id="other", input="still here").endswith("still here")
        second.text("kill", job_id="other")


def noting(notes: Path, then: str = "exec sleep 300") -> str:
    return f"echo $$ >> {notes}; {then}"


def holder_of(state: Path, job: str = "p") -> int:
    return int((state / "jobs" / job / "alive").read_text())


def test_a_persistent_job_whose_directory_was_removed_ends(tmp_path: Path) -> None:
    state, notes = tmp_path / "state", tmp_path / "notes"
    with Server(state) as first:
        first.text("execute", command=noting(notes), name="p", lifetime="persistent", wait=0)
        assert world.eventually(lambda: bool(world.noted(notes)))
        holder = holder_of(state)
    assert world.running(holder)
    shutil.rmtree(state)
    assert world.eventually(lambda: not world.running(holder), within=60)
    assert not list(world.all_gone(notes))


def test_it_ends_with_its_server_still_connected_and_tells_a_follower(tmp_path: Path) -> None:
    state, notes = tmp_path / "state", tmp_path / "notes"
    settings = load(environ={"PTYJOBS_STATE": str(state)})
    with Jobs(settings) as jobs:
        jobs.execute(noting(notes), name="p", lifetime="persistent", wait=0)
        assert world.eventually(lambda: bool(world.noted(notes)))
        holder = holder_of(state)
        following = jobs.follow("p")
        shutil.rmtree(state)
        events = list(iter(lambda: following.receive(timeout=60), None))
        assert "its directory was removed" in str(events[-1])
        (journalled,) = [one for one in audit.read(str(state)) if one.what == "end"]
        assert "its directory was removed" in journalled.text
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert world.eventually(lambda: not world.running(holder))
        assert not list(world.all_gone(notes))


def test_what_an_ended_job_has_left_ends_with_its_directory(tmp_path: Path) -> None:
    state, notes = tmp_path / "state", tmp_path / "notes"
    with Server(state) as first:
        line = f"nohup sh -c '{noting(notes)}' > /dev/null 2>&1 & sleep 0.1"
        first.text("execute", command=line, name="p", lifetime="persistent", wait=10)
        assert world.eventually(lambda: bool(world.noted(notes)))
        holder = holder_of(state)
    shutil.rmtree(state)
    assert world.eventually(lambda: not world.running(holder), within=60)
    assert not list(world.all_gone(notes))


@pytest.mark.parametrize("restart", ["no", "always"])
def test_a_job_that_has_lost_its_directory_leaves_the_next_ones_alone(
    tmp_path: Path, restart: str
) -> None:
    """Another directory has its name by now, as after `rm -r` and `ptyjobs up`."""
    state, old, new = tmp_path / "state", tmp_path / "old", tmp_path / "new"
    with Jobs(load(environ={"PTYJOBS_STATE": str(state)})) as jobs:
        jobs.execute(
            noting(old, "exec cat"), name="p", lifetime="persistent", restart=restart, wait=1
        )
        holder = holder_of(state)
        shutil.rmtree(state)
        with Jobs(load(environ={"PTYJOBS_STATE": str(state)})) as others:
            others.execute(noting(new, "exec cat"), name="p", lifetime="persistent", wait=1)
            (first,) = world.noted(old)
            os.kill(first, signal.SIGTERM)
            assert world.eventually(lambda: not world.running(holder))
            assert world.noted(old) == [first]
            status = others.status("p")
            assert status.state is State.RUNNING
            assert status.holder == holder_of(state)
            assert others.interact("p", input="still here").fresh.text == "still here"
            others.kill("p")
