"""Elicitation: have the client notify its user that an agent asks for a person.

Owns the request in URL mode, in both protocol eras: a request to the client (before 2026-07-28), or
an `input_required` result that the client answers by repeating its call (SEP-2322). The address
opens the job in the viewer, and nothing the user types goes through the client or the model. Never
asks for a value (form mode), so never for a secret. Each message is elicited once; declining in the
client declines the agent's request. To accept is to open the address, not to be done.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ptyjobs.client import viewer_link
from ptyjobs.errors import PtyJobsError
from ptyjobs.mcp.approval import FIRST_WITHOUT_REQUESTS, MOST_PENDING
from ptyjobs.mcp.results import Result

if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs
    from ptyjobs.client.calls import WaitResult

Context = Any  # mcp.server.context.ServerRequestContext, as in server.py
BY = "the client"
OPENING = 5.0  # seconds for the jobs to take a request for a person


def declared(ctx: Context | None) -> bool:
    """True if the client declares elicitation in URL mode (it opens addresses for its user)."""
    capabilities = ctx.session.client_capabilities if ctx is not None else None
    elicitation = capabilities and capabilities.elicitation
    return bool(elicitation and elicitation.url is not None)


def _wording(job_id: str, message: str) -> str:
    return f"Job {job_id} asks for you: {message}"


@dataclass(frozen=True, slots=True)
class Question:
    """The addresses that one repeated call answers, by job."""

    message: str
    addresses: dict[str, str]

    def result(self, state: str) -> Result:
        """The result that makes the client ask and repeat the call."""
        requests = {
            job_id: {
                "method": "elicitation/create",
                "params": {"mode": "url", "message": _wording(job_id, self.message), "url": url},
            }
            for job_id, url in self.addresses.items()
        }
        wire = {"resultType": "input_required", "inputRequests": requests, "requestState": state}
        return Result("", task=wire)


class Elicitation:
    """The elicitations of one server process."""

    def __init__(self, jobs: AsyncJobs) -> None:
        self.jobs = jobs
        self._asked: set[tuple[str, str]] = set()
        self._pending: dict[str, Question] = {}

    def addresses(self, job_ids: Sequence[str], message: str) -> dict[str, str]:
        """The viewer's address of each job for which `message` has not been elicited yet."""
        found = {}
        for job_id in job_ids:
            address = viewer_link.link(self.jobs.config.state_dir, job_id)
            if address and (job_id, message) not in self._asked:
                self._asked.add((job_id, message))
                found[job_id] = address
        return found

    def of(self, ctx: Context | None, params: Any) -> CallElicitation:
        """The elicitation of one call; `params` carries the answers of a repeated one."""
        return CallElicitation(self, ctx, params)

    def keep(self, question: Question) -> Result:
        """Remember a question until its call is repeated."""
        state = secrets.token_urlsafe(16)
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[state] = question
        return question.result(state)

    async def answered(self, job_ids: Sequence[str], message: str, params: Any) -> None:
        """Pass on the refusals that a repeated call carries; each state is accepted once."""
        question = self._pending.pop(getattr(params, "request_state", None) or "", None)
        if question is None or question.message != message:
            return
        answers = params.input_responses or {}
        for job_id in question.addresses.keys() & set(job_ids):
            await self._decline(job_id, getattr(answers.get(job_id), "action", ""))

    async def ask(self, ctx: Context, job_id: str, message: str, address: str) -> None:
        """Ask by a request to the client."""
        from mcp.shared.exceptions import MCPError, NoBackChannelError

        text = _wording(job_id, message)
        number = secrets.token_hex(16)
        try:
            answer = await ctx.session.elicit_url(text, address, number, ctx.request_id)
        except (MCPError, NoBackChannelError):  # declared, but not supported
            return
        await self._decline(job_id, answer.action)

    async def _decline(self, job_id: str, action: str) -> None:
        if action == "decline":
            with contextlib.suppress(PtyJobsError):  # already answered, or the job has ended
                await self.jobs.done(job_id, by=BY, declined=True)


@dataclass(frozen=True, slots=True)
class CallElicitation:
    """Elicitation during one call that waits for a person."""

    owner: Elicitation
    ctx: Context | None
    params: Any

    def _by_result(self) -> bool:
        version: str = self.ctx.session.protocol_version if self.ctx is not None else ""
        return version >= FIRST_WITHOUT_REQUESTS

    async def question(
        self, job_ids: Sequence[str], condition: Mapping[str, Any]
    ) -> WaitResult | Result | None:
        """The result that makes the client ask and repeat the call; None if the call is to wait.

        `condition`: the wait's parameters. The wait's own result if a person has answered already.
        Only clients of 2026-07-28 and later are asked this way.
        """
        message = condition["message"]
        if not message or not declared(self.ctx) or not self._by_result():
            return None
        await self.owner.answered(job_ids, message, self.params)
        addresses = self.owner.addresses(job_ids, message)
        if not addresses:
            return None
        result = await self._opened(job_ids, condition)
        return self.owner.keep(Question(message, addresses)) if result is None else result

    async def _opened(
        self, job_ids: Sequence[str], condition: Mapping[str, Any]
    ) -> WaitResult | None:
        """Open the request on each job; the result of the wait if it is over at once.

        So the request is announced everywhere else before the client asks. The wait is cancelled,
        not answered: the fresh output belongs to the repeated call.
        """
        jobs = self.owner.jobs
        wait = jobs.wait_many(job_ids, timeout=jobs.config.max_wait, **condition)
        waiting = asyncio.create_task(wait)
        try:
            async with asyncio.timeout(OPENING):
                while not waiting.done():
                    states = [await jobs.status(job_id) for job_id in job_ids]
                    if all(status.asks or status.state.ended for status in states):
                        break
                    await asyncio.wait((waiting,), timeout=0.01)
            return waiting.result() if waiting.done() else None
        except TimeoutError:
            return None
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def asking(self, job_ids: Sequence[str], message: str) -> AsyncIterator[None]:
        """Elicit `message` during a wait for a person, if the client and a viewer allow it."""
        tasks = []
        if message and declared(self.ctx) and not self._by_result():
            for job_id, address in self.owner.addresses(job_ids, message).items():
                asking = self.owner.ask(self.ctx, job_id, message, address)
                tasks.append(asyncio.get_running_loop().create_task(asking))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
