"""Asynchronous connections to a holder: send requests, match replies by id, deliver live output.

Owns the asyncio protocol of one connection. Never starts a job and never reads a job's directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from ptyjobs import protocol, requests
from ptyjobs.client import calls
from ptyjobs.client.calls import no_answer, result_of, version_in
from ptyjobs.client.connect import ConnectionClosed, hung_up
from ptyjobs.json_values import from_json
from ptyjobs.model import PROTOCOL_VERSION, Size
from ptyjobs.protocol import JsonObject, member
from ptyjobs.requests import CancelRequest, HelloRequest, RepaintRequest, Request, WindowRequest

if TYPE_CHECKING:
    from ptyjobs.client.calls import Progress

# ruff: noqa: ASYNC109  (a timeout here is the program's deadline, kept by its holder)


class AsyncConnection(asyncio.Protocol):
    """One asynchronous connection; replies are matched to requests by id."""

    def __init__(self) -> None:
        self._decoder = protocol.Decoder()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[JsonObject]] = {}
        self._progress: dict[int, Progress] = {}
        self._transport: asyncio.Transport | None = None
        self.events: asyncio.Queue[protocol.Message | None] | None = None
        self.on_secrets: Callable[[object], None] | None = None
        self.closed = False
        self._version = PROTOCOL_VERSION
        self._hello = 0  # id of the request whose reply has the holder's version
        self._greeted = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for message in self._decoder.feed(data):
            if isinstance(message, protocol.Data) or "event" in message:
                if self.events is not None:
                    self.events.put_nowait(message)
                continue
            number = requests.number_of(message)
            if "progress" in message:
                note = self._progress.get(number)
                if note is not None:
                    note(str(message["progress"]))
                continue
            if number == self._hello and number:
                self._version, self._hello = version_in(message), 0
                self._greeted.set()
            if "secrets" in message and self.on_secrets is not None:
                self.on_secrets(message["secrets"])
            future = self._waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._greeted.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionClosed())
        self._waiting.clear()
        if self.events is not None:
            self.events.put_nowait(None)

    @property
    def hung_up(self) -> bool:
        """True if the holder has closed its end, even if the event loop has not said so yet."""
        if self.closed or self._transport is None:
            return True
        return hung_up(self._transport.get_extra_info("socket").fileno())

    def send_frame(self, frame: bytes) -> None:
        if self.closed or self._transport is None:
            raise ConnectionClosed
        self._transport.write(frame)

    def tell(self, request: Request) -> int:
        """Send a request and ignore its reply; returns its id."""
        number = next(self._numbers)
        self.send_frame(requests.encode(request, number))
        return number

    def greet(self, hello: HelloRequest) -> None:
        """Send `hello` on a connection to a holder that this client did not fork."""
        self._hello = self.tell(hello)

    async def holder_version(self) -> int:
        """Protocol version of the holder."""
        if self._hello:
            try:
                async with asyncio.timeout(calls.SLACK):
                    await self._greeted.wait()
            except TimeoutError:
                raise no_answer() from None
        if self._hello:
            raise ConnectionClosed
        return self._version

    async def request(
        self, request: Request, *, timeout: float, progress: Progress | None = None
    ) -> JsonObject:
        """Return the `ok` member of the reply; raises its error, ConnectionClosed or HolderLost."""
        number = next(self._numbers)
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        if progress is not None:
            self._progress[number] = progress
        try:
            self.send_frame(requests.encode(request, number))
            async with asyncio.timeout(timeout + calls.SLACK):
                return result_of(await future)
        except TimeoutError:
            raise no_answer() from None
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionClosed):
                self.tell(CancelRequest(number))
            raise
        finally:
            self._waiting.pop(number, None)
            self._progress.pop(number, None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def open_connection(sock: socket.socket) -> AsyncConnection:
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    _, connection = await loop.create_connection(AsyncConnection, sock=sock)
    return connection


class AsyncFollow:
    """Live view of a job: iterate for events, `send` keys, `resize`, `close`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def __aiter__(self) -> AsyncIterator[protocol.Message]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[protocol.Message]:
        assert self._connection.events is not None
        while True:
            message = await self._connection.events.get()
            if message is None:
                return
            yield message

    def send(self, data: bytes) -> None:
        self._connection.send_frame(protocol.data_frame(0, data))

    async def resize(self, size: Size) -> None:
        await self._connection.request(WindowRequest(size.rows, size.cols), timeout=5.0)

    async def repaint(self, *, scrollback: int = 0) -> tuple[Size, int, bytes]:
        """Size, log offset, and bytes that rebuild the screen at that offset."""
        ok = await self._connection.request(RepaintRequest(scrollback), timeout=5.0)
        data = member(ok, "data", str).encode("latin-1")
        return from_json(Size, ok["size"]), member(ok, "end", int), data

    def close(self) -> None:
        self._connection.close()
