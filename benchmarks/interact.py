"""`interact("1+1")` through the real server, compared with pexpect (exact prompt) and a peer.

    python -m benchmarks.interact [--peer PATH_OF/mcp-background-job] [--rounds 200]

Prints medians of one interleaved run: our server over stdio (the SDK's own client), our client
without MCP, pexpect with the exact prompt (delaybeforesend=None), the peer's server, and a no-op
call (`list_tools`) as the floor of the SDK's client. Then: a silent 3 s computation (delay from
its output to the answer), 200 quick commands (early returns, echoes, leftovers), and the time from
start to an answered `initialize`, compared with a minimal server on the same SDK.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pexpect
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client

from ptyjobs import config
from ptyjobs.client import Jobs, prepare

PYTHON = f"{sys.executable} -i -q"
MINIMAL = """
import asyncio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
async def main():
    server = Server("minimal")
    async with stdio_server() as (r, w):
        await server.run(r, w, server.create_initialization_options())
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def session(command: str, args: list[str], state: str) -> AsyncIterator[ClientSession]:
    env = {**os.environ, "PTYJOBS_STATE": state, "PYTHON_BASIC_REPL": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    parameters = StdioServerParameters(command=command, args=args, env=env)
    async with (
        stdio_client(parameters, errlog=open(os.devnull, "w")) as streams,  # noqa: ASYNC230
        ClientSession(*streams) as client,
    ):
        await client.initialize()
        yield client


async def text(client: ClientSession, tool: str, **arguments: Any) -> str:
    result = await client.call_tool(tool, arguments)
    return "\n".join(part.text for part in result.content if part.type == "text")


async def timed(act: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    began = time.perf_counter()
    value = await act()
    return time.perf_counter() - began, value


def row(name: str, times: list[float], base: float) -> None:
    ordered = sorted(times)
    median, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95)]
    print(f"{name:44} {median * 1e3:8.2f} {p95 * 1e3:8.2f} {median / base:8.2f}")


async def rounds(count: int, peer: str, state: str) -> None:
    oracle = pexpect.spawn(sys.executable, ["-i", "-q"], encoding="utf-8")
    oracle.delaybeforesend = None
    oracle.expect_exact(">>> ")
    settings = config.load(environ={"PTYJOBS_STATE": state})
    times: dict[str, list[float]] = {}
    async with contextlib.AsyncExitStack() as stack:
        jobs = stack.enter_context(Jobs(settings))
        own = jobs.start(prepare(settings, command=PYTHON, env={"PYTHON_BASIC_REPL": "1"}), wait=10)
        ours = await stack.enter_async_context(session(sys.executable, ["-m", "ptyjobs"], state))
        await text(ours, "execute", command=PYTHON, name="bench")
        theirs = job = None
        if peer:
            theirs = await stack.enter_async_context(session(peer, [], state))
            started = await text(theirs, "execute_command", command=f"{sys.executable} -i -q -u")
            job = re.search(r"[0-9a-f-]{36}", started)
            assert job, started
            await asyncio.sleep(1)
        for number in range(count):
            line = f"{number}+1"
            took, reply = await timed(lambda: text(ours, "interact", job_id="bench", input=line))  # noqa: B023
            assert reply.endswith(f"\n{number + 1}"), reply
            times.setdefault("ptyjobs, SDK client over stdio", []).append(took)
            began = time.perf_counter()
            answer = jobs.interact(own.job_id, input=line)
            times.setdefault("ptyjobs, our client without MCP", []).append(
                time.perf_counter() - began
            )
            assert answer.fresh.text == str(number + 1)
            began = time.perf_counter()
            oracle.sendline(line)
            oracle.expect_exact(">>> ")
            times.setdefault("pexpect, exact prompt known", []).append(time.perf_counter() - began)
            took, _ = await timed(ours.list_tools)
            times.setdefault("SDK client's floor (list_tools)", []).append(took)
            if theirs is not None and job is not None and number % 4 == 0:
                took, reply = await timed(
                    lambda: text(theirs, "interact_with_job", job_id=job[0], input=line)  # noqa: B023
                )
                times.setdefault("mcp-background-job", []).append(took)
        base = statistics.median(times["pexpect, exact prompt known"])
        print(f"{'interact 1+1 on python -i':44} {'median':>8} {'p95 ms':>8} {'/pexpect':>8}")
        for name, found in times.items():
            row(name, found, base)
        await silent(ours)
        await quick(ours)
    oracle.close(force=True)


async def silent(ours: ClientSession) -> None:
    line = "import time; time.sleep(3); print(time.time())"
    reply = await text(ours, "interact", job_id="bench", input=line)
    late = time.time() - float(reply.rpartition("\n")[2])
    print(f"silent 3 s: the answer is in the same reply, {late * 1e3:.1f} ms after it appeared")


async def quick(ours: ClientSession) -> None:
    early = echoes = leftovers = 0
    for number in range(200):
        reply = await text(ours, "interact", job_id="bench", input=f"'token'+str({number})")
        body = reply.partition("\n")[2]
        early += f"'token{number}'" not in body
        echoes += "+str" in body
        leftovers += body.count("token") > 1
    print(f"200 quick commands: {early} early returns, {echoes} echoes, {leftovers} leftovers")


async def starts(count: int) -> None:
    ours, minimal = [], []
    for _ in range(count):
        for found, args in ((ours, ["-m", "ptyjobs"]), (minimal, ["-c", MINIMAL])):
            with tempfile.TemporaryDirectory() as state:
                began = time.perf_counter()
                async with session(sys.executable, args, state):
                    found.append(time.perf_counter() - began)
    ratio = statistics.median(a / b for a, b in zip(ours, minimal, strict=True))
    print(
        f"start to initialize: {statistics.median(ours) * 1e3:.0f} ms, minimal SDK server "
        f"{statistics.median(minimal) * 1e3:.0f} ms, ratio {ratio:.2f} (median of pairs)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", default="", help="the mcp-background-job executable")
    parser.add_argument("--rounds", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        asyncio.run(rounds(args.rounds, args.peer, str(Path(state) / "s")))
    asyncio.run(starts(7))


if __name__ == "__main__":
    main()
