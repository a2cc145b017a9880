"""`mcp_client`: our MCP server in this process, with the SDK's own in-memory client.

Owns the thread with the event loop, so that tests need no asyncio: each call blocks. Never imports
the SDK before the first client is made.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from ptyjobs.config import Config

T = TypeVar("T")
CALL_LIMIT = 300.0
"""Seconds after which a call counts as never answered."""


class McpClient:
    """A client of our server: `call("execute", command="python3 -i")` returns the text."""

    def __init__(self, config: Config) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._closing: asyncio.Event
        self._ready: Future[Any] = Future()
        self._serving = asyncio.run_coroutine_threadsafe(self._serve(config), self._loop)
        self._client = self._ready.result(CALL_LIMIT)

    async def _serve(self, config: Config) -> None:
        from mcp.client import Client

        from ptyjobs.client import AsyncJobs
        from ptyjobs.mcp.server import App

        self._closing = asyncio.Event()
        jobs = AsyncJobs(config)
        try:
            app = App(jobs, config)
            async with Client(app.server()) as client:
                self._ready.set_result(client)
                await self._closing.wait()
            app.close()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
        finally:
            await jobs.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_LIMIT)

    def result(self, tool: str, /, **arguments: Any) -> Any:
        """The SDK's result of a tool call, errors included."""
        return self._run(self._client.call_tool(tool, arguments))

    def call(self, tool: str, /, **arguments: Any) -> str:
        """The text of a tool call; AssertionError for an error result."""
        __tracebackhide__ = True
        result = self.result(tool, **arguments)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        if result.is_error:
            raise AssertionError(f"{tool}: {text}")
        return text

    @property
    def tools(self) -> list[str]:
        """The names of the server's tools."""
        return [tool.name for tool in self._run(self._client.list_tools()).tools]

    def close(self) -> None:
        """End the server and its jobs."""
        self._loop.call_soon_threadsafe(self._closing.set)
        try:
            self._serving.result(CALL_LIMIT)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()
