"""The stdio transport: lines of JSON-RPC on two private descriptors, inside the event loop.

Owns the descriptors, back-pressure, and draining at end of input. Never knows tools, and never
imports the SDK before a line is for it: `direct` answers most lines without it.
The SDK's own transport reads and writes on worker threads, which costs more than half of a call,
lets a client that stops reading block a thread indefinitely, and never answers a line it cannot
parse.

Difficulties:

* Standard input and output may be shared with other processes (a shell's terminal, a parent that
  keeps the pipe open). O_NONBLOCK belongs to the open file description, so setting it would affect
  them too. If /proc allows it, the pipe is reopened, which creates a private description;
  otherwise the flag is set and restored at the end.
* epoll refuses regular files and /dev/null, which never block: they are read in slices instead.
* At end of input the SDK cancels every call in flight; here calls get a bounded time to finish,
  so that `ptyjobs < script.jsonl` answers everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ptyjobs.mcp.framing import INVALID_REQUEST, decode, encode, error_line

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage
    from mcp_types import RequestId

READ_SIZE = 64 << 10
MAX_LINE = 64 << 20
"""Bytes of the longest line that is still parsed; a longer one is skipped and answered."""
HIGH_WATER = 4 << 20
"""Bytes waiting for the client; above, answers wait and no further line is read."""


def private_descriptor(fd: int, *, write: bool) -> tuple[int, Callable[[], None]]:
    """A non-blocking descriptor of the same file, and the function that releases it."""
    access = os.O_WRONLY if write else os.O_RDONLY
    with contextlib.suppress(OSError):  # a socket, no /proc, or another user's pipe: share instead
        own = os.open(f"/proc/self/fd/{fd}", access | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        if os.fstat(own).st_ino == os.fstat(fd).st_ino and not _seekable(fd):
            return own, lambda: os.close(own)
        os.close(own)
    shared = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    was_blocking = os.get_blocking(shared)
    os.set_blocking(shared, False)

    def release() -> None:
        os.set_blocking(shared, was_blocking)
        os.close(shared)

    return shared, release


def _seekable(fd: int) -> bool:
    """True for a regular file, which must not be reopened: it would start at offset 0 again."""
    try:
        os.lseek(fd, 0, os.SEEK_CUR)
    except OSError:
        return False
    return True


class StdioTransport:
    """Both directions of one client on a pair of descriptors.

    `read` and `write` are the streams for `mcp.server.lowlevel.Server.run` (its `ReadStream` and
    `WriteStream` protocols). `drain`: seconds that calls in flight have to finish after the end
    of input; `starting`: seconds after the start that they have in any case.
    """

    def __init__(
        self, fd_in: int, fd_out: int, *, drain: float = 1.0, starting: float = 0.0
    ) -> None:
        self._in, self._release_in = private_descriptor(fd_in, write=False)
        self._out, self._release_out = private_descriptor(fd_out, write=True)
        self._loop = asyncio.get_running_loop()
        self._drain = drain
        self._drain_until = self._loop.time() + starting
        self._partial = bytearray()
        self._scanned = 0
        self._skipping = False
        self._inbox: deque[bytes] = deque()  # lines for the SDK
        self._take_direct: Callable[[bytes], bool] | None = None
        self._shadows: set[RequestId] = set()
        self._for_sdk = asyncio.Event()
        self._wake_reader: asyncio.Future[None] | None = None
        self._reading = False
        self._ended = False
        self._stopped = False
        self._outbox: deque[memoryview] = deque()
        self._waiting = 0  # bytes in the outbox
        self._writable = asyncio.Event()
        self._writable.set()
        self._settled = asyncio.Event()
        self._in_flight: set[RequestId] = set()
        self.broken = asyncio.Event()
        self.ended = asyncio.Event()
        self.read = Inbound(self)
        self.write = _Outbound(self)
        self._resume()

    # -- in

    def _resume(self) -> None:
        if self._reading or self._ended or self._waiting > HIGH_WATER:
            return
        self._reading = True
        try:
            self._loop.add_reader(self._in, self._on_readable)
        except OSError as error:
            if error.errno != errno.EPERM:  # EPERM: epoll refuses regular files; they never block
                raise
            self._loop.call_soon(self._on_slice)

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._in)

    def _on_slice(self) -> None:
        if self._reading:
            self._on_readable()
        if self._reading and not self._ended:
            self._loop.call_soon(self._on_slice)

    def _on_readable(self) -> None:
        try:
            data = os.read(self._in, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal that was our input hung up
            data = b""
        if data:
            self._feed(data)
        else:
            self._end()

    def _feed(self, data: bytes) -> None:
        self._partial += data
        start = 0
        while (cut := self._partial.find(b"\n", max(start, self._scanned))) >= 0:
            if not self._skipping:
                self._take(bytes(self._partial[start:cut]))
            self._skipping = False
            start = cut + 1
        del self._partial[:start]
        self._scanned = len(self._partial)
        if self._scanned > MAX_LINE:
            if not self._skipping:
                text = f"Invalid request: a line is longer than {MAX_LINE >> 20} MiB"
                self.queue(error_line(None, INVALID_REQUEST, text))
            self._skipping = True
            self._partial.clear()
            self._scanned = 0

    def attach(self, take: Callable[[bytes], bool]) -> None:
        """From now on offer each line to `take` first; the SDK gets the lines that it refuses."""
        lines, self._inbox = self._inbox, deque()
        self._for_sdk.clear()
        self._take_direct = take
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        if line.strip() and not (self._take_direct is not None and self._take_direct(line)):
            self.hand_over(line)

    def hand_over(self, line: bytes) -> None:
        """Give a line to the SDK."""
        self._inbox.append(line)
        self._for_sdk.set()
        self._wake()

    def hold(self, line: bytes, request_id: RequestId | None = None) -> None:
        """Keep an answered line for the SDK's session, should one begin.

        `request_id`: id of the request in it; the SDK's answer to that is discarded.
        """
        if request_id is not None:
            self._shadows.add(request_id)
        self._inbox.append(line)
        self._wake()

    async def for_sdk(self) -> bool:
        """Wait for the first line for the SDK; False if the input ended without one."""
        waiting = [self._loop.create_task(event.wait()) for event in (self._for_sdk, self.ended)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not self._for_sdk.is_set():
            await self.finish()
        return self._for_sdk.is_set()

    def _decoded(self, line: bytes) -> SessionMessage | None:
        from mcp.shared.message import SessionMessage
        from mcp_types import JSONRPCNotification, JSONRPCRequest

        message, errors = decode(line)
        for answer in errors:
            self.queue(answer)
        if message is None:
            return None
        if isinstance(message, JSONRPCRequest):
            self.expect(message.id)
        elif (
            isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled"
        ):
            self.forget([(message.params or {}).get("requestId")])
        return SessionMessage(message)

    def _wake(self) -> None:
        if self._wake_reader is not None and not self._wake_reader.done():
            self._wake_reader.set_result(None)

    def _end(self) -> None:
        if not self._ended:
            if self._partial.strip() and not self._skipping:
                self._take(bytes(self._partial))
            self._pause()
            self._ended = True
            self.ended.set()
            self._wake()

    async def _next(self) -> SessionMessage:
        while True:
            while self._inbox:
                if (message := self._decoded(self._inbox.popleft())) is not None:
                    return message
            if self._ended:
                await self.finish()
                raise StopAsyncIteration
            self._wake_reader = self._loop.create_future()
            await self._wake_reader

    async def finish(self) -> None:
        """After end of input, wait a bounded time for every answer to be written."""
        limit = max(self._loop.time() + self._drain, self._drain_until)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(limit):
                while not self._stopped and (self._in_flight or self._outbox):
                    self._settled.clear()
                    await self._settled.wait()

    def stop(self) -> None:
        """End the input as if the client had closed it, without waiting for calls in flight."""
        self._stopped = True
        self._settled.set()
        self._end()

    # -- out

    async def _send(self, message: SessionMessage) -> None:
        from mcp_types import JSONRPCError, JSONRPCResponse

        body = message.message
        if not isinstance(body, (JSONRPCResponse, JSONRPCError)):
            await self.send(encode(body))
        elif body.id in self._shadows:  # answered before the SDK was there
            self._shadows.discard(body.id)
            self._settle(body.id)
        else:
            await self.send(encode(body), settles=body.id)

    async def send(self, line: bytes, *, settles: RequestId | None = None) -> None:
        """Write a line; wait while too much is unread. `settles`: id of the request it answers."""
        self.queue(line)
        self._settle(settles)
        if self._waiting > HIGH_WATER:
            await self._writable.wait()

    def expect(self, request_id: RequestId) -> None:
        """Wait for the answer to this request before the end; see `finish`."""
        self._in_flight.add(request_id)

    def in_flight(self, request_id: RequestId) -> bool:
        """True until the request is answered, cancelled or forgotten."""
        return request_id in self._in_flight

    def forget(self, request_ids: Iterable[Any]) -> None:
        """Stop expecting answers to these requests."""
        for request_id in request_ids:
            self._settle(request_id)

    def _settle(self, request_id: Any) -> None:
        if isinstance(request_id, (str, int)):
            self._in_flight.discard(request_id)
            if not self._in_flight and not self._outbox:
                self._settled.set()

    def queue(self, line: bytes) -> None:
        """Write a line now, as far as the client reads it; the rest follows."""
        if self.broken.is_set():
            return
        rest = memoryview(line)
        if not self._outbox:
            rest = self._write_some(rest)
            if not rest:
                return
            if not self.broken.is_set():
                self._loop.add_writer(self._out, self._on_writable)
        self._outbox.append(rest)
        self._waiting += len(rest)
        if self._waiting > HIGH_WATER:
            self._writable.clear()
            self._pause()

    def _write_some(self, data: memoryview) -> memoryview:
        while data:
            try:
                data = data[os.write(self._out, data) :]
            except BlockingIOError:
                break
            except OSError:  # EPIPE: the client closed its end, which ends the session like EOF
                self._break()
                return memoryview(b"")
        return data

    def _on_writable(self) -> None:
        while self._outbox:
            before = len(self._outbox[0])
            rest = self._write_some(self._outbox[0])
            if self.broken.is_set():
                return
            self._waiting -= before - len(rest)
            if rest:
                self._outbox[0] = rest
                return
            self._outbox.popleft()
        self._loop.remove_writer(self._out)
        self._writable.set()
        self._resume()
        if not self._in_flight:
            self._settled.set()

    def _break(self) -> None:
        self._loop.remove_writer(self._out)
        self._outbox.clear()
        self._waiting = 0
        self.broken.set()
        self._writable.set()
        self.stop()

    def close(self) -> None:
        """Release the descriptors; unwritten data is dropped."""
        self._end()
        self._loop.remove_writer(self._out)
        self._outbox.clear()
        self.broken.set()
        self._release_in()
        self._release_out()


class _Stream:
    """The life-cycle half of the SDK's stream protocols; the transport outlives its streams."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport

    async def aclose(self) -> None:
        """Do nothing: `StdioTransport.close` releases the descriptors."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return None


class Inbound(_Stream):
    """The client's messages, as a stream for the SDK."""

    async def receive(self) -> SessionMessage | Exception:
        return await self._transport._next()

    def __aiter__(self) -> Inbound:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return await self._transport._next()


class _Outbound(_Stream):
    async def send(self, item: SessionMessage, /) -> None:
        await self._transport._send(item)


@contextlib.asynccontextmanager
async def stdio(
    fd_in: int = 0, fd_out: int = 1, *, drain: float = 1.0, starting: float = 0.0
) -> AsyncIterator[StdioTransport]:
    """Yield a transport on standard input and output.

    Descriptors 0 and 1 then refer to /dev/null, so that neither a stray `print` nor a child
    process can write into the protocol stream or block on it.
    """
    transport = StdioTransport(fd_in, fd_out, drain=drain, starting=starting)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for fd in (fd_in, fd_out):
        if fd <= 2:
            os.dup2(null, fd)
    os.close(null)
    try:
        yield transport
    finally:
        transport.close()
