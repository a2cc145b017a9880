"""`hold`: take exclusive input of a job."""

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
  ptyjobs hold db && ptyjobs attach db     in attach, C-] does both
  ptyjobs release db"""


def register(add: Add) -> None:
    add("hold", hold, job=True, examples=EXAMPLES)


def hold(args: argparse.Namespace, settings: Config) -> int:
    """Hold a job: only you can type until you release it.

    The agent can still read, but its input is refused with a message that names the holder. The
    hold ends with `ptyjobs release`, or ten seconds after this terminal closes.
    """
    with Jobs(settings) as jobs:
        jobs.hold(args.job, by=person.name(), session=person.session())
    if args.json:
        print_json({"job_id": args.job, "held": True})
    else:
        print(f"{args.job} is yours; ptyjobs release {args.job} hands it back")
    return 0
