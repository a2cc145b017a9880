"""The plugin's monitor: it follows for as long as the client lives, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.process import tree

SCRIPT = Path(__file__).parents[2] / "ptyjobs/plugin/monitors/follow.sh"


@contextmanager
def monitor(tmp_path: Path, ptyjobs: str, client: int) -> Iterator[subprocess.Popen[str]]:
    """The monitor with a ptyjobs of our own, for the client of that pid."""
    command = tmp_path / "ptyjobs"
    command.write_text(f"#!/bin/sh\n{ptyjobs}\n")
    command.chmod(0o755)
    process = subprocess.Popen(
        ["sh", str(SCRIPT)], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PTYJOBS_PLUGIN_COMMAND": str(command), "CLAUDE_PID": str(client),
             "CLAUDE_CODE_SESSION_ID": "the-session"},
    )  # fmt: skip
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()


def test_it_follows_the_session_and_ends_with_a_signal(tmp_path: Path) -> None:
    with monitor(tmp_path, 'echo "$@"; exec sleep 100', os.getpid()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "events --follow --session the-session\n"
        process.terminate()
        assert process.wait(10) == 143
        assert process.stdout.read() == ""  # the pipe is closed: the follower has ended too


def test_without_ptyjobs_it_neither_speaks_nor_ends(tmp_path: Path) -> None:
    with monitor(tmp_path, "echo tried >&3; exit 127", os.getpid()) as process:
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.terminate()
        assert process.stdout is not None
        assert process.wait(10) == 143
        assert process.stdout.read() == ""


def test_it_ends_when_its_client_is_gone(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with monitor(tmp_path, "exec sleep 100", gone.pid) as process:
        assert process.wait(10) == 0


@pytest.mark.live
def test_a_follower_that_crashes_catches_up_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTYJOBS_STATE_DIR", str(tmp_path / "state"))
    config = Config(state_dir=str(tmp_path / "state"), session="the-session")
    ours = f'exec "{sys.executable}" -m ptyjobs "$@"'
    with monitor(tmp_path, ours, os.getpid()) as process, Jobs(config) as jobs:
        assert process.stdout is not None
        jobs.execute("exit 1", name="a", wait=0)
        assert process.stdout.readline().startswith("[a] exited with code 1")
        for pid in tree.descendants(process.pid):
            os.kill(pid, signal.SIGKILL)
        jobs.execute("exit 2", name="b", wait=0)  # while there is no follower
        assert process.stdout.readline().startswith("[b] exited with code 2")
        jobs.execute("exit 3", name="c", wait=0)
        assert process.stdout.readline().startswith("[c] exited with code 3")
        process.terminate()
        assert process.wait(10) == 143
        assert process.stdout.read() == ""
