"""Arguments of a call: accepted values, refused values, and the error texts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ptyjobs.errors import BadInput
from ptyjobs.mcp import tools
from ptyjobs.mcp.params import Tool
from ptyjobs.mcp.tools import EXECUTE, INTERACT, TAIL, TOOLS, WAIT


@pytest.mark.parametrize("text", ["[1,2]", '{"a":1}', "null", "true", "12", "1e3", ""])
def test_a_text_is_never_decoded(text: str) -> None:
    assert INTERACT.check({"job_id": "py", "input": text})["input"] == text


def test_numbers_and_booleans_may_come_as_strings() -> None:
    found = INTERACT.check({"job_id": 12, "timeout": "2.5", "enter": "False"})
    assert (found["job_id"], found["timeout"], found["enter"]) == ("12", 2.5, False)
    assert TAIL.check({"job_id": "a", "lines": "7"})["lines"] == 7
    assert TAIL.check({"job_id": "a", "lines": 7.0})["lines"] == 7


def test_one_word_may_stand_for_a_list() -> None:
    found = INTERACT.check({"job_id": "py", "keys": "Up Enter", "until": "a b|[c-d]"})
    assert found["keys"] == ("Up", "Enter")
    assert found["until"] == ("a b|[c-d]",)
    assert INTERACT.check({"job_id": "a", "keys": '["C-c"]'})["keys"] == ("C-c",)
    assert WAIT.check({"job_id": "web"})["job_id"] == ("web",)


def test_null_means_not_given() -> None:
    assert INTERACT.check({"job_id": "py", "input": None, "timeout": None})["input"] == ""


def test_a_time_beyond_the_cap_is_no_error_but_a_negative_one_is() -> None:
    assert WAIT.check({"job_id": "a", "timeout": 600})["timeout"] == 600
    with pytest.raises(BadInput, match="timeout must be at least 0; got -1"):
        WAIT.check({"job_id": "a", "timeout": -1})


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        (INTERACT, {}, "interact: job_id is missing. It takes job_id, [input]"),
        (INTERACT, {"job_id": "a", "timeuot": 1}, "did you mean 'timeout'?"),
        (INTERACT, {"job_id": "a", "timeout": "soon"}, 'timeout must be a number; got "soon".'),
        (INTERACT, {"job_id": "a", "timeout": float("nan")}, "timeout must be a number"),
        (INTERACT, {"job_id": "a", "enter": "maybe"}, "enter must be true or false"),
        (INTERACT, {"job_id": "a", "input": ["x"]}, "input must be a text"),
        (TAIL, {"job_id": "a", "lines": 0}, "lines must be from 1 to 1000; got 0."),
        (TAIL, {"job_id": "a", "lines": 1.5}, "lines must be a whole number"),
        (TAIL, {"job_id": "a", "format": "pgn"}, "(did you mean 'png'?)"),
        (EXECUTE, {"command": "x", "env": {"A": ["b"]}}, "env must be an object of texts"),
        (WAIT, {"job_id": {"a": 1}}, "job_id must be a list of texts"),
    ],
)
def test_refusals_are_one_short_line(tool: Tool, arguments: Any, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        tool.check(arguments)
    text = str(caught.value)
    assert words in text
    assert "\n" not in text
    assert len(text) < 250


def _as_a_client_sends_it(tool: Tool) -> bytes:
    """The tool in a request of Claude Code to its model."""
    sent = {
        "name": f"mcp__plugin_ptyjobs_ptyjobs__{tool.name}",
        "description": tool.description,
        "input_schema": tool.schema(),
    }
    return json.dumps(sent, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_list_of_tools_is_small_and_closed() -> None:
    sent = [(tool.core, len(_as_a_client_sends_it(tool))) for tool in TOOLS]
    assert sum(size for core, size in sent if core) <= 5_300
    assert sum(size for _, size in sent) <= 7_600
    assert len(TOOLS) == 9
    assert len(tools.INSTRUCTIONS) <= 1_600
    for tool in TOOLS:
        assert tool.schema()["additionalProperties"] is False
        assert tool.title


def test_tools_that_only_read_may_run_side_by_side() -> None:
    reading = {tool.name for tool in TOOLS if tool.read_only}
    assert reading == {"wait", "tail", "output", "status", "list"}


def test_instructions_name_only_tools_and_parameters_that_exist() -> None:
    import re

    for name, arguments in re.findall(r"\b(\w+)\(([^)]*)\)", tools.INSTRUCTIONS):
        tool = tools.by_name(name)
        assert tool is not None, name
        known = {param.name for param in tool.params}
        for word in re.findall(r"(\w+)=", arguments):
            assert word in known, (name, word)


def test_the_reference_names_every_parameter() -> None:
    text = tools.reference()
    for tool in TOOLS:
        assert f"### `{tool.name}`" in text
        for param in tool.params:
            assert f"| `{param.name}` |" in text


def test_png_is_offered_only_where_pillow_is() -> None:
    hide = (
        "import importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name: name != 'PIL' and find(name);"
    )
    show = (
        "from ptyjobs.mcp.tools import TAIL; print(TAIL.schema()['properties']['format']['enum'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide + show], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['text', 'svg', 'ansi']\n"
    assert TAIL.check({"job_id": "a", "format": "png"})["format"] == "png"
