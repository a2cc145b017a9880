"""Start of the server: the first answers and the memory at rest, beside a minimal SDK server.

    python -m benchmarks.handshake [--rounds 10] [--cold 3]

Alternating pairs: the same lines to `ptyjobs serve` and to a low-level SDK server with one tool
that does nothing; the figure is the median of the ratios. `--cold` rounds run without bytecode, as
the first start after `pip install --no-compile` or `uvx` does; their times include compiling.
Memory is the private part of the server alone and with the zygote, a second after the first call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MINIMAL = """
import asyncio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

async def tools(ctx, params):
    tool = types.Tool(name="execute", description="x", input_schema={"type": "object"})
    return types.ListToolsResult(tools=[tool])

async def call(ctx, params):
    return types.CallToolResult(content=[types.TextContent(type="text", text="ok")])

async def main():
    server = Server("minimal", on_list_tools=tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

asyncio.run(main())
"""
COMMANDS = {
    "minimal": [sys.executable, "-c", MINIMAL],
    "ptyjobs": [sys.executable, "-m", "ptyjobs", "serve"],
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "benchmark", "version": "0"},
}
CALL = {"name": "execute", "arguments": {"command": "true"}}
FIGURES = ("initialize", "tools/list", 'execute("true")', "private MB", "with children")


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds until each answer, and MB of private memory."""

    values: tuple[float, ...]


def private(pid: int) -> float:
    """Private memory of a process, MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000


def tree(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return private(pid) + sum(tree(int(child)) for child in children)


def start(name: str, environ: dict[str, str]) -> Start:
    """One start, up to the memory at rest."""
    with tempfile.TemporaryDirectory() as state:
        began = time.perf_counter()
        server = subprocess.Popen(
            COMMANDS[name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environ, "PTYJOBS_STATE": state},
        )
        assert server.stdin is not None
        assert server.stdout is not None
        values = []
        requests: tuple[tuple[str, dict[str, Any]], ...] = (
            ("initialize", INITIALIZE), ("tools/list", {}), ("tools/call", CALL),
        )  # fmt: skip
        for number, (method, params) in enumerate(requests):
            body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            server.stdin.write(json.dumps(body).encode() + b"\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            assert answer["id"] == number, answer
            assert "result" in answer, answer
            values.append(time.perf_counter() - began)
            if number == 0:
                note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
                server.stdin.write(json.dumps(note).encode() + b"\n")
        time.sleep(1)
        values += [private(server.pid), tree(server.pid)]
        server.stdin.close()
        server.wait(20)
        server.stdout.close()
        return Start(tuple(values))


def compare(title: str, rounds: int, environ: dict[str, str]) -> None:
    found: dict[str, list[Start]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name in COMMANDS:
            found[name].append(start(name, environ))
    print(f"\n{title}: medians of {rounds} pairs; load {os.getloadavg()[0]:.1f}")
    print(f"{'':20} {'ptyjobs':>10} {'minimal':>10} {'ratio':>7}")
    for index, figure in enumerate(FIGURES):
        own = [one.values[index] for one in found["ptyjobs"]]
        other = [one.values[index] for one in found["minimal"]]
        ratio = statistics.median(a / b for a, b in zip(own, other, strict=True))
        print(
            f"{figure:20} {statistics.median(own):10.3f} {statistics.median(other):10.3f}"
            f" {ratio:7.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cold", type=int, default=3)
    args = parser.parse_args()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PTYJOBS", "PYTHONDONT"))}
    with tempfile.TemporaryDirectory() as caches:
        warm = {**kept, "PYTHONPYCACHEPREFIX": f"{caches}/warm"}
        for name in COMMANDS:  # writes the bytecode of both
            start(name, warm)
        compare("with bytecode", args.rounds, warm)
        if args.cold:
            cold = {**kept, "PYTHONPYCACHEPREFIX": f"{caches}/none", "PYTHONDONTWRITEBYTECODE": "1"}
            compare("without bytecode", args.cold, cold)


if __name__ == "__main__":
    main()
