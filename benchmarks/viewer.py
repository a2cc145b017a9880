"""The web viewer: key to echo on the server's side, a 1 GB log, the wheel's size.

python -m benchmarks.viewer [--megabytes N]

Key to echo: from a key sent over the WebSocket to its echo, compared with the client API. A long
log: from the connection to the last screen of an ended job, and to the answer of a seek into its
middle.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect

from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.config import Config
from ptyjobs.web.server import PROTOCOL, TOKEN_PREFIX, Viewer, running


def joined(viewer: Viewer, path: str) -> connect:
    protocols = [PROTOCOL, TOKEN_PREFIX + viewer.token]
    url = f"ws://127.0.0.1:{viewer.port}/ws/{path}"
    return connect(url, subprotocols=protocols, compression=None, max_size=None)


async def told(socket: ClientConnection, kind: str) -> None:
    """Read messages until one of this type arrives."""
    async for message in socket:
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return


def row(name: str, times: list[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name:34} {statistics.median(times):7.2f} {p95:7.2f} ms")


def cpu(holder: int | None) -> float:
    """CPU time of the holder's and of this process' main thread, in milliseconds."""
    files = (Path(f"/proc/{pid}/schedstat") for pid in (holder, "self"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e6


async def keys(viewer: Viewer) -> None:
    config = viewer.jobs.config
    await viewer.jobs.start(prepare(config, command="stty raw -echo; cat"), name="echo", wait=5)
    holder = (await viewer.jobs.status("echo")).holder
    browser, direct, own = [], [], []
    async with joined(viewer, "job/echo") as socket:
        await told(socket, "repaint")
        await socket.recv()
        for _ in range(300):
            began, used = time.perf_counter(), cpu(holder)
            await socket.send(b"x")
            while isinstance(await socket.recv(), str):
                pass  # the job's row has changed
            browser.append((time.perf_counter() - began) * 1e3)
            own.append(cpu(holder) - used)
    follow = await viewer.jobs.follow("echo", input=True)
    events = aiter(follow)
    await anext(events)
    for _ in range(300):
        began = time.perf_counter()
        follow.send(b"x")
        await anext(events)
        direct.append((time.perf_counter() - began) * 1e3)
    follow.close()
    await viewer.jobs.kill("echo")
    row("key to echo, browser (goal <= 5)", browser)
    row("of it, CPU of holder and viewer", own)  # the rest is waiting for a processor
    row("key to echo, client API", direct)


async def long_log(viewer: Viewer, megabytes: int) -> None:
    line = "a line of some eighty characters, as a build prints them, one after another"
    command = f"yes {line!r} | head -c {megabytes}000000"
    spec = prepare(viewer.jobs.config, command=command)
    await viewer.jobs.start(spec, name="long")
    await viewer.jobs.wait("long", until="exited", timeout=240)
    size = viewer.jobs.registry.find("long").log.end
    began = time.perf_counter()
    async with joined(viewer, "job/long") as socket:
        await told(socket, "exit")
    opened = (time.perf_counter() - began) * 1e3
    async with joined(viewer, "replay/long") as socket:
        await socket.recv()  # the job's row
        line = json.loads(await socket.recv())
        began = time.perf_counter()
        await socket.send(json.dumps({"seek": line["duration"] / 2}))
        await socket.recv()
        await socket.recv()
    sought = (time.perf_counter() - began) * 1e3
    print(
        f"{size / 1e6:.0f} MB log: opened in {opened:.0f} ms (goal <= 300), "
        f"sought in {sought:.0f} ms"
    )


def wheel() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, "."]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
        (path,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(path) as archive:
            web = sum(i.compress_size for i in archive.infolist() if "/web/" in i.filename)
        total = path.stat().st_size
        print(f"wheel {total / 1e3:.0f} kB, of it the viewer {web / 1e3:.0f} (goal <= 400)")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        limit = 2 << 30
        jobs = AsyncJobs(
            Config(state_dir=Path(folder), log_limit=limit, log_total=limit, max_wait=240)
        )
        try:
            async with running(viewer := Viewer(jobs, write=True)):
                await keys(viewer)
                await long_log(viewer, args.megabytes)
        finally:
            await jobs.close()
    wheel()


if __name__ == "__main__":
    asyncio.run(main())
