"""Answers without the SDK are, byte by byte, those of the SDK; then the session goes on in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from importlib.metadata import version
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from ptyjobs.config import Config
from ptyjobs.errors import NeedsApproval
from ptyjobs.mcp import direct, eras, wire
from ptyjobs.mcp.compat import background_job
from ptyjobs.mcp.direct import Direct
from ptyjobs.mcp.server import NATIVE, App, Surface
from ptyjobs.mcp.tasks import EXTENSION
from ptyjobs.mcp.transport import StdioTransport
from tests.mcp.fake import FakeJobs

Message = dict[str, Any]
INFO = {"name": "t", "version": "0", "title": "Täst", "websiteUrl": "https://example.org"}
INITIALIZED: Message = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(number: int | str, method: str, params: Any = None, **meta: Any) -> Message:
    body: Message = {"jsonrpc": "2.0", "id": number, "method": method}
    if params is not None or meta:
        body["params"] = {**(params or {}), **({"_meta": meta} if meta else {})}
    return body


def initialize(version: Any = "2025-11-25", **changes: Any) -> Message:
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": INFO, **changes}
    params = {name: value for name, value in params.items() if value is not None}
    return request(0, "initialize", params)


def envelope(version: Any = "2026-07-28", **more: Any) -> dict[str, Any]:
    prefix = "io.modelcontextprotocol/"
    own = {"protocolVersion": version, "clientInfo": INFO, "clientCapabilities": {}, **more}
    return {prefix + name: value for name, value in own.items() if value is not None}


class Conversation:
    """One server in this process; counts the lines that reach the SDK."""

    def __init__(self, *, answer_directly: bool, surface: Surface, config: Config) -> None:
        to_read, self.to = os.pipe()
        self.out, from_write = os.pipe()
        self.transport = StdioTransport(to_read, from_write, drain=5)
        os.close(to_read)
        os.close(from_write)
        self.jobs = FakeJobs()
        self.app = App(cast("Any", self.jobs), config, surface)
        self.direct = Direct(self.app, self.transport) if answer_directly else None
        self.sdk = False

    async def run(self, lines: list[bytes]) -> list[bytes]:
        """The output after these lines and the end of input."""
        os.write(self.to, b"\n".join(lines) + b"\n")
        os.close(self.to)
        needed = True
        if self.direct is not None:
            self.transport.attach(self.direct.take)
            needed = await self.transport.for_sdk()
        if needed:
            self.sdk = True
            server = self.app.server()
            options = server.create_initialization_options()
            await eras.serve(self.transport, lambda r, w: server.run(r, w, options))
        self.app.close()
        self.transport.close()
        with os.fdopen(self.out, "rb") as output:
            return output.read().splitlines()


def _calls(conversation: Conversation) -> list[str]:
    """The calls that reached the jobs, in any order; of a callback only that there is one."""
    return sorted(
        repr(
            (
                name,
                args,
                {key: one if key != "on_progress" else bool(one) for key, one in o.items()},
            )
        )
        for name, args, o in conversation.jobs.calls
    )


async def both(
    messages: list[Message | bytes], surface: Surface = NATIVE, config: Config | None = None
) -> tuple[list[bytes], bool]:
    """The equal answers of both ways, and whether the SDK was needed."""
    lines = [m if isinstance(m, bytes) else json.dumps(m).encode() for m in messages]
    config = config or Config()
    sdk = Conversation(answer_directly=False, surface=surface, config=config)
    expected = await asyncio.wait_for(sdk.run(lines), 20)
    own = Conversation(answer_directly=True, surface=surface, config=config)
    answers = await asyncio.wait_for(own.run(lines), 20)
    assert sorted(answers) == sorted(expected)  # answers may come in any order
    assert own.jobs.who == sdk.jobs.who
    assert _calls(own) == _calls(sdk)
    return answers, own.sdk


CALLS = [
    ("list", {}),
    ("tail", {"job_id": "py"}),
    ("tail", {"job_id": "nope"}),
    ("interact", {"job_id": "py", "input": "ü 1+1\x1b"}),
    ("kill", {"job_id": "py"}),
    ("output", {"job_id": "py"}),
    ("status", {"job_id": "py"}),
    ("wait", {"job_id": "py"}),
    ("interact", {"job_id": "py", "imput": "1"}),
    ("nonsense", {}),
]
METHODS = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"]


def calls(**meta: Any) -> list[Message | bytes]:
    return [
        *(request(10 + i, method, **meta) for i, method in enumerate(METHODS)),
        *(
            request(f"c{i}", "tools/call", {"name": name, "arguments": arguments}, **meta)
            for i, (name, arguments) in enumerate(CALLS)
        ),
    ]


def test_the_tables_know_every_revision_of_the_sdk() -> None:
    assert tuple(HANDSHAKE_PROTOCOL_VERSIONS) == wire.HANDSHAKE
    assert tuple(MODERN_PROTOCOL_VERSIONS) == (wire.STATELESS,)


def test_the_version_of_the_sdk_is_read_from_its_files() -> None:
    for package in ("mcp", "mcp_types"):
        assert version(package).startswith(f"{direct._minor_version(package)}.")
    assert direct._minor_version("no_such_package") == ""


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("revision", HANDSHAKE_PROTOCOL_VERSIONS)
async def test_a_session_of_each_revision_needs_no_sdk(revision: str, structured: bool) -> None:
    messages = [initialize(revision), INITIALIZED, request(1, "ping"), *calls()]
    answers, sdk = await both(messages, config=Config(structured=structured))
    assert len(answers) == 2 + len(METHODS) + len(CALLS)
    assert not sdk


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("revision", MODERN_PROTOCOL_VERSIONS)
async def test_a_stateless_session_needs_no_sdk(revision: str, structured: bool) -> None:
    meta = envelope(revision)
    messages = [request(1, "server/discover", **meta), *calls(**meta)]
    answers, sdk = await both(messages, config=Config(structured=structured))
    assert len(answers) == 1 + len(METHODS) + len(CALLS)
    assert not sdk


async def test_the_tools_of_another_server_are_listed_the_same() -> None:
    messages = [initialize(), INITIALIZED, *calls()]
    _, sdk = await both(messages, background_job.SURFACE)
    assert sdk  # there are no resources: the SDK refuses to list them
    _, sdk = await both(
        [initialize(), INITIALIZED, request(1, "tools/list")], background_job.SURFACE
    )
    assert not sdk


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"elicitation": {}},
        {"elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": True}},
        {"sampling": {"tools": {}}, "experimental": {"x": {"y": [1]}}},
        {"extensions": {EXTENSION: {}}},
    ],
)
async def test_what_a_client_declares_is_handed_over(capabilities: Message) -> None:
    """`wait` may ask the client or become a task, so the SDK joins, with the client's facts."""
    wait = {"name": "wait", "arguments": {"job_id": "py"}}
    messages = [initialize(capabilities=capabilities), INITIALIZED, request(2, "tools/call", wait)]
    _, sdk = await both(messages)
    assert sdk is bool({"elicitation", "extensions"} & capabilities.keys())
    meta = envelope(clientCapabilities=capabilities)
    messages = [request(1, "server/discover", **meta), request(2, "tools/call", wait, **meta)]
    _, sdk = await both(messages)
    assert sdk is bool({"elicitation", "extensions"} & capabilities.keys())


ODD: list[list[Message | bytes]] = [
    [],
    [INITIALIZED],
    [request(1, "ping")],
    [request(1, "ping"), initialize(), INITIALIZED, request(2, "tools/list")],
    [request(1, "tools/list")],
    [request(1, "nonsense/method")],
    [request(1, "server/discover")],
    [request(1, "tools/list", **envelope())],
    [request(1, "tools/list", **envelope()), initialize()],
    [request(1, "server/discover", **envelope("2030-01-01"))],
    [request(1, "server/discover", **envelope(7))],
    [request(1, "server/discover", **envelope(clientCapabilities=None))],
    [request(1, "server/discover", **envelope(clientInfo=None)), request(2, "ping", **envelope())],
    [request(1, "server/discover", **envelope(clientInfo={"name": 1}))],
    [request(1, "server/discover", **envelope(logLevel="debug"))],
    [request(1, "server/discover", **envelope()), initialize(), INITIALIZED, *calls()],
    [request(1, "server/discover", **envelope()), request(2, "tools/list", **envelope()),
     initialize(), request(3, "tools/list", **envelope())],
    [request(1, "server/discover", **envelope()), *calls(**envelope()), initialize()],
    [request(1, "server/discover", **envelope()), request(2, "tools/list")],
    [request(1, "server/discover", **envelope()), initialize(None)],
    [initialize(None)],
    [initialize("1999-01-01"), INITIALIZED, request(1, "tools/list")],
    [initialize("2026-07-28"), INITIALIZED, request(1, "tools/list")],
    [initialize(7)],
    [initialize(capabilities=None)],
    [initialize(capabilities=[])],
    [initialize(capabilities={"roots": {"listChanged": "perhaps"}})],
    [initialize(capabilities={"sampling": []})],
    [initialize(capabilities={"tasks": {"list": {}}, "other": 1}), request(1, "tools/list")],
    [initialize(clientInfo=None)],
    [initialize(clientInfo={"name": "x"})],
    [initialize(clientInfo={"name": "x", "version": 1})],
    [initialize(clientInfo={**INFO, "icons": [{"src": "x"}]}), request(1, "tools/list")],
    [initialize(clientInfo={**INFO, "icons": 1}), request(1, "tools/list")],
    [initialize(_meta={"progressToken": 1.5})],
    [initialize(_meta={"progressToken": 1, "other": None}), request(1, "ping")],
    [{"jsonrpc": "2.0", "id": 0, "method": "initialize"}, request(1, "tools/list")],
    [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": []}],
    [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": None}],
    [initialize(), initialize("2024-11-05"), request(1, "tools/list")],
    [initialize(), INITIALIZED, *calls(), request(1, "x/initialize"), request(2, "ping")],
    [initialize(), request(1, "tools/list"), request(2, "ping")],
    [initialize(), INITIALIZED, request(1, "tools/list", **envelope())],
    [initialize(), INITIALIZED, request(1, "server/discover", **envelope())],
    [initialize(), INITIALIZED, request(1, "tools/list", {"cursor": "x"})],
    [initialize(), INITIALIZED, request(1, "tools/list", {"cursor": 1})],
    [initialize(), INITIALIZED, request(1, "nonsense/method"), request(2, "logging/setLevel")],
    [initialize(), INITIALIZED, request(1, "tools/call"), request(2, "tools/call", {"name": 1})],
    [initialize(), INITIALIZED, request(1, "tools/call", {"name": "list", "arguments": []})],
    [initialize(), INITIALIZED, request(1, "tools/call", {"name": "list", "arguments": None})],
    [initialize(), INITIALIZED, request(1, "tools/call", {"name": "list", "task": {"ttl": 1}})],
    [initialize(), INITIALIZED, request(1, "tools/call", {"name": "list"}, progressToken=True)],
    [initialize(), INITIALIZED, request(1, "prompts/get", {"name": "repl"}), *calls()],
    [initialize(), INITIALIZED, request(1, "resources/read", {"uri": "job://py/screen"})],
    [initialize(), {**INITIALIZED, "params": {"_meta": 3}}, request(1, "ping")],
    [initialize(), {**INITIALIZED, "params": {}}, request(1, "ping"), request(2, "nonsense")],
    [initialize(), {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}],
    [initialize(), {"jsonrpc": "2.0", "id": 5, "result": {}}, request(1, "ping")],
    [json.dumps([initialize(), request(1, "ping")]).encode()],
    [b"nonsense", initialize(), request(1, "tools/list")],
    [b"\xef\xbb\xbf" + json.dumps(initialize()).encode()],
    [json.dumps(initialize()).encode("utf-16")],
    [initialize(), b'{"jsonrpc":"2.0","id":null,"method":"ping"}', request(1, "ping")],
    [initialize(), b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}', request(2, "ping")],
    [initialize(), b'{"jsonrpc":"2.0","id":true,"method":"ping"}', request(2, "ping")],
    [initialize(), b'{"jsonrpc":"1.0","id":1,"method":"ping"}', request(2, "ping")],
    [initialize(), b'{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}', request(2, "ping")],
    [initialize(), b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}'],
    [initialize(), b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'],
    [initialize(), request("\ud800", "ping")],
    [initialize(), request(2**70, "ping"), request("7", "ping"), request("ü\U0001f600", "ping")],
    [initialize(), request(1, "tools/call", {"name": "tail", "arguments": {"job_id": "\udc00"}})],
]  # fmt: skip


@pytest.mark.parametrize("messages", ODD, ids=range(len(ODD)))
async def test_strange_sessions_are_answered_the_same(messages: list[Message | bytes]) -> None:
    await both(messages)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def broken_sessions(draw: st.DrawFn) -> list[Message]:
    """A good session with one member of one message replaced, removed or added."""
    old = [initialize(), INITIALIZED, *cast("list[Message]", calls(progressToken=1))]
    new = [request(1, "server/discover", **envelope()), *cast("list[Message]", calls(**envelope()))]
    messages: list[Message] = json.loads(json.dumps(draw(st.sampled_from([old, new]))))
    spot: Any = draw(st.sampled_from(messages))
    while True:
        keys = [*spot] if isinstance(spot, dict) else []
        inner = [key for key in keys if isinstance(spot[key], dict) and spot[key]]
        if not inner or draw(st.integers(0, 3)) == 0:
            break
        spot = spot[draw(st.sampled_from(inner))]
    names = [*spot, "_meta", "cursor", "name", "task", "icons", "elicitation", "roots", "tasks"]
    name = draw(st.sampled_from(names))
    if draw(st.booleans()):
        spot.pop(name, None)
    else:
        spot[name] = draw(JSON)
    return messages


@given(broken_sessions())
@settings(max_examples=150, deadline=None)
def test_whatever_is_wrong_in_a_session_the_answers_are_the_same(messages: list[Message]) -> None:
    async def check() -> None:
        with contextlib.suppress(ValueError):  # not JSON: NaN
            await both([json.dumps(m, allow_nan=False).encode() for m in messages])

    asyncio.run(check())


@pytest.mark.parametrize("sdk", [False, True])
@pytest.mark.parametrize("more", [{}, {"_meta": envelope()}, {"reason": 5}], ids=str)
async def test_a_cancelled_call_is_not_answered_and_stops(sdk: bool, more: Message) -> None:
    """Nor if the SDK has taken over since it began (`sdk`); `more`: members that say nothing."""
    own = Conversation(answer_directly=True, surface=NATIVE, config=Config())
    own.jobs.delay = 30
    call = {"name": "interact", "arguments": {"job_id": "py", "input": "1"}}
    cancel: Message = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
    cancel["params"] = {"requestId": "7", **more}
    running = asyncio.create_task(
        own.run([json.dumps(m).encode() for m in (initialize(), request(7, "tools/call", call))])
    )
    while not own.jobs.busy:  # noqa: ASYNC110 - the double has no event
        await asyncio.sleep(0)
    assert own.transport._take_direct is not None
    if sdk:
        other = request(8, "tools/call", {"name": "wait", "task": "initialized"})
        assert not own.transport._take_direct(json.dumps(other).encode())
    assert own.transport._take_direct(json.dumps(cancel).encode())
    answers = await asyncio.wait_for(running, 3)
    assert [json.loads(line)["id"] for line in answers] == [0]
    assert own.jobs.cancelled == 1


async def test_each_stateless_request_has_the_facts_of_its_own_client() -> None:
    """Requests that arrive together, as of a gateway, do not take over each other's."""

    class Ruled(FakeJobs):
        async def interact(self, job_id: str, **options: Any) -> Any:
            raise NeedsApproval("a rule asks", advice="Ask.")

    call = {"name": "interact", "arguments": {"job_id": "py", "input": "1"}}
    asks = envelope(clientCapabilities={"elicitation": {}})
    messages = [
        request(1, "server/discover", **asks),
        request(2, "tools/call", call, **asks),
        request(3, "tools/call", call, **envelope(clientInfo={**INFO, "name": "other"})),
    ]
    answers = []
    for answer_directly in (True, False):
        own = Conversation(answer_directly=answer_directly, surface=NATIVE, config=Config())
        own.app.jobs = cast("Any", Ruled())
        lines = await own.run([json.dumps(m).encode() for m in messages])
        results = {m["id"]: m["result"] for m in map(json.loads, lines)}
        answers.append([results[n]["resultType"] for n in (1, 2, 3)])
    assert answers == [["complete", "input_required", "complete"]] * 2


@pytest.mark.parametrize("token", ["p", 0, ""])
async def test_progress_is_reported(token: str | int) -> None:
    call = {"name": "interact", "arguments": {"job_id": "py", "input": "1"}}
    messages = [initialize(), INITIALIZED, request(7, "tools/call", call, progressToken=token)]
    own = Conversation(answer_directly=True, surface=NATIVE, config=Config())
    own.jobs.delay = 0.05
    lines = await own.run([json.dumps(m).encode() for m in messages])
    sdk = Conversation(answer_directly=False, surface=NATIVE, config=Config())
    sdk.jobs.delay = 0.05
    assert sorted(await sdk.run([json.dumps(m).encode() for m in messages])) == sorted(lines)
    assert any(b"notifications/progress" in line for line in lines)
    assert not own.sdk


async def test_a_faulty_handler_costs_its_request_alone() -> None:
    class Faulty(FakeJobs):
        async def tail(self, job_id: str, **options: Any) -> Any:
            raise RuntimeError("broken")

    for opening, meta in (
        ([initialize(), INITIALIZED], {}),
        ([request(1, "server/discover", **envelope())], envelope()),
    ):
        answers = []
        for answer_directly in (True, False):
            own = Conversation(answer_directly=answer_directly, surface=NATIVE, config=Config())
            own.app.jobs = cast("Any", Faulty())
            call = {"name": "tail", "arguments": {"job_id": "py"}}
            messages = [*opening, request(2, "tools/call", call, **meta)]
            answers.append(await own.run([json.dumps(m).encode() for m in messages]))
        assert answers[0] == answers[1]
        assert len(answers[0]) == 2
