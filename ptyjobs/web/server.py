"""The viewer's server: files and WebSockets on the loopback interface.

Owns the address, the token and the checks of Host and Origin. Never holds output: `feed.py` streams
it. The subtle thing: a viewer is a remote shell, so a page of another site must not reach it. The
token is in the URL's fragment (which is never sent or logged) and is sent as a WebSocket
subprotocol, or as a header of `/session`, where a page gets the reason for a refusal. Connections
of other users are closed on arrival (`process.peercred`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import http
import json
import logging
import secrets
import socket
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ptyjobs.client import AsyncJobs, viewer_link
from ptyjobs.client.host_facts import PrivateSocket
from ptyjobs.errors import BadInput, PtyJobsError
from ptyjobs.web import download, feed, overview, timeline
from ptyjobs.web.advice import HINTS
from ptyjobs.web.assets import asset
from ptyjobs.web.catalogue import Catalogue

PROTOCOL = "ptyjobs"
TOKEN_PREFIX = "ptyjobs.token."
TOKEN_HEADER = "X-Ptyjobs-Token"
MAX_MESSAGE = 1 << 20  # bytes of one message from a browser: a paste
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
"""xterm.js sets the styles of its cells itself, hence 'unsafe-inline' for styles alone."""


class Viewer:
    """State of one viewer.

    `write`: browsers may type; `kept`: the next viewer on this port has the same token.
    """

    def __init__(
        self, jobs: AsyncJobs, *, write: bool, token: str = "", kept: bool = False
    ) -> None:
        self.jobs = jobs
        self.write = write
        self.kept = kept
        self.token = token or secrets.token_urlsafe(24)
        self.port = 0
        self.catalogue = Catalogue(jobs)
        self.saving = asyncio.Semaphore(1)  # makes of files that browsers save

    @property
    def url(self) -> str:
        """The URL that the user opens."""
        return f"http://127.0.0.1:{self.port}/#token={self.token}"

    # --- before a connection is accepted ------------------------------------------------------

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer requests for files; let an authorised WebSocket connect."""
        hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        if not set(request.headers.get_all("Host")) <= hosts or "Host" not in request.headers:
            return _refuse(http.HTTPStatus.MISDIRECTED_REQUEST, "unknown host\n")
        try:
            path = urllib.parse.urlsplit(request.path).path
        except ValueError:  # http://[::1/
            return _refuse(http.HTTPStatus.BAD_REQUEST, "this is no URL\n")
        if not path.startswith("/ws/") and path != "/session":
            return _file(path)
        origins = set(request.headers.get_all("Origin"))  # none: not a browser
        if not origins <= {f"http://{host}" for host in hosts}:
            return _refuse(http.HTTPStatus.FORBIDDEN, "another site's page\n")
        tokens = _tokens(request)
        if not any(hmac.compare_digest(token.encode(), self.token.encode()) for token in tokens):
            return _refuse(http.HTTPStatus.UNAUTHORIZED, "the token is missing or wrong\n")
        if path == "/session":
            facts = {"write": self.write, "kept": self.kept, "saves": download.kinds()}
            return _answer(http.HTTPStatus.OK, json.dumps(facts).encode(), "application/json")
        return None

    # --- connections --------------------------------------------------------------------------

    async def connected(self, page: ServerConnection) -> None:
        """Serve one WebSocket until it closes."""
        assert page.request is not None
        parts = urllib.parse.urlsplit(page.request.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        words = [urllib.parse.unquote(word) for word in parts.path.split("/")[2:]]
        with contextlib.suppress(ConnectionClosed):
            try:
                match words:
                    case ["jobs"]:
                        await overview.serve(page, self.catalogue)
                    case ["job", job_id]:
                        await feed.serve(
                            page,
                            self.jobs,
                            self.catalogue,
                            job_id,
                            since=_since(query),
                            write=self.write,
                            number=query.get("as", ""),
                        )
                    case ["replay", job_id]:
                        await timeline.serve(page, self.jobs, job_id)
                    case ["file", job_id]:
                        await download.serve(page, self.jobs, job_id, query, turn=self.saving)
                    case _:
                        raise BadInput(f"There is nothing at {parts.path}.")
            except PtyJobsError as error:
                told = {"type": "error", "code": error.code, "message": error.worded(HINTS)}
                await page.send(json.dumps(told))


def _since(query: dict[str, str]) -> int | None:
    text = query.get("since", "")
    return int(text) if text.isdigit() and len(text) < 19 else None


def _file(path: str) -> Response:
    found = asset(path)
    if found is None:
        return _refuse(http.HTTPStatus.NOT_FOUND, "there is no such page\n")
    return _answer(http.HTTPStatus.OK, found.body, found.type)


def _refuse(status: http.HTTPStatus, text: str) -> Response:
    return _answer(status, text.encode(), "text/plain")


def _answer(status: http.HTTPStatus, body: bytes, media: str) -> Response:
    headers = {**HEADERS, "Content-Type": media, "Content-Length": str(len(body))}
    return Response(status.value, status.phrase, Headers(headers), body)


def _tokens(request: Request) -> list[str]:
    """The tokens that a browser offers, as subprotocols or in the header."""
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    words = [word.strip() for word in offered.split(",")]
    tokens = [w.removeprefix(TOKEN_PREFIX) for w in words if w.startswith(TOKEN_PREFIX)]
    return tokens + request.headers.get_all(TOKEN_HEADER)


@contextlib.asynccontextmanager
async def running(viewer: Viewer, *, port: int = 0) -> AsyncIterator[Server]:
    """The viewer on 127.0.0.1; raises BadInput if the port is in use."""
    options: dict[str, Any] = {
        "process_request": viewer.check,
        "subprotocols": [PROTOCOL],
        "compression": None,  # loopback only: compression would only cost CPU
        "max_size": MAX_MESSAGE,
        "logger": logging.getLogger("ptyjobs.web"),
    }
    listener = PrivateSocket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = await serve(viewer.connected, sock=listener, **options)
    except OSError as error:
        listener.close()
        raise BadInput(
            f"Port {port} cannot be used: {error.strerror}.", advice="Choose another with --port."
        ) from None
    viewer.port = server.sockets[0].getsockname()[1]
    loading = asyncio.create_task(viewer.catalogue.load())
    state_dir = viewer.jobs.config.state_dir
    viewer_link.announce(state_dir, url=viewer.url, write=viewer.write)
    try:
        yield server
    finally:
        viewer_link.withdraw(state_dir)
        loading.cancel()
        viewer.catalogue.close()
        server.close(close_connections=True)
        await server.wait_closed()


async def forever(viewer: Viewer, *, port: int, ready: Any) -> None:
    """Serve until the task is cancelled; `ready` is called with the URL."""
    async with running(viewer, port=port):
        ready(viewer.url)
        await asyncio.get_running_loop().create_future()
