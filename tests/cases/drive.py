"""Two ways to run a case: through the client API, and through the real server over stdio.

Each starts a program with `start` and types with `step`, and returns the text that a model
would read; a judged screen is read by `tail` if the reply does not show it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, get_default_environment, stdio_client

from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.config import load
from ptyjobs.errors import PtyJobsError
from ptyjobs.mcp import results
from ptyjobs.spawn import zygote as zygotes
from tests.cases.case import Step


class Driver(Protocol):
    """Interface between a case and the product."""

    async def start(self, command: str, *, cwd: Path) -> tuple[str, str]:
        """The job id and the reply."""

    async def step(self, job_id: str, step: Step) -> str: ...

    async def screen(self, job_id: str) -> str: ...

    async def end(self, job_id: str) -> None: ...


def environment(state: Path, *, bare: bool = False) -> dict[str, str]:
    """Our environment without ptyjobs settings, with its own state directory.

    `bare` is the SDK's default environment for a server: no locale.
    """
    if bare:
        return {**get_default_environment(), "PTYJOBS_STATE": str(state)}
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PTYJOBS", "MCP_", "PYTEST", "VIRTUAL_ENV"))
    }
    return {**clean, "PTYJOBS_STATE": str(state), "LC_ALL": "C.UTF-8", "HISTFILE": "/dev/null"}


class Server:
    """The judged path: one server process, the SDK's own client, default waits."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def call(self, name: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
        """The text and the facts of a tool's result."""
        result = await self._session.call_tool(name, arguments)
        text = "\n".join(part.text for part in result.content if part.type == "text")
        return text, dict(result.meta or {}).get("ptyjobs/result", {})

    async def start(self, command: str, *, cwd: Path) -> tuple[str, str]:
        text, facts = await self.call("execute", command=command, cwd=str(cwd))
        assert "job_id" in facts, text
        return str(facts["job_id"]), text

    async def step(self, job_id: str, step: Step) -> str:
        arguments: dict[str, Any] = {} if step.enter else {"enter": False}
        return (await self.call("interact", job_id=job_id, input=step.send, **arguments))[0]

    async def screen(self, job_id: str) -> str:
        return (await self.call("tail", job_id=job_id))[0]

    async def end(self, job_id: str) -> None:
        await self.call("kill", job_id=job_id)


@contextlib.asynccontextmanager
async def server(
    state: Path, *, bare: bool = False, python: str = sys.executable, cwd: Path | None = None
) -> AsyncIterator[Server]:
    """A server of its own, ended with the block.

    `cwd`: with another `python`, a folder without a ptyjobs package, which would be imported first.
    """
    parameters = StdioServerParameters(
        command=python,
        args=["-m", "ptyjobs.mcp"],
        env=environment(state, bare=bare),
        cwd=cwd,
    )
    async with (
        stdio_client(parameters) as (reading, writing),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield Server(session)


class Direct:
    """The fast path: the client API in this process, with the same texts."""

    def __init__(self, jobs: AsyncJobs, env: dict[str, str]) -> None:
        self._jobs = jobs
        self._env = env

    async def start(self, command: str, *, cwd: Path) -> tuple[str, str]:
        spec = prepare(self._jobs.config, command=command, cwd=str(cwd), env=self._env)
        answer = await self._jobs.start(spec, wait=self._jobs.config.interact_timeout)
        return answer.job_id, results.of_answer(answer).text

    async def step(self, job_id: str, step: Step) -> str:
        try:
            answer = await self._jobs.interact(job_id, input=step.send, enter=step.enter)
        except PtyJobsError as error:
            return results.of_error(error).text
        return results.of_answer(answer).text

    async def screen(self, job_id: str) -> str:
        return results.of_view(job_id, await self._jobs.tail(job_id)).text

    async def end(self, job_id: str) -> None:
        await self._jobs.kill(job_id)


@contextlib.asynccontextmanager
async def direct(state: Path, *, bare: bool = False) -> AsyncIterator[Direct]:
    """A client with a zygote of its own, ended with the block."""
    config = load(environ={"PTYJOBS_STATE": str(state)})
    jobs = AsyncJobs(config, zygote=zygotes.start())
    env = {} if bare else {"LC_ALL": "C.UTF-8", "HISTFILE": "/dev/null"}
    try:
        yield Direct(jobs, env)
    finally:
        await jobs.close()
        jobs.end_session()
