"""The SDK's low-level server on top of our tool table: one dispatch for both protocol eras.

Owns the MCP objects (tools, resources and prompts in protocol form) and the wire format of a
result. Never decides what a tool does or says (handlers, results), never touches a descriptor
(transport).

Results are text. Given structuredContent, some clients show the model only that, as escaped JSON a
third longer than the text. So the machine-readable facts go into `_meta`, which clients do not pass
to the model; the setting `structured` adds structuredContent that repeats the text.
"""

from __future__ import annotations

import asyncio
import base64
import difflib
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ptyjobs import __version__
from ptyjobs.config import Config
from ptyjobs.errors import Hint, NeedsApproval, PtyJobsError
from ptyjobs.mcp import approval, results, tools
from ptyjobs.mcp.advice import HINTS
from ptyjobs.mcp.approval import Approvals
from ptyjobs.mcp.handlers import Orders, ToolCall
from ptyjobs.mcp.params import Tool
from ptyjobs.mcp.person import Elicitation
from ptyjobs.mcp.redacting import Border
from ptyjobs.mcp.resources import COMPLETE, Resources
from ptyjobs.mcp.results import META_KEY, Result
from ptyjobs.mcp.wire import declares_tasks
from ptyjobs.text.redaction import Redactor

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.lowlevel import Server

    from ptyjobs.client import AsyncJobs
    from ptyjobs.mcp.tasks import Tasks

PROGRESS_INTERVAL = 0.5
"""Seconds between two progress notes of one call."""
HEARTBEAT = 20.0
"""Seconds without a progress note after which the last one is sent again: some clients give up a
call that says nothing for half a minute."""

LASTING = {"ttlMs": 3_600_000, "cacheScope": "public"}
STALE = {"ttlMs": 0, "cacheScope": "private"}
CACHE_HINTS: dict[str, dict[str, Any]] = {
    # our lists never change while we run; the contents of jobs are stale at once
    "tools/list": LASTING,
    "prompts/list": LASTING,
    "resources/templates/list": LASTING,
    "resources/list": STALE,
    "resources/read": STALE,
    "server/discover": STALE,
}

Report = Callable[[int, str], Awaitable[None]]  # sends a progress note: its number and its text
Context = Any  # mcp.server.context.ServerRequestContext, generic in types that say nothing here


@dataclass(frozen=True, slots=True)
class Surface:
    """The name, title, tools and instructions that one server presents."""

    name: str
    title: str
    tools: tuple[Tool, ...]
    instructions: str | None = None
    extras: bool = True  # resources and prompts
    hints: Mapping[Hint, str] = field(default_factory=lambda: HINTS)  # next steps after errors


NATIVE = Surface("ptyjobs", "Interactive jobs", tools.TOOLS, tools.INSTRUCTIONS)


class Progress:
    """Reports the last line of output as progress, at most twice a second, never after the end.

    Without new output, the last message is repeated every `HEARTBEAT` seconds.
    """

    def __init__(self, report: Report, border: Border) -> None:
        self._send = report
        self._border = border
        self._line = ""
        self._last = "still running"
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT, self._heartbeat)
        self._count = 0
        self._task: asyncio.Task[None] | None = None

    def _heartbeat(self) -> None:
        self(self._last)

    def __call__(self, line: str) -> None:
        if not line:
            return
        self._line = self._last = line
        self._beat.cancel()
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT, self._heartbeat)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._report())

    async def _report(self) -> None:
        while self._line:
            line, self._line = self._line, ""
            self._count += 1
            shown = results.one_line(self._border.text(line))
            await self._send(self._count, shown)
            await asyncio.sleep(PROGRESS_INTERVAL)
        self._task = None

    def close(self) -> None:
        self._beat.cancel()
        if self._task is not None:
            self._task.cancel()


def _client_name(ctx: Context) -> str:
    params = ctx.session.client_params
    return params.client_info.name if params is not None else ""


def _reporter(ctx: Context) -> Report | None:
    """Sends the progress of a call through the SDK; None if its caller wants none."""
    if (ctx.meta or {}).get("progress_token") is None:
        return None

    async def report(count: int, line: str) -> None:
        await ctx.session.report_progress(count, None, line)

    return report


class App:
    """The handlers of one server process, for any number of connections."""

    def __init__(self, jobs: AsyncJobs, config: Config, surface: Surface = NATIVE) -> None:
        self.jobs = jobs
        self.config = config
        self.surface = surface
        self.orders = Orders()
        self.approvals = Approvals()
        jobs.redactor = Redactor() if jobs.redactor is None else jobs.redactor
        self.border = Border(jobs.redactor, counted=surface.extras)
        self.resources = Resources(jobs, self.border)
        self.elicitation = Elicitation(jobs)
        self._tools = {tool.name: tool for tool in surface.tools}
        listed = [
            tool.wire(structured=config.structured and surface.extras, longest=config.max_wait)
            for tool in surface.tools
        ]
        self._listing = {"tools": listed, **COMPLETE}

    @functools.cached_property
    def tasks(self) -> Tasks:
        """The tasks of this process, once a client may have some."""
        from ptyjobs.mcp.tasks import Tasks

        return Tasks(self.jobs, self.config, self.border)

    def input_ended(self) -> None:
        """The client has closed its end: no request waits for something to happen."""
        if "tasks" in self.__dict__:
            self.tasks.input_ended()

    def close(self) -> None:
        """Stop watching and waiting for clients; their calls end with their connections."""
        self.resources.close()
        if "tasks" in self.__dict__:
            self.tasks.close()

    def server(self) -> Server[Any]:
        """The SDK's server with our handlers; imports the SDK."""
        from mcp.server.caching import CacheHint
        from mcp.server.lowlevel import Server

        self.resources.install()
        hints: Any = {
            method: CacheHint(hint["ttlMs"], hint["cacheScope"])
            for method, hint in CACHE_HINTS.items()
            if method != "server/discover"  # the SDK's own answer
        }
        extras: dict[str, Any] = {}
        if self.surface.extras:
            extras = {
                "on_list_resources": self.resources.list,
                "on_list_resource_templates": self.resources.templates,
                "on_read_resource": self.resources.read,
                "on_subscribe_resource": self.resources.subscribe,
                "on_unsubscribe_resource": self.resources.unsubscribe,
                "on_subscriptions_listen": self.resources.listen,
                "on_list_prompts": self._list_prompts,
                "on_get_prompt": self._get_prompt,
                "on_completion": self.resources.complete,
            }
        server: Server[Any] = Server(
            self.surface.name,
            version=__version__,
            title=self.surface.title,
            instructions=self.surface.instructions,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            cache_hints=hints,
            **extras,
        )
        # Without an exporter its spans are discarded, and it costs a tenth of every call.
        server.middleware.clear()
        if self.surface.extras:
            self.tasks.install(server, self.wire)
        return server

    async def _list_tools(self, ctx: Context, params: Any) -> Any:
        return self.listing()

    def listing(self) -> dict[str, Any]:
        """The result of `tools/list`."""
        return self._listing

    def prompts(self) -> dict[str, Any]:
        """The result of `prompts/list`."""
        from ptyjobs.mcp.prompts import PROMPTS

        return {"prompts": [prompt.wire() for prompt in PROMPTS], **COMPLETE}

    def templates(self) -> dict[str, Any]:
        """The result of `resources/templates/list`."""
        return self.resources.template_list()

    def converses(self, name: str) -> bool:
        """True if a call of this tool may ask the client something or become a task."""
        tool = self._tools.get(name)
        return tool is not None and tool.converses

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        result = await self.call(
            params.name,
            params.arguments,
            ctx,
            params,
            client=_client_name(ctx),
            report=_reporter(ctx),
        )
        return self.wire(result)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any] | None,
        ctx: Context | None = None,
        params: types.CallToolRequestParams | None = None,
        *,
        client: str = "",
        report: Report | None = None,
        may_ask: bool = False,
    ) -> Result:
        """Run one tool; errors that the caller can correct are returned as error results.

        `client`: the client's name, for the journal and the recording. Without `ctx` the call
        cannot ask the user and cannot become a task; with `may_ask` it then raises NeedsApproval,
        for its caller to repeat it with `ctx`.
        """
        tool = self._tools.get(name)
        if tool is None:
            near = difflib.get_close_matches(name, self._tools, n=1)
            advice = (
                f" Did you mean {near[0]}?" if near else f" There are: {', '.join(self._tools)}."
            )
            return Result(f"There is no tool {name!r}.{advice}", is_error=True)
        progress = Progress(report, self.border) if report is not None else None
        self.jobs.who = self.jobs.who or results.one_line(client)[:60]
        tasks = self.tasks if declares_tasks(ctx) and self.surface.extras else None
        person = self.elicitation.of(ctx, params)
        call = ToolCall(self.jobs, self.config, self.orders, progress, tasks, person=person)
        try:
            result = await self._approved(tool, call, arguments, ctx, params)
        except PtyJobsError as error:
            if may_ask and isinstance(error, NeedsApproval):
                raise
            return results.of_error(error, self.surface.hints)
        finally:
            if progress is not None:
                progress.close()
        return result

    async def _approved(
        self, tool: Tool, call: ToolCall, arguments: Any, ctx: Context | None, params: Any
    ) -> Result:
        """Run a handler; ask the user first if a rule requires it."""
        answer = self.approvals.answered(tool.name, arguments, params)
        checked = tool.check(arguments)
        try:
            result: Result = await tool.handler(replace(call, approved=bool(answer)), checked)
        except NeedsApproval as error:
            if answer is None and approval.declared(ctx):
                asked = await self.approvals.ask(tool.name, arguments, error, ctx)
                if isinstance(asked, Result):
                    return asked
                answer = asked
            if answer is None:
                raise
            if not answer:
                return approval.declined(error)
            result = await tool.handler(replace(call, approved=True), checked)
        return result

    def wire(self, result: Result) -> dict[str, Any]:
        """The result in protocol form, redacted."""
        result = self.border.result(result)
        content: list[dict[str, Any]] = [{"type": "text", "text": result.text}]
        for image in result.images:
            data = base64.b64encode(image).decode()
            content.append({"type": "image", "data": data, "mimeType": "image/png"})
        if result.task is not None:
            return dict(result.task)
        wire: dict[str, Any] = {"content": content, "isError": result.is_error, **COMPLETE}
        if result.facts:
            wire["_meta"] = {META_KEY: result.facts}
        if result.structured is not None:
            wire["structuredContent"] = result.structured
        elif self.config.structured and not result.is_error:
            wire["structuredContent"] = {"text": result.text, **result.facts}
        return wire

    async def _list_prompts(self, ctx: Context, params: Any) -> Any:
        return self.prompts()

    async def _get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> Any:
        from ptyjobs.mcp.prompts import get_prompt

        return {**get_prompt(params.name, params.arguments or {}), **COMPLETE}
