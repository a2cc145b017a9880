"""`logs`: a job's output, as bytes or as text."""

from __future__ import annotations

import contextlib
import os
import re
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.harmless import Harmless
from ptyjobs.cli.numbers import count
from ptyjobs.errors import BadInput, HolderLost, JobEnded
from ptyjobs.model import State

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.client.files import LogReader
    from ptyjobs.client.sync import Jobs
    from ptyjobs.config import Config

PAGE = 1 << 20  # characters of one page of logs --text
EXAMPLES = """\
  ptyjobs logs web -f               as it comes; to a terminal text and colours only
  ptyjobs logs web -f --discard | gzip > web.gz   for a job that waits for room (log_full=wait)
  ptyjobs logs web --text --last 20
  ptyjobs logs web --grep 'ERROR'   each match after its log offset
  ptyjobs logs web -f --last 20 --grep 'ERROR|WARN'"""


def register(add: Add) -> None:
    reading = add("logs", logs, job=True, examples=EXAMPLES)
    reading.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    reading.add_argument(
        "--raw", action="store_true", help="all escape sequences, also to a terminal"
    )
    reading.add_argument("--text", action="store_true", help="text instead of the raw bytes")
    reading.add_argument(
        "--discard",
        action="store_true",
        help="with -f: give up what was shown, so that the log has room",
    )
    reading.add_argument("--since", default="", metavar="OFFSET|TIME", help="e.g. 1840 or 3.5s")
    reading.add_argument("--grep", default="", metavar="REGEX", help="only lines that match")
    reading.add_argument(
        "-n", "--last", "--tail", type=count, metavar="N", help="only the last N lines"
    )


def logs(args: argparse.Namespace, settings: Config) -> int:
    """Print a job's output as bytes, or with --text (--grep, --last, --json) as lines of text.

    On a terminal, only text and colours pass, unless --raw is given. With -f, follows until the
    job ends. Exits with 1 if --grep found nothing, with -f with 4 if the job's holder is lost.
    """
    from ptyjobs.cli.positions import offset_at
    from ptyjobs.client.sync import Jobs

    with Jobs(settings) as jobs:
        job = jobs.registry.find(args.job)
        since = offset_at(job, args.since) if args.since else None
        if args.discard and not args.follow:
            raise BadInput("--discard is for a reader that stays.", advice="Add -f.")
        text = args.text or args.grep or args.json or args.last is not None
        if args.raw and text:
            raise BadInput("--raw and text exclude each other.", advice="Leave one of them out.")
        if text and not args.follow:
            code = _text(jobs, args, since)
            _tell_lost(jobs, args.job, since or 0)
            return code
        start = job.log.floor if args.discard else 0  # discarded bytes were already printed
        start = max(since or 0, start)
        if not text:
            harmless = sys.stdout.isatty() and not args.raw
            end = _pass_on(jobs, args, start, _Bytes(harmless=harmless))
            _tell_lost(jobs, args.job, end)  # gaps before it were reported in their places
            if args.follow:
                _check_holder(jobs, args.job)
            return 0
        if args.last is not None:  # the last lines, and the output that follows
            start = _lines_end(job.log)
            _text(jobs, args, since, stop=start)
        lines = _Lines(args.grep, as_json=args.json)
        _pass_on(jobs, args, start, lines)
        lines.end()
        _check_holder(jobs, args.job)
        return 0 if lines.found or not args.grep else 1


class _Bytes:
    """Writes output bytes to standard output; `harmless`: only text and colours."""

    def __init__(self, *, harmless: bool) -> None:
        self._filter = Harmless() if harmless else None

    def feed(self, offset: int, data: bytes) -> None:
        sys.stdout.buffer.write(self._filter.feed(data) if self._filter else data)
        sys.stdout.buffer.flush()


class _Lines:
    """Prints output as lines of text; with a pattern, only matching lines."""

    def __init__(self, grep: str, *, as_json: bool) -> None:
        from ptyjobs.text.patterns import plain  # loads pexpect, which raw bytes do not need

        self._plain = plain
        self._pattern = _pattern(grep) if grep else None
        self._json = as_json
        self._rest = b""
        self._offset = 0  # of the incomplete last line
        self.found = False

    def feed(self, offset: int, data: bytes) -> None:
        if not self._rest:
            self._offset = offset
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._print(line)
            self._offset += len(line) + 1
        if whole:
            sys.stdout.flush()

    def end(self) -> None:
        """Print the last line if it has no line end."""
        if self._rest:
            self._print(self._rest)

    def _print(self, line: bytes) -> None:
        text = self._plain(line)
        if self._pattern is not None and not self._pattern.search(text):
            return
        self.found = True
        if self._json:
            print_json({"offset": self._offset, "line": text})
        else:
            print(f"{self._offset}: {_shown(text)}" if self._pattern else _shown(text))


def _lines_end(log: LogReader) -> int:
    """The log offset after the last complete line."""
    end = log.end
    first, data = log.read(max(log.floor, end - 65536), 65536)
    return first + data.rfind(b"\n") + 1 if b"\n" in data else end


def _pass_on(jobs: Jobs, args: argparse.Namespace, offset: int, sink: _Bytes | _Lines) -> int:
    """Feed the log from `offset` on to the sink, with -f until the job ends; its end."""
    offset = _stored(jobs, args, offset, sink)
    if not args.follow:
        return offset
    from ptyjobs.protocol import Data

    with contextlib.suppress(HolderLost):  # it has ended
        follow = jobs.follow(args.job, since=offset)
        while (message := follow.receive()) is not None:
            if isinstance(message, Data):
                sink.feed(message.offset, message.data)
                offset = message.offset + len(message.data)
                if args.discard:
                    _discard(jobs, args.job, offset)
            elif message.get("event") == "exit":
                break
    return _stored(jobs, args, offset, sink)


def _stored(jobs: Jobs, args: argparse.Namespace, offset: int, sink: _Bytes | _Lines) -> int:
    """Feed the stored log from `offset` on to the sink; returns the log's end."""
    while True:
        first, data = jobs.raw(args.job, since=offset)
        if not data:
            return offset
        if first > offset:
            print(f"ptyjobs: {first - offset} bytes were dropped here", file=sys.stderr)
        sink.feed(first, data)
        offset = first + len(data)
        if args.discard:
            _discard(jobs, args.job, offset)


def _tell_lost(jobs: Jobs, job_id: str, since: int) -> None:
    """Report output from `since` on that could not be written to disk."""
    gaps = [gap for gap in jobs.status(job_id).gaps if gap[1] > since]
    if gaps:
        lost = sum(end - max(start, since) for start, end, _ in gaps)
        print(f"ptyjobs: {lost:,} bytes could not be written to disk", file=sys.stderr)


def _check_holder(jobs: Jobs, job_id: str) -> None:
    """Raise HolderLost if the followed output ended because the job's holder was killed."""
    status = jobs.status(job_id)
    if status.state is State.KILLED and status.exit is None:
        raise HolderLost(f"Lost {job_id}: {status.reason}.")


def _discard(jobs: Jobs, job_id: str, before: int) -> None:
    """Discard log bytes of a running job; `clean` removes the logs of ended jobs."""
    try:
        jobs.discard(job_id, before=before)
    except JobEnded:
        return


def _pattern(grep: str) -> re.Pattern[str]:
    try:
        return re.compile(grep)
    except re.error as error:
        raise BadInput(f"--grep {grep!r}: {error}.") from None


def _text(
    jobs: Jobs, args: argparse.Namespace, since: int | None, *, stop: int | None = None
) -> int:
    _pattern(args.grep)
    lines: list[str] = []
    more = True
    while more:
        part = jobs.output(args.job, since=since, grep=args.grep or None, limit=PAGE)
        if part.lost:
            print(f"ptyjobs: {part.lost:,} bytes before {part.offset} are lost", file=sys.stderr)
        lines += part.text.split("\n") if part.text else []
        more = part.more and part.next > (since or 0) and (stop is None or part.next < stop)
        since = part.next
        if args.last is not None:
            keep = args.last + (stop is not None)
            lines = lines[-keep:] if keep else []
        elif not args.json:
            print("\n".join(_shown(line) for line in lines), end="\n" if lines else "")
            args.found = getattr(args, "found", False) or bool(lines)
            lines = []
    if stop is not None and args.last is not None:  # the incomplete line is printed when followed
        lines = (lines[:-1] if since is not None and since > stop else lines)[-args.last :]
        lines = lines if args.last else []
    if args.json:
        print_json({"job_id": args.job, "lines": lines, "end": since})
    elif lines:
        print("\n".join(_shown(line) for line in lines))
    found = bool(lines) or getattr(args, "found", False)
    return 1 if args.grep and not found else 0


def _shown(line: str) -> str:
    """The line in characters that this standard output can encode."""
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "replace").decode(encoding) if os.name == "posix" else line
