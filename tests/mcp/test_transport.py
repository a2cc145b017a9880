"""The stdio transport over real pipes, files and sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, JSONRPCResponse

from ptyjobs.mcp import transport as transports
from ptyjobs.mcp.transport import StdioTransport

PING = b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n'


class Pipes:
    """A transport and the client's ends of its pipes (blocking, as clients have them)."""

    def __init__(self, *, drain: float = 0.3) -> None:
        inner_in, self.to = os.pipe()
        self.out, inner_out = os.pipe()
        self.transport = StdioTransport(inner_in, inner_out, drain=drain)
        self.kept = [inner_in, inner_out]

    def close(self) -> None:
        self.transport.close()
        for fd in [*self.kept, self.out, self.to]:
            if fd >= 0:
                os.close(fd)

    def hang_up(self) -> None:
        os.close(self.to)
        self.to = -1


@pytest.fixture(autouse=True)
def no_leaks() -> Any:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def response(request_id: int, text: str = "") -> SessionMessage:
    return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=request_id, result={"t": text}))


async def collect(transport: StdioTransport) -> list[Any]:
    return [message async for message in transport.read]


async def readable(fd: int) -> None:
    """Wait until a pipe holds data."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(fd, ready.set)
    await ready.wait()
    loop.remove_reader(fd)


async def test_messages_arrive_however_they_are_cut() -> None:
    pipes = Pipes()
    lines = b"".join(PING % i for i in range(5)) + b"\r\n\n" + PING % 5
    for i in range(0, len(lines), 7):
        os.write(pipes.to, lines[i : i + 7])
        await asyncio.sleep(0)
    found: list[object] = []
    while len(found) < 6:
        message = await pipes.transport.read.receive()
        assert isinstance(message, SessionMessage)
        assert isinstance(message.message, JSONRPCRequest)
        found.append(message.message.id)
    assert found == list(range(6))
    pipes.close()


async def test_the_last_line_needs_no_line_end() -> None:
    pipes = Pipes(drain=0.01)
    os.write(pipes.to, (PING % 1).rstrip())
    pipes.hang_up()
    assert len(await collect(pipes.transport)) == 1
    pipes.close()


async def test_calls_in_flight_are_answered_after_the_end_of_input() -> None:
    pipes = Pipes(drain=5)
    os.write(pipes.to, PING % 1)
    pipes.hang_up()
    reading = asyncio.create_task(collect(pipes.transport))
    await asyncio.sleep(0.05)
    assert not reading.done()
    await pipes.transport.write.send(response(1))
    await asyncio.wait_for(reading, 30)
    assert json.loads(os.read(pipes.out, 999))["id"] == 1
    pipes.close()


async def test_the_drain_is_bounded() -> None:
    pipes = Pipes(drain=0.1)
    os.write(pipes.to, PING % 1)
    pipes.hang_up()
    assert len(await asyncio.wait_for(collect(pipes.transport), 30)) == 1  # never answered
    pipes.close()


async def test_a_cancelled_call_is_not_waited_for() -> None:
    pipes = Pipes(drain=5)
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    os.write(pipes.to, PING % 1 + json.dumps(note).encode() + b"\n")
    pipes.hang_up()
    assert len(await asyncio.wait_for(collect(pipes.transport), 30)) == 2
    pipes.close()


async def test_a_client_that_does_not_read_blocks_nothing_and_loses_nothing() -> None:
    pipes = Pipes()
    big = "x" * 500_000
    sending = [asyncio.create_task(pipes.transport.write.send(response(i, big))) for i in range(40)]
    done, _ = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) < 40, "answers above the mark wait"
    data = bytearray()
    while data.count(b"\n") < 40:
        data += await asyncio.to_thread(os.read, pipes.out, 1 << 20)
    assert [json.loads(line)["id"] for line in data.splitlines()] == list(range(40))
    await asyncio.gather(*sending)
    pipes.close()


async def test_while_the_client_does_not_read_no_more_is_taken_from_it() -> None:
    pipes = Pipes()
    asyncio.create_task(pipes.transport.write.send(response(1, "x" * (6 << 20))))  # noqa: RUF006
    await readable(pipes.out)
    os.set_blocking(pipes.to, False)
    written = 0
    with contextlib.suppress(BlockingIOError):
        while written < 10 << 20:
            written += os.write(pipes.to, PING % 1)
            await asyncio.sleep(0)
    assert written < 1 << 20
    pipes.close()


async def test_a_client_that_closes_its_reading_end_ends_the_session() -> None:
    pipes = Pipes(drain=5)
    os.close(pipes.out)
    pipes.out = -1
    os.write(pipes.to, PING % 1)
    assert isinstance(await pipes.transport.read.receive(), SessionMessage)
    reading = asyncio.create_task(collect(pipes.transport))
    await pipes.transport.write.send(response(1))
    await asyncio.wait_for(reading, 30)
    assert pipes.transport.broken.is_set()
    pipes.close()


async def test_a_line_too_long_is_skipped_and_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "MAX_LINE", 1 << 20)
    pipes = Pipes(drain=0.01)

    def type_it() -> None:
        for _ in range(300):
            os.write(pipes.to, b"x" * 10_000)
        os.write(pipes.to, b"\n" + PING % 9)
        pipes.hang_up()

    typing = asyncio.create_task(asyncio.to_thread(type_it))
    (message,) = await collect(pipes.transport)
    assert message.message.id == 9
    await typing
    assert json.loads(os.read(pipes.out, 999))["error"]["code"] == -32600
    pipes.close()


async def test_input_from_a_file_and_output_to_a_file(tmp_path: Path) -> None:
    script = tmp_path / "in"
    script.write_bytes(b"".join(PING % i for i in range(3000)))
    source = os.open(script, os.O_RDONLY)
    sink = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    transport = StdioTransport(source, sink, drain=0.1)
    for message in await collect(transport):
        await transport.write.send(response(message.message.id))
    transport.close()
    os.close(source)
    os.close(sink)
    assert len((tmp_path / "out").read_bytes().splitlines()) == 3000


async def test_descriptors_shared_with_others_keep_their_blocking_mode() -> None:
    for make in (os.pipe, lambda: [s.detach() for s in socket.socketpair()]):
        a, b = make()
        c, d = make()
        transport = StdioTransport(a, d, drain=0.1)
        os.write(b, PING % 1)
        assert isinstance(await transport.read.receive(), SessionMessage)
        transport.close()
        assert [os.get_blocking(fd) for fd in (a, d)] == [True, True]
        for fd in (a, b, c, d):
            os.close(fd)


async def test_a_pipe_is_never_made_non_blocking_for_its_other_holders() -> None:
    a, b = os.pipe()
    c, d = os.pipe()
    transport = StdioTransport(a, d, drain=0.1)
    assert [os.get_blocking(fd) for fd in (a, d)] == [True, True]
    transport.close()
    for fd in (a, b, c, d):
        os.close(fd)
