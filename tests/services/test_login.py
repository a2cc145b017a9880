"""On request a job has the environment of the user's login shell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.process import login_shell

pytestmark = pytest.mark.live


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory whose start-up files set something."""
    folder = tmp_path / "home"
    (folder / "bin").mkdir(parents=True)
    tool = folder / "bin" / "mytool"
    tool.write_text("#!/bin/sh\necho from my shell\n")
    tool.chmod(0o755)
    text = f"export PATH={folder}/bin:$PATH EDITOR=ed\n"
    for name in (".profile", ".bash_profile", ".bashrc", ".zprofile"):
        (folder / name).write_text(text)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    return folder


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "dash"])
def test_the_start_up_files_are_read(
    jobs: Jobs, home: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} here")
    monkeypatch.setenv("SHELL", path)
    assert "not found" in jobs.execute("mytool", wait=30).fresh.text
    answer = jobs.execute("mytool; echo $EDITOR; exit 3", login=True, wait=30)
    assert answer.fresh.text.splitlines()[-2:] == ["from my shell", "ed"]
    assert answer.verdict.exit is not None
    assert answer.verdict.exit.code == 3


def test_a_venv_of_the_directory_is_active_and_status_says_what_changed(
    jobs: Jobs, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bash = shutil.which("bash")
    assert bash
    monkeypatch.setenv("SHELL", bash)
    project = tmp_path / "project"
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "activate").write_text("export VIRTUAL_ENV=$PWD/.venv\n")
    line = "echo $VIRTUAL_ENV $PORT; exec sleep 600"
    jobs.execute(line, name="a", cwd=str(project), login=True, port="auto", wait=0)
    jobs.wait("a", until="pattern", patterns=[rf"{project}/.venv \d+"], timeout=30)
    assert set(jobs.status("a").changed) >= {"EDITOR", "PATH", "VIRTUAL_ENV"}
    jobs.execute(line, name="b", cwd=str(project), wait=0)
    assert jobs.status("b").changed == ()


def test_shells_with_a_syntax_of_their_own_get_one_quoted_line() -> None:
    words = login_shell.through_login(("echo", "it's"), shell="/usr/bin/fish")
    assert words[:4] == ("/usr/bin/fish", "-l", "-i", "-c")
    assert words[4].startswith("'/bin/sh' '-c' ")
    assert words[4].endswith(r"'login' '' 'echo' 'it\'s'")
