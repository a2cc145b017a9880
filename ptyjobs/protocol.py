"""Frames of the holder's socket: decode bytes into messages, encode messages into bytes.

Owns the framing only (SPEC.md "The holder's protocol"): each frame is a 4-byte big-endian length,
one byte of kind and the payload. Kind `J` is one JSON object; kind `D` is the 8-byte log offset of
the first byte, then terminal bytes. Never touches a socket except to send a refusal (`refuse`). The
subtle thing: a peer is not trusted, so a length above the limit closes the connection at once.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct

from ptyjobs._dataclass import TYPE_CHECKING, dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

from ptyjobs.errors import cannot_start

HEADER = struct.Struct("!IB")
OFFSET = struct.Struct("!Q")
DATA_HEADER = struct.Struct("!IBQ")
JSON = ord("J")
DATA = ord("D")
MAX_FRAME = 64 << 20  # bytes
FIRST_REQUEST = 1  # id of a connection's first request (`start`, for a new holder)
REFUSAL = 5.0  # seconds a refused client gets to read the reason
_JSON = json.JSONEncoder(separators=(",", ":"))  # json.dumps would create one for each message


class BrokenFrame(ValueError):
    """The peer sent an invalid frame; the connection is unusable."""


@dataclass(frozen=True, slots=True)
class Data:
    """Terminal bytes and the log offset of the first of them."""

    offset: int
    data: bytes


JsonObject = dict[str, object]
Message = JsonObject | Data


def encode(message: Message) -> bytes:
    """One frame. JSON is ASCII-escaped, so that a lone surrogate survives the encoding."""
    if isinstance(message, Data):
        return data_frame(message.offset, message.data)
    payload = _JSON.encode(message).encode("ascii")
    return HEADER.pack(len(payload), JSON) + payload


def data_frame(offset: int, data: bytes) -> bytes:
    """The frame of `Data(offset, data)`."""
    return DATA_HEADER.pack(OFFSET.size + len(data), DATA, offset) + data


def refuse(connection: socket.socket, failure: OSError) -> None:
    """Answer the first request on `connection` with the failure; wait until it is read.

    If the connection closed at once, the client's write could fail with EPIPE before it read the
    reason.
    """
    connection.settimeout(REFUSAL)
    with contextlib.suppress(OSError):  # EPIPE, ECONNRESET, or the client stays: nothing more to do
        connection.sendall(refusal(failure))
        while connection.recv(64 << 10):
            pass


def refusal(failure: OSError) -> bytes:
    """The frame that answers a connection's first request with the reason why no job can start."""
    return encode({"id": FIRST_REQUEST, "error": cannot_start(failure).to_wire()})


def member(message: JsonObject, name: str, kind: type[T]) -> T:
    """A member of a JSON frame; BrokenFrame if it is missing or of another type."""
    value = message.get(name)
    if not isinstance(value, kind):
        raise BrokenFrame(f"{name} is {value!r}, not {kind.__name__}")
    return value


class Decoder:
    """Incremental reader of frames; `feed` takes any split of the bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterable[Message]:
        """The messages that `data` completes; raises BrokenFrame for an invalid frame."""
        if not self._buffer and len(data) >= HEADER.size:
            length, kind = HEADER.unpack_from(data)
            if length == len(data) - HEADER.size <= MAX_FRAME:  # the usual case: exactly one frame
                return (_message(kind, data, HEADER.size, len(data)),)
        return self._several(data)

    def _several(self, data: bytes) -> Iterator[Message]:
        kept = self._buffer
        kept += data if kept else b""
        source = kept or data  # usually whole frames, which need not be kept
        at = 0
        try:
            while len(source) - at >= HEADER.size:
                length, kind = HEADER.unpack_from(source, at)
                if length > MAX_FRAME:
                    raise BrokenFrame(f"a frame of {length} bytes is over the bound of {MAX_FRAME}")
                start, end = at + HEADER.size, at + HEADER.size + length
                if len(source) < end:
                    return
                at = end
                yield _message(kind, source, start, end)
        finally:
            if kept:
                del kept[:at]
            else:
                kept += data[at:]


def _message(kind: int, source: bytes | bytearray, start: int, end: int) -> Message:
    if kind == DATA and end - start >= OFFSET.size:
        (offset,) = OFFSET.unpack_from(source, start)
        return Data(offset, bytes(source[start + OFFSET.size : end]))
    if kind != JSON:
        raise BrokenFrame(f"unknown frame kind {kind}")
    try:
        message = json.loads(source[start:end])
    except (ValueError, RecursionError) as error:
        raise BrokenFrame(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise BrokenFrame("a JSON frame holds one object")
    return message
