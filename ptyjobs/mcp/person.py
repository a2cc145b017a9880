"""Elicitation: have the client notify its user that an agent asks for a person.

Owns the request in URL mode: the address opens the job in the viewer, and nothing the user types
goes through the client or the model. Never asks for a value (form mode), so never for a secret.
Each message is elicited once; declining in the client declines the agent's request.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError, NoBackChannelError

from ptyjobs.client import viewer_link
from ptyjobs.errors import PtyJobsError

if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs

Context = Any  # mcp.server.context.ServerRequestContext, as in server.py
BY = "the client"


def declared(ctx: Context | None) -> bool:
    """True if the client declares elicitation in URL mode (it opens addresses for its user)."""
    capabilities = ctx.session.client_capabilities if ctx is not None else None
    elicitation = capabilities and capabilities.elicitation
    return bool(elicitation and elicitation.url is not None)


class Elicitation:
    """The elicitations of one server process."""

    def __init__(self, jobs: AsyncJobs) -> None:
        self._jobs = jobs
        self._asked: set[tuple[str, str]] = set()

    @contextlib.asynccontextmanager
    async def asking(
        self, ctx: Context | None, job_ids: Sequence[str], message: str
    ) -> AsyncIterator[None]:
        """Elicit `message` during a wait for a person, if the client and a viewer allow it."""
        tasks = []
        if message and declared(ctx):
            for job_id in job_ids:
                address = viewer_link.link(self._jobs.config.state_dir, job_id)
                if address and (job_id, message) not in self._asked:
                    self._asked.add((job_id, message))
                    asking = self._ask(ctx, job_id, message, address)
                    tasks.append(asyncio.get_running_loop().create_task(asking))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, ctx: Context, job_id: str, message: str, address: str) -> None:
        text = f"Job {job_id} asks for you: {message}"
        try:
            answer = await ctx.session.elicit_url(text, address, uuid.uuid4().hex, ctx.request_id)
        except (MCPError, NoBackChannelError):  # declared, but not supported
            return
        if answer.action == "decline":
            with contextlib.suppress(PtyJobsError):  # already answered, or the job has ended
                await self._jobs.done(job_id, by=BY, declined=True)
