"""Cost of a call: our server, the SDK's own transport, and a minimal SDK server.

    python benchmarks/mcp_calls.py            all figures, about a minute
    python benchmarks/mcp_calls.py --quick    fewer repeats

All candidates run in one go, interleaved, on the same machine; trust the ratios. The client is a
bare loop over two pipes, so that its own cost (some 20 us a call) does not blur the difference.
`stub` servers answer constants: they compare transports. `ptyjobs` is the real server with real
jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

STUB = """
import asyncio, sys
sys.path.insert(0, ROOT)
from ptyjobs.config import Config
from ptyjobs.mcp import stderr
from ptyjobs.mcp.server import App
from tests.mcp.fake import FakeJobs

async def main():
    server = App(FakeJobs(), Config()).server()
    options = server.create_initialization_options()
    if sys.argv[1] == "sdk":
        from mcp.server.stdio import stdio_server
        async with stdio_server() as (read, write):
            await server.run(read, write, options)
    else:
        from ptyjobs.mcp.transport import stdio
        stderr.install()
        async with stdio() as transport:
            await server.run(transport.read, transport.write, options)

asyncio.run(main())
""".replace("ROOT", repr(str(ROOT)))

MINIMAL = """
from mcp.server import MCPServer
server = MCPServer("minimal")
@server.tool(structured_output=False)
async def tail(job_id: str, input: str = "") -> str:
    return "line one\\nline two"
server.run()
"""

SERVERS: dict[str, list[str]] = {
    "minimal MCPServer, SDK stdio": ["-c", MINIMAL],
    "stub: our tools, SDK stdio": ["-c", STUB, "sdk"],
    "stub: our tools, our stdio": ["-c", STUB, "own"],
    "ptyjobs": ["-m", "ptyjobs.mcp"],
}
REAL = "ptyjobs"


class Client:
    """A server process and a bare JSON-RPC client of it."""

    def __init__(self, name: str, state: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PTYJOBS")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *SERVERS[name]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**kept, "PTYJOBS_STATE": str(state)},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to, self.out = self.process.stdin, self.process.stdout
        self.number = 0
        info = {"name": "benchmark", "version": "0"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        self.ask("initialize", params)
        self.ready_after = time.perf_counter() - self.started
        self.to.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        self.to.flush()

    def line(self, method: str, params: dict[str, Any]) -> bytes:
        self.number += 1
        body = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": params}
        return json.dumps(body).encode() + b"\n"

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.to.write(self.line(method, params))
        self.to.flush()
        while True:
            message: dict[str, Any] = json.loads(self.out.readline())
            if message.get("id") == self.number:
                return message

    def call(self, name: str, /, **arguments: Any) -> str:
        answer = self.ask("tools/call", {"name": name, "arguments": arguments})
        text: str = answer["result"]["content"][0]["text"]
        return text

    def rss(self) -> float:
        """Resident memory, MiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def close(self) -> None:
        self.to.close()
        self.process.wait(10)
        self.out.close()


@dataclass(frozen=True, slots=True)
class Times:
    """Durations in seconds, shown in milliseconds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        return sorted(self.values)[int(len(self.values) * 0.95)]

    def __str__(self) -> str:
        return f"{self.median * 1e3:8.2f} / {self.p95 * 1e3:6.2f}"


def timed(count: int, work: Callable[[], object]) -> Times:
    values = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        values.append(time.perf_counter() - started)
    return Times(tuple(values))


def job_of(client: Client, name: str) -> str:
    """The id of a job to look at; only the real server has to start one."""
    if name == REAL:
        client.call("execute", command="cat", name="py")
    return "py"


def calls(state: Path, rounds: int, count: int) -> None:
    """Latency of one call and of many pipelined ones, memory, time to `initialize`."""
    latency: dict[str, list[float]] = {name: [] for name in SERVERS}
    rate: dict[str, list[float]] = {name: [] for name in SERVERS}
    ready: dict[str, list[float]] = {name: [] for name in SERVERS}
    memory: dict[str, list[float]] = {name: [] for name in SERVERS}
    for turn in range(rounds):
        for name in SERVERS:
            client = Client(name, state / f"{turn}")
            memory[name].append(client.rss())
            job = job_of(client, name)
            timed(50, lambda c=client, j=job: c.call("tail", job_id=j))
            times = timed(count, lambda c=client, j=job: c.call("tail", job_id=j))
            latency[name] += times.values
            rate[name].append(pipelined(client, job, 1000))
            if name == REAL:
                client.call("kill", job_id=job)
            client.close()
    for turn in range(3 * rounds):  # starts vary more than calls: more of them, side by side
        for name in SERVERS:
            client = Client(name, state / f"start-{turn}")
            ready[name].append(client.ready_after)
            client.close()
    print(f"{'':30}  call ms med/p95   pipelined/s   start ms   RSS MiB")
    for name in SERVERS:
        print(
            f"{name:30} {Times(tuple(latency[name]))} {statistics.median(rate[name]):12.0f}"
            f" {statistics.median(ready[name]) * 1e3:11.0f} {statistics.median(memory[name]):9.1f}"
        )
    sdk, own = "stub: our tools, SDK stdio", "stub: our tools, our stdio"
    minimal = "minimal MCPServer, SDK stdio"

    def ratio(table: dict[str, list[float]], a: str, b: str) -> float:
        return statistics.median(table[a]) / statistics.median(table[b])

    print(f"call, same tools, own / SDK stdio   {ratio(latency, own, sdk):5.2f}   (goal <= 0.45)")
    print(f"pipelined, own / SDK stdio          {ratio(rate, own, sdk):5.2f}   (goal >= 3)")
    pairs = [a / b for a, b in zip(ready[REAL], ready[minimal], strict=True)]
    print(f"start, ptyjobs / minimal, pairs     {statistics.median(pairs):5.2f}   (goal <= 0.35)")
    print(
        f"idle memory, ptyjobs / minimal      {ratio(memory, REAL, minimal):5.2f}   (goal <= 0.8)"
    )


def pipelined(client: Client, job: str, count: int) -> float:
    """Answers a second when all requests are sent at once."""
    params = {"name": "tail", "arguments": {"job_id": job}}
    data = b"".join(client.line("tools/call", params) for _ in range(count))
    started = time.perf_counter()
    writer = threading.Thread(target=lambda: (client.to.write(data), client.to.flush()))
    writer.start()
    for _ in range(count):
        client.out.readline()
    writer.join()
    return count / (time.perf_counter() - started)


def real(state: Path, count: int) -> None:
    """The real server: an interactive step, pings during waits, bytes, the end."""
    client = Client(REAL, state / "real")
    client.call(
        "execute", command=f"{sys.executable} -i", name="py", env={"PYTHON_BASIC_REPL": "1"}
    )
    step = lambda: client.call("interact", job_id="py", input="1+1")  # noqa: E731
    assert step().endswith("\n2"), step()
    timed(20, step)
    print(f"interact('1+1'), python -i          {timed(count, step)} ms   (goal <= 3 / 6)")
    client.call("execute", command="sleep 99", name="s", wait=0)
    for _ in range(60):
        client.to.write(
            client.line("tools/call", {"name": "wait", "arguments": {"job_id": "s", "timeout": 40}})
        )
    client.to.flush()
    time.sleep(0.5)
    pings = timed(100, lambda: client.ask("ping", {}))
    print(f"ping with 60 waits pending          {pings} ms   (goal < 5)")
    listing = json.dumps(client.ask("tools/list", {})["result"], separators=(",", ":"))
    print(f"tools/list                          {len(listing.encode()):8} bytes (goal <= 9000)")
    screen = "\\n".join(f"{i:3} " + "x" * 100 for i in range(1, 39))
    client.call("execute", command=f"printf '\\033[?1049h{screen}'; sleep 99", name="t", wait=0.5)
    text = client.call("tail", job_id="t")
    raw = screen.replace("\\n", "\n")
    print(f"characters of a screen / its text   {len(text) / len(raw):8.3f} (goal <= 1.05)")
    started = time.perf_counter()
    client.process.send_signal(signal.SIGTERM)
    client.process.wait(5)
    took = (time.perf_counter() - started) * 1e3
    print(f"SIGTERM to exit, 60 waits pending   {took:8.0f} ms   (goal < 300)")
    client.to.close()
    client.out.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    state = Path(tempfile.mkdtemp(prefix="ptyjobs-bench-"))
    try:
        calls(state, 2 if quick else 5, 200 if quick else 500)
        real(state, 100 if quick else 400)
    finally:
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    main()
