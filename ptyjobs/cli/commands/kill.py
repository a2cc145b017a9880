"""`kill`: end jobs, or send them a signal."""

from __future__ import annotations

import argparse
import json

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.cli.command import completes
from ptyjobs.cli.format import processes, safe
from ptyjobs.cli.numbers import duration
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.json_values import to_json

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.client.calls import Killed

EXAMPLES = """\
  ptyjobs kill web                     politely first, then by force
  ptyjobs kill build --signal INT      as C-c would: the job may go on
  ptyjobs kill --all"""


def register(add: Add) -> None:
    ending = add("kill", kill, examples=EXAMPLES)
    ending.add_argument("jobs", nargs="*", metavar="JOB", help="job ids")
    ending.add_argument("--all", action="store_true", help="every job that runs")
    signal = ending.add_argument(
        "--signal", default="", metavar="NAME", help="only send this signal, e.g. INT"
    )
    completes(signal, "INT", "TERM", "HUP", "QUIT", "KILL", "USR1", "USR2", "STOP", "CONT", "WINCH")
    ending.add_argument("--grace", type=duration, metavar="S", help="seconds before it is forced")


def kill(args: argparse.Namespace, settings: Config) -> int:
    """End jobs with everything they started, or send one signal."""
    if bool(args.jobs) is args.all:
        raise BadInput("kill takes job ids, or --all.", advice="ptyjobs list names the jobs.")
    done = []
    with Jobs(settings) as jobs:
        if args.all:
            args.jobs = [status.job_id for status in jobs.list() if not status.state.ended]
        for job_id in dict.fromkeys(args.jobs):
            jobs.registry.find(job_id)  # check all ids before killing any job
        for job_id in dict.fromkeys(args.jobs):
            killed = jobs.kill(job_id, signal=args.signal, grace=args.grace)
            done.append({"job_id": job_id, **to_json(killed)})
            if not args.json:
                print(f"{job_id}: {_done(killed, args.signal)}")
    if args.json:
        print(json.dumps(done))
    return 0


def _done(killed: Killed, signal: str) -> str:
    if killed.result == "already_terminated":
        return "had ended already"
    count = processes(killed.processes)
    if killed.result == "signalled":
        return f"{signal} sent to {count}"
    how = f", {replace(killed.status.exit, cause='')}" if killed.status.exit else ""
    names = safe(", ".join(killed.forced))
    force = f", SIGKILL was needed for {names}" if names else ""
    words = "".join(f"\n{safe(line)}" for line in killed.words.splitlines())
    return f"killed, {count} ended{how}{force}{words}"
