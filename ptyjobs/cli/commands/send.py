"""`send`: type into a job and print its answer."""

from __future__ import annotations

import argparse
import json
import re
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import person
from ptyjobs.cli.format import READER, safe
from ptyjobs.cli.numbers import duration
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.config.defaults import INTERACT_TIMEOUT
from ptyjobs.errors import BadInput
from ptyjobs.json_values import to_json
from ptyjobs.model import Answer, Reason
from ptyjobs.text import durations

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

OMITTED = re.compile(r"; output\(job_id, since=(\d+)\) \.\.\.\]")
"""End of the line that reports omitted text, in a model's terms."""
EXAMPLES = """\
  ptyjobs send py '1 + 1'
  ptyjobs send vim ihello --key Escape text, then a key, and no Enter
  ptyjobs send py --key C-c
  ptyjobs send py --paste < block.py   several lines as one paste
  ptyjobs send login --secret          asks here, without echo"""


def register(add: Add) -> None:
    typing = add("send", send, job=True, examples=EXAMPLES)
    typing.add_argument("text", nargs="?", help="a line; Enter is added")
    typing.add_argument("--no-enter", action="store_true", help="do not press Enter after it")
    typing.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="C-c, Up, F5; after the text"
    )
    typing.add_argument("--paste", action="store_true", help="paste standard input or the text")
    typing.add_argument("--secret", action="store_true", help="ask for it here, without echo")
    typing.add_argument(
        "--timeout", type=duration, metavar="S", help=f"seconds, default {INTERACT_TIMEOUT:g}"
    )


def send(args: argparse.Namespace, settings: Config) -> int:
    """Type into a job and print the answer; exits with 1 if there is none in time."""
    text = _text(args)
    with Jobs(settings, reader=READER) as jobs:
        jobs.who = person.name()  # the user who holds the job may also use `send`
        if args.secret:
            if not _asks_for_secret(jobs, args.job):
                raise BadInput(
                    f"{args.job} is not at a prompt without echo, so nothing was sent.",
                    advice="ptyjobs wait, then try again.",
                )
            import getpass

            text = getpass.getpass(f"{args.job}: ")
        answer = jobs.interact(
            args.job,
            input=text,
            keys=args.key,
            enter=not args.no_enter,
            secret=args.secret,
            timeout=args.timeout,
        )
    if args.json:
        print(json.dumps(to_json(answer)))
    else:
        _print_answer(answer)
    return 1 if answer.verdict.reason is Reason.TIMEOUT else 0


def _text(args: argparse.Namespace) -> str:
    text: str | None = args.text
    if args.paste and text is None:
        text = sys.stdin.read()
    if args.secret and (text is not None or args.key):
        raise BadInput("--secret excludes other input.", advice="It asks for the text here.")
    if text is None and not args.key and not args.secret:
        raise BadInput("Nothing to send.", advice="Give a text, --key, --paste or --secret.")
    return text or ""


def _asks_for_secret(jobs: Jobs, job_id: str) -> bool:
    waiting = jobs.status(job_id).waiting
    return waiting is not None and waiting.reason is Reason.PASSWORD


def _print_answer(answer: Answer) -> None:
    if answer.fresh.text:
        rest = rf"; ptyjobs logs {answer.job_id} --text --since \1 ...]"
        print(OMITTED.sub(rest, answer.fresh.text))
    for note in answer.notes:
        print(f"ptyjobs: {note}", file=sys.stderr)
    verdict = answer.verdict
    if verdict.reason is Reason.TIMEOUT:
        waited, doing = durations.duration(verdict.waited), safe(verdict.doing)
        print(f"[still busy after {waited}: {doing}]", file=sys.stderr)
    elif verdict.exit is not None:
        print(f"[{answer.job_id} {verdict.exit}]", file=sys.stderr)
