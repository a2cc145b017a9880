"""A job starts again: on request, by its policy, and never by halves."""

from __future__ import annotations

import errno
import os
import select
import shlex
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.client.registry import is_alive
from ptyjobs.errors import BadInput, DuplicateJob, StartFailed
from ptyjobs.holder import loop, restarts
from ptyjobs.holder.loop import Holder
from ptyjobs.holder.poll_set import PollSet
from ptyjobs.holder.run import Run
from ptyjobs.holder.service import JobService
from ptyjobs.model import JobSpec, Reason, State, Status
from ptyjobs.process import tree
from tests.faults.world import eventually, running
from tests.services.conftest import listener, python

pytestmark = pytest.mark.live


def until(jobs: Jobs, name: str, holds: object) -> Status:
    """The first status for which `holds` is true."""
    for _ in range(600):
        status = jobs.status(name)
        if holds(status):  # type: ignore[operator]
            return status
        time.sleep(0.02)
    raise AssertionError(status)


def test_policies() -> None:
    assert restarts.parse("") == ("no", restarts.LIMIT)
    assert restarts.parse("on-failure") == ("on-failure", restarts.LIMIT)
    assert restarts.parse("always:10") == ("always", 10)
    for word in ("sometimes", "always:0", "always:x"):
        with pytest.raises(ValueError, match=r"sometimes|always|invalid"):
            restarts.parse(word)


def test_a_restart_keeps_command_directory_environment_and_the_run_before(
    jobs: Jobs, tmp_path: Path
) -> None:
    line = "echo $SECRET in $PWD; sleep 600"
    env = {"SECRET": "s1"}
    jobs.execute(line, name="web", cwd=str(tmp_path), env=env, rows=20, wait=0)
    jobs.wait("web", until="pattern", patterns=["s1 in"], timeout=30)
    first = jobs.status("web")
    answer = jobs.restart("web", wait=0.5)
    assert f"s1 in {tmp_path}" in answer.fresh.text
    second = jobs.status("web")
    assert (first.run, second.run, second.size.rows) == (1, 2, 20)
    assert second.pid != first.pid
    assert second.holder == first.holder
    assert jobs.output("web", run=1).text == jobs.output("web.1").text == f"s1 in {tmp_path}"
    old = jobs.status("web.1")
    assert old.state is State.KILLED
    assert old.exit is not None
    assert old.exit.cause == "restarted on request"
    with pytest.raises(BadInput, match=r"no run 7\. Runs: 1, 2\."):
        jobs.output("web", run=7)
    jobs.restart("web", wait=0)
    assert sorted(status.job_id for status in jobs.list()) == ["web", "web.1", "web.2"]
    jobs.kill("web")
    assert eventually(lambda: not is_alive(jobs.registry.find("web")))
    os.environ["PTYJOBS_TEST_NOTHING"] = ""
    again = jobs.restart("web", wait=0.5)  # of an ended one: its values are kept nowhere
    assert again.notes[0] == "not kept of its environment: SECRET"
    assert jobs.status("web").run == 4


def test_a_call_that_waits_goes_on_over_a_restart(jobs: Jobs, tmp_path: Path) -> None:
    """A wait for readiness spans it; a wait for the end is answered by the end of its run."""
    gate = tmp_path / "gate"
    line = f"while [ ! -e {gate} ]; do sleep 0.05; done; echo now ready; sleep 600"
    jobs.execute(line, name="web", wait=0, ready="now ready")
    first = jobs.status("web").pid
    with ThreadPoolExecutor() as pool:
        waits = [
            pool.submit(jobs.wait, "web", until=what, timeout=60) for what in ("ready", "exited")
        ]
        until(jobs, "web", lambda status: status.waiters == 2)
        jobs.restart("web", wait=0)
        ended = waits[1].result(60)
        assert ended.verdict.exit is not None
        assert ended.verdict.exit.cause == "restarted on request"
        assert not waits[0].done()
        gate.touch()
        ready = waits[0].result(60)
    assert ready.verdict.reason is Reason.SERVICE_READY
    assert jobs.status("web").pid != first


def test_no_process_is_left_and_the_old_directory_is_an_ended_job(jobs: Jobs) -> None:
    jobs.execute("sleep 600 & sleep 600", name="a", wait=0)
    before = until(jobs, "a", lambda s: len(s.processes) == 3).processes
    jobs.restart("a", wait=0)
    for one in before:
        assert not os.path.exists(f"/proc/{one.split()[0]}/fd/0")
    folder = jobs.registry.find("a.1").path
    assert not (folder / "alive").exists()
    assert not (folder / "sock").exists()
    assert not (folder / "cgroup").exists()
    jobs.registry.remove(jobs.registry.find("a.1"))  # the running run keeps its files
    assert jobs.status("a").state is State.RUNNING


CRASHES = "echo started; if [ -e {flag} ]; then sleep 600; fi; echo no config; exit 7"


def test_on_failure_restarts_and_a_wait_for_readiness_spans_it(jobs: Jobs, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    line = CRASHES.format(flag=shlex.quote(str(flag)))
    ready = f"command:test -e {shlex.quote(str(flag))}"
    jobs.execute(line, name="web", ready=ready, restart="on-failure", wait=0)
    status = until(jobs, "web", lambda s: s.restarts)
    assert status.state is State.FAILED
    assert status.restarts.startswith("restarts in ")
    assert status.tries == ("run 1: exited with code 7: no config",)
    answers = []

    def wait() -> None:
        with Jobs(jobs.config) as other:
            answers.append(other.wait("web", timeout=30))

    thread = threading.Thread(target=wait)
    thread.start()
    until(jobs, "web", lambda s: s.run >= 2)
    flag.touch()
    thread.join()
    assert answers[0].verdict.reason is Reason.SERVICE_READY
    assert jobs.status("web").run >= 2
    assert "no config" in jobs.output("web", run=1).text


def test_a_success_is_no_failure_but_always_means_always(jobs: Jobs) -> None:
    answer = jobs.execute("true", name="a", restart="on-failure", wait=30)
    assert answer.state is State.COMPLETED
    assert answer.notes == ()
    jobs.execute("true", name="b", restart="always", wait=30)
    until(jobs, "b", lambda s: s.run >= 2)
    jobs.kill("b")


def test_a_crash_loop_ends_in_a_state_that_says_so(jobs: Jobs) -> None:
    line = "echo cannot find module; exit 3"
    answer = jobs.execute(line, name="web", ready="port", restart="on-failure:2", wait=30)
    assert answer.verdict.reason is Reason.EXITED
    assert answer.notes == (
        "crash loop: given up after 3 runs",
        "run 1: exited with code 3: cannot find module",
        "run 2: exited with code 3: cannot find module",
        "run 3: exited with code 3: cannot find module",
    )
    status = jobs.status("web")
    assert (status.reason, len(status.tries)) == ("crash loop: given up after 3 runs", 3)
    assert status.restarts == ""


def test_a_kill_in_the_pause_is_the_end(jobs: Jobs) -> None:
    jobs.execute("exit 3", name="web", restart="on-failure:9", wait=30)
    until(jobs, "web", lambda s: s.restarts and len(s.tries) >= 2)
    killed = jobs.kill("web")
    assert killed.result == "killed"
    run = killed.status.run
    until(jobs, "web", lambda s: not os.path.exists(jobs.registry.find("web").path / "alive"))
    assert jobs.status("web").run == run


def test_a_killed_service_does_not_come_back_and_a_crashed_one_does(jobs: Jobs, port: int) -> None:
    program = listener(port)
    jobs.execute(argv=program, name="web", ready="port", restart="on-failure", wait=30)
    pid = jobs.status("web").pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(jobs, "web", lambda s: s.run == 2)
    assert jobs.wait("web", timeout=30).verdict.match == f"127.0.0.1:{port}"
    assert jobs.kill("web").result == "killed"
    assert jobs.status("web").state is State.KILLED


def test_the_server_leaves_in_the_pause(jobs: Jobs) -> None:
    with Jobs(jobs.config) as other:
        other.execute("exit 3", name="web", restart="on-failure:9", wait=30)
        until(other, "web", lambda s: s.restarts and len(s.tries) >= 3)
    assert not (jobs.registry.find("web").path / "alive").exists()


def test_replace_ends_a_living_job_of_that_name(jobs: Jobs) -> None:
    jobs.execute("echo one; sleep 600", name="web", wait=0)
    with pytest.raises(DuplicateJob):
        jobs.execute("echo two; sleep 600", name="web")
    answer = jobs.execute("echo two; sleep 600", name="web", replace=True, wait=1)
    assert answer.fresh.text == "two"
    assert (jobs.status("web").run, jobs.status("web.1").state) == (2, State.KILLED)
    assert jobs.execute("sleep 600", name="new", replace=True, wait=0).job_id == "new"


def test_the_name_of_a_job_that_has_just_ended_is_free(jobs: Jobs) -> None:
    """Its holder lives a moment longer than the answer."""
    for run in range(1, 9):
        answer = jobs.execute("sleep 0.01 & echo failed; exit 1", name="web", wait=30)
        assert answer.state is State.FAILED
        assert jobs.status("web").run == run


def test_two_clients_start_the_same_service_at_once(jobs: Jobs, port: int) -> None:
    """One starts it, the other joins, and a different command under that name is refused."""
    barrier, answers = threading.Barrier(2), []

    def start() -> None:
        with Jobs(jobs.config) as other:
            other.warm_up()
            barrier.wait()
            answers.append(
                other.execute(
                    argv=listener(port), name="web", ready="port", lifetime="persistent", wait=30
                )
            )

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert [answer.verdict.match for answer in answers] == [f"127.0.0.1:{port}"] * 2
        assert sorted(answer.notes for answer in answers) == [
            (), ("it was running already: joined",),
        ]  # fmt: skip
        with pytest.raises(DuplicateJob):
            jobs.execute(argv=python("input()"), name="web", ready="port")
    finally:
        jobs.kill("web")


@pytest.fixture
def unwatchable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """While this file exists, holders cannot watch a new terminal."""
    flag = tmp_path / "unwatchable"
    register = PollSet.register

    def failing(self: PollSet, fd: int, mask: int = select.EPOLLIN) -> None:
        if flag.exists() and os.isatty(fd):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        register(self, fd, mask)

    monkeypatch.setattr(PollSet, "register", failing)
    return flag


def test_a_next_run_that_cannot_be_watched_has_failed_and_its_calls_are_answered(
    unwatchable: Path, jobs: Jobs
) -> None:
    first = jobs.execute("sleep 600", name="web", wait=0)
    assert first.state is State.RUNNING
    unwatchable.touch()
    with pytest.raises(StartFailed, match="No space left"):
        jobs.restart("web", wait=20)
    assert eventually(lambda: not is_alive(jobs.registry.find("web")))
    status = jobs.status("web")
    assert (status.run, status.state.ended) == (2, True)
    assert "No space left" in status.reason
    assert status.pid
    assert not running(status.pid)
    unwatchable.unlink()
    assert jobs.execute("echo again", name="web", wait=20).fresh.text == "again"


def test_a_next_run_whose_socket_cannot_be_watched_has_failed(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(Holder, "_move_on", fails)
    jobs.execute("sleep 600", name="web", wait=0)
    with pytest.raises(StartFailed, match="Cannot allocate memory"):
        jobs.restart("web", wait=20)
    assert eventually(lambda: not is_alive(jobs.registry.find("web")))
    status = jobs.status("web")
    assert (status.run, status.state) == (2, State.FAILED)
    assert "Cannot allocate memory" in status.reason


@pytest.mark.parametrize("place", ["_move_on", "with_port", "inherit"])
def test_a_next_run_at_which_the_holder_fails_has_failed_with_the_reason(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("broken")

    def second_fails(_: JobService, spec: JobSpec) -> JobSpec:
        if spec.run > 1:
            fails()
        return spec

    if place == "with_port":
        monkeypatch.setattr(JobService, place, second_fails)
    else:
        monkeypatch.setattr({"_move_on": Holder, "inherit": Run}[place], place, fails)
    jobs.execute("sleep 600", name="web", wait=0)
    with pytest.raises(StartFailed, match="its holder failed"):
        jobs.restart("web", wait=20)
    assert eventually(lambda: not is_alive(jobs.registry.find("web")))
    status = jobs.status("web")
    assert (status.run, status.state) == (2, State.FAILED)
    assert "KeyError: 'broken'" in status.reason


def test_a_first_run_at_which_the_holder_fails_leaves_no_holder(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> JobSpec:
        raise KeyError("broken")

    monkeypatch.setattr(JobService, "with_port", fails)
    with pytest.raises(StartFailed, match="KeyError: 'broken'"):
        jobs.execute("sleep 600", name="web", wait=20)
    assert not jobs.registry.all()
    assert jobs.zygote is not None
    assert eventually(lambda: len(tree.children(jobs.zygote.pid)) == 1)  # the spare


def test_a_next_run_without_a_directory_is_tried_once(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(loop, "succeed", fails)
    jobs.execute("exit 3", name="web", restart="always", wait=20)
    assert eventually(lambda: not is_alive(jobs.registry.find("web")))
    status = jobs.status("web")
    assert (status.run, status.state, status.restarts) == (1, State.FAILED, "")


def test_a_first_run_that_cannot_be_watched_is_ended(unwatchable: Path, jobs: Jobs) -> None:
    jobs.warm_up()
    unwatchable.touch()
    with pytest.raises(StartFailed, match="No space left"):
        jobs.execute(f"echo $$ > {unwatchable}.pid; exec sleep 600", name="web", wait=20)
    assert jobs.zygote is not None
    assert eventually(lambda: len(tree.children(jobs.zygote.pid)) == 1)  # the spare
    noted = unwatchable.with_suffix(".pid")
    text = noted.read_text() if noted.exists() else ""
    assert not text or not running(int(text))  # it may be killed before it has written
