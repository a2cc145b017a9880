"""Waits that become MCP tasks: decided by request, answered by any server, never lost."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.client import Jobs
from ptyjobs.client.events import Events
from ptyjobs.config import Config
from tests.faults.world import Gate
from tests.mcp.live import START, Server

pytestmark = pytest.mark.live

TASKS = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


def meta(capabilities: dict[str, Any]) -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    return {
        f"{prefix}protocolVersion": "2026-07-28",
        f"{prefix}clientInfo": {"name": "test", "version": "0"},
        f"{prefix}clientCapabilities": capabilities,
    }


def ask(
    server: Server, method: str, capabilities: dict[str, Any] = TASKS, **params: Any
) -> dict[str, Any]:
    return server.ask(method, {**params, "_meta": meta(capabilities)}, within=30)


def call(
    server: Server, tool: str, capabilities: dict[str, Any] = TASKS, **arguments: Any
) -> dict[str, Any]:
    answer = ask(server, "tools/call", capabilities, name=tool, arguments=arguments)
    result: dict[str, Any] = answer["result"]
    return result


def finished(server: Server, task_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        result: dict[str, Any] = ask(server, "tasks/get", taskId=task_id)["result"]
        if result["status"] != "working":
            return result
        time.sleep(0.05)
    raise AssertionError("the task never ended")


def get(server: Server, task_id: str) -> int:
    """Ask for a task without waiting for the answer; the request's id."""
    return server.request("tasks/get", {"taskId": task_id, "_meta": meta(TASKS)})


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Server]:
    """A server that holds a request for a task for a minute."""
    code = f"import ptyjobs.mcp.tasks as tasks\ntasks.HELD = 60\n{START}"
    env = {"PTYJOBS_TASK_AFTER": "0.1"}
    with contextlib.closing(Server(tmp_path, env=env, code=code)) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with contextlib.closing(Server(tmp_path, env={"PTYJOBS_TASK_AFTER": "0.2"})) as running:
        yield running


def start(server: Server, command: str, **more: Any) -> None:
    call(server, "execute", command=command, name="b", wait=0, **more)


def test_a_wait_that_goes_on_is_a_task_and_its_result_stands_alone(server: Server) -> None:
    start(server, "read x; echo built; exit 3")
    task = call(server, "wait", job_id=["b"], until="exited")
    assert (task["resultType"], task["status"], task["pollIntervalMs"]) == ("task", "working", 1000)
    call(server, "interact", job_id="b", input="", timeout=0)
    done = finished(server, task["taskId"])
    assert done["status"] == "completed"
    assert done["result"]["isError"] is False
    text = done["result"]["content"][0]["text"]
    assert "exited with code 3" in text
    assert "read x; echo built; exit 3" in text


def test_a_short_wait_is_answered_as_ever(tmp_path: Path) -> None:
    with contextlib.closing(Server(tmp_path)) as server:
        gate = Gate(tmp_path / "gate")
        start(server, f"read x < {gate}; echo built")
        gate.open()  # else the answer of execute may have the line already
        assert "built" in call(server, "wait", job_id=["b"], until="exited")["content"][0]["text"]


def test_a_request_that_does_not_declare_tasks_gets_none(server: Server) -> None:
    start(server, "sleep 60")
    answer = call(server, "wait", {}, job_id=["b"], until="exited", timeout=0.5)
    assert "still running" in answer["content"][0]["text"]
    task = call(server, "wait", job_id=["b"], until="exited")
    refused = ask(server, "tasks/get", {}, taskId=task["taskId"])
    assert refused["error"]["code"] == -32021


def test_another_server_carries_the_wait_on_after_a_kill(tmp_path: Path) -> None:
    env = {"PTYJOBS_TASK_AFTER": "0.1"}
    with contextlib.closing(Server(tmp_path, env=env)) as first:
        start(first, "read x; echo built", lifetime="persistent")
        task = call(first, "wait", job_id=["b"], until="exited")
        first.process.kill()
        first.process.wait(10)
    with contextlib.closing(Server(tmp_path, env=env)) as second:
        assert ask(second, "tasks/get", taskId=task["taskId"])["result"]["status"] == "working"
        call(second, "interact", job_id="b", input="go", timeout=0)
        done = finished(second, task["taskId"])
        assert "built" in done["result"]["content"][0]["text"]


def follower(state: Path, session: str) -> Iterator[Events]:
    jobs = Jobs(Config(state_dir=str(state)))
    return jobs.events(session=session, timeout=20)


@pytest.mark.parametrize("until", ["exited", "ready", "pattern"])
def test_what_a_killed_server_has_not_handed_over_is_an_event(tmp_path: Path, until: str) -> None:
    """Its client starts no other server: the answer was complete, and nothing can fetch it."""
    env = {"PTYJOBS_TASK_AFTER": "0.1", "CLAUDE_CODE_SESSION_ID": "one"}
    gate = Gate(tmp_path / "gate")
    command = {
        "exited": "echo built; exit 3",
        "ready": "read -p 'Overwrite? ' y",
        "pattern": "echo al''most; sleep 60",
    }[until]
    pattern = {"pattern": ["almost"]} if until == "pattern" else {}
    with contextlib.closing(Server(tmp_path, env=env)) as server:
        command = f"read x < {gate}; {command}"
        start(server, command, lifetime="persistent", notify=["exited", "asks"])
        task = call(server, "wait", job_id=["b"], until=until, **pattern)["taskId"]
        with Jobs(Config(state_dir=str(tmp_path))) as jobs:
            gate.open()
            stored = tmp_path / "waits" / f"{task}.json"
            deadline = time.monotonic() + 20
            while '"completed"' not in stored.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            server.process.kill()
            server.process.wait(10)
            line = next(follower(tmp_path, "one")).line
            if not jobs.status("b").state.ended:
                jobs.kill("b")
    start_of = {
        "exited": "[b] exited with code 3",
        "ready": '[b] waits for input: "Overwrite?"',
        "pattern": '[b] matched: "almost"',
    }
    assert line.startswith(start_of[until])


def test_two_followers_report_what_a_killed_server_kept_once(tmp_path: Path) -> None:
    env = {"PTYJOBS_TASK_AFTER": "0.1", "CLAUDE_CODE_SESSION_ID": "one"}
    gate = Gate(tmp_path / "gate")
    with contextlib.closing(Server(tmp_path, env=env)) as server:
        start(server, f"read x < {gate}; exit 3", lifetime="persistent")
        task = call(server, "wait", job_id=["b"], until="exited")["taskId"]
        gate.open()
        stored = tmp_path / "waits" / f"{task}.json"
        journal = tmp_path / "events" / "journal"
        deadline = time.monotonic() + 20
        while '"completed"' not in stored.read_text() or '"exited"' not in journal.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with Jobs(Config(state_dir=str(tmp_path))) as jobs, contextlib.ExitStack() as stack:
            feeds = [jobs.event_feed(session="one") for _ in range(2)]
            for feed in feeds:
                stack.callback(feed.close)
                assert feed.look(0.0) is None
            server.process.kill()
            server.process.wait(10)
            assert [feed.look(1.0) for feed in feeds] == [None, None]  # both have noticed
            found = [events for feed in feeds for now in (2.0, 9.0) if (events := feed.look(now))]
    assert [events.line.partition(" after")[0] for events in found] == ["[b] exited with code 3"]


def test_what_was_fetched_is_no_event_even_if_the_server_is_killed_then(tmp_path: Path) -> None:
    env = {"PTYJOBS_TASK_AFTER": "0.1", "CLAUDE_CODE_SESSION_ID": "one"}
    journal = tmp_path / "events" / "journal"
    with contextlib.closing(Server(tmp_path, env=env)) as server:
        start(server, "read x; exit 3", lifetime="persistent")
        task = call(server, "wait", job_id=["b"], until="exited")["taskId"]
        call(server, "interact", job_id="b", input="", timeout=0)
        assert finished(server, task)["status"] == "completed"
        deadline = time.monotonic() + 20
        while not re.search('"answered".*"offers":."', journal.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.process.kill()
        server.process.wait(10)
        with Jobs(Config(state_dir=str(tmp_path))) as jobs:
            assert list(jobs.events(session="one", follow=False)) == []


def test_a_killed_holder_completes_the_task_and_says_so(server: Server, tmp_path: Path) -> None:
    start(server, "cat")
    task = call(server, "wait", job_id=["b"], until="exited")
    with Jobs(Config(state_dir=str(tmp_path))) as jobs:
        holder = jobs.status("b").holder
    assert holder is not None
    os.kill(holder, signal.SIGKILL)
    done = finished(server, task["taskId"])
    assert done["status"] == "completed"
    text = done["result"]["content"][0]["text"]
    assert text.startswith("[b] killed: its holder was killed; the exit is unknown\n")


def test_cancelling_drops_the_wait_and_never_the_job(server: Server) -> None:
    start(server, "cat")
    task = call(server, "wait", job_id=["b"], until="exited")
    for _ in range(2):
        cancelled = ask(server, "tasks/cancel", taskId=task["taskId"])["result"]
        assert cancelled["status"] == "cancelled"
    assert "running" in call(server, "status", job_id="b")["content"][0]["text"]
    assert finished(server, task["taskId"])["status"] == "cancelled"


def test_a_pattern_wait_without_a_timeout_goes_on_until_it_matches(server: Server) -> None:
    start(server, "sleep 2; echo re''ady; sleep 60")
    task = call(server, "wait", job_id=["b"], pattern=["read.*y"])
    done = finished(server, task["taskId"])
    assert 'matched "ready"' in done["result"]["content"][0]["text"]


def test_a_request_for_a_task_is_answered_when_the_wait_is_over(
    patient: Server, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    start(patient, f"read x < {gate}; exit 3")
    task = call(patient, "wait", job_id=["b"], until="exited")["taskId"]
    request = get(patient, task)
    gate.open()
    assert patient.answer(request)["result"]["status"] == "completed"


def test_the_next_request_for_a_task_has_the_earlier_one_answered(patient: Server) -> None:
    start(patient, "sleep 100")
    task = call(patient, "wait", job_id=["b"], until="exited")["taskId"]
    earlier, later = get(patient, task), get(patient, task)
    assert patient.answer(earlier)["result"]["status"] == "working"
    cancelled = ask(patient, "tasks/cancel", taskId=task)["result"]["status"]
    assert cancelled == "cancelled"
    answers = [note for note in patient.notes if note.get("id") == later]
    answer = answers[0] if answers else patient.answer(later)
    assert answer["result"]["status"] == "cancelled"


def test_a_request_for_a_task_does_not_delay_the_end_of_the_session(patient: Server) -> None:
    start(patient, "sleep 100")
    task = call(patient, "wait", job_id=["b"], until="exited")["taskId"]
    request = get(patient, task)
    assert patient.process.stdin is not None
    patient.process.stdin.close()
    assert patient.answer(request)["result"]["status"] == "working"


@pytest.mark.parametrize("task_id", ["x" * 32, "../jobs", ""])
def test_an_unknown_task_is_not_found(server: Server, task_id: str) -> None:
    answer = ask(server, "tasks/get", taskId=task_id)
    assert answer["error"]["message"] == "There is no such task."


def test_a_task_of_another_session_is_not_found(tmp_path: Path) -> None:
    env = {"PTYJOBS_TASK_AFTER": "0.1", "CLAUDE_CODE_SESSION_ID": "one"}
    with contextlib.closing(Server(tmp_path, env=env)) as server:
        start(server, "cat", lifetime="persistent")
        task = call(server, "wait", job_id=["b"], until="exited")["taskId"]
        env["CLAUDE_CODE_SESSION_ID"] = "two"
        with contextlib.closing(Server(tmp_path, env=env)) as other:
            unknown = ask(other, "tasks/get", taskId="x" * 32)["error"]
            assert ask(other, "tasks/get", taskId=task)["error"] == unknown
            assert ask(other, "tasks/cancel", taskId=task)["error"] == unknown
        assert ask(server, "tasks/get", taskId=task)["result"]["status"] == "working"
        call(server, "kill", job_id="b")


def test_a_cut_wait_says_so(tmp_path: Path) -> None:
    with contextlib.closing(Server(tmp_path, env={"PTYJOBS_MAX_WAIT": "1"})) as server:
        start(server, "sleep 60")
        answer = call(server, "wait", {}, job_id=["b"], until="exited", timeout=300)
        assert "the most this server allows" in answer["content"][0]["text"]


def test_a_client_that_polls_ten_times_a_second_is_answered_each_time(server: Server) -> None:
    loop = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; sleep 0.02; done"
    start(server, loop)
    task = call(server, "wait", job_id=["b"], until="exited", pattern=["never"])
    messages, begin = [], time.monotonic()
    asked = []
    for number in range(1, 31):  # without waiting for an answer
        asked.append(get(server, task["taskId"]))
        time.sleep(max(0.0, begin + number / 10 - time.monotonic()))
    for request in asked:
        result = server.answer(request)["result"]
        assert result["status"] == "working"
        messages.append(result["statusMessage"])
    passed = time.monotonic() - begin
    assert 2 <= len(set(messages)) <= passed + 2  # the last line, at most one change a second
    assert messages[-1].startswith("line ")
