"""`down`: end the processes of the project's Procfile."""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import processes
from ptyjobs.cli.numbers import duration

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config


def register(add: Add) -> None:
    ending = add("down", down)
    ending.add_argument("names", nargs="*", metavar="NAME", help="processes; all by default")
    ending.add_argument("--file", default="", metavar="PATH", help="another Procfile")
    ending.add_argument("--grace", type=duration, metavar="S", help="seconds before it is forced")


def down(args: argparse.Namespace, settings: Config) -> int:
    """End the jobs of a Procfile's processes, the last one first; their output is kept."""
    from ptyjobs.cli.commands.up import procfile_path
    from ptyjobs.client import services
    from ptyjobs.client.sync import Jobs

    path = procfile_path(args.file)
    done = []
    with Jobs(settings) as jobs:
        for job in reversed(services.living(jobs.registry, path, args.names)):
            killed = jobs.kill(job.job_id, grace=args.grace)
            done.append({"job_id": job.job_id, "result": killed.result})
            if not args.json:
                print(f"{job.job_id}: {killed.result}, {processes(killed.processes)} ended")
    if args.json:
        print_json(done)
    elif not done:
        print("None of them runs.")
    return 0
