"""Permission rules guide: what they stop of typed input, and the ways past them that they leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load
from ptyjobs.errors import Refused
from tests.mcp.live import Server

pytestmark = pytest.mark.live

Step = dict[str, Any]
KEYS = [*"touch", "Space", *"mark", "Enter"]


def session(tmp_path: Path, steps: list[Step]) -> bool:
    """Type the steps at bash, where touch is denied; True if it has run nevertheless."""
    settings = tmp_path / "config.toml"
    settings.write_text('[permissions]\ndeny = ["touch *"]\n')
    (tmp_path / "text").write_text("line\n" * 200)
    env = {"PTYJOBS_CONFIG": str(settings), "PTYJOBS_STATE": str(tmp_path / "state")}
    with Jobs(load(environ={**env, "PTYJOBS_WORKING_DIR": str(tmp_path)})) as jobs:
        jobs.execute("bash --norc", name="sh", wait=20)
        for step in steps:
            jobs.interact("sh", timeout=20, **step)
        jobs.interact("sh", input="exit", timeout=20)
    return (tmp_path / "mark").exists()


STOPPED: dict[str, list[Step]] = {
    "a line": [{"input": "touch mark"}],
    "a line in a line": [{"input": "true && (touch mark)"}],
    "the second of two lines": [{"input": "true\ntouch mark"}],
    "a line behind one that a program reads": [{"input": "head -n 1"}, {"input": "a\ntouch mark"}],
}


@pytest.mark.parametrize("steps", STOPPED.values(), ids=list(STOPPED))
@pytest.mark.stops("permissions", "whole lines typed at a shell that a rule denies")
def test_a_denied_line_is_not_typed(tmp_path: Path, steps: list[Step]) -> None:
    with pytest.raises(Refused, match=r"not allowed: 'touch mark'"):
        session(tmp_path, steps)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("rule", ["deny", "ask"])
@pytest.mark.stops("permissions", "commands in `ready` that a rule denies or asks about")
def test_a_command_that_probes_a_service_is_a_command(tmp_path: Path, rule: str) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'[permissions]\n{rule} = ["touch *"]\n')
    with Server(tmp_path / "state", env={"PTYJOBS_CONFIG": str(settings)}) as server:
        line = f"command:touch {tmp_path}/mark"
        text = server.text("execute", command="sleep 600", ready=["port", line], wait=20)
        assert f"touch {tmp_path}/mark"[:40] in text
        assert ("approval" if rule == "ask" else "not allowed") in text
        assert "no jobs" in server.text("list").lower()
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("rule", ["deny", "ask"])
@pytest.mark.parametrize(
    ("compat", "tool", "words"),
    [
        ("mcp-background-job", "execute_command", {"command": "touch mark"}),
        ("mcp-bgtask", "run-background-task", {"name": "n", "shell": "touch mark"}),
    ],
)
@pytest.mark.stops("permissions", "commands of the tools of an older server (`compat`)")
def test_the_tools_of_an_older_server_obey_the_rules(
    tmp_path: Path, rule: str, compat: str, tool: str, words: dict[str, str]
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'compat = "{compat}"\n[permissions]\n{rule} = ["touch *"]\n')
    env = {"PTYJOBS_CONFIG": str(settings), "PTYJOBS_WORKING_DIR": str(tmp_path)}
    with Server(tmp_path / "state", env=env) as server:
        text = server.text(tool, **words)
    assert ("needs the user's approval" if rule == "ask" else "not allowed: 'touch mark'") in text
    assert not (tmp_path / "mark").exists()
    assert not list((tmp_path / "state/jobs").glob("*"))


LEFT: dict[str, list[Step]] = {
    "in two parts": [{"input": "tou", "enter": False}, {"input": "ch mark"}],
    "as keys": [{"keys": KEYS}],
    "recalled and edited": [{"input": "echo touch mark"}, {"keys": ["Up", "C-a", "M-d", "Enter"]}],
    "behind a key that ends a program": [{"input": "less text"}, {"input": "qtouch mark"}],
    "behind a part that a program reads": [{"input": "head -c 2"}, {"input": "abtouch mark"}],
}


@pytest.mark.parametrize("steps", LEFT.values(), ids=list(LEFT))
@pytest.mark.leaves("permissions", "lines typed in parts, as keys, or ahead of a program's end")
def test_a_line_in_disguise_is_typed(tmp_path: Path, steps: list[Step]) -> None:
    assert session(tmp_path, steps)
