"""Life cycle of the server process: start-up, signals, shutdown.

Owns signals, the order of the shutdown and the exit. Never waits for jobs to end. A client may
allow half a second between its first signal and SIGKILL, so the shutdown is bounded: holders
detect the closed lease and kill their jobs from another session, even after this process exits.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from ptyjobs.config import Config
from ptyjobs.config.defaults import OWN_SESSION
from ptyjobs.errors import Unsupported
from ptyjobs.mcp import eras, stderr
from ptyjobs.mcp.direct import Direct, sdk_is_known
from ptyjobs.mcp.server import NATIVE, App, Surface
from ptyjobs.mcp.session import check, session
from ptyjobs.mcp.transport import StdioTransport, stdio

if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs
    from ptyjobs.client.zygote import Zygote

DRAIN = 0.9
"""Seconds that calls in flight have after the end of input."""
STARTING = 3.0
"""Seconds after the start that they have in any case: the first job waits for the zygote."""
CLOSE_AFTER_SIGNAL = 0.2
CLOSE_AFTER_EOF = 0.5
PARENT_CHECK = 2.0
"""Seconds between two looks whether the launcher still lives."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(config: Config, zygote: Zygote) -> int:
    """Serve as configured; returns the exit code (128 + N after signal N)."""
    check(config)
    if not config.session:  # this process is the session of its calls and events
        config = replace(config, session=f"{OWN_SESSION}{secrets.token_hex(8)}")
    if config.http != "none":
        from ptyjobs.mcp.http import serve_http

        return serve_http(config, zygote, surface(config))
    asyncio.run(_serve_and_exit(config, zygote))
    raise AssertionError("_serve_and_exit ends the process")


async def _serve_and_exit(config: Config, zygote: Zygote) -> NoReturn:
    code = await serve_stdio(config, zygote)
    # No unwinding: a call in flight or a library's thread could delay it past the client's
    # time limit, and nothing is left to save.
    os._exit(code)


def surface(config: Config) -> Surface:
    """The tools served under this configuration."""
    if config.compat == "none":
        return NATIVE
    from ptyjobs.mcp.compat import background_job, bgtask

    if config.compat == "mcp-background-job":
        return background_job.SURFACE
    if config.compat == "mcp-bgtask":
        return bgtask.SURFACE
    raise Unsupported(f"There is no compatibility mode {config.compat!r}.")


async def serve_stdio(config: Config, zygote: Zygote) -> int:
    """Serve one client on stdio until it disconnects or a signal arrives."""
    ending = asyncio.Event()
    caught: list[int] = []

    def on_signal(number: int) -> None:
        caught.append(number)
        ending.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    stderr.install()
    async with stdio(drain=DRAIN, starting=STARTING) as transport, session(config, zygote) as jobs:
        app = App(jobs, config, surface(config))
        serving = loop.create_task(_converse(app, transport))
        watching = loop.create_task(_watch_parent(transport))
        draining = loop.create_task(_drain(app, transport))
        stopping = loop.create_task(ending.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        for task in (watching, draining, stopping):
            task.cancel()
        app.close()
        await _close(jobs, CLOSE_AFTER_SIGNAL if caught else CLOSE_AFTER_EOF)
        if serving.done():
            serving.result()
        transport.stop()
    return 128 + caught[0] if caught else 0


async def _converse(app: App, transport: StdioTransport) -> None:
    """Answer the client until it disconnects; import the SDK when something needs it."""
    direct = Direct(app, transport)
    if sdk_is_known():
        transport.attach(direct.take)
        needed = await transport.for_sdk()
    else:
        needed = True
    if needed:
        await asyncio.to_thread(import_sdk)
        server = app.server()
        options = server.create_initialization_options()
        await eras.serve(transport, lambda read, write: server.run(read, write, options))
    direct.close()


def import_sdk() -> None:
    """Import the parts of the SDK that a server needs; Unsupported if it cannot be imported.

    It creates 120,000 long-lived objects; collecting garbage meanwhile costs a tenth of the time.
    Freezing exempts them from later collections too.
    """
    gc.disable()
    try:
        import mcp.server.lowlevel
        import mcp.server.subscriptions  # noqa: F401
    except ImportError as error:
        raise Unsupported(
            f"The MCP SDK cannot be imported: {error}.",
            advice="Install ptyjobs again, or its dependency mcp.",
        ) from error
    finally:
        gc.freeze()
        gc.enable()


async def _drain(app: App, transport: StdioTransport) -> None:
    await transport.ended.wait()
    app.input_ended()


async def _close(jobs: AsyncJobs, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await jobs.close()
    except TimeoutError:
        pass  # the leases close when this process exits, and holders do the rest


async def _watch_parent(transport: StdioTransport) -> None:
    """Stop the transport, as at end of input, when the launcher exits.

    If a launcher (uvx, npx, a shell) is killed, the client still holds our input open, so EOF
    alone would never arrive.
    """
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - no event for it (PDEATHSIG: per thread)
        await asyncio.sleep(PARENT_CHECK)
    transport.stop()
