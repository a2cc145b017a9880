"""`grep`: search the output of all jobs for a pattern."""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import safe

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

MOST = 1 << 20  # characters
EXAMPLES = """\
  ptyjobs grep 'TypeError'             all jobs, the newest first
  ptyjobs grep -w project=. EADDRINUSE
  ptyjobs grep 5xx web web.1           only these"""


def register(add: Add) -> None:
    searching = add("grep", grep, examples=EXAMPLES)
    searching.add_argument("pattern", metavar="PATTERN", help="regular expression")
    searching.add_argument(
        "jobs", nargs="*", default=[], metavar="JOB", help="job ids; all by default"
    )
    add_selection(searching)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The flags that select jobs."""
    parser.add_argument(
        "-w",
        "--where",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="project=DIR, state=, name=GLOB, lifetime=, target=; may be repeated",
    )
    parser.add_argument(
        "--label", action="append", default=[], metavar="NAME[=VALUE]", help="may be repeated"
    )


def grep(args: argparse.Namespace, settings: Config) -> int:
    """Print matching lines of all kept jobs: newest job first, last line first.

    Each is preceded by its job and line number. Exits with 1 if no line matches.
    """
    from ptyjobs.client import search
    from ptyjobs.client.registry import Registry

    registry = Registry(settings.state_dir)
    jobs = search.selected(
        registry, where=search.conditions(args.where), labels=search.labels_of(args.label)
    )
    if args.jobs:
        named = {registry.find(job_id).folder for job_id in args.jobs}
        jobs = [job for job in jobs if job.folder in named]
    matches = search.grep(jobs, args.pattern, limit=MOST, here=True)
    if args.json:
        print_json(matches)
    else:
        for one in matches.found:
            print(f"{one.job_id}:{one.line}: {safe(one.text)}")
    return 0 if matches.found else 1
