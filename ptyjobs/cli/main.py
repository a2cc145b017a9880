"""The command line's first lines: `ptyjobs` serves MCP on stdio; sub-commands are for people.

Owns argument parsing and exit codes; what a command does stands in its own function. Never imports
the MCP SDK itself. Exit codes: 0 ok, 1 the answer is no, 2 usage, 3 no such job, 4 trouble with a
holder, 5 internal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from ptyjobs import __version__, config
from ptyjobs.errors import PtyJobsError

EXIT_CODES = {
    "unknown_job": 3, "holder_lost": 4, "start_failed": 4, "bad_input": 2, "bad_key": 2,
    "bad_pattern": 2, "bad_config": 2, "internal": 5,
}  # fmt: skip
Command = Callable[[argparse.Namespace, config.Config], int]


def serve(args: argparse.Namespace, settings: config.Config) -> int:
    """Serve MCP on standard input and output."""
    from ptyjobs.mcp import main as mcp_main

    return mcp_main(settings)


def demo(args: argparse.Namespace, settings: config.Config) -> int:
    """Drive `python -i` without any AI and print the transcript."""
    from ptyjobs.client import Jobs, prepare

    lines = ("6 * 7", "import time; time.sleep(1); print('late, and still in one call')", "1/0")
    with Jobs(settings) as jobs:
        job = jobs.start(prepare(settings, command=f"{sys.executable} -i -q"), wait=10)
        for line in lines:
            answer = jobs.interact(job.job_id, input=line)
            waited = f"{answer.verdict.waited * 1000:.0f} ms, {answer.verdict.confidence}"
            print(f">>> {line}\n{answer.fresh.text}\n    ({waited})")
        print(jobs.kill(job.job_id).result)
    return 0


def list_jobs(args: argparse.Namespace, settings: config.Config) -> int:
    """All jobs, newest first."""
    from ptyjobs.client import Jobs
    from ptyjobs.model import to_json

    with Jobs(settings) as jobs:
        found = jobs.list()
    if args.json:
        print(json.dumps(to_json(found)))
    else:
        for status in found:
            end = str(status.exit or "-")
            print(f"{status.job_id:20} {status.state:10} {end:24} {status.command}")
    return 0


def status(args: argparse.Namespace, settings: config.Config) -> int:
    """What is known of one job, as JSON."""
    from ptyjobs.client import Jobs
    from ptyjobs.model import to_json

    with Jobs(settings) as jobs:
        print(json.dumps(to_json(jobs.status(args.job)), indent=2))
    return 0


def screen(args: argparse.Namespace, settings: config.Config) -> int:
    """The job's current view as text."""
    from ptyjobs.client import Jobs

    with Jobs(settings) as jobs:
        print(jobs.tail(args.job, lines=args.lines).text)
    return 0


def kill(args: argparse.Namespace, settings: config.Config) -> int:
    """End a job and everything it started."""
    from ptyjobs.client import Jobs

    with Jobs(settings) as jobs:
        done = jobs.kill(args.job, signal=args.signal)
    print(f"{args.job}: {done.result} ({done.processes} processes)")
    return 0


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(prog="ptyjobs", description=__doc__.partition("\n")[0])
    top.add_argument("--version", action="version", version=__version__)
    top.set_defaults(command=serve, json=False)
    commands = top.add_subparsers(metavar="COMMAND")

    def add(name: str, command: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        return sub

    config.add_flags(add("serve", serve))
    add("demo", demo)
    add("list", list_jobs).add_argument("--json", action="store_true")
    add("status", status).add_argument("job")
    one = add("screen", screen)
    one.add_argument("job")
    one.add_argument("--lines", type=int, default=50)
    end = add("kill", kill)
    end.add_argument("job")
    end.add_argument("--signal", default="")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = parser().parse_args(argv)
    try:
        settings = config.load(flags=config.flags_of(args))
        command: Command = args.command
        return command(args, settings)
    except PtyJobsError as error:
        print(f"ptyjobs: {error}", file=sys.stderr)
        return EXIT_CODES.get(error.code, 1)
