"""`run`: start a job from a shell; attached, detached, or as a filter in a pipe.

Owns the conversion of a command line to a JobSpec.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import person
from ptyjobs.cli.command import completes
from ptyjobs.cli.format import READER, safe
from ptyjobs.cli.numbers import duration, limit
from ptyjobs.cli.stream import stream
from ptyjobs.client import interrupts
from ptyjobs.client.preparation import prepare
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config, flag_dest, flags_of
from ptyjobs.errors import BadInput
from ptyjobs.json_values import to_json
from ptyjobs.model import Answer, Reason

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add
    from ptyjobs.model import JobSpec, Size

EXAMPLES = """\
  ptyjobs run -- python3 -i            attached; C-\\ leaves it running
  ptyjobs run -d --name web -- npm start
  ptyjobs run 'make -j4 && ./test'     one word is a shell line
  ptyjobs run --target ssh:gpu1 -- nvidia-smi -l 1"""


def register(add: Add) -> None:
    running = add("run", run, examples=EXAMPLES)
    running.add_argument("-d", "--detach", action="store_true", help="persistent, do not attach")
    running.add_argument(
        "--held", action="store_true", help="hold it from the start: prepare it for an agent"
    )
    _add_surroundings(running)
    _add_service(running)
    running.add_argument("--on-exit", default="", metavar="CMD", help="run when the job has ended")
    running.add_argument(
        "--notify",
        action="append",
        metavar="WHAT",
        help='report exited, asks, ready, port, stalled, "pattern: REGEX"; may be repeated',
    )
    running.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD ...")


def _add_surroundings(running: argparse.ArgumentParser) -> None:
    """Arguments for the name, the environment and the place of the job."""
    running.add_argument("--name", default="", metavar="NAME", help="the job id")
    running.add_argument("--cwd", default="", metavar="DIR", help="working directory")
    running.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
    )
    running.add_argument("--rows", dest=flag_dest("rows"), metavar="N", help="rows of its terminal")
    running.add_argument(
        "--cols", dest=flag_dest("cols"), metavar="N", help="columns of its terminal"
    )
    target = running.add_argument(
        "--target", default="", metavar="TARGET", help="where: ssh:HOST, docker:NAME, slurm, ..."
    )
    completes(target, "ssh:", "docker:", "podman:", "kubectl:", "slurm", "sandbox")
    sandbox = running.add_argument(
        "--sandbox", dest=flag_dest("sandbox"), metavar="KIND", help="none, bwrap or landlock"
    )
    completes(sandbox, "none", "bwrap", "landlock")


def _add_service(running: argparse.ArgumentParser) -> None:
    """Arguments for the job's limits and for services."""
    running.add_argument("--timeout", type=limit, metavar="S", help="kill it after S seconds")
    running.add_argument(
        "--ready",
        action="append",
        default=[],
        metavar="COND",
        help="with -d: return when it is ready: port, port:N, http://..., command:..., a pattern",
    )
    running.add_argument(
        "--wait", type=duration, default=30.0, metavar="S", help="with --ready: at most S seconds"
    )
    for name, help in (
        ("memory", "bytes, e.g. 2G"), ("cpu", "processors, e.g. 1.5"), ("pids", "processes"),
    ):  # fmt: skip
        running.add_argument(f"--{name}", default="", metavar="N", help=f"at most so many {help}")
    running.add_argument(
        "--label", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
    )
    running.add_argument(
        "--login",
        action="store_const",
        const=True,
        help="behind the start-up files of your shell, and direnv, mise, nvm or a venv",
    )
    running.add_argument(
        "--restart", default="", metavar="POLICY", help="on-failure or always, also with :LIMIT"
    )
    running.add_argument(
        "--replace", action="store_true", help="end a living job of that name first"
    )
    running.add_argument(
        "--port", default="", metavar="PORT", help="auto leases a free port; it is $PORT"
    )


def command_of(words: Sequence[str]) -> str:
    """The shell command line for the given words: one is used unchanged, several are quoted."""
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise BadInput("No command was given.", advice="ptyjobs run -- CMD ...")
    return words[0] if len(words) == 1 else shlex.join(words)


def run(args: argparse.Namespace, settings: Config) -> int:
    """Start a job: attached, or with -d detached.

    Exits with the program's own exit code (128 + N for signal N). With -d, prints the job id.
    An attached job keeps running after the detach key, and ends when your terminal closes. Without
    a terminal, output is copied to standard output, and the job ends with this command.
    """
    from ptyjobs.cli import attach

    interactive = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    if args.held and not (args.detach or interactive):
        raise BadInput("--held needs a terminal.", advice="Add -d, then ptyjobs release JOB.")
    size = attach.terminal_size() if interactive and not args.detach else None
    spec = _spec(args, settings, size, attached=interactive)
    with interrupts.raised(), Jobs(settings, reader=READER) as jobs:
        job_id = ""
        try:
            with interrupts.held():  # a signal waits until the id is printed or known
                job_id = jobs.start(spec, name=args.name, replace=args.replace).job_id
                if args.held:
                    session = person.session() if args.detach else 0
                    jobs.hold(job_id, by=person.name(), session=session)
                if args.detach:
                    shown = json.dumps(to_json(jobs.status(job_id))) if args.json else job_id
                    print(shown, flush=True)
            if args.detach:
                return _ready(jobs.wait(job_id, timeout=args.wait)) if args.ready else 0
            if interactive:
                return attach.attach(
                    jobs, job_id, detach_key=settings.detach_key, hold_key=settings.hold_key
                )
            code = stream(jobs, job_id, show=not args.json)
        except (KeyboardInterrupt, SystemExit):  # C-c before raw mode, or a signal
            with interrupts.held():
                if job_id and not args.detach:
                    jobs.kill(job_id)
                    print(f"ptyjobs: Interrupted; {job_id} was ended.", file=sys.stderr)
            raise
        if args.json:
            print(json.dumps({"status": to_json(jobs.status(job_id)), "exit_code": code}))
        return code


def _spec(
    args: argparse.Namespace, settings: Config, size: Size | None, *, attached: bool
) -> JobSpec:
    """The job of the command line; `size`: of the user's terminal."""
    flags = flags_of(args)
    return prepare(
        settings,
        command=command_of(args.words),
        name=args.name,
        cwd=args.cwd,
        env=dict(_pair("--env", word) for word in args.env),
        rows=size.rows if size and not flags.get("rows") else None,
        cols=size.cols if size and not flags.get("cols") else None,
        lifetime="persistent" if args.detach or attached else "session",
        stderr="merged",  # the user sees both
        timeout=args.timeout,
        on_exit=args.on_exit,
        ready=args.ready,
        port=args.port,
        restart=args.restart,
        limits={n: v for n in ("memory", "cpu", "pids") if (v := getattr(args, n))},
        labels=dict(_pair("--label", word) for word in args.label),
        login=args.login,
        target=args.target,
        notify=args.notify,
    )


def _ready(answer: Answer) -> int:
    """Return 0 if the service is ready; otherwise report why it is not."""
    if answer.verdict.reason is Reason.SERVICE_READY:
        return 0
    service = answer.service
    why = str(answer.verdict.exit or (service.why if service else "") or answer.verdict.reason)
    print(f"ptyjobs: {answer.job_id} is not ready: {safe(why)}", file=sys.stderr)
    return 1


def _pair(flag: str, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise BadInput(f"{flag} {word!r} has no '='.", advice=f"{flag} NAME=VALUE")
    return name, value
