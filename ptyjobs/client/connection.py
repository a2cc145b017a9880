"""Synchronous connections to a holder: send requests, match replies by id, deliver live output.

Owns the socket of one connection and its time-outs. Never starts a job and never reads a job's
directory.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import time

from ptyjobs import protocol, requests
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client import calls
from ptyjobs.client.calls import no_answer, result_of, version_in
from ptyjobs.client.connect import ConnectionClosed
from ptyjobs.model import PROTOCOL_VERSION, Size
from ptyjobs.requests import CancelRequest, HelloRequest, WindowRequest

if TYPE_CHECKING:
    from ptyjobs.client.calls import Progress
    from ptyjobs.protocol import JsonObject
    from ptyjobs.requests import Request

RECEIVE = 64 << 10  # bytes per recv; a larger buffer costs an mmap and munmap per key


class Connection:
    """One synchronous connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._decoder = protocol.Decoder()
        self._numbers = itertools.count(1)
        self._messages: list[protocol.Message] = []
        self._timeout: float | None = -1.0  # current socket time-out: each change is a system call
        self._hello = 0  # id of the request whose reply has the holder's version
        self._version = PROTOCOL_VERSION

    def send_frame(self, frame: bytes) -> None:
        try:
            self.sock.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            raise ConnectionClosed from None

    def receive(self, *, timeout: float | None) -> protocol.Message:
        """Return the next message; ConnectionClosed at the end, TimeoutError after `timeout`."""
        while not self._messages:
            self._fill(timeout)
        return self._messages.pop(0)

    def _fill(self, timeout: float | None) -> None:
        if timeout != self._timeout:
            self.sock.settimeout(timeout)
            self._timeout = timeout
        try:
            data = self.sock.recv(RECEIVE)
        except ConnectionResetError:
            raise ConnectionClosed from None
        if not data:
            raise ConnectionClosed
        for message in self._decoder.feed(data):
            if self._hello and isinstance(message, dict) and message.get("id") == self._hello:
                self._version, self._hello = version_in(message), 0
            else:
                self._messages.append(message)

    def greet(self, hello: HelloRequest) -> None:
        """Send `hello` on a connection to a holder that this client did not fork."""
        self._hello = self.begin(hello)

    def holder_version(self) -> int:
        """Protocol version of the holder."""
        try:
            while self._hello:
                self._fill(calls.SLACK)
        except TimeoutError:
            raise no_answer() from None
        return self._version

    def request(
        self, request: Request, *, timeout: float, progress: Progress | None = None
    ) -> JsonObject:
        """Return the `ok` member of the reply; raises its error, ConnectionClosed or HolderLost."""
        return self.reply(self.begin(request), timeout=timeout, progress=progress)

    def reply(self, number: int, *, timeout: float, progress: Progress | None = None) -> JsonObject:
        """Wait for the reply to a request that `begin` sent."""
        limit = time.monotonic() + timeout + calls.SLACK
        held: list[protocol.Message] = []
        try:
            while True:
                message = self.receive(timeout=max(0.001, limit - time.monotonic()))
                if isinstance(message, protocol.Data) or message.get("id") != number:
                    held.append(message)
                elif "progress" in message:
                    if progress is not None:
                        progress(str(message["progress"]))
                else:
                    return result_of(message)
        except TimeoutError:
            raise no_answer() from None
        finally:
            self._messages[:0] = [m for m in held if isinstance(m, protocol.Data) or "event" in m]

    def begin(self, request: Request) -> int:
        """Send a request and return its number; `take` returns its reply."""
        number = next(self._numbers)
        self.send_frame(requests.encode(request, number))
        return number

    def last_words(self, request: Request, *, timeout: float = 15.0) -> None:
        """Send a request and wait until the holder closes the connection, or `timeout` seconds.

        Replies are discarded: an interrupted read may have lost half a message.
        """
        limit = time.monotonic() + timeout
        with contextlib.suppress(ConnectionClosed, TimeoutError, ConnectionResetError):
            self.begin(request)
            while (left := limit - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(RECEIVE):
                    return

    def take(self, number: int, *, progress: Progress | None = None) -> JsonObject | None:
        """Return the `ok` member of the reply to a request; None if it has not arrived."""
        while True:
            try:
                message = self.receive(timeout=0.0)
            except BlockingIOError:
                return None
            if isinstance(message, protocol.Data) or message.get("id") != number:
                continue  # reply to a cancelled request
            if "progress" not in message:
                return result_of(message)
            if progress is not None:
                progress(str(message["progress"]))

    def cancel(self, number: int) -> None:
        """Cancel an unanswered request; its reply is ignored."""
        with contextlib.suppress(ConnectionClosed):
            self.begin(CancelRequest(number))

    def fileno(self) -> int:
        return self.sock.fileno()

    def close(self) -> None:
        self.sock.close()


class Follow:
    """Live view of a job for synchronous programs: poll `fileno()`, then call `receive()`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.sock.fileno()

    def receive(self, *, timeout: float | None = None) -> protocol.Message | None:
        """Return the next event; None at the end. Raises TimeoutError."""
        try:
            return self._connection.receive(timeout=timeout)
        except ConnectionClosed:
            return None

    @property
    def pending(self) -> bool:
        """True if messages are buffered that a poll of `fileno()` does not show."""
        return bool(self._connection._messages)

    def send(self, data: bytes) -> None:
        try:
            self._connection.send_frame(protocol.data_frame(0, data))
        except ConnectionClosed:  # `receive` reports it
            return

    def resize(self, size: Size) -> None:
        with contextlib.suppress(ConnectionClosed):
            self._connection.begin(WindowRequest(size.rows, size.cols))

    def close(self) -> None:
        self._connection.close()
