"""`wait(job_id="*", until="event")`: the next event of any job of the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.live import Server

pytestmark = pytest.mark.live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with contextlib.closing(Server(tmp_path)) as running:
        yield running.initialize()


def call(server: Server, tool: str, **arguments: Any) -> str:
    answer = server.ask("tools/call", {"name": tool, "arguments": arguments}, within=30)
    text: str = answer["result"]["content"][0]["text"]
    return text


def test_the_next_event_of_any_job(server: Server) -> None:
    call(server, "execute", command="cat", name="web")
    call(server, "execute", command="printf 'Sure? '; read x", name="ask", wait=0)
    said = '[events] [ask] waits for input: "Sure?" · still running: ask, web'
    assert call(server, "wait", job_id=["*"]) == said
    text = call(server, "wait", job_id=["*"], until="event", timeout=0.1)
    assert text == "[events] no event · 100 ms · still running: ask, web"


def test_a_watch_is_set_at_the_start(server: Server) -> None:
    call(server, "execute", command="echo re''ady; read x", name="a", wait=0,
         notify=["pattern: read.", "exited"])  # fmt: skip
    assert '[a] matched /read./: "ready"' in call(server, "wait", job_id=["*"])


def test_what_a_call_returned_is_no_event(server: Server) -> None:
    assert "exited with code 3" in call(server, "execute", command="exit 3")
    assert "no event" in call(server, "wait", job_id=["*"], timeout=0.2)


def test_jobs_are_not_named_beside_all_of_them(server: Server) -> None:
    for arguments in ({"job_id": ["*", "a"]}, {"job_id": ["*"], "until": "exited"},
                      {"job_id": ["a"], "until": "event"}):  # fmt: skip
        assert 'job_id="*" and until="event" go together' in call(server, "wait", **arguments)
