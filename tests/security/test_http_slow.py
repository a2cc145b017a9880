"""Connections over HTTP whose requests never arrive whole do not stay."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn

from ptyjobs.mcp import http

WHOLE = b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"
TOKEN = b"Authorization: Bearer T\r\n"
BEGUN = {
    "nothing": [],
    "half a header": [b"GET /mcp HT"],
    "half a body": [b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"],
    "half a body, with the token": [
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + TOKEN + b"Content-Length: 9\r\n\r\nx"
    ],
    "a request and half a header": [WHOLE, b"GET /mcp HT"],
}


async def app(scope: http.Scope, receive: Any, send: Any) -> None:
    """Answers once the whole body has come."""
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("begun", BEGUN)
def test_a_request_that_stays_partial_ends_its_connection(
    begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_TIME", 0.1)

    async def scenario() -> None:
        settings = uvicorn.Config(
            http.with_token(app, "T"), port=0, lifespan="off", http=http._Protocol, log_config=None
        )
        settings.load()
        loop = asyncio.get_running_loop()
        state = uvicorn.server.ServerState()
        listening = await loop.create_server(
            lambda: http._Protocol(settings, state, {}), "127.0.0.1", 0
        )
        async with listening, asyncio.timeout(60):
            port = listening.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in BEGUN[begun]:
                writer.write(part)
                if part == WHOLE:
                    assert b"401" in await reader.readuntil(b"TOKEN\n")
            await reader.read()  # until the end of file
            writer.close()

    asyncio.run(scenario())
