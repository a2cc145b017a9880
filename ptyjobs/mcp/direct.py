"""Answer a client's requests without the SDK, as far as that is certain.

Owns the decision which lines it may answer, and the session as far as it needs one: the protocol
era, the client's name, calls in flight. Importing the SDK takes most of a server's start and half
of its memory, and a client that lists and calls tools needs nothing of it. Answers here are equal
to the SDK's, byte by byte (tests compare them for each revision); a line with anything else in it,
from a strange parameter to a request that has to be refused, goes to the SDK, which is imported
when the first such line arrives. Never refuses anything itself.

The subtle thing: the SDK has a session too. It gets the lines that open it (`initialize`,
`server/discover`, `notifications/initialized`) as the client sent them, under an id of our own, and
its answers to those are discarded (`StdioTransport.hold`). So whenever it joins, its protocol era,
revision and client are the same as here. After a line that might change the session and is not
understood here, everything goes to the SDK.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ptyjobs import __version__
from ptyjobs.errors import NeedsApproval
from ptyjobs.mcp import wire
from ptyjobs.mcp.server import CACHE_HINTS, App
from ptyjobs.mcp.wire import HANDSHAKE, META, STATELESS, TASKS

if TYPE_CHECKING:
    from ptyjobs.mcp.transport import StdioTransport

TESTED = ("2.3",)
"""Minor versions of the SDK whose answers are known here; with others the SDK answers all."""
LONGEST = 1 << 20  # bytes of a line that is parsed here

logger = logging.getLogger(__name__)
Json = Mapping[str, Any]


def sdk_is_known() -> bool:
    """True if the installed SDK has the versions that the answers here are tested with.

    Reads the names of the metadata directories beside the packages: `importlib.metadata` would
    take a tenth of the start for the same.
    """
    return all(_minor_version(package) in TESTED for package in ("mcp", "mcp_types"))


def _minor_version(package: str) -> str:
    spec = find_spec(package)
    if spec is None or not spec.origin:
        return ""
    start, end = f"{package}-", ".dist-info"
    for name in os.listdir(os.path.dirname(os.path.dirname(spec.origin))):
        if name.startswith(start) and name.endswith(end):
            return ".".join(name[len(start) : -len(end)].split(".")[:2])
    return ""


class Era(Enum):
    """The kind of session that a connection has."""

    NONE = "none"  # the client has sent no request
    PROBED = "probed"  # nothing but `server/discover`: `initialize` may still follow
    STATELESS = "stateless"
    HANDSHAKE = "handshake"


class Direct:
    """The direct answers of one connection."""

    def __init__(self, app: App, transport: StdioTransport) -> None:
        self._app = app
        self._transport = transport
        self._era = Era.NONE
        self._left = False  # the SDK answers everything from now on
        self._client = ""
        self._capabilities: Json = {}
        self._calls: dict[int | str, tuple[int | str, asyncio.Task[None]]] = {}
        self._server = {
            "name": app.surface.name, "title": app.surface.title, "version": __version__,
        }  # fmt: skip
        self._lines: dict[tuple[str, bool], bytes] = {}  # results that never change
        self._prefix = f"ptyjobs-{secrets.token_hex(8)}-"
        self._held = 0
        self._static: dict[str, Callable[[], Json]] = {
            "tools/list": app.listing,
            "ping": dict,
            **({"prompts/list": app.prompts} if app.surface.extras else {}),
            **({"resources/templates/list": app.templates} if app.surface.extras else {}),
        }

    def take(self, line: bytes) -> bool:
        """Answer a line, or begin to; False if it is for the SDK."""
        if self._left and not self._calls:
            return False
        message = _read(line)
        if self._left:  # but calls that began here can still be cancelled
            return message is not None and "id" not in message and self._cancels(message)
        taken = message is not None and self._handle(message, line)
        if not taken and (self._era is Era.NONE or b"initialize" in line):
            self._left = True
        return taken

    def close(self) -> None:
        """Cancel the calls in flight; they are answered with an error, as the SDK does."""
        for request_id, task in list(self._calls.values()):
            task.cancel()
            error = {"code": -32000, "message": "Connection closed"}
            self._transport.queue(wire.line(id=request_id, error=error))

    # -- lines

    def _handle(self, message: Json, line: bytes) -> bool:
        method, params = message["method"], message.get("params", {})
        if "id" not in message:
            return self._note(message, line)
        request_id = message["id"]
        if self._transport.in_flight(request_id) or _correlated(request_id) in self._calls:
            return False
        if method == "initialize" and self._era in (Era.NONE, Era.PROBED):
            return self._initialize(request_id, params, message)
        if self._era is Era.HANDSHAKE:
            meta = params.get("_meta", {})
            return _plain_meta(meta) and self._request(request_id, method, params, meta)
        if self._era is not Era.NONE or method == "server/discover":
            return self._stateless(request_id, method, params, message)
        return False

    def _note(self, message: Json, line: bytes) -> bool:
        """A notification. True if the SDK need not see it, now or at all."""
        opens = message["method"] == "notifications/initialized" and not message.get("params")
        if opens and self._era is Era.HANDSHAKE:
            self._transport.hold(line)
            return True
        return self._cancels(message)

    def _cancels(self, note: Json) -> bool:
        """Cancel the call that a notification names; False if no call of ours is meant."""
        request_id = note.get("params", {}).get("requestId")
        call = None
        if note["method"] == "notifications/cancelled" and not isinstance(request_id, bool):
            call = self._calls.pop(_correlated(request_id), None)
        if call is None:
            return False
        call[1].cancel()
        self._transport.forget([call[0]])
        return True

    def _initialize(self, request_id: int | str, params: Json, message: Json) -> bool:
        if not _plain_initialize(params):
            return False
        asked = params["protocolVersion"]
        version = asked if asked in HANDSHAKE else HANDSHAKE[-1]
        self._era = Era.HANDSHAKE
        self._client = params["clientInfo"]["name"]
        self._capabilities = params["capabilities"]
        self._hold(message)
        result = {
            "protocolVersion": version,
            "capabilities": self._served(changes=False),
            "serverInfo": self._server,
            "instructions": self._app.surface.instructions,
        }
        self._answer(request_id, "initialize", result)
        return True

    def _stateless(self, request_id: int | str, method: str, params: Json, message: Json) -> bool:
        meta: Any = params.get("_meta")
        if not _plain_envelope(meta) or method == "ping":
            return False
        if self._era is Era.NONE:
            self._hold(message)
            self._era = Era.PROBED
        if method == "server/discover":
            if set(params) != {"_meta"}:
                return False
            result = {
                **CACHE_HINTS["server/discover"],
                "capabilities": self._served(changes=True),
                "instructions": self._app.surface.instructions,
                "resultType": "complete",
                "supportedVersions": [STATELESS],
            }
            self._answer(request_id, method, result)
            return True
        info = meta.get(f"{META}clientInfo")
        self._client = info["name"] if info else ""
        self._capabilities = meta[f"{META}clientCapabilities"]
        taken = self._request(request_id, method, params, meta)
        if self._era is Era.PROBED:
            self._era = Era.STATELESS
            if taken:  # the SDK has to know that `initialize` comes too late now
                self._hold({"method": "tools/list", "params": {"_meta": dict(meta)}})
        return taken

    # -- requests of an open session

    def _request(self, request_id: int | str, method: str, params: Json, meta: Json) -> bool:
        if method in self._static and set(params) <= {"_meta"}:
            self._answer_static(request_id, method)
            return True
        if method == "resources/list" and self._app.surface.extras and set(params) <= {"_meta"}:
            return self._begin(request_id, self._list_resources(request_id))
        if method != "tools/call" or not _plain_call(params):
            return False
        if self._app.converses(params["name"]) and not self._is_silent():
            return False
        call = self._call(
            request_id,
            params,
            meta.get("progressToken"),
            client=self._client,  # as of this request: the next may be another client's
            may_ask="elicitation" in self._capabilities,
        )
        return self._begin(request_id, call)

    def _is_silent(self) -> bool:
        """True if the client declares nothing that would let a call ask it or become a task."""
        return not self._capabilities.keys() & {"elicitation", "extensions", "tasks"}

    def _begin(self, request_id: int | str, call: Any) -> bool:
        self._transport.expect(request_id)
        task = asyncio.get_running_loop().create_task(call)
        self._calls[_correlated(request_id)] = (request_id, task)
        return True

    async def _list_resources(self, request_id: int | str) -> None:
        async def result() -> Json:
            return {**CACHE_HINTS["resources/list"], **await self._app.resources.list(None, None)}

        await self._respond(request_id, "resources/list", result())

    async def _call(
        self, request_id: int | str, params: Json, token: Any, *, client: str, may_ask: bool
    ) -> None:
        async def report(count: int, line: str) -> None:
            note = {"progressToken": token, "progress": count, "message": line}
            await self._transport.send(wire.line(method="notifications/progress", params=note))

        result = self._app.call(
            params["name"],
            params.get("arguments"),
            client=client,
            report=None if token is None else report,
            may_ask=may_ask,
        )

        async def outcome() -> Json:
            return self._app.wire(await result)

        try:
            await self._respond(request_id, "tools/call", outcome())
        except NeedsApproval:  # nothing was done yet; only the SDK can ask the client
            self._calls.pop(_correlated(request_id), None)
            message = {"id": request_id, "method": "tools/call", "params": params}
            self._transport.hand_over(wire.line(**message))

    async def _respond(self, request_id: int | str, method: str, outcome: Any) -> None:
        try:
            result = await outcome
            answer = wire.line(id=request_id, result=self._shaped(method, result))
        except NeedsApproval:
            raise
        except Exception as error:  # as the SDK: a faulty handler costs its request alone
            logger.exception("handler for %r raised", method)
            stateless = self._era is not Era.HANDSHAKE
            fault = (
                {"code": -32603, "message": "Internal server error"}
                if stateless
                else {"code": 0, "message": str(error)}
            )
            answer = wire.line(id=request_id, error=fault)
        self._calls.pop(_correlated(request_id), None)
        await self._transport.send(answer, settles=request_id)

    # -- answers

    def _shaped(self, method: str, result: Json) -> Json:
        stateless = self._era is not Era.HANDSHAKE
        return wire.shaped(method, result, stateless=stateless, server=self._server)

    def _answer(self, request_id: int | str, method: str, result: Json) -> None:
        self._transport.queue(wire.line(id=request_id, result=self._shaped(method, result)))

    def _answer_static(self, request_id: int | str, method: str) -> None:
        key = (method, self._era is Era.HANDSHAKE)
        if key not in self._lines:
            result = {**CACHE_HINTS.get(method, {}), **self._static[method]()}
            self._lines[key] = json.dumps(
                self._shaped(method, result), ensure_ascii=False, separators=(",", ":")
            ).encode()
        head = wire.line(id=request_id, result=0).removesuffix(b"0}\n")
        self._transport.queue(head + self._lines[key] + b"}\n")

    def _served(self, *, changes: bool) -> dict[str, Any]:
        """Our capabilities; `changes`: as of STATELESS, where lists may report changes."""
        if not self._app.surface.extras:
            return {"tools": {"listChanged": False}}
        return {
            "completions": {},
            "extensions": {TASKS: {}},
            "prompts": {"listChanged": changes},
            "resources": {"listChanged": changes, "subscribe": True},
            "tools": {"listChanged": changes},
        }

    def _hold(self, message: Json) -> None:
        """Keep a request for the SDK's session, under an id that no client uses."""
        self._held += 1
        request_id = f"{self._prefix}{self._held}"
        body = {"id": request_id, "method": message["method"], "params": message["params"]}
        self._transport.hold(wire.line(**body).rstrip(), request_id)


# -- shapes that are certainly valid in every revision


def _read(line: bytes) -> dict[str, Any] | None:
    """A request or notification; None for anything else, and for whatever parsers may disagree on.

    `\\ud` may begin a lone surrogate.
    """
    if len(line) > LONGEST or b"\\ud" in line.lower():
        return None
    try:
        message = json.loads(line.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.pop("jsonrpc", None) != "2.0":
        return None
    keys = set(message)
    if not {"method"} <= keys <= {"id", "method", "params"}:
        return None
    if "id" in keys and not _is_id(message["id"]):
        return None
    if not isinstance(message["method"], str) or not isinstance(message.get("params", {}), dict):
        return None
    return message


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_id(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 53
    return isinstance(value, str)


def _correlated(request_id: Any) -> Any:
    """Requests "7" and 7 are the same to a cancellation, as in the SDK."""
    if isinstance(request_id, str):
        try:
            return int(request_id)
        except ValueError:
            return request_id
    return request_id if isinstance(request_id, int) else None


def _plain_meta(meta: Any) -> bool:
    if not isinstance(meta, dict) or any(key.startswith(META) for key in meta):
        return False
    return "progressToken" not in meta or _is_id(meta["progressToken"])


def _plain_envelope(meta: Any) -> bool:
    if not isinstance(meta, dict) or meta.get(f"{META}protocolVersion") != STATELESS:
        return False
    own = {key: value for key, value in meta.items() if key.startswith(META)}
    if not own.keys() <= {
        f"{META}{n}" for n in ("protocolVersion", "clientInfo", "clientCapabilities")
    }:
        return False
    others = {key: value for key, value in meta.items() if key not in own}
    info = own.get(f"{META}clientInfo", _NOBODY)
    return (
        _plain_meta(others)
        and _plain_info(info)
        and _plain_capabilities(own.get(f"{META}clientCapabilities"))
    )


_NOBODY = {"name": "", "version": ""}


def _plain_initialize(params: Json) -> bool:
    if not {"protocolVersion", "capabilities", "clientInfo"} <= params.keys():
        return False
    return (
        isinstance(params["protocolVersion"], str)
        and _plain_capabilities(params["capabilities"])
        and _plain_info(params["clientInfo"])
        and _plain_meta(params.get("_meta", {}))
    )


def _plain_info(info: Any) -> bool:
    """A client's name and version, and other texts about it."""
    if not isinstance(info, dict) or not {"name", "version"} <= info.keys():
        return False
    return "icons" not in info and all(isinstance(value, str) for value in info.values())


_CAPABILITIES: dict[str, Any] = {
    "elicitation": {"form": dict, "url": dict},
    "sampling": {"context": dict, "tools": dict},
    "roots": {"listChanged": bool},
}


def _plain_capabilities(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    for name, one in value.items():
        if not isinstance(one, dict):
            return False
        if name in ("experimental", "extensions"):
            if not all(isinstance(each, dict) for each in one.values()):
                return False
        elif name in _CAPABILITIES:
            shape = _CAPABILITIES[name]
            if not all(isinstance(each, shape.get(key, object)) for key, each in one.items()):
                return False
        else:
            return False
    return True


def _plain_call(params: Json) -> bool:
    return (
        {"name"} <= params.keys() <= {"name", "arguments", "_meta"}
        and isinstance(params["name"], str)
        and isinstance(params.get("arguments", {}), dict)
    )
