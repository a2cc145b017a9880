"""`send`, `wait`, `kill` and `clean`: what changes a job, or waits for it to change."""

from __future__ import annotations

import argparse
import json
import re
import sys

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.cli.format import READER
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.model import Answer, Reason, to_json

if TYPE_CHECKING:
    from typing import Any

    from ptyjobs.cli.main import Add
    from ptyjobs.client.calls import Killed, WaitResult

SEND_EXAMPLES = """\
  ptyjobs send py '1 + 1'
  ptyjobs send vim ihello --key Escape text, then a key, and no Enter
  ptyjobs send py --key C-c
  ptyjobs send py --paste < block.py   several lines as one paste
  ptyjobs send login --secret          asks here, without echo"""
WAIT_EXAMPLES = """\
  ptyjobs wait py                      until it wants input again
  ptyjobs wait web --port --timeout 60
  ptyjobs wait a b c --exited --all    until all of them have ended"""

KILL_EXAMPLES = """\
  ptyjobs kill web                     politely first, then by force
  ptyjobs kill build --signal INT      as C-c would: the job may go on"""


def register(add: Add) -> None:
    typing = add("send", send, job=True, examples=SEND_EXAMPLES)
    typing.add_argument("text", nargs="?", help="a line; Enter is added")
    typing.add_argument("--no-enter", action="store_true", help="do not press Enter after it")
    typing.add_argument(
        "--key", action="append", default=[], metavar="KEY", help="C-c, Up, F5; after the text"
    )
    typing.add_argument("--paste", action="store_true", help="paste standard input or the text")
    typing.add_argument("--secret", action="store_true", help="ask for it here, without echo")
    typing.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds, default 10"
    )
    waiting = add("wait", wait, examples=WAIT_EXAMPLES)
    waiting.add_argument("jobs", nargs="+", metavar="JOB", help="job ids")
    until = waiting.add_mutually_exclusive_group()
    until.add_argument("--exited", action="store_true", help="until it has exited")
    until.add_argument(
        "--pattern", default="", metavar="REGEX", help="until it prints this regular expression"
    )
    until.add_argument("--port", action="store_true", help="until it listens on a TCP port")
    until.add_argument("--quiet", action="store_true", help="until it printed nothing for 1 s")
    many = waiting.add_mutually_exclusive_group()
    many.add_argument("--any", action="store_true", help="of several: the first (default)")
    many.add_argument("--all", action="store_true", help="of several: all of them")
    waiting.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds, default 30"
    )
    ending = add("kill", kill, examples=KILL_EXAMPLES)
    ending.add_argument("jobs", nargs="+", metavar="JOB", help="job ids")
    ending.add_argument(
        "--signal", default="", metavar="NAME", help="only send this signal, e.g. INT"
    )
    ending.add_argument("--grace", type=float, metavar="S", help="seconds before it is forced")
    cleaning = add("clean", clean)
    cleaning.add_argument("--dry-run", action="store_true", help="only say what would go")


def send(args: argparse.Namespace, settings: Config) -> int:
    """Type into a job and print the answer; 1 when it has not answered in time."""
    params = _input(args)
    with Jobs(settings, reader=READER) as jobs:
        if args.secret:
            if not _asks_for_secret(jobs, args.job):
                raise BadInput(
                    f"{args.job} is not at a prompt without echo, so nothing was sent.",
                    advice="ptyjobs wait, then try again.",
                )
            import getpass

            params |= {"input": getpass.getpass(f"{args.job}: "), "secret": True}
        answer = jobs.interact(args.job, timeout=args.timeout, **params)
    if args.json:
        print(json.dumps(to_json(answer)))
    else:
        _print_answer(answer)
    return 1 if answer.verdict.reason is Reason.TIMEOUT else 0


def _input(args: argparse.Namespace) -> dict[str, Any]:
    text: str | None = args.text
    if args.paste and text is None:
        text = sys.stdin.read()
    if args.secret and (text is not None or args.key):
        raise BadInput("--secret takes nothing beside it.", advice="It asks for the text here.")
    if text is None and not args.key and not args.secret:
        raise BadInput("Nothing to send.", advice="Give a text, --key, --paste or --secret.")
    enter = not args.no_enter and not args.key
    return {"input": text or "", "keys": tuple(args.key), "enter": enter}


def _asks_for_secret(jobs: Jobs, job_id: str) -> bool:
    waiting = jobs.status(job_id).waiting
    return waiting is not None and waiting.reason is Reason.PASSWORD


def _print_answer(answer: Answer) -> None:
    if answer.fresh.text:
        print(answer.fresh.text)
    verdict = answer.verdict
    if verdict.reason is Reason.TIMEOUT:
        print(f"[still busy after {verdict.waited:.0f} s: {verdict.doing}]", file=sys.stderr)
    elif verdict.exit is not None:
        print(f"[{answer.job_id} {verdict.exit}]", file=sys.stderr)


def wait(args: argparse.Namespace, settings: Config) -> int:
    """Wait until it is your turn, or for an exit, a pattern, a port or silence.

    Of several jobs the first one ends the wait, or with --all the last one. A pattern is looked for
    in what came since the job's start or the last send or wait. 1 when time is over.
    """
    words = {"exited": args.exited, "port": args.port, "quiet": args.quiet}
    until = next((word for word, asked in words.items() if asked), "ready")
    asked = {
        "until": "pattern" if args.pattern else until,
        "patterns": [args.pattern] if args.pattern else [],
        "timeout": args.timeout,
    }
    if len(set(args.jobs)) == 1 and until != "port":
        result = _wait_for_one(args.jobs[0], asked, settings)
    else:
        import asyncio

        result = asyncio.run(_wait_for_several(args, asked, settings))
    if args.json:
        print(json.dumps(to_json(result)))
    else:
        for answer in result.answers:
            if args.all or answer.job_id in result.met or not result.met:
                prefix = f"{answer.job_id}: " if len(args.jobs) > 1 else ""
                print(prefix + str(_reason(answer)))
    return 0 if len(result.met) >= (len(set(args.jobs)) if args.all else 1) else 1


def _wait_for_one(job_id: str, asked: dict[str, Any], settings: Config) -> WaitResult:
    """Without asyncio, which takes longer to start than most waits last."""
    from ptyjobs.client.base import meets
    from ptyjobs.client.calls import WaitResult

    with Jobs(settings, reader=READER) as jobs:
        answer = jobs.wait(job_id, **asked)
        if asked["patterns"] and answer.state.ended and answer.verdict.pattern is None:
            answer = _printed_before(jobs, answer, asked["patterns"][0])
    met = (job_id,) if meets(answer, asked["until"]) else ()
    return WaitResult((answer,), met, timed_out=not met)


def _printed_before(jobs: Jobs, answer: Answer, pattern: str) -> Answer:
    """The job was gone before anybody waited for it: its log knows whether it printed that."""
    page = jobs.output(answer.job_id, grep=pattern)
    found = re.search(pattern, page.text) if page.matches else None
    if found is None:
        return answer
    return replace(answer, verdict=replace(answer.verdict, pattern=0, match=found[0]))


async def _wait_for_several(
    args: argparse.Namespace, asked: dict[str, Any], settings: Config
) -> WaitResult:
    from ptyjobs.client.aio import AsyncJobs

    jobs = AsyncJobs(settings, reader=READER)
    try:
        return await jobs.wait(args.jobs, any_of=not args.all, **asked)
    finally:
        await jobs.close()


def _reason(answer: Answer) -> object:
    verdict = answer.verdict
    return verdict.match or verdict.exit or _WORDS.get(verdict.reason, verdict.reason.value)


_WORDS = {
    Reason.WAITING_FOR_INPUT: "waits for input",
    Reason.PROMPT: "waits at its prompt",
    Reason.PASSWORD: "asks for a secret",
    Reason.QUIET: "is quiet",
    Reason.TIMEOUT: "time is over",
}


def kill(args: argparse.Namespace, settings: Config) -> int:
    """End jobs with everything they started, or send one signal."""
    done = []
    with Jobs(settings) as jobs:
        for job_id in dict.fromkeys(args.jobs):
            jobs.registry.find(job_id)  # a misspelt id stops it before anything is killed
        for job_id in dict.fromkeys(args.jobs):
            killed = jobs.kill(job_id, signal=args.signal, grace=args.grace)
            done.append({"job_id": job_id, **to_json(killed)})
            if not args.json:
                print(f"{job_id}: {_done(killed, args.signal)}")
    if args.json:
        print(json.dumps(done))
    return 0


def _done(killed: Killed, signal: str) -> str:
    if killed.result == "already_terminated":
        return "had ended already"
    count = f"{killed.processes} process{'es' if killed.processes != 1 else ''}"
    return f"{signal} sent to {count}" if killed.result == "signalled" else f"killed, {count} ended"


def clean(args: argparse.Namespace, settings: Config) -> int:
    """Forget ended jobs that are older than the configured retention; prints their ids."""
    with Jobs(settings) as jobs:
        removed = jobs.registry.clean(
            retention=settings.retention,
            keep=settings.retention_count,
            total=settings.log_total,
            dry_run=args.dry_run,
        )
    if args.json:
        print(json.dumps(removed))
    else:
        print("".join(f"{job_id}\n" for job_id in removed), end="")
    return 0
