"""`rm`: delete ended jobs and their files at once."""

from __future__ import annotations

import argparse
import json
import os
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import Refused

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.client.files import JobDir
    from ptyjobs.client.registry import Registry

LEAVING = 5.0  # seconds that the holder of an ended job gets to leave

EXAMPLES = """\
  ptyjobs rm build                     its log, its recording, its status
  ptyjobs rm --force web               end it first
  ptyjobs clean                        what is older than the retention"""


def register(add: Add) -> None:
    removing = add("rm", rm, examples=EXAMPLES)
    removing.add_argument("jobs", nargs="+", metavar="JOB", help="job ids")
    removing.add_argument("-f", "--force", action="store_true", help="end a job that runs")


def rm(args: argparse.Namespace, settings: Config) -> int:
    """Delete ended jobs and all their files; prints their ids."""
    names = list(dict.fromkeys(args.jobs))
    with Jobs(settings) as jobs:
        found = [jobs.registry.find(name) for name in names]
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
        print(json.dumps(names))
    return 0


def _remove(registry: Registry, job: JobDir) -> None:
    """Delete a job as soon as its holder has left. Raises Refused if that takes too long."""
    deadline = time.monotonic() + LEAVING
    while not registry.remove(job, ended=True) and os.path.exists(job.folder):
        if time.monotonic() > deadline:
            raise Refused(f"{job.job_id} has not ended; it was not removed.", advice="Try again.")
        time.sleep(0.01)
