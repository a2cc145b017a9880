"""A rule that asks: through the client's dialog, once, for exactly this call."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ptyjobs import Jobs, config
from ptyjobs.config import Config
from ptyjobs.errors import NeedsApproval, Refused
from ptyjobs.mcp import approval
from ptyjobs.mcp.server import App
from ptyjobs.model import Answer
from tests.mcp.fake import FakeJobs

RULES = {"ask": ["git push *"], "deny": ["rm -rf *"]}
PUSH = {"command": "git push"}


class Client:
    """One request of a client that answers its dialogs with `action`."""

    def __init__(self, *, version: str, action: str = "", elicitation: bool = True) -> None:
        capabilities = SimpleNamespace(elicitation={} if elicitation else None, extensions=None)
        self.asked: list[str] = []
        self.meta: dict[str, Any] = {}
        self.request_id = 1
        self.session = SimpleNamespace(
            client_capabilities=capabilities,
            client_params=None,
            protocol_version=version,
            elicit_form=self.form,
        )
        self.action = action

    async def form(self, message: str, schema: Any, related: Any) -> Any:
        self.asked.append(message)
        return SimpleNamespace(action=self.action)


class Starting(FakeJobs):
    """The fake, with a job that starts."""

    async def start(self, *_: Any, **__: Any) -> Answer:
        return self.answer


@pytest.fixture
def app() -> App:
    return App(Starting(), replace(Config(), permissions=RULES))  # type: ignore[arg-type]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("action", "runs"), [("accept", True), ("decline", False), ("cancel", False)]
)
async def test_an_older_client_is_asked_by_a_request(app: App, action: str, runs: bool) -> None:
    client = Client(version="2025-11-25", action=action)
    result = await app.call("execute", PUSH, client)
    assert client.asked == [
        "ptyjobs: 'git push' needs the user's approval (rule 'git push *'). Allow it once?"
    ]
    assert result.is_error is not runs
    assert (result.text == "The user declined: 'git push'. Ask what to do instead.") is not runs


def repeated(state: str, action: str) -> Any:
    answers = {approval.KEY: SimpleNamespace(action=action)}
    return SimpleNamespace(request_state=state, input_responses=answers)


@pytest.mark.anyio
async def test_a_newer_client_asks_and_calls_again(app: App) -> None:
    client = Client(version="2026-07-28")
    wire = app.wire(await app.call("execute", PUSH, client))
    assert wire["resultType"] == "input_required"
    question = wire["inputRequests"][approval.KEY]
    assert question["method"] == "elicitation/create"
    assert "'git push'" in question["params"]["message"]
    state = wire["requestState"]
    other = await app.call("execute", {"command": "git push -f"}, client, repeated(state, "accept"))
    assert app.wire(other)["resultType"] == "input_required"  # not the approved command
    for action, runs in (("accept", True), ("decline", False)):
        state = app.wire(await app.call("execute", PUSH, client))["requestState"]
        result = await app.call("execute", PUSH, client, repeated(state, action))
        assert result.is_error is not runs
        again = await app.call("execute", PUSH, client, repeated(state, action))
        assert app.wire(again)["resultType"] == "input_required"  # taken once


@pytest.mark.anyio
async def test_without_a_dialog_the_words_for_the_user_come_back(app: App) -> None:
    for client in (Client(version="2026-07-28", elicitation=False), None):
        result = await app.call("execute", PUSH, client)
        assert result.is_error
        assert result.text.endswith("or to add it to permissions.allow of ptyjobs.")
    denied = await app.call("execute", {"command": "rm -rf x"}, Client(version="2026-07-28"))
    assert denied.text.startswith("not allowed: 'rm -rf x'")


def test_a_line_typed_at_a_shell_is_decided_as_well(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTYJOBS_STATE", str(tmp_path / "state"))
    settings = replace(config.load(), permissions={"ask": ["true x"], "deny": ["false *"]})
    with Jobs(settings) as jobs:
        jobs.execute("sh -i", name="sh", env={"PS1": "$ "})
        with pytest.raises(NeedsApproval, match="'true x' needs"):
            jobs.interact("sh", input="true x")
        assert jobs.interact("sh", input="true x; echo $((6*7))", approved=True).fresh.text == "42"
        with pytest.raises(Refused, match="'false'"):
            jobs.interact("sh", input="echo a; false")
        jobs.execute("cat", name="cat")
        assert "true x" in jobs.interact("cat", input="true x").fresh.text
