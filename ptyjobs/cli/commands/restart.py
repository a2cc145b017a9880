"""`restart`: end jobs and start them again."""

from __future__ import annotations

import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import READER, safe, turn
from ptyjobs.cli.numbers import duration

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs restart web                  same command, directory and environment
  ptyjobs logs web --run 1 --text      the run before it"""


def register(add: Add) -> None:
    again = add("restart", restart, examples=EXAMPLES)
    again.add_argument("jobs", nargs="+", metavar="JOB", help="job ids")
    again.add_argument(
        "--wait", type=duration, metavar="S", help="at most S seconds for its first turn"
    )
    again.add_argument("--grace", type=duration, metavar="S", help="seconds before it is forced")


def restart(args: argparse.Namespace, settings: Config) -> int:
    """End jobs and start each again as it was; earlier runs stay readable.

    1 if a job has already ended again, or a service is not ready in time.
    """
    from ptyjobs.client.sync import Jobs

    answers = []
    with Jobs(settings, reader=READER) as jobs:
        for job_id in args.jobs:
            jobs.registry.find(job_id)  # check all ids before ending any job
        for job_id in args.jobs:
            answer = jobs.restart(job_id, wait=args.wait, grace=args.grace)
            answers.append(answer)
            if args.json:
                continue
            status = jobs.status(job_id)
            service = answer.service
            how = str(answer.verdict.exit or answer.state)
            if service is not None and service.ready:
                how = turn(status)
            elif service is not None:
                how += f", not ready: {safe(service.why)}"
            print(f"{job_id}: run {status.run}, {how}")
            for note in answer.notes:
                print(f"ptyjobs: {safe(note)}", file=sys.stderr)
    if args.json:
        print_json(answers)
    good = [not a.state.ended and (a.service is None or a.service.ready) for a in answers]
    return 0 if all(good) else 1
