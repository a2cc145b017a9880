"""No process of a job remains, whatever it did and however its server ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.client.registry import Registry
from ptyjobs.model import State, Status
from ptyjobs.process import tree
from ptyjobs.store.jobdir import JobDir
from tests.faults import world
from tests.mcp.live import Server

pytestmark = [pytest.mark.live, pytest.mark.fault]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "state") as server:
        yield server


def grown(server: Server, tmp_path: Path, tree: str) -> tuple[Path, int]:
    """Start the tree as job "t"; its notes and its holder's pid, once it is complete."""
    notes = tmp_path / "notes"
    said = server.text("execute", command=world.command(tree, notes), name="t", wait=0)
    wanted = 1 if tree == "leader gone" else 2
    complete = world.eventually(lambda: len(world.noted(notes)) >= wanted)
    assert complete, (said, world.noted(notes), server.text("status", job_id="t"))
    status = Registry(server.state).find("t").status()
    assert status is not None
    assert status.holder
    return notes, status.holder


def gone(notes: Path) -> bool:
    return world.eventually(lambda: not list(world.all_gone(notes)))


@pytest.mark.parametrize("tree", world.TREES)
def test_kill_leaves_nothing(server: Server, tmp_path: Path, tree: str) -> None:
    notes, _ = grown(server, tmp_path, tree)
    assert "killed" in server.text("kill", job_id="t")
    assert gone(notes), world.end(world.noted(notes))


ENDS = {
    "stdin closed": lambda s: s.process.stdin.close(),
    "TERM": lambda s: s.process.send_signal(signal.SIGTERM),
    "INT": lambda s: s.process.send_signal(signal.SIGINT),
    "HUP": lambda s: s.process.send_signal(signal.SIGHUP),
    "KILL": lambda s: s.process.kill(),
    "KILL of the group": lambda s: os.killpg(s.process.pid, signal.SIGKILL),
}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("tree", ["deaf", "daemon with an emptied environment", "stopped"])
def test_the_end_of_the_server_leaves_nothing(
    server: Server, tmp_path: Path, tree: str, how: str
) -> None:
    notes, holder = grown(server, tmp_path, tree)
    ENDS[how](server)
    assert gone(notes), world.end(world.noted(notes))
    assert world.eventually(lambda: not world.running(holder))


@pytest.mark.parametrize("tree", ["deaf", "daemon", "respawning pair"])
def test_a_killed_holder_leaves_nothing(server: Server, tmp_path: Path, tree: str) -> None:
    notes, holder = grown(server, tmp_path, tree)
    os.kill(holder, signal.SIGKILL)
    assert gone(notes), world.end(world.noted(notes))
    assert "killed" in server.text("status", job_id="t")


def zygote_of(server: Server) -> int:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    (pid,) = children.read_text().split()
    return int(pid)


def test_zygote_and_holder_killed_together_leave_nothing(server: Server, tmp_path: Path) -> None:
    notes, holder = grown(server, tmp_path, "deaf")
    zygote = zygote_of(server)
    os.kill(zygote, signal.SIGKILL)
    os.kill(holder, signal.SIGKILL)
    assert gone(notes), world.end(world.noted(notes))


def test_a_killed_zygote_harms_no_job_and_is_replaced(server: Server) -> None:
    server.text("execute", command="cat", name="old")
    os.kill(zygote_of(server), signal.SIGKILL)
    assert "\nstill here" in server.text("interact", job_id="old", input="still here")
    assert "\nnew one" in server.text("execute", command="echo new one")
    assert "\nand again" in server.text("interact", job_id="old", input="and again")


@pytest.mark.parametrize("how", ["KILL", "stdin closed", "kill of the job"])
def test_a_stopped_holder_is_killed_through(server: Server, tmp_path: Path, how: str) -> None:
    notes, holder = grown(server, tmp_path, "deaf")
    os.kill(holder, signal.SIGSTOP)
    if how == "kill of the job":
        assert server.text("kill", job_id="t").startswith("[t] killed")
    else:
        ENDS[how](server)
    assert gone(notes), world.end(world.noted(notes))
    assert world.eventually(lambda: not world.running(holder))


def test_a_start_right_after_the_zygotes_death_succeeds(tmp_path: Path) -> None:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    with Jobs(settings) as jobs:
        assert jobs.start(prepare(settings, command="echo first"), wait=10).fresh.text == "first"
        for number in range(5):
            assert jobs.zygote is not None
            os.kill(jobs.zygote.pid, signal.SIGKILL)
            answer = jobs.start(prepare(settings, command=f"echo {number}"), wait=10)
            assert answer.fresh.text == str(number)
        assert len(jobs.list()) == 6


@pytest.mark.parametrize("how", ["killed", "stopped as its server ends"])
def test_a_holder_killed_after_its_jobs_end_leaves_no_socket(tmp_path: Path, how: str) -> None:
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    with Jobs(settings) as jobs:
        jobs.execute("exit 3", name="t", on_exit="exec sleep 1000", wait=10)  # it keeps its holder
        job = jobs.registry.find("t")
        status = job.status()
        assert status is not None
        assert status.holder
        assert status.state.ended
        assert (job.path / "sock").exists()
        os.kill(status.holder, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        if how == "killed":
            assert tidied(job)
            assert jobs.status("t").exit == status.exit
    assert tidied(job)


def test_a_server_that_inherits_a_killed_holder_leaves_no_socket(server: Server) -> None:
    """Its zygote died before it, so nobody else reaps it."""
    server.text("execute", command="trap '' HUP; sleep 1000 & exit 3", name="t", wait=20)
    job = Registry(server.state).find("t")
    status = job.status()
    assert status is not None
    assert status.state.ended
    assert status.holder
    assert (job.path / "sock").exists()  # its holder waits for the process that is left
    os.kill(zygote_of(server), signal.SIGKILL)
    assert world.eventually(lambda: parent(status.holder) == server.process.pid)
    os.kill(status.holder, signal.SIGKILL)
    assert tidied(job)


def test_the_record_of_a_lost_job_removes_its_socket(server: Server) -> None:
    server.text("execute", command="cat", name="t", wait=20)
    job = Registry(server.state).find("t")
    status = job.status()
    assert status is not None
    assert status.holder
    os.kill(status.holder, signal.SIGKILL)
    assert world.eventually(lambda: not world.running(status.holder))
    assert "its holder was killed" in server.text("status", job_id="t")
    assert not (job.path / "sock").exists()


def parent(pid: int | None) -> int:
    stat = tree.read_stat(pid or 0)
    return 0 if stat is None else stat.ppid


def tidied(job: JobDir) -> bool:
    names = ("sock", "alive")
    return world.eventually(lambda: not any((job.path / name).exists() for name in names))


def test_only_the_holder_of_an_ended_job_is_tidied_up_after(tmp_path: Path) -> None:
    job = JobDir(tmp_path)
    ended = Status(job_id="t", state=State.COMPLETED, command="true", cwd="/", holder=7)
    for status, pid in ((None, 7), (replace(ended, state=State.RUNNING), 7), (ended, 8)):
        for name in ("sock", "alive"):
            (tmp_path / name).touch()
        if status is not None:
            job.write_status(status)
        job.tidy(pid)
        assert (tmp_path / "sock").exists()
        assert (tmp_path / "alive").exists()
    job.tidy(7)
    assert os.listdir(tmp_path) == ["status.json"]
