"""`release`: end a hold and hand the job's input back."""

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
  ptyjobs release db
  ptyjobs release db -m 'logged in as readonly'"""


def register(add: Add) -> None:
    releasing = add("release", release, job=True, examples=EXAMPLES)
    releasing.add_argument("-m", "--message", default="", metavar="TEXT", help="for the agent")


def release(args: argparse.Namespace, settings: Config) -> int:
    """Release a held job; the agent gets a report of the hold. Exits with 1 if it was not held.

    If the agent asked for a person, this also answers it with "done".
    """
    with Jobs(settings) as jobs:
        held = jobs.hand_back(args.job, by=person.name(), message=args.message)
    if args.json:
        print_json({"job_id": args.job, "released": held})
    elif not held:
        print(f"{args.job} was not held")
    return 0 if held else 1
