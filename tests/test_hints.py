"""Every front words the next step after an error itself, and changes no other sentence."""

from __future__ import annotations

import ast
import asyncio
import json
import string
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ptyjobs import errors
from ptyjobs.cli import advice as cli_advice
from ptyjobs.cli import main
from ptyjobs.config import Config
from ptyjobs.errors import FACTS, BadInput, Hint, PtyJobsError, from_wire
from ptyjobs.mcp.compat import background_job, bgtask
from ptyjobs.mcp.params import Tool
from ptyjobs.mcp.server import NATIVE, App, Surface
from ptyjobs.web import advice as web_advice
from tests.mcp.fake import FakeJobs

PACKAGE = Path(__file__).parents[1] / "ptyjobs"
SURFACES = {"tools": NATIVE, "job tools": background_job.SURFACE, "task tools": bgtask.SURFACE}
FRONTS: dict[str, Mapping[Hint, str]] = {
    "command line": cli_advice.HINTS,
    "viewer": web_advice.HINTS,
    **{name: surface.hints for name, surface in SURFACES.items()},
}
MESSAGE = "It failed: call tail, 'x' {y}."
OF_THE_LIBRARY = "Advice of the library."


def fault(hint: Hint) -> PtyJobsError:
    """An error as a holder sends it."""
    facts = {name: f"<{name}>" for name in FACTS.get(hint, ())}
    sent = BadInput(MESSAGE, advice=OF_THE_LIBRARY, hint=hint, facts=facts)
    received = from_wire(json.loads(json.dumps(sent.to_wire())))
    assert (received.hint, dict(received.facts)) == (hint, facts)
    return received


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("hint", Hint)
def test_every_front_words_every_hint(front: str, hint: Hint) -> None:
    words = FRONTS[front][hint]
    fields = {name for _, name, _, _ in string.Formatter().parse(words) if name}
    assert fields <= set(FACTS.get(hint, ()))
    shown = fault(hint).worded(FRONTS[front])
    assert shown.startswith(MESSAGE)
    assert OF_THE_LIBRARY not in shown


@pytest.mark.parametrize("hint", Hint)
def test_an_older_holder_may_know_fewer_facts(hint: Hint) -> None:
    bare = BadInput(MESSAGE, hint=hint)
    assert bare.worded(cli_advice.HINTS).startswith(MESSAGE)
    assert "{" not in bare.advice_in(cli_advice.HINTS)


@pytest.mark.parametrize("front", FRONTS)
def test_an_error_without_a_hint_is_shown_as_it_is(front: str) -> None:
    error = BadInput(MESSAGE, advice=OF_THE_LIBRARY)
    assert error.worded(FRONTS[front]) == f"{MESSAGE} {OF_THE_LIBRARY}"


@pytest.mark.parametrize("hint", Hint)
def test_the_command_line_shows_its_own_words(
    hint: Hint, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise fault(hint)

    monkeypatch.setattr("ptyjobs.cli.commands.list.Registry", broken)
    assert main.main(["list"]) == 2
    assert capsys.readouterr().err == f"ptyjobs: {fault(hint).worded(cli_advice.HINTS)}\n"
    assert main.main(["list", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)["error"]
    assert shown["message"] == MESSAGE
    assert shown["advice"] == fault(hint).advice_in(cli_advice.HINTS)


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize("hint", Hint)
def test_a_tool_shows_the_words_of_its_server(name: str, hint: Hint) -> None:
    async def broken(*_: object) -> None:
        raise fault(hint)

    surface: Surface = replace(SURFACES[name], tools=(Tool("t", "t", "t", (), broken),))
    app = App(cast(Any, FakeJobs()), Config(), surface)
    result = asyncio.run(app.call("t", {}))
    assert result.is_error
    assert result.text == fault(hint).worded(FRONTS[name])


OURS = {name for name, value in vars(errors).items() if isinstance(value, type)}


def bypasses(source: str) -> list[str]:
    """Places that show a caught error of ours without the front end's wording, or dissect it."""
    found: list[str] = []
    for handler in ast.walk(ast.parse(source)):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None or not handler.name:
            continue
        if not OURS & {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}:
            continue
        handed_on = {
            id(keyword.value)
            for call in ast.walk(handler)
            if isinstance(call, ast.Call) and "hint" in {k.arg for k in call.keywords}
            for keyword in call.keywords
        }
        found += [
            ast.unparse(node)
            for node in ast.walk(handler)
            if id(node) not in handed_on and _shows(node, handler.name)
        ]
    return found


def _shows(node: ast.AST, name: str) -> bool:
    def is_error(value: ast.AST) -> bool:
        return isinstance(value, ast.Name) and value.id == name

    def is_sentence(value: ast.AST) -> bool:
        return (
            isinstance(value, ast.Attribute)
            and value.attr in ("message", "advice", "args")
            and is_error(value.value)
        )

    match node:
        case ast.FormattedValue(value=value) if is_error(value):
            return True
        case ast.Call(func=ast.Name(id="str"), args=[value]) if is_error(value):
            return True
        case ast.Attribute(value=value) if is_sentence(value):  # message.replace and the like
            return True
        case ast.Attribute(attr="advice", value=value) if is_error(value):
            return True
    return False


@pytest.mark.parametrize(
    "path",
    [path for front in ("mcp", "cli", "web") for path in sorted((PACKAGE / front).rglob("*.py"))],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_no_front_shows_or_rewrites_the_sentence_of_another(path: Path) -> None:
    assert bypasses(path.read_text()) == []


@pytest.mark.parametrize(
    "act",
    ["print(error)", "show(str(error))", "show(f'{error}')", "show(error.advice)",
     "show(error.message.replace('tail', 'screen'))"],
)  # fmt: skip
def test_what_counts_as_that(act: str) -> None:
    source = f"try:\n    act()\nexcept PtyJobsError as error:\n    {act}\n"
    assert bool(bypasses(source)) == (act != "print(error)")
    assert bypasses(source.replace("PtyJobsError", "ValueError")) == []
