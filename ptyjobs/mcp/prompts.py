"""Prompts: common workflows that a user picks in a client.

Owns their texts. Never adds a capability: each prompt only uses the existing tools.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt; `arguments` are (name, description, required)."""

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]
    text: str

    def wire(self) -> dict[str, Any]:
        arguments = [
            {"name": name, "description": help, "required": required}
            for name, help, required in self.arguments
        ]
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "arguments": arguments,
        }


PROMPTS = (
    Prompt(
        "debug",
        "Debug a program",
        "Run a program under its debugger and find out why it fails.",
        (("command", "the program and its arguments", True), ("symptom", "what goes wrong", False)),
        "Debug this program interactively with ptyjobs: `$command`. Symptom: $symptom.\n"
        "Start the fitting debugger as a job with execute (python -m pdb, gdb --args, ...), set "
        "breakpoints, step and print values with interact, one command a call. Tell me "
        "the cause with the evidence you saw, then kill the job.",
    ),
    Prompt(
        "watch",
        "Start and watch a server",
        "Start a dev server or build, wait until it is ready, then watch it for errors.",
        (("command", "the command line", True),),
        "Start `$command` as a job with ptyjobs execute and wait for it with wait and patterns for "
        "both readiness and errors. Report the address it listens on. Leave it running; when "
        "I ask, look at its newest output with tail or output(grep=...).",
    ),
    Prompt(
        "repl",
        "Work in a REPL",
        "Explore something step by step in one interpreter session.",
        (("command", "the interpreter, e.g. python3 -i", True), ("task", "what to find out", True)),
        "Start `$command` as a job with ptyjobs execute and work in this one session with "
        "interact: $task. Keep state in the session instead of writing scripts, and show me the "
        "calls that mattered.",
    ),
)


def get_prompt(name: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """The messages of a prompt; an unknown name or a missing argument is INVALID_PARAMS."""
    from mcp.shared.exceptions import MCPError
    from mcp_types import INVALID_PARAMS

    prompt = next((prompt for prompt in PROMPTS if prompt.name == name), None)
    if prompt is None:
        known = ", ".join(prompt.name for prompt in PROMPTS)
        raise MCPError(code=INVALID_PARAMS, message=f"No prompt {name!r}; there are: {known}")
    values = {}
    for argument, _, required in prompt.arguments:
        if required and not arguments.get(argument):
            raise MCPError(code=INVALID_PARAMS, message=f"Prompt {name!r} needs {argument!r}")
        values[argument] = arguments.get(argument) or "not described"
    text = string.Template(prompt.text).substitute(values)
    message = {"role": "user", "content": {"type": "text", "text": text}}
    return {"description": prompt.description, "messages": [message]}
