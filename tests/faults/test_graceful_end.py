"""The end policy: a program that handles SIGTERM finishes, and SIGKILL is reported."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import world
from tests.mcp.live import Server

pytestmark = [pytest.mark.live, pytest.mark.fault]

PYTHON = """
import signal, sys, time
def save(*_):
    with open({file!r}, 'w') as f: f.write('begin ')
    time.sleep(0.3)
    with open({file!r}, 'a') as f: f.write('saved')
    print('state saved', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print('up', flush=True)
while True: time.sleep(1)
"""
# A second SIGTERM kills it: the signal must arrive exactly once.
NODE = """
const fs = require('fs');
process.once('SIGTERM', () => {{
  fs.writeFileSync({file!r}, 'begin ');
  setTimeout(() => {{ fs.appendFileSync({file!r}, 'saved'); process.exit(0) }}, 300);
}});
console.log('up'); setInterval(() => 0, 1000);
"""
BASH = """
trap 'printf "begin " >{file}; sleep 0.3; printf saved >>{file}; exit 0' TERM
echo up; while :; do sleep 0.1; done
"""
BASH_WAITING = BASH.replace("while :; do sleep 0.1; done", "sleep 1000")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "state") as server:
        yield server


def command(kind: str, tmp_path: Path) -> str:
    """A command line whose program saves to `tmp_path`/saved at SIGTERM, which takes 0.3 s."""
    file = str(tmp_path / "saved")
    script = tmp_path / "program"
    program, source = {
        "python": (sys.executable, PYTHON),
        "node": ("node", NODE),
        "bash": ("bash", BASH),
        "bash with a foreground child": ("bash", BASH_WAITING),
    }[kind.removesuffix(" below a shell").removesuffix(" below a forwarding parent")]
    if not shutil.which(program):
        pytest.skip(f"no {program}")
    script.write_text(source.format(file=file))
    line = f"{program} {script}"
    if kind.endswith("below a shell"):
        return f"{line}; echo went on >{tmp_path}/went_on"
    if kind.endswith("below a forwarding parent"):
        parent = tmp_path / "parent.py"
        parent.write_text(
            "import signal, subprocess, sys\n"
            f"child = subprocess.Popen({line.split()!r})\n"
            "signal.signal(signal.SIGTERM, lambda n, _: child.send_signal(n))\n"
            "sys.exit(child.wait())\n"
        )
        return f"{sys.executable} {parent}"
    return line


def saved(tmp_path: Path) -> bool:
    file = tmp_path / "saved"
    return file.exists() and file.read_text() == "begin saved"


def start(server: Server, line: str) -> None:
    server.text("execute", command=line, name="j", wait=0)
    assert "matched" in server.text("wait", job_id="j", pattern="up", timeout=20)


KINDS = [
    "python",
    "python below a shell",
    "python below a forwarding parent",
    "node",
    "node below a forwarding parent",
    "bash",
    "bash with a foreground child",
]


@pytest.mark.parametrize("kind", KINDS)
def test_kill_lets_a_handler_finish(server: Server, tmp_path: Path, kind: str) -> None:
    start(server, command(kind, tmp_path))
    text = server.text("kill", job_id="j", grace=10)
    assert saved(tmp_path), text
    assert "SIGKILL" not in text
    assert not (tmp_path / "went_on").exists()  # a shell must not run the rest of its line


def test_kill_tells_the_last_words_and_the_exit(server: Server, tmp_path: Path) -> None:
    start(server, command("python", tmp_path))
    text = server.text("kill", job_id="j", grace=10)
    assert text.startswith("[j] killed · 1 process ended · exited with code 0\n")
    assert text.endswith("state saved")


def test_a_handler_below_an_interactive_shell_finishes(server: Server, tmp_path: Path) -> None:
    server.text("execute", command="bash --norc -i", name="j")
    line = command("python", tmp_path) + f"; touch {tmp_path}/went_on"
    server.text("interact", job_id="j", input=line, until="up")
    server.text("kill", job_id="j", grace=10)
    assert saved(tmp_path)
    assert not (tmp_path / "went_on").exists()


@pytest.mark.parametrize("shell", ["bash --norc -i", "dash -i", "zsh -f -i", "fish -N"])
def test_an_idle_shell_ends_without_force(server: Server, shell: str) -> None:
    if not shutil.which(shell.split()[0]):
        pytest.skip(f"no {shell}")
    server.text("execute", command=shell, name="j", wait=5)
    began = time.monotonic()
    text = server.text("kill", job_id="j", grace=20)
    assert "SIGKILL" not in text
    assert time.monotonic() - began < 10  # well below the grace


def test_force_is_reported_and_bounded_by_the_grace_of_the_call(server: Server) -> None:
    server.text("execute", command="trap '' TERM HUP; echo up; while :; do sleep 9; done", name="j")
    began = time.monotonic()
    text = server.text("kill", job_id="j", grace=0.2)
    assert "SIGKILL was needed for" in text
    assert time.monotonic() - began < 10


def test_the_time_limit_lets_a_handler_finish_and_is_no_success(
    server: Server, tmp_path: Path
) -> None:
    line = command("python", tmp_path)
    head = server.text("execute", command=line, name="j", timeout=2, wait=20)
    if "up" in head and "killed" not in head.splitlines()[0]:
        head = server.text("wait", job_id="j", until="exited", timeout=20)
    assert head.startswith("[j] killed: its time limit of 2 s was over · exited with code 0"), head
    assert saved(tmp_path)
    status = server.text("status", job_id="j").splitlines()[0]
    assert status.startswith("[j] killed: its time limit of 2 s was over · exited with code 0")
    listed = server.text("list")
    assert "time limit" in listed.partition("exited with code 0")[0]


def test_json_and_exit_code_of_the_command_line_name_the_cause(
    tmp_path: Path,
) -> None:
    line = command("python", tmp_path)
    run = [sys.executable, "-m", "ptyjobs", "run", "--timeout", "1", "--json", "--", "sh", "-c"]
    done = subprocess.run(
        [*run, line],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "cli")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 128 + signal.SIGTERM, done
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["status"]["exit"]["cause"] == "its time limit of 1 s was over"


ENDS = {
    "stdin closed": lambda s: s.process.stdin.close(),
    "TERM": lambda s: s.process.send_signal(signal.SIGTERM),
    "KILL": lambda s: s.process.kill(),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_end_of_the_server_lets_a_handler_finish(
    server: Server, tmp_path: Path, how: str
) -> None:
    start(server, command("python", tmp_path))
    ENDS[how](server)
    assert world.eventually(lambda: saved(tmp_path))


def test_the_grace_at_the_servers_end_is_the_settings(tmp_path: Path) -> None:
    with Server(tmp_path / "state", env={"PTYJOBS_KILL_GRACE": "8"}) as server:
        source = PYTHON.replace("0.3", "2.5").format(file=str(tmp_path / "saved"))
        (tmp_path / "slow.py").write_text(source)
        start(server, f"{sys.executable} {tmp_path}/slow.py")
        server.process.kill()
        assert world.eventually(lambda: saved(tmp_path))


def test_processes_that_outlive_their_job_are_noted(server: Server) -> None:
    line = "nohup sleep 66 >/dev/null 2>&1 & sleep 0.3; echo up"
    text = server.text("execute", command=line, name="j", wait=15)
    assert "exited with code 0" in text
    assert "(1 process of the job lives on: kill ends it)" in text
    server.text("kill", job_id="j")
    quiet = server.text("execute", command="echo up", name="k", wait=15)
    assert "lives on" not in quiet
