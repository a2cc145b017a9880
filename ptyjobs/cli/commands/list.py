"""`list`: one line per job."""

from __future__ import annotations

import os
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.commands.grep import add_selection
from ptyjobs.cli.format import age, line, safe, turn, widths
from ptyjobs.client.registry import Registry

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config
    from ptyjobs.model import Status

WATCH_PAUSE = 1.0  # seconds between two updates of list --watch
HEAD = ("JOB", "STATE", "AGE", "QUIET", "WHY", "TITLE OR COMMAND", "LAST LINE")
LIMITS = (64, 9, 4, 5, 30, 32)  # columns at most; a job id is never cut, as other commands need it
COMMAND = 5
LAST_LINE = 24  # minimum columns of the last line
NARROW = ((COMMAND, 20), (COMMAND, 0), (4, 20), (3, 0), (2, 0), (4, 12))
"""Columns narrowed for the last line: first the command, then the reason, silence and age."""
EXAMPLES = """\
  ptyjobs list
  ptyjobs list --watch                 or with figures and keys: ptyjobs top
  ptyjobs list --running --ids         for a script"""


def register(add: Add) -> None:
    listing = add("list", list_jobs, examples=EXAMPLES)
    listing.add_argument("--all", action="store_true", help="all ended jobs, not the last ten")
    listing.add_argument("--running", action="store_true", help="only jobs that have not ended")
    listing.add_argument("--ids", action="store_true", help="only the ids, one a line")
    add_selection(listing)
    listing.add_argument("--watch", action="store_true", help="again every second, until C-c")


def list_jobs(args: argparse.Namespace, settings: Config) -> int:
    """List jobs, running ones first, then newest first: state and why, age, silence, last line."""
    registry = Registry(settings.state_dir)
    chosen = _chosen(args, registry)
    if args.ids:
        for job in registry.all():
            if chosen is not None and job.job_id not in chosen:
                continue
            if not (args.running and registry.status(job).state.ended):
                print(job.job_id)
        return 0
    from ptyjobs.cli.query import glance

    while True:
        found = glance(registry, chosen=chosen, all=args.all, brief=not args.json)
        hidden = bool(found or (chosen is not None and registry.all()))
        if args.running:
            found = [one for one in found if one.restarts or not one.state.ended]
        if args.json:
            print_json(found)
        else:
            _show_table(found, watch=args.watch, hidden=hidden)
        if not args.watch:
            return 0
        try:
            time.sleep(WATCH_PAUSE)
        except KeyboardInterrupt:
            print()  # the shell's prompt belongs below the table
            raise


def _chosen(args: argparse.Namespace, registry: Registry) -> set[str] | None:
    """The ids of the selected jobs; None for all."""
    if not args.where and not args.label:
        return None
    from ptyjobs.client import search

    where, labels = search.conditions(args.where), search.labels_of(args.label)
    return {job.job_id for job in search.selected(registry, where=where, labels=labels)}


def _show_table(found: Sequence[Status], *, watch: bool, hidden: bool) -> None:
    tty = sys.stdout.isatty()
    width = os.get_terminal_size().columns if tty else 0
    lines = table(found, now=time.time(), width=width)
    if hidden and not found:
        lines = ["No job matches. ptyjobs list --all shows every job."]
    if watch and tty and os.environ.get("TERM", "dumb") not in ("dumb", ""):
        height = os.get_terminal_size().lines
        # Erase first: in the last column EL would erase the character just written.
        lines = [f"\x1b[K{line}" for line in lines[: height - 1]]
        print("\x1b[H" + "\n".join(lines) + "\n\x1b[J", end="", flush=True)
    else:
        print("\n".join(lines), flush=True)


def table(found: Sequence[Status], *, now: float, width: int = 0) -> list[str]:
    """A header and one line per job, running jobs first; cut to `width` columns unless it is 0."""
    if not found:
        return ["No jobs. Start one: ptyjobs run -d -- CMD"]
    running_first = sorted(found, key=lambda status: status.state.ended)
    rows = [HEAD, *(_row(status, now) for status in running_first)]
    columns = widths(rows, LIMITS, width=width, last=LAST_LINE, narrow=NARROW)
    if not columns[COMMAND]:  # the last column has the information
        rows = [HEAD, *((*row[:-1], row[-1] or row[COMMAND]) for row in rows[1:])]
    return [line(row, columns, width=width) for row in rows]


def _row(status: Status, now: float) -> tuple[str, ...]:
    quiet = "" if status.output_age is None else age(status.output_age)
    since = status.ended if status.ended is not None else status.started
    return (
        status.job_id,
        status.state.value,
        age(now - since),
        quiet,
        turn(status),
        safe(status.title or status.command),
        safe(status.last_line.strip()),
    )
