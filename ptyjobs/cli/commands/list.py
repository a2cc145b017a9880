"""`list`, `status` and `logs`: what is there, without touching it."""

from __future__ import annotations

import os
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.format import age, amount, fit, safe, turn
from ptyjobs.client.registry import Registry
from ptyjobs.errors import BadInput, JobEnded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ptyjobs.cli.main import Add
    from ptyjobs.client.sync import Jobs
    from ptyjobs.config import Config
    from ptyjobs.model import Status

WATCH_PAUSE = 1.0  # seconds between two looks of list --watch
HEAD = ("JOB", "STATE", "AGE", "QUIET", "WHY", "TITLE OR COMMAND", "LAST LINE")
LAST_LINE, COMMAND = 24, 12  # columns that these two get at least, where there are so many
PAGE = 1 << 20  # characters of one page of logs --text


def register(add: Add) -> None:
    listing = add("list", list_jobs, examples=LIST_EXAMPLES)
    listing.add_argument("--all", action="store_true", help="all ended jobs, not the last ten")
    listing.add_argument("--ids", action="store_true", help="only the ids, one a line")
    listing.add_argument("--watch", action="store_true", help="again every second, until C-c")
    add("status", status, job=True)
    reading = add("logs", logs, job=True, examples=LOG_EXAMPLES)
    reading.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    reading.add_argument("--text", action="store_true", help="text instead of the raw bytes")
    reading.add_argument(
        "--discard",
        action="store_true",
        help="with -f: give up what was shown, so that the log has room",
    )
    reading.add_argument("--since", default="", metavar="OFFSET|TIME", help="e.g. 1840 or 3.5s")
    reading.add_argument("--grep", default="", metavar="REGEX", help="only lines that match")
    reading.add_argument("--last", type=int, metavar="N", help="only the last N lines")


LIST_EXAMPLES = """\
  ptyjobs list
  ptyjobs list --watch                 or with figures and keys: ptyjobs top
  ptyjobs kill $(ptyjobs list --ids)   all of them"""
LOG_EXAMPLES = """\
  ptyjobs logs web -f               raw bytes, colours and all, as they come
  ptyjobs logs web -f --discard | gzip > web.gz   for a job that waits for room (log_full=wait)
  ptyjobs logs web --text --last 20
  ptyjobs logs web --grep 'ERROR'   each match behind its log offset"""


def list_jobs(args: argparse.Namespace, settings: Config) -> int:
    """All jobs, newest first: state and why, age, silence, last words."""
    registry = Registry(settings.state_dir)
    if args.ids:
        for job in registry.all():
            print(job.job_id)
        return 0
    from ptyjobs.cli.query import glance

    while True:
        found = glance(registry, all=args.all, brief=not args.json)
        if args.json:
            _print_json(found)
        else:
            _show_table(found, watch=args.watch)
        if not args.watch:
            return 0
        try:
            time.sleep(WATCH_PAUSE)
        except KeyboardInterrupt:
            print()  # the shell's prompt belongs below the table
            raise


def _print_json(value: object, *, indent: int | None = None) -> None:
    import json

    from ptyjobs.model import to_json

    print(json.dumps(to_json(value), indent=indent), flush=True)


def _show_table(found: Sequence[Status], *, watch: bool) -> None:
    tty = sys.stdout.isatty()
    width = os.get_terminal_size().columns if tty else 0
    lines = table(found, now=time.time(), width=width)
    if watch and tty and os.environ.get("TERM", "dumb") not in ("dumb", ""):
        height = os.get_terminal_size().lines
        lines = [f"{line}\x1b[K" for line in lines[: height - 1]]
        print("\x1b[H" + "\n".join(lines) + "\x1b[J", flush=True)
    else:
        print("\n".join(lines), flush=True)


def table(found: Sequence[Status], *, now: float, width: int = 0) -> list[str]:
    """One line a job under a head; cut to `width` columns where it is not 0."""
    if not found:
        return ["No jobs. Start one: ptyjobs run -d -- CMD"]
    rows: list[tuple[str, ...]] = [HEAD]
    rows += [_row(status, now) for status in found]
    limits = (24, 9, 4, 5, 30, 32)
    widths = [min(max(len(row[n]) for row in rows), most) for n, most in enumerate(limits)]
    if width:  # the command gives way to the last line
        said = min(max(len(row[-1]) for row in rows), LAST_LINE)
        missing = sum(widths) + 2 * len(widths) + said - width
        widths[-1] = max(min(widths[-1], COMMAND), widths[-1] - max(0, missing))
    lines = []
    for row in rows:
        cells = [fit(cell, size) for cell, size in zip(row, widths, strict=False)]
        line = "  ".join([*cells, row[-1]]).rstrip()
        if row is HEAD and 0 < width < len(line):
            line = line[:width].rpartition("  ")[0]  # no room for the last line
        lines.append(fit(line, width).rstrip() if width else line)
    return lines


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


def status(args: argparse.Namespace, settings: Config) -> int:
    """Everything that is known of one job."""
    from ptyjobs.client.sync import Jobs

    with Jobs(settings) as jobs:
        found = jobs.status(args.job)
    if args.json:
        _print_json(found, indent=2)
    else:
        print("\n".join(page(found)))
    return 0


def page(found: Status, *, now: float | None = None) -> list[str]:
    """A status for a person, a fact a line."""
    now = time.time() if now is None else now
    ended = found.state.ended
    until = found.ended if found.ended is not None else now
    lasted = f"{'ran' if ended else 'up'} {age(until - found.started)}"
    facts = [
        ("job", f"{found.job_id}: {found.state.value}, {turn(found)}".rstrip(", ")),
        ("why", found.reason),
        ("command", safe(found.command)),
        ("directory", found.directory or found.cwd),
        ("target", found.target),
        ("title", safe(found.title)),
        ("progress", found.progress),
        ("started", f"{_clock(found.started)}, {lasted}"),
        ("ended", f"{_clock(until)}, {age(now - until)} ago" if ended else ""),
        ("output", f"{amount(found.end)}, {_silence(found)}" if not ended else amount(found.end)),
        ("last line", safe(found.last_line.strip())),
        ("terminal", f"{found.size.rows} rows, {found.size.cols} columns"),
        ("lifetime", found.lifetime.value if not ended else ""),
        ("attached", f"{found.attached}" if found.attached else ""),
        ("processes", ", ".join(found.processes)),
        ("used", f"{found.cpu:.1f} s of CPU, {amount(found.rss)} of memory" if found.rss else ""),
        ("ports", ", ".join(map(str, found.ports))),
        ("dropped", f"the first {amount(found.floor)} of output" if found.floor else ""),
        *(("fault", error) for error in found.errors),
    ]  # fmt: skip
    return [f"{name:10} {text}" for name, text in facts if text]


def _silence(found: Status) -> str:
    return "" if found.output_age is None else f"last {age(found.output_age)} ago"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


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
        _print_json({"job_id": args.job, "lines": lines, "end": since})
    elif lines:
        print("\n".join(_shown(line) for line in lines))
    found = bool(lines) or getattr(args, "found", False)
    return 1 if args.grep and not found else 0


def _shown(line: str) -> str:
    """A line as this standard output can take it."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding) if os.name == "posix" else line
