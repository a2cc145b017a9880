"""Opt-in streamable HTTP on the loopback interface or a unix socket.

Owns access control. On TCP a caller needs the token in `$STATE/http-token` (0600, created once) and
a Host and Origin of this machine, because every web page in a browser can reach loopback. A unix
socket has mode 0600 in a 0700 directory, so the file system checks; connections from sandboxed
jobs of the same user are refused. Never implements the protocol (the SDK does). The subtle thing:
while no server runs, another user of this machine can listen on its port and receive the token from
a client that connects. So connections of other users are refused even with the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import signal
import socket
import stat
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from uvicorn.protocols.http.h11_impl import H11Protocol

from ptyjobs.client.files import open_regular, private_directory
from ptyjobs.client.host_facts import PrivateSocket
from ptyjobs.config import Config
from ptyjobs.errors import BadConfig
from ptyjobs.mcp.server import App, Surface
from ptyjobs.mcp.session import session

if TYPE_CHECKING:
    from ptyjobs.client.zygote import Zygote

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
TOKEN_FILE = "http-token"
REQUEST_TIME = 30.0
"""Seconds until the first request of a connection has come, and half of a later one's."""

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]


def serve_http(config: Config, zygote: Zygote, surface: Surface) -> int:
    """Serve until a signal arrives; returns the exit code. Raises BadConfig before listening."""
    with _listening(config) as (listener, shown, token):
        asyncio.run(_serve(config, zygote, surface, listener, shown, token))
    return 0


async def _serve(
    config: Config,
    zygote: Zygote,
    surface: Surface,
    listener: socket.socket,
    shown: str,
    token: str,
) -> None:
    loop = asyncio.get_running_loop()
    async with session(config, zygote) as jobs:
        app = App(jobs, config, surface)
        asgi: Asgi = app.server().streamable_http_app(transport_security=_security(listener))
        if token:
            asgi = with_token(asgi, token)
        settings = uvicorn.Config(asgi, log_level="warning", lifespan="on", http=_Protocol)
        server = _Server(settings)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, server.stop)
        logging.getLogger("ptyjobs").warning("listening on %s", shown)
        try:
            await server.serve(sockets=[listener])
        finally:
            app.close()
            await jobs.close()


def _security(listener: socket.socket) -> TransportSecuritySettings:
    hosts = [f"{host}:*" for host in LOOPBACK]
    if listener.family == socket.AF_UNIX:
        hosts.append("localhost")  # a unix socket has no port to name
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=hosts,
        allowed_origins=[f"http://{host}" for host in hosts],
    )


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which re-raise and skip our clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Shut down at once: open streams would block a graceful shutdown indefinitely."""
        self.should_exit = True
        self.force_exit = True


class _Protocol(H11Protocol):
    """uvicorn's protocol, which also closes connections whose request does not arrive.

    uvicorn itself limits only the time between two requests.
    """

    _partial: object = None  # the newest request when a partial one was seen last

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(REQUEST_TIME, self._close_partial)

    def _close_partial(self) -> None:
        """Close if no request has come, or if the same one is partial for the second time."""
        if self.transport.is_closing():
            return
        state = self.conn.their_state
        partial = state is h11.SEND_BODY or (state is h11.IDLE and self.conn.trailing_data[0])
        if self.cycle is None or (partial and self._partial is self.cycle):
            self.transport.close()
            return
        self._partial = self.cycle if partial else None
        self.loop.call_later(REQUEST_TIME, self._close_partial)


@contextlib.contextmanager
def _listening(config: Config) -> Iterator[tuple[socket.socket, str, str]]:
    """Yield the listening socket, the line to print, and the required token ("" for none)."""
    if config.http.startswith("unix:"):
        path = Path(config.http.removeprefix("unix:"))
        with _unix(path) as listener:
            yield listener, str(path), ""
        return
    host, _, port = config.http.rpartition(":")
    if host not in LOOPBACK:
        raise BadConfig(
            f"http = {config.http!r}: only {', '.join(LOOPBACK)} are served.",
            advice="Reach it from elsewhere through ssh -L.",
        )
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    with PrivateSocket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), int(port)))
        except (OSError, OverflowError) as error:
            raise BadConfig(f"http = {config.http!r}: {error}.") from None
        listener.listen(64)
        url = f"http://{host}:{listener.getsockname()[1]}/mcp"
        if config.http_token == "none":
            yield listener, f"{url} (no token)", ""
        else:
            yield (
                listener,
                f"{url} (token in {Path(config.state_dir, TOKEN_FILE)})",
                token_of(config),
            )


@contextlib.contextmanager
def _unix(path: Path) -> Iterator[socket.socket]:
    """A socket at `path`; it is removed at the end, unless another one has its name by then."""
    with PrivateSocket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            _make_way(path)
            listener.bind(os.fspath(path))
            path.chmod(0o600)
            listener.listen(64)
            made = path.lstat()
        except OSError as error:
            raise BadConfig(f"http = 'unix:{path}': {error.strerror or error}.") from None
        try:
            yield listener
        finally:
            with contextlib.suppress(OSError):
                if os.path.samestat(path.lstat(), made):
                    path.unlink()


def _make_way(path: Path) -> None:
    """Make the directory; remove the socket of a server that has exited, and nothing else."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise BadConfig(f"http = 'unix:{path}': {path.parent} is no directory.") from None
    info = path.parent.stat()
    if info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise BadConfig(f"http = 'unix:{path}': {path.parent} must be yours and mode 0700.")
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise BadConfig(f"http = 'unix:{path}': that exists and is no socket.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.setblocking(False)
        try:
            other.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:  # many wait to be accepted
            pass
    raise BadConfig(f"http = 'unix:{path}': another server listens there.")


def token_of(config: Config) -> str:
    """The token in the state directory, created at first use."""
    path = private_directory(Path(config.state_dir)) / TOKEN_FILE
    with contextlib.suppress(FileExistsError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    try:
        with open(path, encoding="ascii", opener=open_regular) as file:
            token = file.read().strip()
    except (OSError, ValueError):
        token = ""
    if len(token) < 16:
        raise BadConfig(f"{path} holds no usable token.", advice="Remove it; a new one is made.")
    return token


def with_token(inner: Asgi, token: str) -> Asgi:
    """Wrap `inner` to require `Authorization: Bearer TOKEN`; other requests get 401."""
    wanted = f"Bearer {token}".encode()

    async def checked(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"authorization", b"")
        if hmac.compare_digest(given, wanted):
            await inner(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        body = b"Send the token: Authorization: Bearer TOKEN\n"
        await send({"type": "http.response.body", "body": body})

    return checked
