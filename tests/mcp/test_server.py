"""The server over raw lines: both eras, order, progress, cancellation, resources, prompts."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import jsonschema
import pytest

from ptyjobs.config import Config
from ptyjobs.errors import PtyJobsError
from ptyjobs.input.mouse import MouseAction
from ptyjobs.mcp import server as server_module
from ptyjobs.mcp.handlers import Orders
from tests.mcp.fake import FakeJobs, answer
from tests.mcp.wire import served

MODERN = "2026-07-28"


def text_of(result: dict[str, Any]) -> str:
    found: str = result["content"][0]["text"]
    return found


async def test_a_call_answers_text_and_facts_but_no_structured_content() -> None:
    async with served(FakeJobs()) as wire:
        result = await wire.call("interact", job_id="py", input="1+1")
        listed = (await wire.ask("tools/list"))["result"]["tools"]
    assert not any("outputSchema" in tool for tool in listed)
    assert text_of(result).splitlines() == [
        '[py] waiting for input at ">>> "',
        "2",
    ]
    assert result["_meta"]["ptyjobs/result"]["prompt"] == ">>> "
    assert "structuredContent" not in result
    assert result["isError"] is False


async def test_structured_content_on_request_repeats_the_text() -> None:
    async with served(FakeJobs(), Config(structured=True)) as wire:
        result = await wire.call("interact", job_id="py", input="1+1")
        bad = await wire.call("interact", job_id="none")
    assert result["structuredContent"]["text"] == text_of(result)
    assert result["structuredContent"]["job_id"] == "py"
    assert "structuredContent" not in bad


async def test_structured_content_has_a_schema_that_every_tool_keeps() -> None:
    async with served(FakeJobs(), Config(structured=True)) as wire:
        listed = (await wire.ask("tools/list"))["result"]["tools"]
        schemas = {tool["name"]: tool["outputSchema"] for tool in listed}
        for name in ("interact", "tail", "output", "status", "list", "kill"):
            given = {} if name == "list" else {"job_id": "py"}
            result = await wire.call(name, **given)
            assert not result["isError"], text_of(result)
            jsonschema.validate(result["structuredContent"], schemas[name])


async def test_what_a_caller_can_mend_is_an_error_result() -> None:
    async with served(FakeJobs()) as wire:
        unknown = await wire.call("interact", job_id="px", input="1")
        typo = await wire.call("intract", job_id="py")
        wrong = await wire.call("tail", job_id="py", lines=5000)
    assert text_of(unknown) == "No job 'px'. There are: py."
    assert text_of(typo) == "There is no tool 'intract'. Did you mean interact?"
    assert text_of(wrong) == "tail: lines must be from 1 to 1000; got 5000."
    assert all(result["isError"] for result in (unknown, typo, wrong))


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_handshake_revisions(version: str) -> None:
    async with served(FakeJobs(), initialize=False) as wire:
        found = await wire.initialize(version)
        tools = (await wire.ask("tools/list"))["result"]["tools"]
        result = await wire.call("list")
    assert found["protocolVersion"] == version
    assert found["instructions"].startswith("ptyjobs runs programs")
    assert len(tools) == 9
    assert text_of(result).startswith("[py] running")


def modern(method_params: dict[str, Any]) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {**method_params, "_meta": {**meta, **method_params.get("_meta", {})}}


async def test_the_era_without_a_handshake() -> None:
    async with served(FakeJobs(), initialize=False) as wire:
        found = (await wire.ask("server/discover", modern({})))["result"]
        assert MODERN in found["supportedVersions"]
        params = modern({"name": "interact", "arguments": {"job_id": "py", "input": "1+1"}})
        result = (await wire.ask("tools/call", params))["result"]
        assert text_of(result).endswith("\n2")
        assert result["_meta"]["ptyjobs/result"]["job_id"] == "py"
        for method, params in (
            ("tools/list", {}),
            ("prompts/list", {}),
            ("prompts/get", {"name": "watch", "arguments": {"command": "x"}}),
            ("resources/list", {}),
            ("resources/templates/list", {}),
            ("resources/read", {"uri": "job://py/output"}),
        ):
            found = await wire.ask(method, modern(params))
            assert found.get("result", {}).get("resultType") == "complete", (method, found)


async def test_input_calls_of_one_job_run_in_order_and_others_pass_them() -> None:
    jobs = FakeJobs()
    jobs.delay = 0.1
    async with served(jobs) as wire:
        typing = [
            wire.request(
                "tools/call", {"name": "interact", "arguments": {"job_id": "py", "input": str(i)}}
            )
            for i in range(3)
        ]
        ids = []
        wire.request("tools/call", {"name": "tail", "arguments": {"job_id": "py"}})
        wire.request("tools/call", {"name": "kill", "arguments": {"job_id": "py"}})
        ids = [(await wire.receive())["id"] for _ in range(5)]
    assert jobs.most_busy == 1
    assert [c[2]["input"] for c in jobs.calls if c[0] == "interact"] == ["0", "1", "2"]
    assert [i for i in ids if i in typing] == typing
    assert ids.index(typing[0]) >= 2, "tail and kill did not wait for the interact"


async def test_orders_forget_jobs_nobody_queues_for() -> None:
    orders = Orders()
    async with orders.of("a"), orders.of("b"), orders.of(""):
        assert len(orders._queues) == 2
    assert not orders._queues


async def test_cancelling_a_call_drops_the_waiter_and_gives_no_answer() -> None:
    jobs = FakeJobs()
    jobs.delay = 30
    async with served(jobs, drain=0.1) as wire:
        request = wire.request("tools/call", {"name": "interact", "arguments": {"job_id": "py"}})
        await jobs.called(1)
        note = {"requestId": request, "reason": "enough"}
        wire.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": note})
        assert (await wire.ask("ping"))["result"] == {}
        assert jobs.cancelled == 1
        jobs.delay = 0
        assert text_of(await wire.call("interact", job_id="py")).endswith("2")
    assert all(note.get("id") != request for note in wire.notes)


async def test_progress_tells_the_last_line_to_those_who_asked() -> None:
    jobs = FakeJobs()
    jobs.delay = 0.05
    async with served(jobs) as wire:
        params = {"name": "interact", "arguments": {"job_id": "py"}}
        await wire.ask("tools/call", {**params, "_meta": {"progressToken": "p"}})
        await wire.ask("tools/call", params)
    (note,) = wire.notes
    assert note["method"] == "notifications/progress"
    assert note["params"] == {"progressToken": "p", "progress": 1, "message": "building 1/3"}


async def test_a_call_without_news_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HEARTBEAT", 0.01)
    monkeypatch.setattr(server_module, "PROGRESS_INTERVAL", 0.001)
    jobs = FakeJobs()
    jobs.delay = 0.3
    async with served(jobs) as wire:
        params = {"name": "wait", "arguments": {"job_id": ["py"]}}
        await wire.ask("tools/call", {**params, "_meta": {"progressToken": "p"}})
    said = [note["params"]["message"] for note in wire.notes]
    assert len(said) >= 2
    assert set(said) == {"still running"}


async def test_pings_are_answered_while_sixty_waits_are_pending() -> None:
    jobs = FakeJobs()
    jobs.delay = 600
    async with served(jobs, drain=0.05) as wire, asyncio.timeout(60):
        for _ in range(60):
            wire.request("tools/call", {"name": "wait", "arguments": {"job_id": "py"}})
        await jobs.called(60)
        for _ in range(20):
            assert (await wire.ask("ping"))["result"] == {}


async def test_waits_are_cut_to_the_cap() -> None:
    jobs = FakeJobs()
    async with served(jobs, Config(max_wait=20, wait_timeout=15)) as wire:
        await wire.call("wait", job_id="py", timeout=600)
        await wire.call("wait", job_id="py")
        await wire.call("interact", job_id="py", input="x", timeout="60")
    assert [c[2]["timeout"] for c in jobs.calls] == [20, 15, 20]


async def test_pointing_with_the_mouse() -> None:
    jobs = FakeJobs()
    async with served(jobs) as wire:
        await wire.call("interact", job_id="py", mouse="click 3,10")
        await wire.call("interact", job_id="py", mouse="ctrl-right-click Save as")
        await wire.call("interact", job_id="py", input="x")
        wrong = await wire.call("interact", job_id="py", mouse="poke 3,10")
        nowhere = await wire.call("interact", job_id="py", mouse="click 0,1")
    assert [c[2]["mouse"] for c in jobs.calls] == [
        MouseAction(2, 9),
        MouseAction(text="Save as", button="right", modifiers=("ctrl",)),
        None,
    ]
    assert text_of(wrong).startswith(
        "mouse: 'poke 3,10' is not understood. Write \"click ROW,COL\""
    )
    assert text_of(nowhere) == "mouse: there is no cell 0,1. Rows and columns begin at 1."


async def test_secrets_are_typed_by_name_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PTYJOBS_SECRET_DB", "hunter2\n")
    (tmp_path / "pin").write_text("1234\n")
    jobs = FakeJobs()
    secrets = {"DB": "env:PTYJOBS_SECRET_DB", "PIN": f"file:{tmp_path}/pin", "GONE": "env:NOPE_X"}
    async with served(jobs, Config(secrets=secrets)) as wire:
        first = await wire.call("interact", job_id="py", secret="DB")
        await wire.call("interact", job_id="py", secret="PIN")
        unknown = await wire.call("interact", job_id="py", secret="PATH")
        gone = await wire.call("interact", job_id="py", secret="GONE")
        both = await wire.call("interact", job_id="py", secret="DB", input="x")
    typed = [(c[2]["input"], c[2]["secret"]) for c in jobs.calls]
    assert typed == [("hunter2", True), ("1234", True)]
    assert "hunter2" not in str(first)
    assert text_of(unknown).startswith("There is no secret 'PATH'; configured: DB, GONE, PIN.")
    assert text_of(gone) == "The secret 'GONE' cannot be read from env:NOPE_X."
    assert both["isError"]


async def test_a_lone_surrogate_in_a_result_or_a_call_does_no_harm() -> None:
    jobs = FakeJobs()
    jobs.answer = answer(text="a\udcffb", title="\ud800")
    async with served(jobs) as wire:
        result = await wire.call("interact", job_id="py", input="x")
        assert text_of(result).encode()
        wire.send(
            rb'{"jsonrpc":"2.0","id":900,"method":"tools/call","params":{"name":"interact",'
            rb'"arguments":{"job_id":"py","input":"\ud83d"}}}'
        )
        await wire.answer(900)
    assert jobs.calls[-1][2]["input"] == "\ufffd"


async def test_an_unexpected_error_is_answered_and_the_server_lives() -> None:
    jobs = FakeJobs()

    async def broken(*args: Any, **options: Any) -> Any:
        raise PtyJobsError("the disk is on fire")

    jobs.tail = broken  # type: ignore[method-assign]
    async with served(jobs) as wire:
        assert text_of(await wire.call("tail", job_id="py")) == "the disk is on fire"
        assert (await wire.ask("ping"))["result"] == {}


async def test_malformed_lines_are_answered_and_the_server_lives() -> None:
    async with served(FakeJobs()) as wire:
        for line in (b"{", b"[1]", b'{"jsonrpc":"2.0","id":null,"method":"ping"}', b"\xff\xfe"):
            wire.send(line)
            assert (await wire.receive())["error"]["code"] in (-32700, -32600)
        assert (await wire.ask("ping"))["result"] == {}
        assert (await wire.ask("no/such/method"))["error"]["code"] == -32601


async def test_resources_and_their_changes_in_the_handshake_era() -> None:
    jobs = FakeJobs()
    async with served(jobs) as wire:
        listed = (await wire.ask("resources/list"))["result"]["resources"]
        assert [r["uri"] for r in listed] == ["job://py/screen", "job://py/output"]
        kinds = [r["description"].partition(",")[0] for r in listed]
        assert kinds == ["py screen", "py output"]  # a client may show nothing else
        read = (await wire.ask("resources/read", {"uri": "job://py/screen"}))["result"]
        assert read["contents"][0]["text"] == "line one\nline two"
        assert (await wire.ask("resources/read", {"uri": "job://x/screen"}))["error"][
            "code"
        ] == -32602
        assert (await wire.ask("resources/read", {"uri": "file:///etc"}))["error"]["code"] == -32602
        await wire.ask("resources/subscribe", {"uri": "job://py/output"})
        jobs.jobs["py"] = changed(jobs, end=2000)
        note = await wire.receive()
        assert note["method"] == "notifications/resources/updated"
        assert note["params"]["uri"] == "job://py/output"
        await wire.ask("resources/unsubscribe", {"uri": "job://py/output"})
        jobs.jobs["py"] = changed(jobs, end=3000)
        with pytest.raises(TimeoutError):
            await wire.receive(within=0.8)


def changed(jobs: FakeJobs, *, end: int) -> Any:
    import dataclasses

    return dataclasses.replace(jobs.jobs["py"], end=end)


async def test_a_new_job_reaches_listeners_of_the_list() -> None:
    jobs = FakeJobs()
    async with served(jobs, initialize=False, drain=0.1) as wire:
        wire.request(
            "subscriptions/listen", modern({"notifications": {"resourcesListChanged": True}})
        )
        ack = await wire.receive()
        assert ack["method"] == "notifications/subscriptions/acknowledged"
        jobs.jobs["new"] = jobs.jobs["py"]
        assert (await wire.receive())["method"] == "notifications/resources/list_changed"


async def test_changes_reach_listeners_of_the_newer_era() -> None:
    jobs = FakeJobs()
    async with served(jobs, initialize=False, drain=0.1) as wire:
        params = modern({"notifications": {"resourceSubscriptions": ["job://py/screen"]}})
        wire.request("subscriptions/listen", params)
        ack = await wire.receive()
        assert ack["method"] == "notifications/subscriptions/acknowledged"
        jobs.jobs["py"] = changed(jobs, end=2000)
        note = await wire.receive()
        assert note["method"] == "notifications/resources/updated"
        assert note["params"]["uri"] == "job://py/screen"


@pytest.mark.parametrize("handshake", [True, False])
async def test_a_client_without_subscriptions_is_sent_no_changes(handshake: bool) -> None:
    jobs = FakeJobs()
    async with served(jobs, initialize=False, drain=0.1) as wire:
        if handshake:
            promised = (await wire.initialize())["capabilities"]["resources"]
        else:
            discovered = await wire.ask("server/discover", modern({}))
            promised = discovered["result"]["capabilities"]["resources"]
        assert promised["listChanged"] is not handshake  # nothing is sent unasked

        async def uris() -> list[str]:
            answer = await wire.ask("resources/list", None if handshake else modern({}))
            return [one["uri"] for one in answer["result"]["resources"]]

        assert await uris() == ["job://py/screen", "job://py/output"]
        jobs.jobs["py"] = changed(jobs, end=2000)
        jobs.jobs["new"] = jobs.jobs["py"]
        with pytest.raises(TimeoutError):
            await wire.receive(within=0.8)
        assert len(await uris()) == 4  # it learns of changes by asking
        assert wire.notes == []


async def test_prompts_and_completion() -> None:
    async with served(FakeJobs()) as wire:
        names = [p["name"] for p in (await wire.ask("prompts/list"))["result"]["prompts"]]
        assert names == ["debug", "watch", "repl"]
        params = {"name": "watch", "arguments": {"command": "npm run dev"}}
        message = (await wire.ask("prompts/get", params))["result"]["messages"][0]
        assert "`npm run dev`" in message["content"]["text"]
        assert (await wire.ask("prompts/get", {"name": "watch"}))["error"]["code"] == -32602
        params = {
            "ref": {"type": "ref/resource", "uri": "job://{job_id}/screen"},
            "argument": {"name": "job_id", "value": "p"},
        }
        found = (await wire.ask("completion/complete", params))["result"]["completion"]
        assert found["values"] == ["py"]


async def test_slow_answers_still_come_after_the_end_of_input() -> None:
    jobs = FakeJobs()
    jobs.delay = 0.2
    async with served(jobs, drain=2.0) as wire:
        request = wire.request("tools/call", {"name": "interact", "arguments": {"job_id": "py"}})
        wire.close_input()
        assert text_of((await wire.answer(request))["result"]).endswith("2")


async def test_standard_error_that_nobody_reads_does_not_block() -> None:
    from ptyjobs.mcp.stderr import DroppingStream

    reader, writer = os.pipe()
    stream = DroppingStream(writer)
    for _ in range(100):
        stream.write("x" * 4000 + "\n")
    assert stream.dropped > 0
    os.read(reader, 1 << 20)
    before = stream.dropped
    stream.write("again")
    assert stream.dropped == before
    os.close(reader)
    stream.write("nobody there")
    os.close(writer)
