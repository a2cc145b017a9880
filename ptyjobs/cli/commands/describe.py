"""`describe`: the complete interface, generated from the parsers, the settings and the tools.

Owns the format of that description and the command reference in docs/reference/. Never contains
hand-written text, so it cannot be out of date.
"""

from __future__ import annotations

import argparse
import json

from ptyjobs import __version__, config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import parsers
from ptyjobs.config import Config

if TYPE_CHECKING:
    from typing import Any

    from ptyjobs.cli.command import Add

VERSION = 1  # of the format; incremented when a member changes its meaning


def register(add: Add) -> None:
    add("describe", describe)


def describe(args: argparse.Namespace, settings: Config) -> int:
    """Describe the interface of ptyjobs: commands, flags, settings, exit codes, MCP tools.

    As text, the command reference; with --json, all of it for programs.
    """
    print(json.dumps(surface(), indent=2) if args.json else reference(), end="\n")
    return 0


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every sub-command's parser, in the order of the help."""
    top = parsers.parser(flags=False)
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("a parser without commands")


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """A command's arguments, without -h and the flags of the settings."""
    return [
        action
        for action in parser._actions
        if action.dest not in ("help", "json")
        and not (config.set_by(action.dest) and action.default is argparse.SUPPRESS)
    ]


def surface() -> dict[str, Any]:
    """The description as plain JSON types."""
    return {
        "describe": VERSION,
        "version": __version__,
        "exit_codes": {str(code): what for code, what in parsers.EXIT_CODES.items()},
        "commands": {
            name: {
                "summary": _summary(parser),
                "description": parser.description,
                "arguments": [_argument(action) for action in arguments(parser)],
            }
            for name, parser in commands().items()
        },
        "settings": [
            {
                "name": setting.name,
                "flag": f"--{setting.name.replace('_', '-')}",
                "variable": f"PTYJOBS_{setting.name.upper()}",
                "values": setting.metadata["kind"].words,
                "help": setting.metadata["help"],
            }
            for setting in config.SETTINGS
            if not setting.metadata["kind"].file_only
        ],
        "tools": _tools(),
    }


def _tools() -> list[dict[str, Any]]:
    """The MCP tools that `serve` offers, without loading the SDK."""
    from ptyjobs.mcp.tools import TOOLS

    return [
        {"name": tool.name, "title": tool.title, "description": tool.description,
         "schema": tool.schema()}
        for tool in TOOLS
    ]  # fmt: skip


def _summary(parser: argparse.ArgumentParser) -> str:
    return (parser.description or "").partition("\n")[0]


def _argument(action: argparse.Action) -> dict[str, Any]:
    default = None if action.default is argparse.SUPPRESS else action.default
    return {
        "name": config.set_by(action.dest) or action.dest,
        "flags": list(action.option_strings),
        "takes": None if action.nargs == 0 else (action.metavar or action.dest.upper()),
        "choices": list(action.choices) if action.choices else None,
        "completes": list(getattr(action, "completes", ())),
        "default": default,
        "help": action.help or "",
    }


def reference() -> str:
    """The commands as Markdown, with descriptions and arguments."""
    lines = []
    for name, parser in commands().items():
        summary = _summary(parser).removesuffix(".")
        lines.append(f"* **`{_usage(name, parser)}`** {summary[:1].lower()}{summary[1:]}")
        told = [action for action in arguments(parser) if action.option_strings and action.help]
        if told:
            flags = (f"`{_flag(action)}` {action.help}" for action in told)
            lines.append("  " + "; ".join(flags))
    codes = "; ".join(f"{code} {what}" for code, what in parsers.EXIT_CODES.items())
    lines += ["", f"Exit codes: {codes}. Every command takes `--json`."]
    return "\n".join(lines)


def _usage(name: str, parser: argparse.ArgumentParser) -> str:
    words = [name]
    for action in arguments(parser):
        if not action.option_strings:
            word = str(action.metavar or action.dest.upper())
            optional = action.nargs in ("?", "*")
            words.append(
                f"[{word}]" if optional else word + (" ..." if action.nargs == "+" else "")
            )
    return " ".join(words)


def _flag(action: argparse.Action) -> str:
    word = ", ".join(action.option_strings)
    if action.nargs == 0:
        return word
    takes = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "VALUE")
    return f"{word} {takes}"
