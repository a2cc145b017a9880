"""Clients that run on node: MCP Inspector, both TypeScript SDKs, the conformance suite."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import CLIENTS, SERVER, package

pytestmark = pytest.mark.live


def inspector(node: str, environment: dict[str, str], *arguments: str) -> str:
    package("@modelcontextprotocol/inspector")
    line = [node, str(CLIENTS / ".bin" / "mcp-inspector"), "--cli", *SERVER, *arguments]
    line += ["-e", f"PTYJOBS_STATE={environment['PTYJOBS_STATE']}"]
    path = f"{Path(node).parent}:{environment['PATH']}"
    done = subprocess.run(
        line, env={**environment, "PATH": path}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_inspector_finds_nothing_to_object_to(node: str, environment: dict[str, str]) -> None:
    listed = inspector(node, environment, "--method", "tools/list", "--strict")
    assert len(json.loads(listed[listed.index("{") :])["tools"]) == 9


def test_inspector_calls_a_tool(node: str, environment: dict[str, str]) -> None:
    called = inspector(
        node, environment, "--method", "tools/call", "--tool-name", "execute",
        "--tool-arg", "command=echo hello",
    )  # fmt: skip
    text = json.loads(called[called.index("{") :])["content"][0]["text"]
    assert re.fullmatch(r"\[echo-1\] exited with code 0\nhello", text)


SESSION = """
const transport = new StdioClientTransport({
  command: process.argv[2], args: process.argv.slice(3), env: process.env, stderr: "ignore",
});
const client = new Client({ name: "test", version: "0" }, OPTIONS);
await client.connect(transport);
const tools = await client.listTools();
await client.callTool({ name: "execute", arguments: { command: "cat", name: "c" } });
const answer = await client.callTool({
  name: "interact", arguments: { job_id: "c", input: "hello" },
});
console.log(JSON.stringify([tools.tools.length, answer.content[0].text]));
await client.close();
"""


@pytest.mark.parametrize(
    ("name", "imports", "options"),
    [
        (
            "@modelcontextprotocol/sdk",
            'import { Client } from "@modelcontextprotocol/sdk/client/index.js";\n'
            'import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";\n',
            "{}",
        ),
        (
            "@modelcontextprotocol/client",
            'import { Client } from "@modelcontextprotocol/client";\n'
            'import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";\n',
            "{}",
        ),
    ],
)
def test_typescript_sdks(
    node: str, environment: dict[str, str], tmp_path: Path, name: str, imports: str, options: str
) -> None:
    package(name)
    script = tmp_path / "session.mjs"
    script.write_text(imports + SESSION.replace("OPTIONS", options))
    (tmp_path / "node_modules").symlink_to(CLIENTS)
    done = subprocess.run(
        [node, str(script), *SERVER],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    count, text = json.loads(done.stdout)
    assert count == 9
    assert text.endswith("\nhello")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from tests.clients.conftest import clean_environment

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    server = subprocess.Popen(
        [*SERVER, "--http", address, "--http-token", "none"],
        env=clean_environment(tmp_path_factory.mktemp("http") / "state"),
        stderr=subprocess.PIPE,
    )
    assert server.stderr is not None
    assert server.stderr.readline()  # it listens
    yield f"http://{address}/mcp"
    server.terminate()
    server.wait(10)
    server.stderr.close()


@pytest.mark.parametrize(
    "scenario",
    [
        "server-initialize",
        "ping",
        "tools-list",
        "resources-list",
        "prompts-list",
        "completion-complete",
        "dns-rebinding-protection",
        "server-sse-multiple-streams",
    ],
)
def test_conformance(node: str, url: str, scenario: str) -> None:
    package("@modelcontextprotocol/conformance")
    line = [node, str(CLIENTS / ".bin" / "conformance"), "server", "--url", url]
    done = subprocess.run(
        [*line, "--scenario", scenario], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed" in done.stdout
