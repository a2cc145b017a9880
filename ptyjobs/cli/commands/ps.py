"""`ps`: the processes of the project's Procfile."""

from __future__ import annotations

import os
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config


def register(add: Add) -> None:
    listing = add("ps", ps)
    listing.add_argument("--file", default="", metavar="PATH", help="another Procfile")


def ps(args: argparse.Namespace, settings: Config) -> int:
    """List the processes of a Procfile with their jobs: state, port, addresses, last line.

    1 if any of them is not running.
    """
    from ptyjobs.cli.commands.up import procfile_path
    from ptyjobs.cli.format import fit, safe, turn
    from ptyjobs.client import procfile, services
    from ptyjobs.client.sync import Jobs

    try:
        path = procfile_path(args.file)
    except BadInput as none:  # a habit from docker: its `ps` lists everything
        raise BadInput(none.message, advice="All jobs: ptyjobs list.") from None
    rows, all_run = [], True
    with Jobs(settings) as jobs:
        known = services.jobs_of(jobs.registry, path)
        for process in procfile.read(path):
            job = known.get(process.name)
            status = jobs.status(job.job_id) if job is not None else None
            all_run &= status is not None and not status.state.ended
            rows.append((process, status))
    if args.json:
        print_json([{"process": one.name, "command": one.command, "job": s} for one, s in rows])
        return 0 if all_run else 1
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 0
    for process, status in rows:
        if status is None:
            print(f"{process.name:12} not started")
            continue
        where = ", ".join(map(str, status.listening)) or (f"PORT={status.port}" * bool(status.port))
        why = turn(status)
        where = "" if where and where in why else where
        named = "" if status.job_id == process.name else f"job {status.job_id}"
        parts = (status.state.value, named, why, where, safe(status.last_line.strip()))
        row = f"{process.name:12} {'  '.join(filter(None, parts))}"
        print(fit(row, width).rstrip() if width else row)
    return 0 if all_run else 1
