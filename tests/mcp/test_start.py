"""The real server before, while and after it imports the SDK."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mcp.live import START, Server

pytestmark = pytest.mark.live

INITIALIZE: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "0"},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
IMPORT = """
import sys, time
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp.server.lowlevel":
            %s
sys.meta_path.insert(0, Finder())
sys.argv = ["ptyjobs", "serve"]
from ptyjobs.cli.main import main
sys.exit(main())
"""


NOTING = """
import pathlib, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp.server.lowlevel":
            pathlib.Path(%r).touch()
sys.meta_path.insert(0, Finder())
"""


@dataclass(frozen=True)
class Import:
    """Notes the import of the SDK by a server that runs `code`."""

    mark: Path
    code: str

    @classmethod
    def of(cls, folder: Path, code: str = START) -> Import:
        mark = folder / "imported"
        return cls(mark, NOTING % str(mark) + code)

    def done(self) -> bool:
        return self.mark.exists()


def pipelined(*messages: dict[str, Any]) -> bytes:
    return b"".join(json.dumps({"jsonrpc": "2.0", **m}).encode() + b"\n" for m in messages)


def call(number: int, name: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"id": number, "method": "tools/call", "params": params}


def test_a_client_that_sends_everything_at_once_is_answered_without_the_sdk(
    tmp_path: Path,
) -> None:
    sdk = Import.of(tmp_path)
    with Server(tmp_path / "state", code=sdk.code) as server:
        assert server.process.stdin is not None
        server.process.stdin.write(
            pipelined(call(11, "execute", command="echo hello"), {"id": 12, "method": "tools/list"})
        )
        server.process.stdin.flush()
        assert "hello" in server.answer(11)["result"]["content"][0]["text"]
        names = {message["id"] for message in server.notes}
        assert names == {12}
        assert not sdk.done()
        assert server.ask("nonsense/method", {})["error"]["code"] == -32601
        assert sdk.done()
        read = server.ask("resources/read", {"uri": "job://echo-1/output"})
        assert "hello" in read["result"]["contents"][0]["text"]
        assert "hello" in server.text("output", job_id="echo-1")
        again = server.ask("initialize", INITIALIZE)
        assert again["result"]["protocolVersion"] == "2025-11-25"


def test_a_script_is_answered_whether_it_needs_the_sdk_or_not(tmp_path: Path) -> None:
    opening = ({"id": 1, "method": "initialize", "params": INITIALIZE}, INITIALIZED)
    for last in ({"id": 2, "method": "tools/list"}, {"id": 2, "method": "nonsense/method"}):
        script = tmp_path / "script"
        script.write_bytes(pipelined(*opening, last).rstrip())
        with script.open() as source:
            done = subprocess.run(
                [sys.executable, "-c", START],
                stdin=source,
                stdout=subprocess.PIPE,
                check=True,
                env={"PTYJOBS_STATE": str(tmp_path / "state")},
                timeout=60,
            )
        assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]


def test_a_client_that_leaves_at_once_costs_no_import(tmp_path: Path) -> None:
    code = IMPORT % "sys.exit('imported')"
    server = Server(tmp_path, code=code)
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(20) == 0
    server.close()


def test_a_huge_first_line_is_for_the_sdk(tmp_path: Path) -> None:
    sdk = Import.of(tmp_path)
    server = Server(tmp_path / "state", code=sdk.code)
    answer = server.ask("initialize", {**INITIALIZE, "_meta": {"x": "x" * (2 << 20)}}, within=30)
    assert answer["result"]["serverInfo"]["name"] == "ptyjobs"
    assert sdk.done()
    server.close()


def test_calls_are_answered_and_signals_obeyed_during_the_import(tmp_path: Path) -> None:
    server = Server(tmp_path, code=IMPORT % "time.sleep(99)").initialize()
    waiting = server.request("nonsense/method")
    assert "hello" in server.text("execute", command="echo hello")
    assert server.ask("ping")["result"] == {}
    assert waiting not in {note.get("id") for note in server.notes}
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 128 + signal.SIGTERM
    server.close()


def test_a_broken_sdk_is_reported_in_a_sentence(tmp_path: Path) -> None:
    server = Server(tmp_path, code=IMPORT % "raise ImportError('no such thing')").initialize()
    assert "hello" in server.text("execute", command="echo hello")
    server.request("nonsense/method")
    assert server.process.wait(20) == 1
    assert server.process.stderr is not None
    text = server.process.stderr.read().decode()
    assert "The MCP SDK cannot be imported: no such thing" in text
    assert "Traceback" not in text
    server.close()


def test_an_unknown_sdk_answers_everything_itself(tmp_path: Path) -> None:
    sdk = Import.of(tmp_path, f"from ptyjobs.mcp import direct\ndirect.TESTED = ('0.1',)\n{START}")
    server = Server(tmp_path / "state", code=sdk.code).initialize()
    assert sdk.done()
    assert "hello" in server.text("execute", command="echo hello")
    server.close()
