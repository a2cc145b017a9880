"""Shells that mark their prompts, with all start-up files unchanged."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from ptyjobs.process.shell_integration import marked
from tests.readiness.driver import Answer, Job


def start(argv: list[str], home: Path, rc: dict[str, str] | None = None) -> Job:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    for name, text in (rc or {}).items():
        (home / name).write_text(text)
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    made = marked(argv, env=env, directory=str(home / "private"))
    assert made is not None
    for path, text in made.files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    return Job(list(made.argv), env=made.env)


def told(job: Job, text: str) -> Answer:
    return job.interact(text.encode() + b"\r", timeout=20)


def shell_session(job: Job) -> None:
    with job:
        job.interact(timeout=20)
        for command, code in (("true", 0), ("false", 1), ("sh -c 'exit 7'", 7)):
            answer = told(job, command)
            assert answer.verdict.command_exit == code
            assert answer.verdict.reason.ready
        assert told(job, "").verdict.command_exit is None
        assert told(
            job, "if true; then" if job.argv[0] != "fish" else "if true"
        ).verdict.continuation
        told(job, "echo in block")
        closed = told(job, "fi" if job.argv[0] != "fish" else "end").verdict
        assert (closed.continuation, closed.command_exit) == (False, 0)
        answer = told(job, "cat")
        assert (answer.verdict.command_exit, answer.verdict.continuation) == (None, False)
        assert job.interact(b"\x04", timeout=20).verdict.command_exit == 0


def test_bash(tmp_path: Path) -> None:
    rc = "PS1='mine> '\nfallen=yes\nPROMPT_COMMAND='seen=$?'\n"
    job = start(["bash"], tmp_path, {".bashrc": rc})
    shell_session(job)
    with start(["bash"], tmp_path) as job:
        assert job.interact(timeout=20).verdict.prompt == "mine> "
        told(job, "sh -c 'exit 5'")
        # the user's own hook runs, and both it and the next command see the right status
        assert "5/yes" in told(job, "echo $seen/$fallen").text
        told(job, "sh -c 'exit 6'")
        assert "got 6" in told(job, "echo got $?").text
    assert (tmp_path / ".bashrc").read_text() == rc


def test_bash_with_an_array_of_hooks_and_login(tmp_path: Path) -> None:
    with start(["bash"], tmp_path, {".bashrc": "PROMPT_COMMAND=('a=1' 'b=2')\nPS1='$ '\n"}) as job:
        job.interact(timeout=20)
        assert told(job, "false").verdict.command_exit == 1
        assert "hooks 1 2" in told(job, "echo hooks $a $b").text
    with start(["bash", "-l"], tmp_path, {".bash_profile": "who=login\nPS1='$ '\n"}) as job:
        job.interact(timeout=20)
        assert "I am login" in told(job, "echo I am $who").text


def test_zsh(tmp_path: Path) -> None:
    rc = "PS1='mine> '\nprecmd() { seen=$? }\n"
    shell_session(start(["zsh"], tmp_path, {".zshrc": rc, ".zshenv": "early=1\n"}))
    with start(["zsh"], tmp_path) as job:
        assert job.interact(timeout=20).verdict.prompt == "mine> "
        told(job, "sh -c 'exit 5'")
        assert "5/1/" in told(job, "echo $seen/$early/$ZDOTDIR").text


def test_fish(tmp_path: Path) -> None:
    shell_session(start(["fish"], tmp_path))


def test_python(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.py"
    theirs.write_text("mine = 4242\n")
    os.environ["PYTHONSTARTUP"] = ""
    made = marked(
        [sys.executable],
        env={"PYTHONSTARTUP": str(theirs), "HOME": str(tmp_path)},
        directory=str(tmp_path),
    )
    assert made is not None
    for path, text in made.files.items():
        Path(path).write_text(text)
    with Job(list(made.argv), env=made.env) as job:
        job.interact(timeout=20)
        assert "4242" in told(job, "mine").text
        answer = told(job, "import os; os.environ.get('PYTHONSTARTUP')")
        assert "theirs.py" in answer.text
        assert told(job, "if 1:").verdict.continuation
        assert b"\x1b]133;A" in job.log
        assert job.screen.row_text(job.screen.cursor_row).startswith("...")


@pytest.mark.parametrize(
    "argv",
    [
        ["bash", "-c", "true"],
        ["bash", "script.sh"],
        ["bash", "--posix"],
        ["zsh", "-f"],
        ["zsh", "-c", "true"],
        ["fish", "-c", "true"],
        ["python3", "-c", "1"],
        ["python3", "-m", "http.server"],
        ["python3", "-I"],
        ["python3", "file.py"],
        ["dash"],
        ["node"],
    ],
)
def test_what_is_left_alone(argv: list[str]) -> None:
    assert marked(argv, env={}, directory="/d") is None


def test_options_are_kept() -> None:
    made = marked(["/bin/bash", "--rcfile", "it's", "-i", "-O", "extglob"], env={}, directory="/d")
    assert made is not None
    assert made.argv == ("/bin/bash", "--rcfile", "/d/bashrc", "-i", "-O", "extglob")
    assert ". 'it'\\''s'" in made.files["/d/bashrc"]
    made = marked(["bash", "--norc"], env={}, directory="/d")
    assert made is not None
    assert ".bashrc" not in made.files["/d/bashrc"]
