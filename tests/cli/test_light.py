"""Run, attach and test without the server's packages (docs/decisions/light-install.md)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Outer, Shell

ABSENT = ("mcp", "mcp_types", "pydantic", "starlette", "uvicorn", "tree_sitter", "websockets")
RAISE = "raise ModuleNotFoundError('No module named ' + __name__, name=__name__)\n"
TEST = """
def test_it(job):
    program = job("python3 -q -i", env={"PYTHON_BASIC_REPL": "1"})
    assert program.type("6 * 7").text == "42"
"""


@pytest.fixture
def light(tmp_path: Path, shell: Shell) -> Shell:
    """The command line where these packages cannot be imported, nor by any process it starts."""
    folder = tmp_path / "absent"
    for name in ABSENT:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(RAISE)
    shell.env["PYTHONPATH"] = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    return shell


def test_jobs_run_and_are_attached_and_exported(light: Shell, outer: Outer) -> None:
    assert light.run("run", "-d", "--name", "py", "--", "python3 -q -i").returncode == 0
    assert light.run("send", "py", "6 * 7").stdout == "42\n"
    outer.open("$PTYJOBS attach py")
    outer.sees(">>> 6 * 7", "42")
    for words in (("list",), ("status", "py"), ("export", "py"), ("screen", "py"), ("grep", "42")):
        done = light.run(*words)
        assert done.returncode == 0, done.stderr
        assert "42" in done.stdout or words[0] in ("list", "status")


def test_pytest_runs_a_program(light: Shell, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=light.env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_server_says_what_it_lacks(light: Shell) -> None:
    done = light.run("serve", input="")
    assert done.stderr.startswith("ptyjobs: The MCP SDK cannot be imported: No module named mcp.")
    assert len(done.stderr.splitlines()) == 1
    assert done.returncode != 0
