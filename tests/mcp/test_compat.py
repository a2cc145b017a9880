"""The tools of the two older servers: their words, and their defects that do not occur."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.mcp.compat import background_job, bgtask
from tests.faults.world import eventually
from tests.mcp.live import Server, gone

pytestmark = pytest.mark.live
PYTHON = f"PYTHON_BASIC_REPL=1 {sys.executable} -i"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Server]:
    env = {"PTYJOBS_COMPAT": "mcp-background-job", "MCP_BG_WORKING_DIR": str(tmp_path)}
    with Server(tmp_path / "state", env=env) as server:
        yield server


def fields(server: Server, name: str, /, **arguments: Any) -> dict[str, Any]:
    result = server.call(name, **arguments)
    assert not result["isError"], result
    structured: dict[str, Any] = result["structuredContent"]
    assert json.loads(result["content"][0]["text"]) == structured
    return structured


def error(server: Server, name: str, /, **arguments: Any) -> str:
    result = server.call(name, **arguments)
    assert result["isError"]
    text: str = result["content"][0]["text"]
    return text


def finished(server: Server, job_id: str) -> str:
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        status: str = fields(server, "get_job_status", job_id=job_id)["status"]
        if status != "running":
            return status
        time.sleep(0.02)
    raise TimeoutError


def test_its_seven_tools_and_parameters(old: Server) -> None:
    tools = old.ask("tools/list")["result"]["tools"]
    assert {t["name"]: t["outputSchema"]["required"] for t in tools} == {
        "execute_command": ["job_id"],
        "list_jobs": ["jobs"],
        "get_job_status": ["status"],
        "get_job_output": ["stdout", "stderr"],
        "tail_job_output": ["stdout", "stderr"],
        "interact_with_job": ["stdout", "stderr"],
        "kill_job": ["status"],
    }
    assert {t["name"]: sorted(t["inputSchema"]["properties"]) for t in tools} == {
        "execute_command": ["command"],
        "list_jobs": [],
        "get_job_status": ["job_id"],
        "get_job_output": ["job_id"],
        "tail_job_output": ["job_id", "lines"],
        "interact_with_job": ["input", "job_id"],
        "kill_job": ["job_id"],
    }


def test_its_documented_flow(old: Server) -> None:
    job_id = fields(old, "execute_command", command=PYTHON)["job_id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", job_id)
    assert fields(old, "get_job_status", job_id=job_id) == {"status": "running"}
    first = fields(old, "interact_with_job", job_id=job_id, input="print(6*7)\n")
    assert first["stderr"] == ""
    assert "42" in first["stdout"].splitlines()
    second = fields(old, "interact_with_job", job_id=job_id, input="print(6*8)")
    assert second == {"stdout": "48", "stderr": ""}
    (listed,) = fields(old, "list_jobs")["jobs"]
    assert sorted(listed) == ["command", "job_id", "started", "status"]
    assert fields(old, "kill_job", job_id=job_id) == {"status": "killed"}
    assert fields(old, "kill_job", job_id=job_id) == {"status": "already_terminated"}
    assert fields(old, "kill_job", job_id="none") == {"status": "not_found"}
    assert fields(old, "get_job_status", job_id=job_id) == {"status": "killed"}


def test_its_error_sentences(old: Server) -> None:
    assert error(old, "get_job_status", job_id="x") == "Job x not found"
    assert error(old, "get_job_output", job_id="x") == "Job x not found"
    assert error(old, "tail_job_output", job_id="x") == "Job x not found"
    assert error(old, "interact_with_job", job_id="x", input="y") == "Job x not found"
    assert error(old, "execute_command", command=" ") == "Invalid command: Command cannot be empty"
    assert (
        error(old, "execute_command", command="echo 'x") == "Invalid command: No closing quotation"
    )
    assert error(old, "execute_command", command="rm -r -f /x").startswith(
        "Invalid command: Command contains dangerous pattern and is not allowed"
    )
    assert error(old, "execute_command", command="nosuchprog") == (
        "Failed to execute command: [Errno 2] No such file or directory: 'nosuchprog'"
    )
    job_id = fields(old, "execute_command", command="true")["job_id"]
    assert finished(old, job_id) == "completed"
    assert error(old, "interact_with_job", job_id=job_id, input="y") == (
        f"Job {job_id} is not running and cannot accept input"
    )
    assert "from 1 to 1000" in error(old, "tail_job_output", job_id=job_id, lines=0)


def test_command_lines_run_in_a_shell_in_the_configured_directory(
    old: Server, tmp_path: Path
) -> None:
    command = "echo a && echo $((1+1)) | cat; pwd; ls 2>/dev/null; false"
    job_id = fields(old, "execute_command", command=command)["job_id"]
    assert finished(old, job_id) == "failed"
    lines = fields(old, "get_job_output", job_id=job_id)["stdout"].splitlines()
    assert lines[:3] == ["a", "2", str(tmp_path)]


def test_tail_and_output_of_many_lines(old: Server) -> None:
    job_id = fields(old, "execute_command", command="seq 30000")["job_id"]
    assert finished(old, job_id) == "completed"
    tail = fields(old, "tail_job_output", job_id=job_id, lines=3)["stdout"]
    assert tail == "29998\n29999\n30000"
    assert len(fields(old, "tail_job_output", job_id=job_id)["stdout"].splitlines()) == 50
    text = fields(old, "get_job_output", job_id=job_id)["stdout"]
    assert text.startswith("1\n2\n")
    assert text.endswith("\n30000")
    assert "left out" in text


def test_prompts_without_a_line_end_are_seen(old: Server) -> None:
    job_id = fields(old, "execute_command", command="read -p 'Name? ' n; echo Hi $n; read x")[
        "job_id"
    ]
    assert eventually(lambda: fields(old, "get_job_output", job_id=job_id)["stdout"] == "Name?")
    assert fields(old, "interact_with_job", job_id=job_id, input="Ann")["stdout"] == "Hi Ann"


def test_slow_answers_are_waited_for(old: Server) -> None:
    job_id = fields(old, "execute_command", command=PYTHON)["job_id"]
    fields(old, "interact_with_job", job_id=job_id, input="import time")
    found = fields(old, "interact_with_job", job_id=job_id, input="time.sleep(.8); print('late')")
    assert found["stdout"] == "late"


def test_ended_jobs_do_not_count_against_its_limit(tmp_path: Path) -> None:
    env = {"PTYJOBS_COMPAT": "mcp-background-job", "MCP_BG_MAX_JOBS": "2"}
    with Server(tmp_path / "state", env=env) as server:
        for _ in range(3):
            finished(server, fields(server, "execute_command", command="true")["job_id"])
        for _ in range(2):
            fields(server, "execute_command", command="sleep 30")
        assert error(server, "execute_command", command="sleep 30") == (
            "Job limit reached: Maximum concurrent jobs limit (2) reached"
        )


def test_its_allow_list_is_parsed(tmp_path: Path) -> None:
    env = {"PTYJOBS_COMPAT": "mcp-background-job", "MCP_BG_ALLOWED_COMMANDS": "^npm ,^echo ,^ls"}
    with Server(tmp_path / "state", env=env) as server:
        fields(server, "execute_command", command="echo hi | ls")
        for command in ("lsof", "echo x; id", "echo $(id)", "python -c 1"):
            assert error(server, "execute_command", command=command) == (
                f"Invalid command: Command not in allowed patterns: {command}"
            )


def test_standard_error_apart_when_asked(tmp_path: Path) -> None:
    env = {"PTYJOBS_COMPAT": "mcp-background-job", "PTYJOBS_STDERR": "separate"}
    with Server(tmp_path / "state", env=env) as server:
        job_id = fields(server, "execute_command", command="echo out; echo err >&2; exit 3")[
            "job_id"
        ]
        assert finished(server, job_id) == "failed"
        assert fields(server, "get_job_output", job_id=job_id) == {"stdout": "out", "stderr": "err"}
        assert fields(server, "tail_job_output", job_id=job_id) == {
            "stdout": "out",
            "stderr": "err",
        }


def test_the_other_servers_texts(tmp_path: Path) -> None:
    with Server(tmp_path / "state", env={"PTYJOBS_COMPAT": "mcp-bgtask"}) as server:
        names = [tool["name"] for tool in server.ask("tools/list")["result"]["tools"]]
        assert names == [
            "run-background-task",
            "stop-background-task",
            "list-background-tasks",
            "get-task-stdout",
            "get-task-stderr",
            "send-to-task-stdin",
        ]
        none = server.text("list-background-tasks")
        assert none == "No background tasks are currently running."
        name = "my server: ü"
        started = server.text("run-background-task", name=name, shell="echo up; cat")
        assert re.fullmatch(r'Task "my server: ü" started with PID \d+\.', started)
        pid = started.rstrip(".").rpartition(" ")[2]
        duplicate = server.call("run-background-task", name=name, shell="true")
        assert duplicate["isError"]
        assert duplicate["content"][0]["text"] == f'Task with name "{name}" is already running.'
        assert server.text("list-background-tasks") == (
            f"Currently running tasks:\n- {name} (PID: {pid}, State: running)"
        )
        sent = server.text("send-to-task-stdin", name=name, data="ping\n")
        assert sent == f'Data sent to task "{name}" stdin.'
        both = "the terminal's echo and cat's answer"
        assert eventually(lambda: server.text("get-task-stdout", name=name).count("ping") == 2), (
            both
        )
        assert server.text("get-task-stdout", name=name).startswith(
            f'Stdout of task "{name}":\nup\n'
        )
        assert server.text("get-task-stderr", name=name) == "No output yet."
        assert server.text("stop-background-task", name=name) == f'Task "{name}" has been stopped.'
        assert "killed on request · ended by SIGTERM" in server.text("get-task-stdout", name=name)
        again = server.text("run-background-task", name=name, shell="exit 4")
        assert "started with PID" in again
        for tool in ("stop-background-task", "get-task-stdout", "get-task-stderr"):
            assert server.text(tool, name="x") == 'No task found with name "x".'
        marker = f"mark_bgtask_{os.getpid()}"
        server.call("run-background-task", name="t", shell=f": {marker}; sleep 99 & wait")
    assert gone(marker, within=3)


def test_task_names_become_distinct_job_ids() -> None:
    names = ["a", "a b", "a-b", "ü", "..", "x" * 99, "", "a/b", "A b"]
    ids = [bgtask.job_id_of(name) for name in names]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "a"


def test_neither_says_more_than_its_tools() -> None:
    assert len(background_job.SURFACE.tools) == 7
    assert len(bgtask.SURFACE.tools) == 6
