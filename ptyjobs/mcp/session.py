"""The jobs of one server process from start to exit, independent of the transport.

Owns the background work: killing orphaned processes, removing ended jobs after the configured
retention, closing the leases on exit. Never speaks the protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ptyjobs.client import AsyncJobs
from ptyjobs.client.known_secrets import redactor
from ptyjobs.config import Config
from ptyjobs.errors import PtyJobsError

if TYPE_CHECKING:
    from ptyjobs.client.zygote import Zygote

SWEEP_AFTER = 1.0  # seconds after the start until orphans of a killed server are killed

logger = logging.getLogger(__name__)


def check(config: Config) -> None:
    """Raise BadConfig for settings that would otherwise fail, or fail open, at the first job."""
    redactor(config)
    if config.allowed_commands or config.block_dangerous or config.compat == "mcp-background-job":
        from ptyjobs.policy import Policy

        Policy(config.allowed_commands, block_dangerous=True)


@contextlib.asynccontextmanager
async def session(config: Config, zygote: Zygote) -> AsyncIterator[AsyncJobs]:
    """Yield this process's client; on exit, end all session jobs without waiting for them."""
    jobs = AsyncJobs(config, zygote=zygote)
    jobs.redactor = redactor(config)
    loop = asyncio.get_running_loop()
    jobs.guard.install()
    loop.add_signal_handler(signal.SIGCHLD, jobs.guard.sweep)
    cleaning = loop.create_task(_clean(jobs, config.cleanup_interval))
    try:
        async with _viewer(config):
            yield jobs
    finally:
        cleaning.cancel()
        jobs.end_session()  # holders end their session jobs; the zygote makes sure of it
        loop.remove_signal_handler(signal.SIGCHLD)


@contextlib.asynccontextmanager
async def _viewer(config: Config) -> AsyncIterator[None]:
    """Run the viewer with the server if the setting `viewer` asks for it."""
    if config.viewer == "none":
        yield
        return
    try:
        from ptyjobs.web.server import Viewer, running
    except ImportError as error:
        logger.warning("viewer: the package %s is missing (pip install 'ptyjobs[web]')", error.name)
        yield
        return
    watching = AsyncJobs(config)
    try:
        async with running(Viewer(watching, write=config.viewer == "write")):
            yield
    finally:
        await watching.close()


async def _clean(jobs: AsyncJobs, interval: float) -> None:
    await asyncio.sleep(SWEEP_AFTER)
    with contextlib.suppress(OSError):  # the first start of a job reports the error
        await asyncio.to_thread(jobs.registry.sweep)
    while True:
        await asyncio.sleep(interval)
        try:
            gone = await jobs.clean()
        except (PtyJobsError, OSError) as error:
            logger.warning("ended jobs were not cleaned away: %s", error)
        else:
            if gone:
                logger.info("forgot %s", ", ".join(gone))
