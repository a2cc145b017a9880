"""The command line: `ptyjobs` alone serves MCP on stdio; sub-commands are for people.

Owns the families of commands, the parser and the exit codes. What a command does and which words
it takes stands in its family's module, in `register(add)`. Only the module of the command that was
asked for is imported, so that `ptyjobs list` does not pay for the others. Never imports the MCP
SDK.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import os
import sys

from ptyjobs import __version__, config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadInput, PtyJobsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    Command = Callable[[argparse.Namespace, config.Config], int]

    class Add(Protocol):
        """Adds one sub-command: its description is the function's docstring."""

        def __call__(
            self, name: str, command: Command, *, job: bool = False, examples: str = ""
        ) -> argparse.ArgumentParser: ...


FAMILIES = {  # module below ptyjobs.cli -> its commands, in the order of the help
    "serving": ("serve", "demo"),
    "run": ("run",),
    "look": ("list", "status", "logs"),
    "pictures": ("screen",),
    "attach": ("attach",),
    "act": ("send", "wait", "kill", "clean"),
    "recording": ("record", "export", "play"),
    "fixture": ("fixture",),
    "web": ("web",),
    "top": ("top",),
    "doctor": ("doctor",),
    "describe": ("describe",),
    "completion": ("completion",),
}

EXIT_CODES = {
    0: "yes: it was done, it is so",
    1: "no: time was over, a check failed, it was refused",
    2: "usage: an unknown command, flag or value",
    3: "no such job",
    4: "trouble with a job's holder: lost, or it could not start",
    5: "internal: please report it",
}
"""What every command's exit code means; `run`, `attach` and `record` pass the program's own on."""

_CODES = {
    "unknown_job": 3, "holder_lost": 4, "start_failed": 4, "bad_input": 2, "bad_key": 2,
    "bad_pattern": 2, "bad_config": 2, "bad_recording": 2, "internal": 5,
}  # fmt: skip

_ADVICE = {  # what an advice calls by the names of tools and parameters, as a person would type it
    "with output or tail": "with ptyjobs logs or ptyjobs screen",
    "start one with execute": "start one: ptyjobs run -d -- CMD",
    "text goes in the input parameter": "text goes before them, without --key",
    "Look with tail first": "Look with ptyjobs screen first",
    "Look with status, then kill it": "Look with ptyjobs status, then ptyjobs kill",
    "status` tells": "ptyjobs status` tells",
}


class Help(argparse.RawDescriptionHelpFormatter):
    """argparse's own, which imports `shutil` with all its archive formats to learn the width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, ValueError, OSError):  # closed, or no terminal
        return 80


def parser(*families: str, flags: bool = True) -> argparse.ArgumentParser:
    """The command line of these families, of all by default; `flags`: with every setting's flag."""
    top = argparse.ArgumentParser(
        prog="ptyjobs",
        usage="ptyjobs [SETTING ...] [COMMAND [-h] ...]",
        description="Interactive jobs under a real terminal. Alone: serve MCP on stdio.",
        epilog="exit codes: " + "; ".join(f"{code} {what}" for code, what in EXIT_CODES.items()),
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=__version__)
    top.set_defaults(command=_serve, json=False)
    if flags:
        config.add_flags(top)
    subs = top.add_subparsers(metavar="COMMAND", dest="command_name", prog="ptyjobs")

    def add(
        name: str, command: Command, *, job: bool = False, examples: str = ""
    ) -> argparse.ArgumentParser:
        help = (command.__doc__ or "").partition("\n")[0]
        sub = subs.add_parser(name, help=help, **_words(command, examples))
        return _completed(sub, command, job=job)

    for family in families or FAMILIES:
        importlib.import_module(f"ptyjobs.cli.{family}").register(add)
    return top


def alone(name: str) -> argparse.ArgumentParser:
    """The parser of one command for the words after its name: a third of the work of `parser`."""
    made: list[argparse.ArgumentParser] = []

    def add(other: str, command: Command, *, job: bool = False, examples: str = "") -> Any:
        if other != name:
            return _Unasked()
        sub = argparse.ArgumentParser(prog=f"ptyjobs {name}", **_words(command, examples))
        made.append(_completed(sub, command, job=job))
        return sub

    family = next(family for family, names in FAMILIES.items() if name in names)
    importlib.import_module(f"ptyjobs.cli.{family}").register(add)
    return made[0]


class _Unasked:
    """Takes the arguments of a command that nobody asked for."""

    _actions = ()

    def __getattr__(self, _name: str) -> Callable[..., _Unasked]:
        return lambda *_args, **_more: self


def _words(command: Command, examples: str) -> dict[str, Any]:
    words = (command.__doc__ or "").strip().splitlines()
    return {
        "description": "\n".join(line.strip() for line in words),
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
    from ptyjobs.cli.serving import serve

    return serve(args, settings)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """With as little of the parser as these words need."""
    if not argv:
        return parser("serving").parse_args(argv)
    commands = [name for names in FAMILIES.values() for name in names]
    if argv[0] in commands:
        return alone(argv[0]).parse_args(argv[1:])
    if argv[0] == "help":
        return _parse([*argv[1:2], "--help"])
    if not argv[0].startswith("-"):
        import difflib

        near = difflib.get_close_matches(argv[0], commands, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "All commands: ptyjobs --help"
        raise BadInput(f"There is no command {argv[0]!r}.", advice=advice)
    word = next((word for word in argv if not word.startswith("-")), "")
    family = next((f for f, names in FAMILIES.items() if word in names), None)
    return (parser(family) if family else parser()).parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a locale that cannot say it must not end us
        sys.stdout.reconfigure(errors="replace")
    as_json = "--json" in argv
    try:
        args = _parse(argv)
        as_json = args.json
        settings = config.load(flags=config.flags_of(args))
        command: Command = args.command
        gc.freeze()  # neither now nor at the exit is what was imported looked over for garbage
        gc.enable()
        code = command(args, settings)
        sys.stdout.flush()
        return code
    except PtyJobsError as error:
        _tell(error, as_json=as_json)
        return _CODES.get(error.code, 1)
    except BrokenPipeError:  # `ptyjobs logs | head`
        sys.stdout = None  # nothing is left to flush at the exit
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception:  # the border of the program: a fault of ours has an exit code of its own
        import traceback

        traceback.print_exc()
        return 5


def _tell(error: PtyJobsError, *, as_json: bool) -> None:
    advice = error.advice
    for theirs, ours in _ADVICE.items():
        advice = advice.replace(theirs, ours)
    if as_json:
        import json

        facts = {"code": error.code, "message": error.message, "advice": advice}
        print(json.dumps({"error": facts}))
    else:
        print(f"ptyjobs: {error.message} {advice}".rstrip(), file=sys.stderr)
