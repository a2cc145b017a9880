"""`up`: start the processes of the project's Procfile."""

from __future__ import annotations

import os
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import READER, safe
from ptyjobs.cli.numbers import duration

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs up                           every process of the Procfile here or above
  ptyjobs up web worker --ready port   only these; answers when they listen
  ptyjobs ps                           what became of them
  ptyjobs down                         end them"""


def register(add: Add) -> None:
    starting = add("up", up, examples=EXAMPLES)
    starting.add_argument("names", nargs="*", metavar="NAME", help="processes; all by default")
    starting.add_argument("--file", default="", metavar="PATH", help="another Procfile")
    starting.add_argument(
        "--ready",
        action="append",
        default=[],
        metavar="COND",
        help="what makes each of them ready: port, http://127.0.0.1:$PORT/, a pattern",
    )
    starting.add_argument(
        "--restart", default="", metavar="POLICY", help="on-failure or always, also with :LIMIT"
    )
    starting.add_argument(
        "--wait", type=duration, default=30.0, metavar="S", help="with --ready: at most S seconds"
    )


def procfile_path(file: str) -> str:
    """The given Procfile, or the one in the current directory."""
    from ptyjobs.client import procfile

    return os.path.abspath(file) if file else procfile.find(os.getcwd())


def up(args: argparse.Namespace, settings: Config) -> int:
    """Start the processes of a Procfile as persistent jobs, each with a terminal and $PORT.

    Running ones are left alone. Exits with 1 if one is not running or not ready.
    """
    from ptyjobs.client import services
    from ptyjobs.client.sync import Jobs

    path = procfile_path(args.file)
    with Jobs(settings, reader=READER) as jobs:
        started = services.up(
            jobs, path, args.names, wait=args.wait, restart=args.restart, ready=args.ready
        )
        ports = {
            one.job_id: jobs.status(one.job_id).port for one in started if one.answer is not None
        }
    if args.json:
        print_json(started)
    else:
        for one in started:
            port = f"  PORT={ports[one.job_id]}" if ports.get(one.job_id) else ""
            print(f"{one.job_id:20} {safe(services.words(one))}{port}")
            for note in one.answer.notes if one.answer is not None else ():
                print(f"ptyjobs: {one.job_id}: {safe(note)}", file=sys.stderr)
    return 1 if services.failed(started) else 0
