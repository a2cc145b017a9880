"""A project's Procfile: read exactly, started as jobs, and found again from the directory."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.client import procfile, services
from ptyjobs.errors import BadInput
from ptyjobs.model import State
from tests.services.conftest import python

SERVER = shlex.join(
    python(
        "import os, socket, time; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, "
        "socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', int(os.environ['PORT']))); s.listen(); "
        "print('up', os.environ.get('MODE'), flush=True); time.sleep(600)"
    )
)


def write(folder: Path, text: str, env: str = "") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Procfile").write_text(text)
    if env:
        (folder / ".env").write_text(env)
    return str(folder / "Procfile")


def test_reading(tmp_path: Path) -> None:
    path = write(tmp_path, "# ours\nweb: npm run dev -- --port $PORT\n\nworker:  ./work  # two\n")
    assert procfile.read(path) == (
        procfile.Process("web", "npm run dev -- --port $PORT", 2),
        procfile.Process("worker", "./work  # two", 4),
    )
    (tmp_path / "src").mkdir()
    assert procfile.find(str(tmp_path / "src")) == path
    (tmp_path / "src" / ".git").mkdir()
    with pytest.raises(BadInput, match="There is no Procfile"):
        procfile.find(str(tmp_path / "src"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "web: x\nworker ./work\n",
            r"Procfile:2: 'worker ./work' is not a process; expected NAME:",
        ),
        ("web: x\nweb: y\n", r"Procfile:2: the process 'web' is already defined in line 1"),
        ("my web: x\n", r"Procfile:1: .*expected NAME: COMMAND"),
        ("web:\n", r"Procfile:1: "),
        ("# nothing\n", "names no process"),
    ],
)
def test_an_error_names_the_line_and_what_was_expected(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        procfile.read(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    with pytest.raises(BadInput) as failure:
        procfile.read(str(path))
    assert failure.value.message == f"{path} cannot be read: No such file or directory."


def test_env_files(tmp_path: Path) -> None:
    text = "# c\nexport A=1\nB = 'two words' \nC=\"x\\ny\"\nD=4 # four\nE=\n"
    write(tmp_path, "web: x", text)
    assert procfile.environment(str(tmp_path)) == {
        "A": "1", "B": "two words", "C": "x\ny", "D": "4", "E": "",
    }  # fmt: skip
    (tmp_path / ".env").write_text("A=1\nsecret words\n")
    with pytest.raises(BadInput, match=r"\.env:2: expected NAME=VALUE") as error:
        procfile.environment(str(tmp_path))
    assert "secret" not in str(error.value)
    with pytest.raises(BadInput, match=r"no process 'wrk'\. It has web"):
        procfile.choose((procfile.Process("web", "x", 1),), ["wrk"])


@pytest.mark.live
def test_up_ps_restart_and_down_at_a_shell(tmp_path: Path) -> None:
    project = tmp_path / "shop"
    write(project, f"web: {SERVER}\nworker: sleep 600\nbad: echo no config; exit 3\n", "MODE=dev\n")
    environ = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")}

    def run(*words: str, code: int | None = 0) -> str:
        command = [sys.executable, "-m", "ptyjobs", *words]
        done = subprocess.run(command, env=environ, cwd=project, capture_output=True, text=True)
        assert code is None or done.returncode == code, done
        return done.stdout

    try:
        assert "ready on 127.0.0.1:" in run("up", "web", "--ready", "port")
        told = json.loads(run("up", "worker", "--json"))
        assert [(one["process"], one["answer"]["state"]) for one in told] == [("worker", "running")]
        assert "ready on 127.0.0.1:" in run("up", "web")  # it runs already: left alone
        run("up", "bad", code=None)  # it starts, and ends immediately or shortly after
        lines = run("ps", code=1).splitlines()
        assert [line.split()[:2] for line in lines] == [
            ["web", "running"], ["worker", "running"], ["bad", "failed"],
        ]  # fmt: skip
        assert "no config" in lines[2]
        assert lines[0].count("127.0.0.1:") == 1  # its address is part of its readiness
        assert "up dev" in run("logs", "web", "--text")
        assert "web: run 2, ready 127.0.0.1:" in run("restart", "web")
        ids = run("list", "--ids", "--running", "--where", "project=.", "--label", "process=web")
        assert ids.split() == ["web"]
        assert run("list", "--ids", "--where", "project=/proc") == ""
        assert "web:1: up dev" in run("grep", "up d.v", "--where", "project=.")
        run("grep", "nowhere to be found", code=1)
    finally:
        down = run("down")
    assert down.splitlines()[0].startswith("worker: killed")
    assert down.splitlines()[1].startswith("web: killed")
    assert run("down") == "None of them runs.\n"


@pytest.mark.live
def test_two_worktrees_have_the_same_process_names(jobs: Jobs, tmp_path: Path) -> None:
    one = write(tmp_path / "one", f"web: {SERVER}\n")
    two = write(tmp_path / "two", f"web: {SERVER}\n")
    try:
        first = services.up(jobs, one, ready=["port"])
        second = services.up(jobs, two, ready=["port"])
        assert [s.job_id for s in (*first, *second)] == ["web", "web-two"]
        assert all(s.good for s in (*first, *second))
        assert jobs.status("web").port != jobs.status("web-two").port
        assert [job.job_id for job in services.living(jobs.registry, two)] == ["web-two"]
        assert services.up(jobs, two)[0].job_id == "web-two"
        jobs.kill("web-two")
        assert services.jobs_of(jobs.registry, two)["web"].job_id == "web-two"
    finally:
        for status in jobs.list():
            if status.state is State.RUNNING:
                jobs.kill(status.job_id)
