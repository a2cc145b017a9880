"""`events`: report the events of jobs, one line per batch."""

from __future__ import annotations

import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.client.events import follow
from ptyjobs.client.sync import Jobs
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs events                           what has happened since the last call
  ptyjobs events --follow --project .      of the jobs of this directory, as it happens
  ptyjobs events --follow --session        of the agent's session that runs this
  ptyjobs events --follow --for exited,lost --json"""


def register(add: Add) -> None:
    events_ = add("events", events, examples=EXAMPLES)
    events_.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    whose = events_.add_mutually_exclusive_group()
    whose.add_argument(
        "--session",
        nargs="?",
        const="",
        metavar="ID",
        help="only jobs of this session (default: the setting `session`)",
    )
    whose.add_argument("--project", metavar="DIR", help="only jobs below this directory")
    events_.add_argument(
        "--for",
        dest="kinds",
        metavar="KINDS",
        help="exited, asks, ready, matched, port, lost, oom, stalled; default all",
    )


def events(args: argparse.Namespace, settings: Config) -> int:
    """Report job events: exits, questions, matches, lost holders. Each is reported once.

    Simultaneous events share one line, which also names the jobs that still run; without events
    nothing is printed. A job's events are chosen at its start (`run --notify`, execute(notify=)).
    """
    from ptyjobs.client.known_secrets import redactor

    session = args.session
    if session == "":
        session = settings.session
        if not session:
            raise BadInput(
                "There is no session here.",
                advice="Name one, or set PTYJOBS_SESSION; --project follows a directory.",
            )
    kinds = tuple(word.strip() for word in args.kinds.split(",")) if args.kinds else None
    border = redactor(settings)
    with Jobs(settings) as jobs:
        feed = jobs.event_feed(
            session=session or "", project=args.project or "", kinds=kinds, follow=args.follow
        )
        for batch in follow(feed, more=args.follow, reader=sys.stdout.fileno()):
            if args.json:
                print_json(batch)
            else:
                print(border.redact(batch.line).text, flush=True)  # the reader may be a model
    return 0
