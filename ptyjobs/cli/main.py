"""Run one command: `ptyjobs` alone serves MCP on stdio; subcommands are for users.

Owns command dispatch, the exit code, and the display of errors at a terminal. Never defines a
command (see `parsers` and `commands`).
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

from ptyjobs import config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.advice import HINTS
from ptyjobs.cli.format import safe
from ptyjobs.cli.parsers import ALIASES, COMMANDS, alone, parser
from ptyjobs.config import umask
from ptyjobs.errors import BadInput, PtyJobsError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ptyjobs.cli.command import Command

_CODES = {
    "unknown_job": 3, "holder_lost": 4, "start_failed": 4, "bad_input": 2, "bad_key": 2,
    "bad_pattern": 2, "bad_config": 2, "bad_recording": 2, "internal": 5,
}  # fmt: skip

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments, loading only the commands they need."""
    if not argv:
        return parser("serve").parse_args(argv)
    argv = [ALIASES.get(argv[0], argv[0]), *argv[1:]]
    if argv[0] in COMMANDS:
        return alone(argv[0]).parse_args(argv[1:])
    if argv[0] == "help":
        return _parse([*argv[1:2], "--help"])
    if not argv[0].startswith("-"):
        import difflib

        near = difflib.get_close_matches(argv[0], COMMANDS, n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "All commands: ptyjobs --help"
        raise BadInput(f"There is no command {argv[0]!r}.", advice=advice)
    name = next((word for word in argv if not word.startswith("-")), "")
    return (parser(name) if name in COMMANDS else parser()).parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):  # unencodable characters must not raise
        sys.stdout.reconfigure(errors="replace")
    as_json = "--json" in argv
    umask.make_usable()
    try:
        args = _parse(argv)
        as_json = args.json
        settings = config.load(flags=config.flags_of(args))
        command: Command = args.command
        gc.freeze()  # never scan the imported modules for garbage, even at exit
        gc.enable()
        code = command(args, settings)
        sys.stdout.flush()
        return code
    except PtyJobsError as error:
        _report(error, as_json=as_json)
        return _CODES.get(error.code, 1)
    except BrokenPipeError:  # `ptyjobs logs | head`
        sys.stdout = None  # nothing is left to flush at exit
        return 0
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        sys.stdout = None
        print(f"ptyjobs: Standard output: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:  # program boundary: internal errors have their own exit code
        import traceback

        traceback.print_exc()
        return 5


def _open_closed_streams() -> None:
    """Open /dev/null in place of each standard stream that the caller has closed (`>&-`)."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _report(error: PtyJobsError, *, as_json: bool) -> None:
    if as_json:
        import json

        facts = {"code": error.code, "message": error.message, "advice": error.advice_in(HINTS)}
        print(json.dumps({"error": facts}))
    else:
        lines = map(safe, error.worded(HINTS).split("\n"))  # it may quote a file or a program
        print("ptyjobs: " + "\n".join(lines), file=sys.stderr)
