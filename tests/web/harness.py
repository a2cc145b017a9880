"""A viewer to test: within this process, or as the command that a person runs."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.config import Config
from ptyjobs.web.server import PROTOCOL, TOKEN_PREFIX, Viewer, running

Act = Callable[[Viewer], Coroutine[Any, Any, None]]


def with_viewer(tmp_path: Path, act: Act, *, write: bool = False) -> None:
    """Run `act` with a viewer on a fresh state directory."""

    async def main() -> None:
        jobs = AsyncJobs(Config(state_dir=tmp_path / "state"))
        try:
            async with running(viewer := Viewer(jobs, write=write)):
                await act(viewer)
        finally:
            await jobs.close()

    asyncio.run(main())


async def started(viewer: Viewer, command: str, *, name: str = "j", **more: Any) -> str:
    spec = prepare(viewer.jobs.config, command=command, name=name, **more)
    return (await viewer.jobs.start(spec, name=name, wait=10)).job_id


@asynccontextmanager
async def joined(viewer: Viewer, path: str, **more: Any) -> AsyncIterator[ClientConnection]:
    protocols = [PROTOCOL, TOKEN_PREFIX + viewer.token]
    url = f"ws://127.0.0.1:{viewer.port}/ws/{path}"
    async with connect(url, subprotocols=protocols, compression=None, **more) as socket:
        yield socket


class Watched:
    """Data of a job that was sent to one browser."""

    def __init__(self) -> None:
        self.data = b""
        self.offset = 0
        self.drawn = 0
        self.told: list[dict[str, Any]] = []
        self.rebuild = False

    async def take(self, socket: ClientConnection, *, until: str = "exit", size: int = -1) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                self.drawn += len(message)
                with contextlib.suppress(ConnectionClosed):  # it has ended meanwhile
                    await socket.send(json.dumps({"drawn": self.drawn}))
                if self.rebuild:
                    self.rebuild = False
                else:
                    self.data += message
                    self.offset += len(message)
                if 0 <= size <= len(self.data):
                    return
                continue
            told = json.loads(message)
            self.told.append(told)
            if told["type"] in ("repaint", "offset"):
                self.offset = told["offset"]
                self.rebuild = told["type"] == "repaint"
            if told["type"] == until:
                return


def get(viewer: Viewer, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def server(tmp_path: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ptyjobs", "web", *flags],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(tmp_path: Path, *words: str, check: bool = True) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=check,
    )  # fmt: skip
    return done.stdout


SCREEN = (
    "[...Array(ptyjobsTerminal.rows).keys()].map(n => ptyjobsTerminal.buffer.active.getLine("
    "ptyjobsTerminal.buffer.active.viewportY + n).translateToString(true)).join('\\n')"
)


@contextlib.contextmanager
def serving(tmp_path: Path, *flags: str) -> Iterator[str]:
    """The address of a running viewer; it and all jobs end with it."""
    viewer = server(tmp_path, *flags)
    assert viewer.stdout is not None
    try:
        yield viewer.stdout.readline().strip()
    finally:
        stop(viewer)
        run(tmp_path, "kill", "--all")


def stop(viewer: subprocess.Popen[str]) -> None:
    assert viewer.stdout is not None
    viewer.terminate()
    viewer.wait(10)
    viewer.stdout.close()
