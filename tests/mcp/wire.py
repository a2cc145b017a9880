"""A client that speaks raw lines to a server in the same process, over real pipes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any, cast

from ptyjobs.config import Config
from ptyjobs.mcp.server import App
from ptyjobs.mcp.transport import StdioTransport
from tests.mcp.fake import FakeJobs


class Wire:
    """The client's ends of two pipes."""

    def __init__(self, fd_to: int, reader: asyncio.StreamReader) -> None:
        self.fd_to = fd_to
        self.reader = reader
        self.next_id = 0
        self.notes: list[dict[str, Any]] = []

    def send(self, message: Any) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        os.write(self.fd_to, line + b"\n")

    def request(self, method: str, params: dict[str, Any] | None = None) -> int:
        self.next_id += 1
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        self.send(body if params is None else {**body, "params": params})
        return self.next_id

    async def receive(self, within: float = 5.0) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), within)
        if not line:
            raise EOFError
        found: dict[str, Any] = json.loads(line)
        return found

    async def answer(self, request_id: int | None) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if message.get("id") == request_id and "method" not in message:
                return message
            self.notes.append(message)

    async def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.answer(self.request(method, params))

    async def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        answer = await self.ask("tools/call", {"name": name, "arguments": arguments})
        result: dict[str, Any] = answer["result"]
        return result

    async def initialize(self, version: str = "2025-11-25") -> dict[str, Any]:
        params = {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        }
        answer = await self.ask("initialize", params)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        result: dict[str, Any] = answer["result"]
        return result

    def close_input(self) -> None:
        if self.fd_to >= 0:
            os.close(self.fd_to)
            self.fd_to = -1


@contextlib.asynccontextmanager
async def served(
    jobs: FakeJobs, config: Config | None = None, *, drain: float = 1.0, initialize: bool = True
) -> AsyncIterator[Wire]:
    """A client of a running server over `jobs`."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 26)
    pipe = os.fdopen(from_read, "rb")
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    transport = StdioTransport(to_read, from_write, drain=drain)
    os.close(to_read)
    os.close(from_write)
    app = App(cast("Any", jobs), config or Config())
    server = app.server()
    task = asyncio.create_task(
        server.run(transport.read, transport.write, server.create_initialization_options())
    )
    wire = Wire(to_write, reader)
    try:
        if initialize:
            await wire.initialize()
        yield wire
    finally:
        wire.close_input()
        transport.stop()
        await asyncio.wait_for(task, 5)
        app.close()
        transport.close()
        pipe.close()
