"""Parsers: the table of commands, the parser of all and the parser of one.

Owns the names and aliases of commands, the exit codes and how a usage error is worded. Each
command has one module in `ptyjobs.cli.commands` with a `register(add)`; it is imported by name on
demand, so that `ptyjobs list` does not load the others. Never runs a command (see `main`) and never
imports the MCP SDK.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from ptyjobs import __version__, config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ptyjobs.cli.command import Add, Command

COMMANDS = (
    "serve", "demo", "run", "list", "status", "logs", "grep", "screen", "attach", "send", "hold",
    "release", "done", "wait", "up", "down", "ps", "events", "audit", "ports", "restart", "kill",
    "rm", "clean", "record", "export", "play", "fixture", "web", "top", "setup", "doctor", "hook",
    "describe", "completion",
)  # fmt: skip
"""Every command, in the order of the help; each is a module of `ptyjobs.cli.commands`."""

ALIASES = {"ls": "list", "stop": "kill"}
"""Other names of commands, as docker and the shell have them; only as the first word."""

EXIT_CODES = {
    0: "success",
    1: "timed out, condition false, or refused",
    2: "usage: an unknown command, flag or value",
    3: "no such job",
    4: "trouble with a job's holder: lost, or it could not start",
    5: "internal: please report it",
}
"""Exit codes of every command; `run`, `attach` and `record` pass the program's own on."""


class Help(argparse.RawDescriptionHelpFormatter):
    """argparse's formatter without `shutil`, which imports all archive formats to get the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):  # closed, or not a terminal
        return 80


class _HelpAll(argparse.Action):
    """`--help-all`: the help including all settings."""

    def __call__(self, *_: object) -> NoReturn:
        parser(full=True).print_help()
        raise SystemExit(0)


class Parser(argparse.ArgumentParser):
    """Reports a usage error as BadInput: one line, or JSON if requested."""

    def error(self, message: str) -> NoReturn:
        advice = f"Usage: {self.prog} --help"
        if near := self._near(message):
            advice = f"Did you mean {near}? {advice}"
        raise BadInput(f"{message[:1].upper()}{message[1:]}.", advice=advice)

    def _near(self, message: str) -> str:
        """The flag of ours that is most like an unknown one; "" if none is."""
        words = message.partition("unrecognized arguments: ")[2].split()
        if not words or not words[0].startswith("--"):
            return ""
        import difflib

        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        name = words[0].partition("=")[0]
        return next(iter(difflib.get_close_matches(name, flags, n=1)), "")


def parser(*names: str, flags: bool = True, full: bool = False) -> argparse.ArgumentParser:
    """Build the parser of these commands, by default of all.

    `flags`: add a flag for every setting; `full`: document these flags in the help.
    """
    top = Parser(
        prog="ptyjobs",
        usage="ptyjobs [SETTING ...] [COMMAND [-h] ...]",
        description="Interactive jobs under a real terminal. Alone: serve MCP on stdio.",
        epilog="aliases: "
        + ", ".join(f"{alias} = {name}" for alias, name in ALIASES.items())
        + "\nexit codes:"
        + "".join(f"\n  {code}  {what}" for code, what in EXIT_CODES.items()),
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=f"ptyjobs {__version__}")
    top.add_argument("--help-all", action=_HelpAll, nargs=0, help="this help with every setting")
    top.set_defaults(command=_serve, json=False)
    if flags:
        before = len(top._actions)
        config.add_flags(top)
        for action in top._actions[before:]:
            action.help = action.help if full else argparse.SUPPRESS
    subs = top.add_subparsers(metavar="COMMAND", dest="command_name", prog="ptyjobs")

    def add(
        name: str, command: Command, *, job: bool = False, examples: str = ""
    ) -> argparse.ArgumentParser:
        summary = (command.__doc__ or "").partition("\n")[0]
        sub = subs.add_parser(name, help=summary, **_texts(command, examples))
        return _completed(sub, command, job=job)

    for name in names or COMMANDS:
        _register(name, add)
    return top


def alone(name: str) -> argparse.ArgumentParser:
    """Build the parser for the words after one command's name; a third of the cost of `parser`."""
    made: list[argparse.ArgumentParser] = []

    def add(
        name: str, command: Command, *, job: bool = False, examples: str = ""
    ) -> argparse.ArgumentParser:
        sub = Parser(prog=f"ptyjobs {name}", **_texts(command, examples))
        made.append(_completed(sub, command, job=job))
        return sub

    _register(name, add)
    return made[0]


def _register(name: str, add: Add) -> None:
    importlib.import_module(f"ptyjobs.cli.commands.{name}").register(add)


def _texts(command: Command, examples: str) -> dict[str, Any]:
    lines = (command.__doc__ or "").strip().splitlines()
    return {
        "description": "\n".join(line.strip() for line in lines),
        "epilog": f"examples:\n{examples}" if examples else None,
        "formatter_class": Help,
    }


def _completed(
    sub: argparse.ArgumentParser, command: Command, *, job: bool
) -> argparse.ArgumentParser:
    sub.set_defaults(command=command)
    sub.add_argument("--json", action="store_true", help="answer in JSON, also with an error")
    if job:
        sub.add_argument("job", metavar="JOB", help="a job id, see `ptyjobs list`")
    return sub


def _serve(args: argparse.Namespace, settings: config.Config) -> int:
    code: int = importlib.import_module("ptyjobs.cli.commands.serve").serve(args, settings)
    return code
