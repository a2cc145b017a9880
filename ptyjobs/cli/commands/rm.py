"""`rm`: delete ended jobs and their files at once."""

from __future__ import annotations

import argparse
import json
import os
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput, Refused

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.client.files import JobDir
    from ptyjobs.client.registry import Registry

LEAVING = 5.0  # seconds that the holder of an ended job gets to leave

EXAMPLES = """\
  ptyjobs rm build                     its log, its recording, its status
  ptyjobs rm --force web               end it first
  ptyjobs rm --all                     every ended job
  ptyjobs clean                        what is older than the retention"""


def register(add: Add) -> None:
    removing = add("rm", rm, examples=EXAMPLES)
    removing.add_argument("jobs", nargs="*", metavar="JOB", help="job ids")
    removing.add_argument("--all", action="store_true", help="every job that has ended")
    removing.add_argument("-f", "--force", action="store_true", help="end a job that runs")


def rm(args: argparse.Namespace, settings: Config) -> int:
    """Delete ended jobs and all their files; prints their ids."""
    if bool(args.jobs) == args.all:
        raise BadInput("rm takes job ids, or --all.", advice="ptyjobs list names the jobs.")
    if args.all and args.force:
        raise BadInput("--all and --force exclude each other.", advice="First: ptyjobs kill --all")
    with Jobs(settings) as jobs:
        found = [jobs.registry.find(name) for name in dict.fromkeys(args.jobs)]
        if args.all:
            found = [job for job in jobs.registry.all() if _ended(jobs.registry, job)]
        running = [job.job_id for job in found if not jobs.registry.status(job).state.ended]
        if running and not args.force:
            raise Refused(
                f"{', '.join(running)} still {'runs' if len(running) == 1 else 'run'}; nothing "
                "was removed.",
                advice="ptyjobs kill ends it, rm --force does both.",
            )
        for job_id in running:
            jobs.kill(job_id)
        for job in found:
            _remove(jobs.registry, job)
            if not args.json:
                print(job.job_id)
    if args.json:
        print(json.dumps([job.job_id for job in found]))
    return 0


def _ended(registry: Registry, job: JobDir) -> bool:
    """False for a service between two runs as well."""
    status = registry.status(job)
    return status.state.ended and not status.restarts


def _remove(registry: Registry, job: JobDir) -> None:
    """Delete a job as soon as its holder has left. Raises Refused if that takes too long."""
    deadline = time.monotonic() + LEAVING
    while not registry.remove(job, ended=True) and os.path.exists(job.folder):
        if time.monotonic() > deadline:
            raise Refused(f"{job.job_id} has not ended; it was not removed.", advice="Try again.")
        time.sleep(0.01)
