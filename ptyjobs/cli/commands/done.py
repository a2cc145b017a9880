"""`done`: answer an agent that asked for a person."""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import person
from ptyjobs.cli.command import print_json
from ptyjobs.client.sync import Jobs

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs done db                          I typed the password
  ptyjobs done db 'the account is locked' --declined"""


def register(add: Add) -> None:
    answering = add("done", done, job=True, examples=EXAMPLES)
    answering.add_argument("message", nargs="?", default="", help="for the agent")
    answering.add_argument("--declined", action="store_true", help="it will not be done")


def done(args: argparse.Namespace, settings: Config) -> int:
    """Answer an agent that asked for a person: done, or declined."""
    with Jobs(settings) as jobs:
        jobs.done(args.job, by=person.name(), message=args.message, declined=args.declined)
    if args.json:
        print_json({"job_id": args.job, "declined": args.declined})
    return 0
