"""`wait`: wait until jobs are ready, exit, print a pattern, open a port or go quiet."""

from __future__ import annotations

import argparse
import json
import re

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.cli.format import READER, safe
from ptyjobs.cli.numbers import duration
from ptyjobs.client.calls import WaitResult
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.config.defaults import WAIT_TIMEOUT
from ptyjobs.errors import BadInput
from ptyjobs.json_values import to_json
from ptyjobs.model import Answer, Reason, State

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

EXAMPLES = """\
  ptyjobs wait py                      until it wants input again
  ptyjobs wait web --port 3000 --timeout 60
  ptyjobs wait a b c --exited --all    until all of them have ended"""
HOLDER_LOST = 4  # exit code
_WORDS = {
    Reason.WAITING_FOR_INPUT: "waits for input",
    Reason.PROMPT: "waits at its prompt",
    Reason.PASSWORD: "asks for a secret",
    Reason.QUIET: "is quiet",
    Reason.TIMEOUT: "timed out",
    Reason.SERVICE_READY: "is ready",
}


def register(add: Add) -> None:
    waiting = add("wait", wait, examples=EXAMPLES)
    waiting.add_argument("jobs", nargs="*", metavar="JOB", help="job ids")
    until = waiting.add_mutually_exclusive_group()
    until.add_argument("--exited", action="store_true", help="until it has exited")
    until.add_argument(
        "--pattern", default="", metavar="REGEX", help="until it prints this regular expression"
    )
    until.add_argument(
        "--port",
        nargs="?",
        const="",
        metavar="N",
        help="until it listens on a TCP port, or on port N",
    )
    until.add_argument(
        "--ready",
        action="append",
        default=[],
        metavar="COND",
        help="until it is ready: port:N, http://..., command:..., a pattern",
    )
    until.add_argument("--quiet", action="store_true", help="until it printed nothing for 1 s")
    many = waiting.add_mutually_exclusive_group()
    many.add_argument("--any", action="store_true", help="of several: the first (default)")
    many.add_argument("--all", action="store_true", help="of several: all of them")
    waiting.add_argument(
        "--timeout", type=duration, metavar="S", help=f"seconds, default {WAIT_TIMEOUT:g}"
    )


def wait(args: argparse.Namespace, settings: Config) -> int:
    """Wait until a job is ready for input, or for an exit, a pattern, a port or silence.

    With several jobs, the first one ends the wait, or with --all the last one. A pattern is
    searched in the output since the job's start or the last send or wait. 1 after a timeout, and
    with --ready if the job ends or asks for input before it is ready. 4 if its holder is lost.
    """
    ready = list(args.ready)
    if args.port and args.port.isdecimal():
        ready.append(f"port:{args.port}")
    elif args.port:  # `wait --port JOB`
        args.jobs.insert(0, args.port)
    if not args.jobs:
        raise BadInput("Which job?", advice="ptyjobs wait JOB; ptyjobs list shows them.")
    words = {"exited": args.exited, "port": args.port is not None, "quiet": args.quiet}
    until = next((word for word, asked in words.items() if asked), "ready")
    with Jobs(settings, reader=READER) as jobs:
        result = jobs.wait_many(
            args.jobs,
            any_of=not args.all,
            until="pattern" if args.pattern else until,
            patterns=[args.pattern] if args.pattern else [],
            ready=ready,
            timeout=args.timeout,
        )
        if args.pattern and not result.met and len(result.answers) == 1:
            result = _printed_before(jobs, result, args.pattern)
    if ready:
        result = _only_ready(result)
    shown = [a for a in result.answers if args.all or a.job_id in result.met or not result.met]
    if args.json:
        print(json.dumps(to_json(result)))
    else:
        for answer in shown:
            prefix = f"{answer.job_id}: " if len(args.jobs) > 1 else ""
            print(prefix + _reason(answer, met=answer.job_id in result.met))
    if any(map(_lost, shown)):
        return HOLDER_LOST
    return 0 if len(result.met) >= (len(set(args.jobs)) if args.all else 1) else 1


def _printed_before(jobs: Jobs, result: WaitResult, pattern: str) -> WaitResult:
    """If the job had already ended, search its whole log for the pattern."""
    answer = result.answers[0]
    page = jobs.output(answer.job_id, grep=pattern) if answer.state.ended else None
    match = re.search(pattern, page.text) if page is not None and page.matches else None
    if match is None:
        return result
    answer = replace(answer, verdict=replace(answer.verdict, pattern=0, match=match[0]))
    return WaitResult((answer,), (answer.job_id,), timed_out=False)


def _only_ready(result: WaitResult) -> WaitResult:
    """The same result; only jobs whose conditions hold meet it, not those that ask or ended."""
    ready = {a.job_id for a in result.answers if a.verdict.reason is Reason.SERVICE_READY}
    return replace(result, met=tuple(name for name in result.met if name in ready))


def _reason(answer: Answer, *, met: bool) -> str:
    """Why the wait for this job ended, in a few words."""
    words = str(_outcome(answer))
    if met or answer.service is None or answer.service.ready:
        return words
    if answer.verdict.reason is Reason.SERVICE_FAILED:  # its words are the reason
        return safe(f"not ready: {answer.service.why}")
    prompt = f" at {answer.verdict.prompt.strip()}" if answer.verdict.prompt.strip() else ""
    return safe(f"not ready: {words}{prompt}; {answer.service.why}")


def _lost(answer: Answer) -> bool:
    """True if the job's holder was killed, so that its exit is unknown."""
    verdict = answer.verdict
    unknown = verdict.reason is Reason.EXITED and verdict.exit is None and verdict.pattern is None
    return unknown and answer.state is State.KILLED


def _outcome(answer: Answer) -> object:
    verdict = answer.verdict
    if verdict.reason is Reason.EXITED and verdict.exit is None and verdict.why:
        return verdict.why  # its holder was killed, or it could not start
    return verdict.match or verdict.exit or _WORDS.get(verdict.reason, verdict.reason.value)
