"""`shell` runs the command line in a state directory of its own; `outer` is a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load
from tests.faults import world


class Shell:
    """Runs `ptyjobs ...` with a state directory of its own."""

    def __init__(self, state: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PTYJOBS")}
        self.state = state
        self.env = {**kept, "PTYJOBS_STATE": str(state), "TERM": "xterm-256color"}

    def run(
        self,
        *words: str,
        input: str | None = None,
        stdout: IO[str] | int = subprocess.PIPE,
        encoding: str | None = None,
        **env: str,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ptyjobs", *words],
            env={**self.env, **env},
            input=input,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding=encoding,
            text=True,
            check=False,
            timeout=60,
        )

    def jobs(self) -> Jobs:
        """The same jobs in this process: faster, where the command line is not the subject."""
        return Jobs(load({"PTYJOBS_STATE": str(self.state)}))

    @contextlib.contextmanager
    def reader(self, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
        """`ptyjobs ...` and its output while it runs; always ended after the block."""
        argv = [sys.executable, "-m", "ptyjobs", *words]
        with subprocess.Popen(argv, env=self.env, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                yield process, process.stdout
            finally:
                process.kill()


class Outer:
    """A person's terminal, run by tmux: their keys and their screen."""

    def __init__(self, shell: Shell, directory: Path) -> None:
        self._shell = shell
        self._directory = str(directory)  # programs leave no files elsewhere
        self._socket = str(directory / "tmux")

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-f", os.devnull, "-S", self._socket, *words],
            env={k: v for k, v in self._shell.env.items() if k != "TMUX"},
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.stdout

    def open(self, line: str, *, rows: int = 24, cols: int = 80, name: str = "0") -> None:
        """Run a shell line in a new terminal of that size; $PTYJOBS is the command line."""
        ours = f"PTYJOBS='{sys.executable} -m ptyjobs'; {line}; echo left:$?; sleep 600"
        size = ("-x", str(cols), "-y", str(rows), "-c", self._directory)
        self.tmux("new-session", "-d", "-s", name, *size, "bash", "--norc", "-c", ours)

    def type(self, *keys: str, name: str = "0") -> None:
        self.tmux("send-keys", "-t", f"={name}:", *keys)  # a bare 0 is a pane of the newest session

    def screen(self, *, name: str = "0", history: int = 0) -> str:
        return self.tmux("capture-pane", "-p", "-t", f"={name}:", "-S", str(-history))

    def sees(self, *words: str, name: str = "0", unless: str = "") -> str:
        """The screen, once it shows all of `words` (and not `unless`)."""

        def shown() -> bool:
            now = self.screen(name=name)
            return all(word in now for word in words) and not (unless and unless in now)

        assert world.eventually(shown, within=20.0), self.screen(name=name)
        return self.screen(name=name)

    def pid(self, name: str = "0") -> int:
        return int(self.tmux("display-message", "-p", "-t", f"={name}:", "#{pane_pid}"))

    def close(self) -> None:
        self.tmux("kill-server")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "state")
    yield shell
    if shell.state.exists():
        with shell.jobs() as jobs:
            for status in jobs.list():
                if not status.state.ended:
                    jobs.kill(status.job_id)


@pytest.fixture
def outer(shell: Shell, tmp_path: Path) -> Iterator[Outer]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    outer = Outer(shell, tmp_path)
    yield outer
    outer.close()


@pytest.fixture
def status(shell: Shell) -> Callable[[str], dict[str, object]]:
    def ask(job_id: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(shell.run("status", job_id, "--json").stdout)
        return found

    return ask
