"""`list` wakes no holder of a quiet job, and is never older than the truth."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ptyjobs.client.registry import Registry
from ptyjobs.holder import status_cache
from ptyjobs.model import State, Status
from tests.cli.conftest import Shell
from tests.faults import world

pytestmark = pytest.mark.live


def seen(shell: Shell, job_id: str) -> Status:
    """The job's status on disk, once it is current."""
    job = Registry(shell.state).find(job_id)
    assert world.eventually(lambda: status_cache.read(job) is not None)
    found = status_cache.read(job)
    assert found is not None
    return found


def row(shell: Shell, job_id: str) -> str:
    rows = shell.run("list").stdout.splitlines()
    return next(line for line in rows if line.startswith(job_id))


def test_a_quiet_job_is_told_from_disk_even_while_its_holder_is_stopped(shell: Shell) -> None:
    # Not Python 3.13's REPL, which wakes ten times a second.
    shell.run("run", "-d", "--name", "py", "--", "python3 -c \"input('>>> ')\"")
    shell.run("wait", "py")
    assert "waits at >>>" in row(shell, "py")
    seen(shell, "py")
    holder = int((Registry(shell.state).find("py").path / "alive").read_text())
    os.kill(holder, signal.SIGSTOP)
    try:
        line = row(shell, "py")
    finally:
        os.kill(holder, signal.SIGCONT)
    assert "waits at >>>" in line
    assert line.endswith(">>>")


def test_a_job_that_begins_to_wait_without_a_sound_is_told_anew(
    shell: Shell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    shell.run("run", "-d", "--name", "late", "--", f"read x < {gate}; exec cat")
    before = seen(shell, "late")
    assert "waits for input" not in row(shell, "late")
    gate.write_text("go\n")
    assert world.eventually(
        lambda: '"reason": "waiting_for_input"' in shell.run("status", "late", "--json").stdout
    )
    assert "waits for input" in row(shell, "late")
    assert before.waiting is None
    assert seen(shell, "late").waiting is not None


def test_what_another_process_of_the_job_prints_is_seen_at_once(
    shell: Shell, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    command = f"(read x < {gate}; echo from behind) & exec cat"
    shell.run("run", "-d", "--name", "two", "--", command)
    seen(shell, "two")
    gate.write_text("go\n")
    shell.run("wait", "two", "--pattern", "behind")
    assert "from behind" in row(shell, "two")


def test_the_record_of_an_ended_job_stands_alone(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "end", "--", "cat")
    seen(shell, "end")
    shell.run("kill", "end")
    job = Registry(shell.state).find("end")
    assert not (job.path / status_cache.NAME).exists()
    assert Registry(shell.state).status(job).state is State.KILLED
    assert "killed" in row(shell, "end")


def test_a_flood_that_is_watched_is_told_from_disk(shell: Shell) -> None:
    command = "i=0; while :; do i=$((i+1)); echo line $i of a flood; done"
    shell.run("run", "-d", "--name", "flood", "--", command)
    job = Registry(shell.state).find("flood")

    def current() -> Status | None:
        assert "of a flood" in row(shell, "flood")
        return status_cache.read(job)

    assert world.eventually(lambda: current() is not None)
    status = status_cache.read(job)
    assert status is None or 0 < status.age <= status_cache.FRESH
    shell.run("kill", "flood")
