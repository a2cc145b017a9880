"""An interrupted start: the job has ended, or its id was printed."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import config
from ptyjobs.client import AsyncJobs, aio, interrupts, prepare, sync
from ptyjobs.client.connection import Connection
from tests.cli.conftest import Shell
from tests.faults import world

pytestmark = pytest.mark.live


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_start_leaves_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupted(*_: Any, **__: Any) -> object:
        raise interruption

    monkeypatch.setattr(Connection, "reply", interrupted)
    with sync.Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        with pytest.raises(interruption):
            jobs.execute("sleep 100", lifetime="persistent", wait=0)
        monkeypatch.undo()
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


@pytest.mark.parametrize("words", [("run", "-d", "--"), ("run", "--"), ("demo",)])
def test_a_signal_at_any_moment_of_a_start_leaves_no_job_untold(
    shell: Shell, words: tuple[str, ...]
) -> None:
    argv = [sys.executable, "-m", "ptyjobs", *words, *(["sleep", "100"] if "--" in words else [])]
    began = time.monotonic()
    shell.run("run", "-d", "--", "true")
    whole = time.monotonic() - began
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for step in range(12):
        process = subprocess.Popen(
            argv, env=shell.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            time.sleep(whole * (0.3 + step * 0.07))  # any moment will do
            process.send_signal(numbers[step % 3])
            out, err = process.communicate(timeout=60)
        with shell.jobs() as jobs:
            running = [status.job_id for status in jobs.list() if not status.state.ended]
            assert set(running) <= set(out.split()), (step, out, err)
            for job_id in running:
                jobs.kill(job_id)


def test_signals_are_held_back_and_act_at_the_end() -> None:
    done = []

    def work() -> None:
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")
        done.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.anyio
async def test_a_start_that_is_cancelled_before_it_was_asked_for_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(sock: Any) -> Any:
        sock.close()
        raise asyncio.CancelledError

    monkeypatch.setattr(aio, "open_connection", cancelled)
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    async with AsyncJobs(settings) as jobs:
        with pytest.raises(asyncio.CancelledError):
            await jobs.start(prepare(settings, command="sleep 100", lifetime="persistent"))
        assert jobs.registry.all() == []
