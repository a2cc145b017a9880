"""A probe that the client gave up does not fix the era; long calls show that they live."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mcp.live import Server
from tests.mcp.test_tasks import TASKS, meta

pytestmark = pytest.mark.live

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "t", "version": "0"},
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with contextlib.closing(Server(tmp_path)) as running:
        yield running


def test_an_answered_probe_may_be_followed_by_the_handshake(server: Server) -> None:
    answer = server.ask("server/discover", {"_meta": meta(TASKS)}, within=30)
    assert answer["result"]["supportedVersions"]
    assert server.initialize()
    assert server.ask("tools/list", {})["result"]["tools"]


def test_a_probe_that_timed_out_may_be_followed_by_the_handshake(server: Server) -> None:
    server.request("server/discover", {"_meta": meta(TASKS)})  # its answer is not awaited
    number = server.request("initialize", INITIALIZE)
    assert server.answer(number, within=30)["result"]["protocolVersion"] == "2025-11-25"
    server.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
    arguments = {"name": "execute", "arguments": {"command": "echo hi"}}
    assert "hi" in server.ask("tools/call", arguments)["result"]["content"][0]["text"]


def test_after_a_request_the_era_is_fixed(server: Server) -> None:
    server.ask("server/discover", {"_meta": meta(TASKS)}, within=30)
    server.ask("tools/list", {"_meta": meta(TASKS)})
    assert server.ask("initialize", INITIALIZE)["error"]["code"] == -32022
    assert server.ask("tools/list", {"_meta": meta(TASKS)})["result"]["tools"]


def test_a_client_that_only_probes_may_leave(server: Server) -> None:
    server.ask("server/discover", {"_meta": meta(TASKS)}, within=30)
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(10) == 0


def test_the_schema_names_the_longest_wait(tmp_path: Path) -> None:
    with contextlib.closing(Server(tmp_path, env={"PTYJOBS_MAX_WAIT": "240"})) as server:
        tools = server.initialize().ask("tools/list", {})["result"]["tools"]
    wait = next(tool for tool in tools if tool["name"] == "wait")
    assert wait["inputSchema"]["properties"]["timeout"]["description"].endswith(
        ", at most 240 a call"
    )
