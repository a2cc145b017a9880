"""Owners of ports: the kernel's view, the answer of a job that wanted one, leased ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.errors import StartFailed
from ptyjobs.mcp import status_text
from ptyjobs.model import Reason
from ptyjobs.process import port_lease, port_owner, ports
from tests.faults import world
from tests.services.conftest import listener, python

SERVES_PORT = python(
    "import os, socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, "
    "socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', int(os.environ['PORT']))); s.listen(); "
    "time.sleep(600)"
)


def test_sock_diag_and_proc_net_agree(tmp_path: Path) -> None:
    with socket.socket() as four, socket.socket(socket.AF_UNIX) as named:
        four.bind(("127.0.0.1", 0))
        four.listen()
        named.bind(str(tmp_path / "s"))
        named.listen()
        mine = {one.inode for one, _ in ports.of([os.getpid()], protocols=("tcp", "unix"))}
        assert mine == {os.fstat(four.fileno()).st_ino, os.fstat(named.fileno()).st_ino}
        tables = {*ports._tables("/proc/net", "tcp"), *ports._unix_table("/proc/net/unix")}
        assert {one for one in {*ports.tcp(), *ports.unix()} if one.inode in mine} <= tables
        wanted = [one for one in ports.tcp() if one.inode in mine]
        assert ports.holders_of(wanted) == {wanted[0].inode: os.getpid()}


def test_git_worktrees(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    (main / ".git").mkdir(parents=True)
    (main / ".git" / "HEAD").write_text("ref: refs/heads/trunk\n")
    gitdir = main / ".git" / "worktrees" / "linked"
    gitdir.mkdir(parents=True)
    (gitdir / "HEAD").write_text("ref: refs/heads/feature-b\n")
    (linked / "web").mkdir(parents=True)
    (linked / ".git").write_text(f"gitdir: {gitdir}\n")
    assert port_owner.git_worktree(str(main)) == (str(main), "trunk")
    assert port_owner.git_worktree(str(linked / "web")) == (str(linked), "feature-b")
    assert port_owner.git_worktree("/proc") == ("", "")


def test_a_lease_is_held_until_it_is_closed(tmp_path: Path) -> None:
    first = port_lease.lease(tmp_path, key="web")
    low, high = ports.ephemeral()
    assert not low <= first.number <= high
    second = port_lease.lease(tmp_path, key="web")
    assert second.number != first.number
    first.close()
    again = port_lease.lease(tmp_path, key="web")
    assert again.number == first.number
    again.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first.number))
        taken.listen()
        assert port_lease.lease(tmp_path, key="web").number not in (first.number, second.number)
    second.close()


@pytest.mark.live
def test_the_table_names_jobs_and_foreign_processes(jobs: Jobs, port: int, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/feature-b\n")
    work = tmp_path / "work"
    work.mkdir()
    program = ["env", "-i", *listener(port)]  # a process without our mark in its environment
    jobs.execute(argv=program, name="web", cwd=str(work), ready="port")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        table = {one.port: one for one in jobs.ports()}
        web, foreign = table[port], table[other.getsockname()[1]]
        assert (web.job_id, web.directory, web.worktree, web.branch) == (
            "web", str(work), str(tmp_path), "feature-b",
        )  # fmt: skip
        assert web.session == os.getpid()
        assert (foreign.job_id, foreign.pid) == ("", os.getpid())
        text = status_text.of_ports([web, foreign], own=os.getpid()).text
        assert f"127.0.0.1:{port} · [web] · this session · " in text
        assert f"(git {tmp_path}, feature-b)" in text
        assert f"pid {os.getpid()} (user " in text
        environ = {**os.environ, "PTYJOBS_STATE": str(jobs.config.state_dir)}
        command = [sys.executable, "-m", "ptyjobs", "ports", str(port), "--json"]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        (told,) = json.loads(done.stdout)
        assert (told["job_id"], told["port"]) == ("web", port)


@pytest.mark.live
def test_address_in_use_names_the_holder(jobs: Jobs, port: int, tmp_path: Path) -> None:
    jobs.execute(argv=listener(port), name="web", cwd=str(tmp_path), ready="port")
    failing = listener(port)
    failing[-1] = failing[-1].replace("server.bind", f"print('port {port}'); server.bind")
    answer = jobs.execute(argv=failing, name="web2", wait=30)
    assert answer.verdict.reason is Reason.EXITED
    (note,) = answer.notes
    assert note.startswith(f"port {port} is held by job 'web' ({sys.executable} -c ")
    assert f" in {tmp_path}): kill 'web' to free it, or use port auto" in note
    # known from the condition alone, whatever the program says
    answer = jobs.execute("exit 1", ready=f"port:{port}", wait=30)
    assert [f"port {port} is held by job 'web'" in one for one in answer.notes] == [True]
    # not named if the job neither wanted nor mentioned it
    assert jobs.execute(f"echo {port}; exit 1", wait=30).notes == ()
    assert jobs.execute("echo Address already in use; exit 1", wait=30).notes == ()
    # a server that takes another port instead says so while it runs
    script = f"print('Port {port} is in use, trying another one...', flush=True); input()"
    answer = jobs.execute(argv=python(script), wait=30)
    assert f"port {port} is held by job 'web'" in answer.notes[0]


@pytest.mark.live
def test_a_leased_port_is_in_the_environment_and_free_again(jobs: Jobs) -> None:
    ready = "http://127.0.0.1:$PORT/ 200"
    one = jobs.execute(argv=SERVES_PORT, name="a", port="auto", ready=["port:$PORT"])
    assert one.verdict.reason is Reason.SERVICE_READY
    status = jobs.status("a")
    number = status.port
    assert one.notes == (f"PORT={number}",)
    assert one.verdict.match == f"127.0.0.1:{number}"
    answer = jobs.wait("a", ready=ready, timeout=0.2)
    assert answer.service is not None
    assert not answer.service.ready
    jobs.kill("a")
    assert status.holder is not None
    assert world.exited(status.holder)  # the lease ends with it, once its answers are read
    two = jobs.execute(argv=SERVES_PORT, name="a", port="auto", ready="port")
    assert two.verdict.match == f"127.0.0.1:{number}"


@pytest.mark.live
def test_many_leases_at_once_differ(jobs: Jobs) -> None:
    answers = [jobs.execute(argv=SERVES_PORT, port="auto", wait=0) for _ in range(5)]
    numbers = {jobs.status(answer.job_id).port for answer in answers}
    assert len(numbers) == 5


@pytest.mark.live
def test_a_given_port_that_is_taken_is_refused(jobs: Jobs, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said = rf"Port {port} is held by process {os.getpid()} .*port=.auto."
        with pytest.raises(StartFailed, match=said):
            jobs.execute(argv=SERVES_PORT, port=port)
    answer = jobs.execute(argv=SERVES_PORT, port=port, ready="port")
    assert answer.verdict.match == f"127.0.0.1:{port}"
