"""`ports`: list listening ports and the jobs that own them."""

from __future__ import annotations

import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import fit, safe

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.client.port_table import PortHolder
    from ptyjobs.config import Config

HEAD = ("PORT", "ADDRESS", "JOB", "PID", "USER", "DIRECTORY", "COMMAND")
WIDEST = (5, 28, 20, 8, 12, 44)
EXAMPLES = """\
  ptyjobs ports                        every TCP port, those of jobs first
  ptyjobs ports 3000                   who holds it; exit code 1 if nobody does
  ptyjobs ports --all                  UDP and unix sockets as well"""


def register(add: Add) -> None:
    listing = add("ports", ports, examples=EXAMPLES)
    listing.add_argument("ports", nargs="*", type=int, metavar="PORT", help="only these ports")
    listing.add_argument("--all", action="store_true", help="UDP and unix sockets as well")
    listing.add_argument("--jobs", action="store_true", help="only sockets of jobs")


def ports(args: argparse.Namespace, settings: Config) -> int:
    """List listening ports with their job, project directory and git worktree, or other process.

    1 if nothing listens on the given ports.
    """
    from ptyjobs.client.port_table import table
    from ptyjobs.client.registry import Registry

    protocols = ("tcp", "udp", "unix") if args.all else ("tcp",)
    found = table(Registry(settings.state_dir), protocols=protocols)
    if args.ports:
        found = [one for one in found if one.port in args.ports]
    if args.jobs:
        found = [one for one in found if one.job_id]
    if args.json:
        print_json(found)
    elif found:
        print("\n".join(_lines(found)))
    else:
        print(
            "Nothing listens."
            if not args.ports
            else f"Nothing listens on {' or '.join(map(str, args.ports))}."
        )
    return 0 if found or not args.ports else 1


def _lines(found: list[PortHolder]) -> list[str]:
    rows = [HEAD, *map(_row, found)]
    widths = [min(max(len(row[n]) for row in rows), most) for n, most in enumerate(WIDEST)]
    lines = []
    for row in rows:
        cells = [fit(cell, width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return lines


def _row(one: PortHolder) -> tuple[str, ...]:
    home = os.path.expanduser("~")
    where = one.directory
    if where == home or where.startswith(home + "/"):
        where = "~" + where[len(home) :]
    if one.branch:
        where = f"{where} ({one.branch})"
    return (
        str(one.port or ""),
        one.address + ("/udp" if one.protocol == "udp" else ""),
        one.job_id or "-",
        str(one.pid or "-"),
        one.user or "-",
        safe(where),
        safe(one.command),
    )
