"""Messages at the start and end of a session, and the hooks' launcher."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ptyjobs
from ptyjobs import Jobs, config
from ptyjobs.cli import main
from ptyjobs.cli.commands import hook
from ptyjobs.model import Exit, Lifetime, Reason, State, Status, Verdict

LAUNCHER = Path(ptyjobs.__file__).parent / "plugin" / "scripts" / "ptyjobs.sh"
NOW = 1_000_000.0


def job(job_id: str, *, cwd: str = "/p/web", **facts: object) -> Status:
    known = {"state": State.RUNNING, "command": "npm run dev", "lifetime": Lifetime.PERSISTENT}
    return Status(job_id=job_id, cwd=cwd, **{**known, **facts})  # type: ignore[arg-type]


def test_a_session_learns_which_jobs_of_its_project_live_on_or_were_lost() -> None:
    lost = {"state": State.FAILED, "ended": NOW - 60}
    statuses = [
        job("web"),
        job("db", cwd="/p/web/sub", command="psql  -h\nlocal"),
        job("other", cwd="/p/webshop"),
        job("mine", lifetime=Lifetime.SESSION),
        job("gone", **lost),
        job("done", **lost, exit=Exit(code=0)),
        job("old", state=State.FAILED, ended=NOW - 90_000),
    ]
    assert hook.start_text(statuses, folder="/p/web", now=NOW) == (
        "ptyjobs: 2 running here: web (npm run dev), db (psql -h local). Lost: gone (npm run dev)."
    )
    many = [job(f"job-{n}") for n in range(50)]
    assert len(hook.start_text(many, folder="/p/web", now=NOW)) <= hook.MAX_TEXT
    assert hook.start_text(statuses[2:4], folder="/p/web", now=NOW) == ""


def answer(
    event: str, given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    assert main.main(["hook", event]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("given", ["", "[", "[]", "{}"])
@pytest.mark.parametrize("event", ["session-start", "stop"])
def test_without_jobs_a_session_is_told_nothing(
    event: str,
    given: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PTYJOBS_STATE", str(tmp_path / "state"))
    assert answer(event, given, monkeypatch, capsys) == ""
    assert not (tmp_path / "state").exists()


def test_the_end_tells_once_of_the_sessions_own_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PTYJOBS_STATE", str(tmp_path / "state"))
    event = json.dumps({"session_id": "s1", "stop_hook_active": False})
    with Jobs(config.load()) as jobs:
        jobs.execute("python3 -i -q", name="repl")
        jobs.execute("read -p 'Overwrite? ' x", name="asks")
        jobs.execute("sleep 1000", name="runs", wait=0)
        monkeypatch.setenv("CLAUDE_PID", "1")
        assert answer("stop", event, monkeypatch, capsys) == ""
        monkeypatch.setenv("CLAUDE_PID", str(os.getpid()))
        told = json.loads(answer("stop", event, monkeypatch, capsys))
        assert told["decision"] == "block"
        assert "Asking: asks (read -p" in told["reason"]
        assert "Still running: runs (sleep 1000)." in told["reason"]
        assert "repl" not in told["reason"]
        assert len(told["reason"]) <= hook.MAX_TEXT
        assert answer("stop", event, monkeypatch, capsys) == ""
        active = json.dumps({"session_id": "s2", "stop_hook_active": True})
        assert answer("stop", active, monkeypatch, capsys) == ""


def test_a_verdict_without_a_terminal_asks_nothing() -> None:
    waiting = Verdict(Reason.WAITING_FOR_INPUT, prompt="Sure? ")
    assert hook.stop_text([job("a", waiting=waiting, pid=None)]) == ""


def launched(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(LAUNCHER), *words],
        env={"PATH": "/nowhere", "HOME": "/nowhere", **environ},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_the_launcher_runs_what_is_there_or_says_what_to_do(tmp_path: Path) -> None:
    nothing = launched()
    assert nothing.returncode == 127
    assert nothing.stderr.count("\n") == 1
    assert "pipx install ptyjobs" in nothing.stderr
    silent = launched("hook", "stop")
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    for name in ("ptyjobs", "uvx", "mine"):
        program = tmp_path / name / name
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\necho "{name} $* ${{PTYJOBS_SANDBOX-unset}}"\n')
        program.chmod(0o755)
    by_uvx = launched("list", PATH=str(tmp_path / "uvx"))
    assert by_uvx.stdout == f"uvx ptyjobs=={ptyjobs.__version__} list unset\n"
    both = f"{tmp_path / 'uvx'}:{tmp_path / 'ptyjobs'}"
    assert launched("list", PATH=both, PTYJOBS_SANDBOX="").stdout == "ptyjobs list unset\n"
    mine = {"PTYJOBS_PLUGIN_COMMAND": str(tmp_path / "mine" / "mine")}
    kept = launched(PATH=both, PTYJOBS_SANDBOX="bwrap", **mine)
    assert kept.stdout == "mine  bwrap\n"
    placeholder = launched(PATH=both, PTYJOBS_SANDBOX="${user_config.sandbox}")
    assert placeholder.stdout == "ptyjobs  unset\n"
