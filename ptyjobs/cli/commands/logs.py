"""`logs`: a job's output, as bytes or as text."""

from __future__ import annotations

import os
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.numbers import count
from ptyjobs.errors import BadInput, JobEnded

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.client.sync import Jobs
    from ptyjobs.config import Config

PAGE = 1 << 20  # characters of one page of logs --text
EXAMPLES = """\
  ptyjobs logs web -f               raw bytes, colours and all, as they come
  ptyjobs logs web -f --discard | gzip > web.gz   for a job that waits for room (log_full=wait)
  ptyjobs logs web --text --last 20
  ptyjobs logs web --grep 'ERROR'   each match behind its log offset"""


def register(add: Add) -> None:
    reading = add("logs", logs, job=True, examples=EXAMPLES)
    reading.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    reading.add_argument("--text", action="store_true", help="text instead of the raw bytes")
    reading.add_argument(
        "--discard",
        action="store_true",
        help="with -f: give up what was shown, so that the log has room",
    )
    reading.add_argument("--since", default="", metavar="OFFSET|TIME", help="e.g. 1840 or 3.5s")
    reading.add_argument("--grep", default="", metavar="REGEX", help="only lines that match")
    reading.add_argument("--last", type=count, metavar="N", help="only the last N lines")


def logs(args: argparse.Namespace, settings: Config) -> int:
    """A job's output: raw bytes, or with --text (--grep, --last, --json) as text.

    With -f also what comes, until the job ends. 1 when --grep found nothing.
    """
    from ptyjobs.cli.positions import offset_at
    from ptyjobs.client.sync import Jobs

    with Jobs(settings) as jobs:
        job = jobs.registry.find(args.job)
        since = offset_at(job, args.since) if args.since else None
        if args.discard and not args.follow:
            raise BadInput("--discard is for a reader that stays.", advice="Add -f.")
        if args.text or args.grep or args.json or args.last is not None:
            if args.follow:
                raise BadInput("-f passes raw bytes on.", advice="Leave --text and --grep out.")
            return _text(jobs, args, since)
        start = job.log.floor if args.discard else 0  # what was given up was seen
        return _raw(jobs, args, max(since or 0, start))


def _raw(jobs: Jobs, args: argparse.Namespace, offset: int) -> int:
    from ptyjobs.protocol import Data

    while True:
        first, data = jobs.raw(args.job, since=offset)
        if not data:
            break
        if first > offset:
            print(f"ptyjobs: {first - offset} bytes were dropped here", file=sys.stderr)
        _out(data)
        offset = first + len(data)
        if args.discard:
            _discard(jobs, args.job, offset)
    if not args.follow or jobs.status(args.job).state.ended:
        return 0
    follow = jobs.follow(args.job, since=offset)
    while (message := follow.receive()) is not None:
        if isinstance(message, Data):
            _out(message.data)
            if args.discard:
                _discard(jobs, args.job, message.offset + len(message.data))
        elif message.get("event") == "exit":
            break
    return 0


def _discard(jobs: Jobs, job_id: str, before: int) -> None:
    """Make room in the log of a living job; an ended one's is left to `clean`."""
    try:
        jobs.discard(job_id, before=before)
    except JobEnded:
        return


def _out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _text(jobs: Jobs, args: argparse.Namespace, since: int | None) -> int:
    import re

    try:
        re.compile(args.grep)
    except re.error as error:
        raise BadInput(f"--grep {args.grep!r}: {error}.") from None
    lines: list[str] = []
    more = True
    while more:
        part = jobs.output(args.job, since=since, grep=args.grep or None, limit=PAGE)
        if part.lost:
            print(f"ptyjobs: {part.lost:,} bytes before {part.offset} are lost", file=sys.stderr)
        lines += part.text.split("\n") if part.text else []
        more = part.more and part.next > (since or 0)
        since = part.next
        if args.last is not None:
            lines = lines[-args.last :] if args.last > 0 else []
        elif not args.json:
            print("\n".join(_shown(line) for line in lines), end="\n" if lines else "")
            args.found = getattr(args, "found", False) or bool(lines)
            lines = []
    if args.json:
        print_json({"job_id": args.job, "lines": lines, "end": since})
    elif lines:
        print("\n".join(_shown(line) for line in lines))
    found = bool(lines) or getattr(args, "found", False)
    return 1 if args.grep and not found else 0


def _shown(line: str) -> str:
    """A line as this standard output can take it."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding) if os.name == "posix" else line
