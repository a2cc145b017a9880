"""Resources: `job://{id}/screen` and `job://{id}/output`, with update notifications.

Owns the URIs and the polling of subscribed jobs. Never offers anything that the tools do not: many
clients do not show resources to a model at all. Updates are sent in both eras: to
`resources/subscribe` callers on their connection, to `subscriptions/listen` streams through the
SDK's bus. Without subscribers no job is polled.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ptyjobs.config import HARD_MAX_CHARS
from ptyjobs.errors import PtyJobsError, UnknownJob
from ptyjobs.mcp.advice import HINTS
from ptyjobs.text import sanitize

if TYPE_CHECKING:
    import mcp_types as types
    from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
    from mcp.shared.exceptions import MCPError

    from ptyjobs.client import AsyncJobs
    from ptyjobs.mcp.redacting import Border
    from ptyjobs.model import Status

WATCH_INTERVAL = 0.1
"""Interval of checks of a subscribed job: two `stat` calls, no request to its holder."""
TELL_INTERVAL = 0.5
"""Minimum seconds between two notifications about one job; the first is sent at once."""
LISTED = 100
"""Jobs in a resource list, the newest; every job can be read."""

COMPLETE = {"resultType": "complete"}
"""The 2026 era demands it in every result; the SDK drops it for older clients."""

_URI = re.compile(r"job://(?P<job>[^/]+)/(?P<what>screen|output)")
_TEMPLATES = (
    ("job://{job_id}/screen", "screen", "What the job's terminal shows now"),
    ("job://{job_id}/output", "output", "The newest part of the job's whole output"),
)


class Resources:
    """The resource handlers of a server."""

    def __init__(self, jobs: AsyncJobs, border: Border) -> None:
        self._jobs = jobs
        self._border = border
        self._bus: InMemorySubscriptionBus
        self._listen: ListenHandler | None = None
        self._sessions: dict[str, list[Any]] = {}  # subscribed URI -> sessions of the older era
        self._watched: Counter[str] = Counter()  # URI -> subscribers of both eras
        self._seen: dict[str, object] = {}  # job id -> its content at the last notification
        self._told: dict[str, float] = {}  # job id -> time of the last notification (loop clock)
        self._watcher: asyncio.Task[None] | None = None
        self._list_listeners = 0
        self._list_watcher: asyncio.Task[None] | None = None

    def install(self) -> None:
        """Create what subscriptions need of the SDK."""
        from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

        self._bus = InMemorySubscriptionBus()
        self._listen = ListenHandler(self._bus)

    async def list(self, ctx: Any, params: Any) -> Any:
        found = await self._jobs.list()
        return {
            "resources": [
                {
                    "uri": template.replace("{job_id}", urllib.parse.quote(job.job_id, safe="")),
                    "name": f"{job.job_id} {name}",
                    "description": self._described(job, name),
                    "mimeType": "text/plain",
                }
                for job in found[:LISTED]
                for template, name, _ in _TEMPLATES
            ],
            **COMPLETE,
        }

    def _described(self, job: Status, name: str) -> str:
        """Begins with the id: Claude Code's completion shows this, and cuts the URI before it."""
        text = f"{job.job_id} {name}, {job.state}: {job.command}"
        return self._border.text(sanitize.for_model(text[:200])[0])

    async def templates(self, ctx: Any, params: Any) -> Any:
        return self.template_list()

    def template_list(self) -> dict[str, Any]:
        """The result of `resources/templates/list`."""
        return {
            "resourceTemplates": [
                {"uriTemplate": uri, "name": name, "description": text, "mimeType": "text/plain"}
                for uri, name, text in _TEMPLATES
            ],
            **COMPLETE,
        }

    async def read(self, ctx: Any, params: types.ReadResourceRequestParams) -> Any:
        job_id, what = _parse(str(params.uri))
        try:
            if what == "screen":
                text = (await self._jobs.tail(job_id, lines=None)).text
            else:
                text = (await self._jobs.output(job_id, limit=HARD_MAX_CHARS, last=True)).text
        except PtyJobsError as error:
            raise self._refusal(error) from None
        text = self._border.text(sanitize.for_model(text)[0])
        return {
            "contents": [{"uri": str(params.uri), "mimeType": "text/plain", "text": text}],
            **COMPLETE,
        }

    def _refusal(self, error: PtyJobsError) -> MCPError:
        return _invalid(self._border.text(error.worded(HINTS)))

    async def subscribe(self, ctx: Any, params: types.SubscribeRequestParams) -> Any:
        uri = str(params.uri)
        job_id, _ = _parse(uri)
        try:
            await self._jobs.status(job_id)
        except PtyJobsError as error:
            raise self._refusal(error) from None
        self._sessions.setdefault(uri, []).append(ctx.session)
        self._watch(uri, +1)
        return {}

    async def unsubscribe(self, ctx: Any, params: types.UnsubscribeRequestParams) -> Any:
        uri = str(params.uri)
        sessions = self._sessions.get(uri, [])
        if sessions:
            sessions.pop()
            self._watch(uri, -1)
        return {}

    async def listen(self, ctx: Any, params: types.SubscriptionsListenRequestParams) -> Any:
        uris = [str(uri) for uri in params.notifications.resource_subscriptions or ()]
        with contextlib.ExitStack() as stack:
            for uri in filter(_URI.fullmatch, uris):
                stack.enter_context(self._watching(uri))
            if params.notifications.resources_list_changed:
                stack.enter_context(self._watching_list())
            assert self._listen is not None
            return await self._listen(ctx, params)

    async def complete(self, ctx: Any, params: types.CompleteRequestParams) -> Any:
        """Complete job ids from a typed prefix, for the URI templates."""
        value = params.argument.value
        ids = [job.job_id for job in await self._jobs.list()]
        found = [job_id for job_id in ids if job_id.startswith(value)]
        if params.argument.name != "job_id":
            found = []
        more = len(found) > 100
        return {
            "completion": {"values": found[:100], "total": len(found), "hasMore": more},
            **COMPLETE,
        }

    def close(self) -> None:
        """Stop watching."""
        if self._listen is not None:
            self._listen.close()
        if self._list_watcher is not None:
            self._list_watcher.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    # -- watching

    @contextlib.contextmanager
    def _watching(self, uri: str) -> Iterator[None]:
        self._watch(uri, +1)
        try:
            yield
        finally:
            self._watch(uri, -1)

    @contextlib.contextmanager
    def _watching_list(self) -> Iterator[None]:
        """While there are listeners, notify them of created, renamed and removed jobs."""
        self._list_listeners += 1
        if self._list_watcher is None:
            self._list_watcher = asyncio.get_running_loop().create_task(self._look_at_list())
        try:
            yield
        finally:
            self._list_listeners -= 1
            if not self._list_listeners and self._list_watcher is not None:
                self._list_watcher.cancel()
                self._list_watcher = None

    async def _look_at_list(self) -> None:
        from mcp.server.subscriptions import ResourcesListChanged

        seen = self._jobs.list_trace()
        while True:
            await asyncio.sleep(TELL_INTERVAL)
            if (trace := self._jobs.list_trace()) != seen:
                seen = trace
                await self._bus.publish(ResourcesListChanged())

    def _watch(self, uri: str, change: int) -> None:
        self._watched[uri] += change
        if change > 0:  # report only changes from now on
            job_id = _parse(uri)[0]
            self._seen.setdefault(job_id, self._trace(job_id))
        if self._watched[uri] <= 0:
            del self._watched[uri]
            self._sessions.pop(uri, None)
        if self._watched and self._watcher is None:
            self._watcher = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while self._watched:
            for job_id in {_parse(uri)[0] for uri in list(self._watched)}:
                await self._look_at(job_id)
            await asyncio.sleep(WATCH_INTERVAL)
        self._watcher = None
        self._seen.clear()
        self._told.clear()

    async def _look_at(self, job_id: str) -> None:
        from mcp.server.subscriptions import ResourceUpdated

        now = asyncio.get_running_loop().time()
        if now - self._told.get(job_id, -TELL_INTERVAL) < TELL_INTERVAL:
            return
        seen = self._trace(job_id)
        if self._seen.setdefault(job_id, seen) == seen:
            return
        self._seen[job_id] = seen
        self._told[job_id] = now
        for uri in [uri for uri in self._watched if _parse(uri)[0] == job_id]:
            await self._bus.publish(ResourceUpdated(uri=uri))
            for session in self._sessions.get(uri, ()):
                await session.send_resource_updated(uri)

    def _trace(self, job_id: str) -> object:
        try:
            return self._jobs.trace(job_id)
        except UnknownJob:
            return None  # removed: one last notification


def _invalid(message: str) -> MCPError:
    from mcp.shared.exceptions import MCPError
    from mcp_types import INVALID_PARAMS

    return MCPError(code=INVALID_PARAMS, message=message)


def _parse(uri: str) -> tuple[str, str]:
    match = _URI.fullmatch(uri)
    if match is None:
        text = f"No resource {uri!r}; there are job://JOB_ID/screen and job://JOB_ID/output"
        raise _invalid(text)
    return urllib.parse.unquote(match["job"]), match["what"]
