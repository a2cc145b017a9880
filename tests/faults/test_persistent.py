"""A persistent job outlives its server, and no output is lost."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

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


def test_a_persistent_job_whose_directory_was_removed_ends(tmp_path: Path) -> None:
    state, notes = tmp_path / "state", tmp_path / "notes"
    with Server(state) as first:
        line = f"echo $$ >> {notes}; exec sleep 300"
        first.text("execute", command=line, name="p", lifetime="persistent", wait=0)
        assert world.eventually(lambda: bool(world.noted(notes)))
        holder = int((state / "jobs" / "p" / "alive").read_text())
    assert world.running(holder)
    shutil.rmtree(state)
    assert world.eventually(lambda: not world.running(holder), within=60)
    assert not list(world.all_gone(notes))
