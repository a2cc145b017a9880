"""A person far away, and jobs far away, as typed at a terminal: real ssh, bwrap and Slurm."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.process import sandbox
from tests.cli.conftest import Outer, Shell, outer, shell, status
from tests.faults import world

__all__ = ["outer", "shell", "status"]  # fixtures

pytestmark = pytest.mark.live
Ask = Callable[[str], dict[str, object]]


@pytest.fixture
def far(sshd: tuple[str, str], shell: Shell) -> str:
    """`ssh -t HOST`, and a PATH on which that is the client with the test's keys."""
    text, path = sshd
    shell.env["PATH"] = f"{path}:{shell.env['PATH']}"
    user, _, port = text.removeprefix("ssh:").rpartition(":")
    return f"ssh -t -p {port} {user}"


def there(shell: Shell, words: str) -> str:
    """Our command line as the far shell is to run it."""
    return f"env PTYJOBS_STATE={shell.state} {sys.executable} -m ptyjobs {words}"


def test_a_job_is_joined_over_ssh(shell: Shell, outer: Outer, far: str, status: Ask) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    shell.run("send", "py", "6*7")
    outer.open(f"{far} '{there(shell, 'attach py')}'", rows=12, cols=60)
    outer.sees(">>> 6*7", "42", "py: C-\\ detaches")
    assert status("py")["attached"] == 1
    assert status("py")["size"] == {"rows": 12, "cols": 60}
    outer.type("print('from', 'far')", "Enter")
    outer.sees("from far", unless="detaches")
    outer.tmux("resize-window", "-t", "=0:", "-x", "50", "-y", "10")
    assert world.eventually(lambda: status("py")["size"] == {"rows": 10, "cols": 50})
    outer.type("import os; print(*os.get_terminal_size())", "Enter")
    outer.sees("50 10")
    outer.type("C-\\")
    outer.sees("[detached from py; it goes on", "left:0")
    assert status("py")["attached"] == 0
    assert status("py")["size"] == {"rows": 40, "cols": 120}


def test_a_full_screen_program_looks_right_over_ssh(shell: Shell, outer: Outer, far: str) -> None:
    draw = (
        "import sys; "
        r"print('\x1b[?1049h\x1b[2J\x1b[5;10H\x1b[7mr\u00e9versed\x1b[m\x1b[1;1Htop', flush=True); "
        "sys.stdin.read()"
    )
    shell.run("run", "-d", "--name", "full", "--", f'python3 -c "{draw}"')
    shell.run("wait", "full", "--pattern", "top")
    outer.open(f"{far} '{there(shell, 'attach full')}'", rows=10, cols=40)
    shown = outer.sees("réversed", "top").splitlines()
    assert shown[0].startswith("top")
    assert shown[4][9:17] == "réversed"
    outer.type("C-\\")
    gone = outer.sees("left:0")
    assert "réversed" not in gone


def test_a_lost_connection_leaves_the_job_and_its_size(
    shell: Shell, outer: Outer, far: str, status: Ask
) -> None:
    shell.run("run", "-d", "--name", "stay", "--", "cat")
    outer.open(f"{far} '{there(shell, 'attach stay')}'", rows=12, cols=60)
    outer.sees("stay: C-\\ detaches")
    outer.type("Enter", "~.")  # the client's own way to drop a connection
    outer.sees("left:255")
    assert world.eventually(lambda: status("stay")["attached"] == 0)
    assert status("stay")["state"] == "running"
    assert status("stay")["size"] == {"rows": 40, "cols": 120}


def test_a_job_runs_over_ssh(shell: Shell, outer: Outer, sshd: tuple[str, str], far: str) -> None:
    shell.run("run", "-d", "--name", "rem", "--target", sshd[0], "--", "python3 -q -i")
    shell.run("wait", "rem", "--pattern", ">>> ", "--timeout", "20")
    asked = shell.run("send", "rem", "import os; print('via', bool(os.environ['SSH_CONNECTION']))")
    assert "via True" in asked.stdout
    assert f"target     {sshd[0]}" in shell.run("status", "rem").stdout
    outer.open("$PTYJOBS attach rem")
    outer.sees("via True")
    outer.type("exit(7)", "Enter")
    outer.sees("[rem has exited with code 7]", "left:7")


@pytest.mark.skipif(
    not sandbox.available()["bwrap"]["available"], reason=sandbox.available()["bwrap"]["why"]
)
def test_a_job_runs_in_a_sandbox(shell: Shell, tmp_path: Path) -> None:
    outside = Path.home() / "a-file-that-a-sandboxed-job-must-not-make"
    words = f"echo inside; touch {outside}; exit 5"
    done = shell.run("run", "--target", "sandbox", "--cwd", str(tmp_path), "--", words)
    assert "inside" in done.stdout
    assert done.returncode == 5
    assert not outside.exists()


def test_a_job_runs_under_slurm(shell: Shell, slurm: Path) -> None:
    shell.env["SLURM_CONF"] = str(slurm)
    words = ("--target", "slurm:partition=main", "--", "echo job $SLURM_JOB_PARTITION; exit 6")
    done = shell.run("run", *words)
    assert "job main" in done.stdout
    assert done.returncode == 6
