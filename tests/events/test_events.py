"""Followers of real jobs: each transition once, no facts that a call has returned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.client import AsyncJobs, Jobs
from ptyjobs.client.events import Events
from ptyjobs.config import Config
from ptyjobs.errors import BadInput, BadPattern
from ptyjobs.mcp.server import App

pytestmark = pytest.mark.live

WITHIN = 20.0


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=str(tmp_path), session="s")) as running:
        yield running


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Jobs]:
    """Another client that belongs to no session: its answers are unknown to others."""
    with Jobs(Config(state_dir=str(tmp_path))) as running:
        yield running


def following(jobs: Jobs, **more: object) -> Iterator[Events]:
    return jobs.events(**{"session": "s", "timeout": WITHIN, **more})  # type: ignore[arg-type]


def silent(jobs: Jobs, **more: object) -> bool:
    """Nothing is left to report."""
    return list(following(jobs, follow=False, **more)) == []


def kinds(events: Events) -> list[tuple[str, str]]:
    return [(one.job_id, one.kind) for one in events.transitions]


def test_a_list_of_resources_that_a_client_fetches_by_itself_tells_no_end(
    jobs: Jobs, stranger: Jobs, tmp_path: Path
) -> None:
    """Claude Code lists them at each change, for completion; the `list` tool does tell."""

    async def lists(tool: bool) -> None:
        config = Config(state_dir=str(tmp_path), session="s")
        async with AsyncJobs(config) as client:
            app = App(client, config)
            if tool:
                assert "build" in (await app.call("list", {})).text
            else:
                assert "build" in str(await app.resources.list(None, None))

    journal = tmp_path / "events" / "journal"
    for tool in (False, True):
        jobs.execute("read x; exit 3", name="build", replace=True)
        stranger.interact("build", input="go", timeout=0)
        while journal.read_text().count('"exited"') < 1 + tool:
            time.sleep(0.01)
        asyncio.run(lists(tool))
        if tool:
            assert silent(jobs)
        else:
            assert kinds(next(following(jobs))) == [("build", "exited")]


def test_an_end_is_reported_with_its_last_lines_and_what_still_runs(jobs: Jobs) -> None:
    jobs.execute("sleep 100", name="web", wait=0)
    jobs.execute("echo one; echo two; exit 3", name="build", wait=0)
    events = next(following(jobs))
    assert kinds(events) == [("build", "exited")]
    assert events.line.startswith("[build] exited with code 3 after ")
    assert events.line.endswith(': "one\\ntwo" · still running: web')
    assert silent(jobs)


def test_the_end_of_a_service_says_whether_it_runs_again(jobs: Jobs) -> None:
    jobs.execute("exit 4", name="web", restart="on-failure:1", wait=0)
    said: list[str] = []
    for events in following(jobs):
        said += [one.what for one in events.transitions]
        if len(said) == 2:
            break
    assert said[0].startswith("exited with code 4; restarts in ")
    assert said[0].endswith(" s (1 of 1)")
    assert said[1] == "exited with code 4; crash loop: given up after 2 runs"


def test_a_question_is_reported_once_and_its_answer_brings_the_next(
    jobs: Jobs, stranger: Jobs
) -> None:
    script = "printf 'Overwrite? '; read x; stty -echo; printf 'Secret: '; read y"
    jobs.execute(script, name="ask", wait=0)
    feed = following(jobs)
    first = next(feed)
    assert kinds(first) == [("ask", "asks")]
    assert first.line == '[ask] waits for input: "Overwrite?" · still running: ask'
    stranger.interact("ask", input="y", until=["nothing like this"], timeout=0.1)
    assert next(feed).line.startswith('[ask] asks for a secret: "Secret:"')
    assert silent(jobs)


def test_a_command_that_a_call_left_running_is_back_at_its_prompt(jobs: Jobs) -> None:
    jobs.execute("bash --norc --noprofile -i", name="sh", env={"PS1": "$ "})
    answer = jobs.interact("sh", input="read -t 0.5 < /dev/zero; sleep 1; echo done", timeout=0.2)
    assert not answer.verdict.reason.ready
    events = next(following(jobs))
    assert kinds(events) == [("sh", "ready")]
    assert silent(jobs)


def test_what_a_call_returned_is_never_reported(jobs: Jobs) -> None:
    jobs.execute("printf 'Name? '; read x; exit 4", name="a")  # the answer shows the question
    jobs.interact("a", input="me")  # and this one the end
    jobs.execute("cat", name="b")
    jobs.kill("b")
    jobs.execute("exit 5", name="c", wait=0)
    jobs.wait("c", until="exited")
    assert silent(jobs)


def test_an_end_that_a_later_call_returned_is_not_reported(jobs: Jobs) -> None:
    jobs.execute("exit 6", name="a", wait=0)
    deadline = time.monotonic() + WITHIN
    while jobs.registry.running() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "exited with code 6" in str(jobs.status("a").exit)
    assert silent(jobs)


def test_a_wait_for_something_else_does_not_hide_a_question(jobs: Jobs, tmp_path: Path) -> None:
    feed = following(jobs)
    jobs.execute("printf 'Sure? '; read x", name="a", wait=0)
    with Jobs(Config(state_dir=str(tmp_path), session="s")) as waiting:
        answer = waiting.wait("a", until="exited", timeout=1.0)
        assert not answer.state.ended
    assert kinds(next(feed)) == [("a", "asks")]


def test_a_killed_holder_is_reported_once(jobs: Jobs, stranger: Jobs) -> None:
    jobs.execute("cat", name="a")
    feed = following(jobs)
    holder = jobs.status("a").holder
    first = jobs.events(session="s", timeout=0.05)
    assert list(first) == []
    assert holder is not None
    os.kill(holder, signal.SIGKILL)
    assert kinds(next(feed)) == [("a", "lost")]
    assert stranger.registry.status(stranger.registry.find("a")).state.ended
    assert silent(jobs)


def test_patterns_fire_once_and_repeated_ones_disarm_themselves(jobs: Jobs) -> None:
    flood = "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo line $i; done; read x"
    jobs.execute(
        flood, name="a", wait=0, notify=["pattern: ine 2\\d", "every: ine", "exited"]
    )  # fmt: skip
    jobs.wait("a", until="ready", timeout=WITHIN)
    jobs.kill("a")
    journal, _ = jobs.registry.journal.read(jobs.registry.journal.start())
    matched = [one for one in journal if one.kind == "matched"]
    assert [one.text for one in matched if "2" in one.what] == ["ine 20"]
    assert 1 <= len([one for one in matched if one.what.startswith("matched /ine/")]) <= 3


def test_a_port_is_reported_where_it_is_watched_for(jobs: Jobs) -> None:
    program = "import socket,time; s=socket.create_server(('127.0.0.1',0)); time.sleep(99)"
    jobs.execute(f'{sys.executable} -c "{program}"', name="a", wait=0, notify=["port"])
    events = next(following(jobs))
    assert kinds(events) == [("a", "port")]
    assert f"listens on port {jobs.status('a').ports[0]}" in events.line


def test_what_cannot_be_watched_is_refused(jobs: Jobs) -> None:
    with pytest.raises(BadInput, match="'exits' is not an event"):
        jobs.execute("true", notify=["exits"])
    with pytest.raises(BadPattern):
        jobs.execute("true", notify=["pattern: ("])
    with pytest.raises(BadInput, match="'exits' is not an event"):
        next(jobs.events(kinds=["exits"]))


def test_jobs_that_ask_for_nothing_are_not_in_the_journal(jobs: Jobs) -> None:
    jobs.execute("exit 1", name="a", wait=0, notify=[])
    jobs.wait("a", until="exited")
    assert jobs.registry.journal.read(jobs.registry.journal.start())[0] == []


def test_two_sessions_in_one_project_hear_of_their_own_jobs(jobs: Jobs, tmp_path: Path) -> None:
    with Jobs(Config(state_dir=str(tmp_path), session="t")) as others:
        others.execute("exit 1", name="theirs", wait=0)
        jobs.execute("exit 2", name="ours", wait=0)
        assert kinds(next(following(jobs))) == [("ours", "exited")]
        assert kinds(next(others.events(session="t", timeout=WITHIN))) == [("theirs", "exited")]


def test_a_project_that_is_no_directory_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no directory"):
        jobs.event_feed(project=str(tmp_path / "missing"))


def test_followers_of_one_session_report_each_transition_once(jobs: Jobs) -> None:
    feeds = [following(jobs), following(jobs)]
    jobs.execute("exit 1", name="a", wait=0)
    assert kinds(next(feeds[0])) == [("a", "exited")]
    jobs.execute("exit 2", name="b", wait=0)
    assert kinds(next(feeds[1])) == [("b", "exited")]
    assert silent(jobs)


# -- the command line


@contextlib.contextmanager
def command(jobs: Jobs, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PTYJOBS", "CLAUDE"))}
    env |= {"PTYJOBS_STATE_DIR": jobs.config.state_dir, "CLAUDE_CODE_SESSION_ID": "s"}
    process = subprocess.Popen(
        [sys.executable, "-m", "ptyjobs", "events", *arguments],
        stdout=subprocess.PIPE, text=True, env=env, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_follower_that_is_restarted_goes_on_without_repeating(jobs: Jobs) -> None:
    with command(jobs, "--follow", "--session") as first:
        assert first.stdout is not None
        jobs.execute("exit 1", name="a", wait=0)
        assert first.stdout.readline().startswith("[a] exited with code 1")
        first.terminate()
        assert first.wait(WITHIN) == -signal.SIGTERM
    jobs.execute("exit 2", name="b", wait=0)  # no follower
    with command(jobs, "--follow", "--session") as second:
        assert second.stdout is not None
        assert second.stdout.readline().startswith("[b] exited with code 2")
        second.terminate()
        assert second.stdout.read() == ""


def test_a_follower_ends_when_nobody_reads_it(jobs: Jobs) -> None:
    with command(jobs, "--follow", "--session") as process:
        assert process.stdout is not None
        jobs.execute("exit 1", name="a", wait=0)
        assert process.stdout.readline().startswith("[a] exited with code 1")
        process.stdout.close()
        assert process.wait(WITHIN) == 0


def test_a_secret_in_a_programs_words_is_not_shown(jobs: Jobs, monkeypatch: Any) -> None:
    monkeypatch.setenv("PTYJOBS_SECRET_TOKEN", "correct-horse-battery")
    with Jobs(Config(state_dir=jobs.config.state_dir, secrets={"TOKEN": "env:PTYJOBS_SECRET_TOKEN"},
                     session="s")) as own:  # fmt: skip
        own.execute("echo the token is correct-horse-battery; exit 1", name="a", wait=0)
        line = next(following(own)).line
    assert "the token is" in line
    assert "correct-horse" not in line


def test_events_as_json(jobs: Jobs) -> None:
    import json

    jobs.execute("exit 1", name="a", wait=0, cwd="/")
    jobs.wait("a", until="exited")
    with command(jobs, "--json", "--project", "/", "--for", "exited") as once:
        assert once.stdout is not None
        found = json.loads(once.stdout.read())
        assert once.wait(WITHIN) == 0
    assert found["transitions"][0]["job_id"] == "a"
    assert found["running"] == []


def test_a_session_must_be_known(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PTYJOBS", "CLAUDE"))}
    done = subprocess.run(
        [sys.executable, "-m", "ptyjobs", "events", "--session"],
        env={**env, "PTYJOBS_STATE_DIR": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1 or done.returncode == 2
    assert "There is no session here." in done.stderr
