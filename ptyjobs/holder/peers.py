"""One client's connection to a holder: its frames and its bounded send queue.

Owns sockets and framing on the holder's side. Never interprets a request (`operations.py` does).
The subtle thing: a peer that does not read is disconnected when its bounded queue is full, so that
it neither slows another peer nor grows the holder.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections import deque
from typing import Any

from ptyjobs import protocol
from ptyjobs.holder.typed_secrets import TypedSecrets
from ptyjobs.model import PROTOCOL_VERSION
from ptyjobs.protocol import Data, Message

MAX_QUEUE = 32 << 20  # maximum bytes queued for a peer that does not read
MAX_PEERS = 200


class Peer:
    """One client's connection."""

    def __init__(
        self, sock: socket.socket, number: int, *, secrets: TypedSecrets | None = None
    ) -> None:
        """`secrets`: the job's; a reply includes those the client does not have yet."""
        sock.setblocking(False)
        self._secrets = secrets
        self._secrets_told = 0
        self.sock = sock
        self.number = number
        self.protocol = PROTOCOL_VERSION  # the peer's protocol version; `hello` may lower it
        self.reader = ""  # key of its read position (hello); "" until set
        self.session = ""  # the agent's session it belongs to (hello)
        self.who = ""  # the person or program, for the journal and for holds
        self.closed = False
        self._decoder = protocol.Decoder()
        self._queue: deque[memoryview] = deque()
        self.queued = 0

    def fileno(self) -> int:
        return self.sock.fileno()

    def receive(self) -> list[Message]:
        """Return the complete messages received; mark the peer closed at end of file."""
        messages: list[Message] = []
        try:
            data = self.sock.recv(64 << 10)
            if data:
                messages.extend(self._decoder.feed(data))
            else:
                self.closed = True
        except BlockingIOError:
            pass
        except (
            OSError,
            protocol.BrokenFrame,
        ):  # ECONNRESET, EPIPE: it has disconnected; or it sent a broken frame
            self.closed = True
        return messages

    def send(self, message: Message) -> None:
        """Queue a message and send as much as the socket accepts now."""
        if not isinstance(message, Data) and "id" in message:
            message = self._with_secrets(message)
        self.send_frame(protocol.encode(message))

    def _with_secrets(self, message: dict[str, Any]) -> dict[str, Any]:
        packed = self._secrets.packed if self._secrets is not None else []
        if len(packed) == self._secrets_told:
            return message
        news, self._secrets_told = packed[self._secrets_told :], len(packed)
        return {**message, "secrets": news}

    def send_frame(self, frame: bytes) -> None:
        """Like `send`, for an encoded message."""
        if self.closed:
            return
        if self.queued + len(frame) > MAX_QUEUE and self._queue:
            self.closed = True  # it does not read: disconnect it
            return
        if not self._queue:  # usually the socket accepts all of it at once
            frame = frame[self._take(frame) :]
            if not frame:
                return
        self._queue.append(memoryview(frame))
        self.queued += len(frame)
        self.flush()

    def _take(self, data: bytes | memoryview) -> int:
        """Send; returns the number of bytes that the socket accepted."""
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:  # EPIPE, ECONNRESET: it has disconnected
            self.closed = True
            return 0

    def flush(self) -> None:
        """Send as much as the socket accepts."""
        while self._queue and not self.closed:
            head = self._queue[0]
            sent = self._take(head)
            if not sent:
                return
            self.queued -= sent
            if sent == len(head):
                self._queue.popleft()
            else:
                self._queue[0] = head[sent:]

    @property
    def wants_write(self) -> bool:
        return bool(self._queue) and not self.closed

    def close(self) -> None:
        self.closed = True
        self.sock.close()


def listen(directory: str) -> socket.socket:
    """Create the holder's socket in its job's directory, mode 0600.

    Bound by a relative name after chdir, because a socket's path is limited to 107 bytes (unix(7));
    the holder stays in that directory.
    """
    os.chdir(directory)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink("sock")
        sock.bind("sock")
    finally:
        os.umask(old)
    sock.listen(64)
    sock.setblocking(False)
    return sock
