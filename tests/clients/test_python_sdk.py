"""The official Python SDK as a client: 2.x in both eras, 1.x where a Python has it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import TextContent

from tests.clients.conftest import SERVER

pytestmark = pytest.mark.live


def text(result: Any) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
def test_sdk_2_in_both_eras(environment: dict[str, str], mode: str, version: str) -> None:
    async def session() -> None:
        server = StdioServerParameters(command=SERVER[0], args=SERVER[1:], env=environment)
        async with Client(stdio_client(server), mode=mode) as client:
            assert client.protocol_version == version
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert names[:2] == ["execute", "interact"]
            started = await client.call_tool("execute", {"command": "cat", "name": "c"})
            assert text(started).startswith("[c] waiting for input")
            answer = await client.call_tool("interact", {"job_id": "c", "input": "hello"})
            assert text(answer).endswith("\nhello")
            assert answer.meta is not None
            assert answer.meta["ptyjobs/result"]["job_id"] == "c"
            wrong = await client.call_tool("interact", {"job_id": "d", "input": "x"})
            assert wrong.is_error
            read = await client.read_resource("job://c/screen")
            assert "hello" in str(read.contents[0])
            many = await asyncio.gather(
                *(client.call_tool("interact", {"job_id": "c", "input": f"n{i}"}) for i in range(5))
            )
            assert [text(result).rpartition("\n")[2] for result in many] == [
                f"n{i}" for i in range(5)
            ]

    asyncio.run(session())


def test_structured_content_passes_the_check_of_the_sdk(environment: dict[str, str]) -> None:
    async def session() -> None:
        env = {**environment, "PTYJOBS_STRUCTURED": "true"}
        server = StdioServerParameters(command=SERVER[0], args=SERVER[1:], env=env)
        async with Client(stdio_client(server)) as client:  # it checks against outputSchema
            assert all(tool.output_schema for tool in (await client.list_tools()).tools)
            for name, given in (
                ("execute", {"command": "cat", "name": "c"}),
                ("interact", {"job_id": "c", "input": "hello"}),
                ("wait", {"job_id": ["c"]}),
                ("status", {"job_id": "c"}),
                ("kill", {"job_id": "c"}),
                ("wait", {"job_id": ["c"], "until": "exited"}),
            ):
                result = await client.call_tool(name, given)
                assert not result.is_error, text(result)
                assert result.structured_content is not None
                assert result.structured_content["text"] == text(result)

    asyncio.run(session())


VERSION_1 = """
import asyncio, json, os, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main():
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        found = await session.initialize()
        tools = await session.list_tools()
        started = await session.call_tool("execute", {"command": "cat", "name": "c"})
        answer = await session.call_tool("interact", {"job_id": "c", "input": "hello"})
        print(json.dumps([found.protocolVersion, len(tools.tools), answer.content[0].text]))

asyncio.run(main())
"""


def test_sdk_1(environment: dict[str, str], tmp_path: Path) -> None:
    python = os.environ.get("PTYJOBS_TEST_MCP1", "")
    if not python:
        pytest.skip("no Python with the SDK's 1.x (PTYJOBS_TEST_MCP1)")
    done = subprocess.run(
        [python, "-c", VERSION_1, *SERVER],
        env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    version, count, answer = json.loads(done.stdout)
    assert version == "2025-11-25"
    assert count == 9
    assert answer.endswith("\nhello")
