"""An agent asks for a person through the SDK's client, in both eras, while a viewer runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import ElicitRequestURLParams, ElicitResult

from tests.clients.conftest import SERVER
from tests.clients.test_python_sdk import text
from tests.faults import world

pytest.importorskip("websockets", reason="the extra [web] is not installed")
pytestmark = pytest.mark.live
ASKED = "Job db asks for you: log in"
WAIT = {"job_id": ["db"], "until": "person", "message": "log in", "timeout": 20}


class User:
    """A client's user, who answers each dialog with `action`."""

    def __init__(self, environment: dict[str, str], action: str) -> None:
        self.environment, self.action = environment, action
        self.asked: list[ElicitRequestURLParams] = []
        self.announced: list[str] = []  # what `list` showed while the client asked

    async def answer(self, context: Any, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        self.asked.append(params)
        self.announced.append((await asyncio.to_thread(self.run, "status", "db", "--json"))["asks"])
        if self.action == "accept":  # the address was opened; the person works there
            await asyncio.to_thread(self.run, "done", "db", "logged in", "--json")
        return ElicitResult(action=self.action)  # type: ignore[arg-type]  # one of three words

    def run(self, *words: str) -> Any:
        command = [sys.executable, "-m", "ptyjobs", *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return json.loads(done.stdout)


def client(environment: dict[str, str], mode: str, user: User) -> Client:
    server = StdioServerParameters(
        command=SERVER[0], args=SERVER[1:], env={**environment, "PTYJOBS_VIEWER": "write"}
    )
    return Client(stdio_client(server), mode=mode, elicitation_callback=user.answer)


async def viewer(user: User) -> None:
    path = user.environment["PTYJOBS_STATE"] + "/viewer.json"
    assert await asyncio.to_thread(world.eventually, lambda: Path(path).exists())


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("action", ["accept", "decline"])
def test_the_client_opens_the_viewer_or_declines(
    environment: dict[str, str], mode: str, action: str
) -> None:
    user = User(environment, action)

    async def session() -> None:
        async with client(environment, mode, user) as agent:
            await agent.call_tool("execute", {"command": "echo unread; cat", "name": "db"})
            await agent.call_tool(
                "interact", {"job_id": "db", "input": "early", "until": ["no such"], "timeout": 0}
            )
            await viewer(user)
            reply = text(await agent.call_tool("wait", WAIT))
            how = "done by" if action == "accept" else "declined by the client"
            assert reply.startswith(f"[db] person: {how}"), reply
            again = await agent.call_tool("wait", {**WAIT, "timeout": 0})
            assert not text(again).startswith("[db] person"), "each answer is given once"

    asyncio.run(session())
    assert [asked.message for asked in user.asked] == [ASKED], "each message is asked once"
    assert user.asked[0].url.endswith("&job=db")
    assert user.announced == ["log in"], "people at other places are told at the same time"


def test_output_before_the_question_is_in_the_reply_after_it(environment: dict[str, str]) -> None:
    user = User(environment, "decline")

    async def session() -> None:
        async with client(environment, "2026-07-28", user) as agent:
            line = "echo first; read x; echo printed before the question; read x"
            await agent.call_tool("execute", {"command": line, "name": "db"})
            await viewer(user)
            await asyncio.to_thread(user.run, "send", "db", "", "--json")
            reply = text(await agent.call_tool("wait", WAIT))
            assert "declined by the client" in reply
            assert "printed before the question" in reply

    asyncio.run(session())


def test_a_client_without_url_mode_is_not_asked(environment: dict[str, str]) -> None:
    async def session() -> None:
        server = StdioServerParameters(
            command=SERVER[0], args=SERVER[1:], env={**environment, "PTYJOBS_VIEWER": "write"}
        )
        async with Client(stdio_client(server), mode="2026-07-28") as agent:
            await agent.call_tool("execute", {"command": "cat", "name": "db"})
            await viewer(User(environment, ""))
            reply = text(await agent.call_tool("wait", {**WAIT, "timeout": 0.2}))
            assert not reply.startswith("[db] person")

    asyncio.run(session())
