"""Let a connection fall back from the 2026-07-28 era to the handshake era.

Owns that switch. The SDK fixes the era at the first request and refuses `initialize` after
`server/discover` (-32022). A client that probes with discover and times out after a few seconds,
because this machine started us slowly, falls back to `initialize`: if it has sent nothing but
probes, the connection is served again from the start. Never looks at anything but the methods of
requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ptyjobs.mcp.transport import Inbound, StdioTransport

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage
    from mcp_types import RequestId

PROBE = "server/discover"
Serve = Callable[[Any, Any], Awaitable[None]]


class _Era(Inbound):
    """The messages of one era; it ends at an `initialize` that follows only probes."""

    def __init__(self, transport: StdioTransport, first: SessionMessage | None) -> None:
        super().__init__(transport)
        self._first = first
        self.probes: list[RequestId] | None = []  # None after any other request
        self.next: SessionMessage | None = None  # the request that opens the next era

    async def receive(self) -> SessionMessage | Exception:
        message = self._first or await super().receive()
        self._first = None
        from mcp.shared.message import SessionMessage
        from mcp_types import JSONRPCRequest

        request = message.message if isinstance(message, SessionMessage) else None
        if not isinstance(request, JSONRPCRequest):
            return message
        if request.method == PROBE:
            if self.probes is not None:
                self.probes.append(request.id)
        elif request.method == "initialize" and self.probes:
            assert isinstance(message, SessionMessage)
            self.next = message
            raise StopAsyncIteration
        else:
            self.probes = None
        return message

    async def __anext__(self) -> SessionMessage | Exception:
        return await self.receive()


async def serve(transport: StdioTransport, run: Serve) -> None:
    """Call `run` with the streams of each era until the client disconnects."""
    first: SessionMessage | None = None
    while True:
        era = _Era(transport, first)
        await run(era, transport.write)
        if era.next is None:
            return
        transport.forget(era.probes or ())
        first = era.next
