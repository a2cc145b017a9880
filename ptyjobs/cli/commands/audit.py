"""`audit`: read the journal of actions on jobs and their authors."""

from __future__ import annotations

import argparse
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import safe
from ptyjobs.cli.numbers import duration
from ptyjobs.client.files import Entry, read_journal

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config

EXAMPLES = """\
  ptyjobs audit --job db --since 2h
  ptyjobs audit --who ben --what input"""
KINDS = ("start", "input", "hold", "release", "ask", "answer", "kill", "signal", "end")


def register(add: Add) -> None:
    reading = add("audit", audit, examples=EXAMPLES)
    reading.add_argument("--job", default="", metavar="JOB", help="only this job")
    reading.add_argument("--who", default="", metavar="TEXT", help="only names that hold this")
    reading.add_argument("--what", action="append", choices=KINDS, help="may be repeated")
    reading.add_argument("--since", type=duration, metavar="S", help="only the last S seconds")


def audit(args: argparse.Namespace, settings: Config) -> int:
    """Show who started, typed, held and killed what, oldest first.

    Text typed without echo is not in the journal. `audit = false` disables it.
    """
    after = time.time() - args.since if args.since is not None else 0.0

    def wanted(entry: Entry) -> bool:
        return (
            entry.time >= after
            and args.job in ("", entry.job)
            and args.who in entry.who
            and (not args.what or entry.what in args.what)
        )

    for entry in read_journal(settings.state_dir, wanted=wanted):
        if args.json:
            print_json(entry)
        else:
            print(_line(entry))
    return 0


def _line(entry: Entry) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
    who = safe(entry.who or entry.session or "ptyjobs")
    return f"{when} {entry.job} {who}: {entry.what} {safe(entry.text)}".rstrip()
