"""Claude Code is woken by the plugin's monitor and by tasks; waits return without a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from tests.clients.claude import PLUGIN, Blocks, Client, Request, Script, call, text
from tests.faults.world import Gate

pytestmark = pytest.mark.live

Open = Callable[[Script], Client]
JOBS = ("job0", "job1")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    clients: list[Client] = []

    def open_(script: Script) -> Client:
        clients.append(Client(tmp_path, script))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


def starts(*commands: str, **more: object) -> Script:
    """Start these commands as job0, job1, ... with the first request, then report nothing."""
    first = [
        call("execute", command=command, name=f"job{number}", wait=0, **more)
        for number, command in enumerate(commands)
    ]
    blocks: list[Blocks] = [first]
    return lambda request: blocks.pop() if blocks else [text("Fine.")]


def jobs_of(tmp_path: Path) -> Jobs:
    """The jobs that the client's server has started, as seen by another client."""
    return Jobs(Config(state_dir=str(tmp_path / "state")))


def test_a_builds_end_wakes_an_idle_session_once_with_its_last_lines(
    opened: Open, tmp_path: Path
) -> None:
    gate, other = Gate(tmp_path / "gate"), Gate(tmp_path / "other")
    build = f"read x < {gate}; echo cc main.c; echo no rule; exit 2"
    client = opened(starts(build, f"read x < {other}; exit 3"))
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "build it")
        client.model.wait(lambda: len(client.model.requests) >= 2)
        gate.open()
        client.model.wait(lambda: len(client.woken) == 1)
        other.open()
        client.model.wait(lambda: len(client.woken) == 2)
    first, second = client.woken
    assert first.startswith("[job0] exited with code 2 after ")
    assert '"cc main.c\\nno rule" · still running: job1' in first
    assert second.startswith("[job1] exited with code 3 after ")
    ended = jobs_of(tmp_path).status("job0").ended
    turn = next(r for r in client.model.requests if "job0] exited" in r.last)
    assert ended is not None
    assert turn.time - ended < 10.0  # most often 0.3 s; a busy machine proves nothing


def test_the_result_of_a_wait_wakes_it_whole_and_the_monitor_is_silent(
    opened: Open, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    command = f"read x < {gate}; seq 9; exit 2"
    blocks: list[Blocks] = [
        [call("wait", job_id=["job0"], until="exited")],
        [call("execute", command=command, name="job0", wait=0)],
    ]
    client = opened(lambda request: blocks.pop() if blocks else [text("Fine.")])
    client.env["PTYJOBS_TASK_AFTER"] = "0.5"
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "build it")
        client.model.wait(lambda: len(client.model.requests) >= 3)  # it is a task
        gate.open()
        client.model.wait(lambda: len(client.woken) == 1)
        jobs_of(tmp_path).execute("sleep 0.2", name="end", wait=0, notify=["exited"])
        with Jobs(
            Config(state_dir=str(tmp_path / "state"), session=session_of(tmp_path))
        ) as inside:
            inside.execute("exit 5", name="later", wait=0)
            client.model.wait(lambda: len(client.woken) == 2)
    result, event = client.woken
    assert "exited with code 2" in result
    assert "\n".join("123456789") in result
    assert command in result
    assert event.startswith("[later] exited with code 5")


def session_of(tmp_path: Path) -> str:
    """The session that the jobs of the client's server belong to."""
    return jobs_of(tmp_path).list()[-1].session


def test_a_question_wakes_it_and_is_answered(opened: Open, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    asked = f"read x < {gate}; printf 'Overwrite? '; read x; echo got-$x; exit 4"
    first = [call("execute", command=asked, name="ask", wait=0)]

    def script(request: Request) -> Blocks:
        if "Overwrite?" in request.last and "<event>" in request.last:
            return [call("interact", job_id="ask", input="y")]
        return [first.pop()] if first else [text("Fine.")]

    client = opened(script)
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "start it")
        client.model.wait(lambda: len(client.model.requests) >= 2)
        gate.open()
        client.model.wait(lambda: any("got-y" in r.last for r in client.model.requests))
    assert client.woken == ['[ask] waits for input: "Overwrite?" · still running: ask']
    assert any("exited with code 4" in r.last for r in client.model.requests)


def test_a_crashed_server_is_reported_once(opened: Open, tmp_path: Path) -> None:
    server = "exec python3 -u -m http.server --bind 127.0.0.1 0"
    blocks: list[Blocks] = [[
        call("execute", command=server, name="web", ready="port", wait=30),
        call("execute", command="read x; exit 3", name="other", wait=0),
    ]]  # fmt: skip
    client = opened(lambda request: blocks.pop() if blocks else [text("Fine.")])
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "start them")
        client.model.wait(lambda: len(client.model.requests) >= 2)
        with jobs_of(tmp_path) as jobs:
            assert jobs.status("web").ports
            pid = jobs.status("web").pid
            assert pid
            os.kill(pid, signal.SIGSEGV)
            client.model.wait(lambda: any("[web] ended" in news for news in client.woken))
            jobs.interact("other", input="go", timeout=0.2)
            client.model.wait(lambda: any("code 3" in news for news in client.woken))
    told = [news for news in client.woken if "[web]" in news]
    assert len(told) == 1, client.woken
    assert told[0].startswith("[web] ended by SIGSEGV")
    assert told[0].endswith("still running: other")


def test_a_crashed_holder_is_reported_once(opened: Open, tmp_path: Path) -> None:
    client = opened(starts("cat", "read x; exit 3", notify=["exited"]))
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "start them")
        client.model.wait(lambda: len(client.model.requests) >= 2)
        with jobs_of(tmp_path) as jobs:
            holder = jobs.status("job0").holder
            assert holder is not None
            os.kill(holder, signal.SIGKILL)
            client.model.wait(lambda: any("lost" in news for news in client.woken))
            jobs.interact("job1", input="go", timeout=0.2)
            client.model.wait(lambda: any("code 3" in news for news in client.woken))
    lines = [news for news in client.woken if "[job0] lost" in news]
    assert lines == ["[job0] lost: its holder was killed, how it ended is unknown"
                     " · still running: job1"]  # fmt: skip


def test_fifty_jobs_that_end_together_make_one_turn(opened: Open, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    client = opened(starts(*[f"read x < {gate}; exit 3"] * 50))
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "start them")
        with jobs_of(tmp_path) as jobs:
            client.model.wait(lambda: len(client.model.requests) >= 2, seconds=100)
            assert jobs.registry.running() == 50
            opens_for_all(gate, jobs)
            client.model.wait(lambda: sum(map(_ends, client.woken)) >= 50)
    turns = [news for news in client.woken if _ends(news)]
    assert sum(map(_ends, turns)) == 50
    assert len(turns) <= 2  # a first end that comes alone is not held back for the others


def opens_for_all(gate: Path, jobs: Jobs) -> None:
    """Let the jobs that read from the gate go on together: each blocks in open(2), see fifo(7)."""
    pids = [status.pid for status in jobs.list() if not status.state.ended]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not all(map(_opens, pids)):
        time.sleep(0.02)
    while jobs.registry.running() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # nobody reads
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        time.sleep(0.05)


def _opens(pid: int | None) -> bool:
    return Path(f"/proc/{pid}/wchan").read_text() == "wait_for_partner"


def _ends(news: str) -> int:
    """The ends that one message tells of."""
    several = re.match(r"(\d+) events · \1 exited with code 3: job\d", news)
    return int(several[1]) if several else int("exited with code 3" in news)


def test_two_sessions_in_one_project_are_woken_for_their_own_jobs(
    opened: Open, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    client = opened(starts(f"read x < {gate}; exit 2"))
    own = call("execute", command="read x", name="o", wait=0, notify=["exited"])
    other = Client(tmp_path / "b", _one(own), beside=client)
    with (
        contextlib.closing(other),
        client.interactive(tmp_path) as terminal,
        other.interactive(tmp_path / "b") as second,
    ):
        for each, where in ((client, terminal), (other, second)):
            each.say(where, "start it")
            each.model.wait(lambda each=each: len(each.model.requests) >= 2)
        gate.open()
        client.model.wait(lambda: client.woken)
        with jobs_of(tmp_path) as jobs:
            jobs.interact("o", input="go", timeout=0)
        other.model.wait(lambda: other.woken)
    assert [news.partition(" after")[0] for news in client.woken] == ["[job0] exited with code 2"]
    assert [news.partition(" after")[0] for news in other.woken] == ["[o] exited with code 0"]


def _one(block: dict[str, Any]) -> Script:
    """A script that makes one call."""
    blocks: list[Blocks] = [[block]]
    return lambda request: blocks.pop() if blocks else [text("Fine.")]


@pytest.mark.parametrize("when", ["before the end", "with its answer in its hands"])
def test_a_session_whose_server_was_killed_is_woken_by_the_monitor(
    opened: Open, tmp_path: Path, when: str
) -> None:
    """The client starts no other server by itself, so nothing asks for its task."""
    gate = Gate(tmp_path / "gate")
    command = f"read x < {gate}; echo built; exit 2"
    blocks: list[Blocks] = [
        [call("wait", job_id=["job0"], until="exited")],
        [call("execute", command=command, name="job0", wait=0, lifetime="persistent")],
    ]
    client = opened(lambda request: blocks.pop() if blocks else [text("Fine.")])
    client.env["PTYJOBS_TASK_AFTER"] = "0.5"
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "build it")
        client.model.wait(lambda: len(client.model.requests) >= 3)  # it is a task
        server = server_of(terminal)
        pidfd = os.pidfd_open(server)
        if when != "before the end":
            os.kill(server, signal.SIGSTOP)
            gate.open()
            journal = tmp_path / "state" / "events" / "journal"
            deadline = time.monotonic() + 30
            while '"exited"' not in journal.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
        os.kill(server, signal.SIGKILL)
        select.select([pidfd], [], [], 30)
        os.close(pidfd)
        if when == "before the end":
            gate.open()
        client.model.wait(lambda: client.woken)
    (event,) = client.woken
    assert event.startswith("[job0] exited with code 2")


def server_of(terminal: Jobs) -> int:
    """Process id of the MCP server that the client has started."""
    pid = terminal.status("claude").pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if any(word.endswith(b"ptyjobs") for word in words) and b"events" not in words:
                return int(child)
    raise AssertionError("the client has no server")


def test_completion_after_an_at_sign_lists_the_jobs_by_id(opened: Open, tmp_path: Path) -> None:
    client = opened(starts("cat", "cat", notify=[]))
    with client.interactive(tmp_path) as terminal:
        client.say(terminal, "start them")
        client.model.wait(lambda: len(client.model.requests) >= 2)
        terminal.wait("claude", until="quiet", timeout=10)
        terminal.interact("claude", input="@job", enter=False, timeout=5)
        deadline = time.monotonic() + 60
        while not all(f"{name} screen, running" in terminal.tail("claude").text for name in JOBS):
            assert time.monotonic() < deadline, terminal.tail("claude").text
            terminal.wait("claude", until="quiet", timeout=2)


def test_without_a_terminal_a_wait_returns(opened: Open) -> None:
    blocks: list[Blocks] = [
        [call("wait", job_id=["job0"], until="exited")],
        [call("execute", command="sleep 2; echo built; exit 2", name="job0", wait=0)],
    ]
    client = opened(lambda request: blocks.pop() if blocks else [text("It ended.")])
    client.env["PTYJOBS_TASK_AFTER"] = "0.5"
    assert client.print_("build it").strip().endswith("It ended.")
    results = [r.last for r in client.model.requests if "[job0] exited with code 2" in r.last]
    assert len(results) == 1
    assert "built" in results[0]
    assert client.woken == []


def test_the_plugin_with_its_monitor_is_valid(opened: Open) -> None:
    client = opened(starts())
    words = [str(client.program), "plugin", "validate", "--strict", str(PLUGIN)]
    done = subprocess.run(words, env=client.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
