"""`record`: run a command in this terminal and write its recording."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import attach
from ptyjobs.cli.commands.export import write
from ptyjobs.cli.files import STDOUT, must_not_exist, named
from ptyjobs.cli.terminal import terminal_size
from ptyjobs.client.preparation import prepare
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add

EXAMPLES = """\
  ptyjobs record -o demo.cast -- python3 -i
  ptyjobs record --input -- bash       what is typed and shown as well"""


def register(add: Add) -> None:
    recorder = add("record", record, examples=EXAMPLES)
    recorder.add_argument("-o", "--output", default="", metavar="FILE", help="default: CMD.cast")
    recorder.add_argument("--input", action="store_true", help="write what is typed as well")
    recorder.add_argument("--force", action="store_true", help="replace FILE")
    recorder.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD ...")


def record(args: argparse.Namespace, settings: Config) -> int:
    """Run a command in this terminal and write what it shows to a recording.

    Exits with the command's own exit code. If the output is not valid UTF-8, its bytes are also
    written to FILE.raw. Without --input, no typed text is recorded; with it, only text that the
    terminal showed, so never a password.
    """
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise BadInput("record needs a command.", advice="ptyjobs record -o x.cast -- CMD")
    command = words[0] if len(words) == 1 else shlex.join(words)
    if args.output == STDOUT:
        raise BadInput(
            "A recording needs a file: standard output shows the program.",
            advice="Name one: -o demo.cast",
        )
    out = Path(args.output or f"{Path(words[0].split()[0]).name}.cast")
    must_not_exist(out, force=args.force)
    if not out.parent.is_dir():  # report this before the command runs
        raise BadInput(f"There is no directory {str(out.parent)!r}.", advice="Make it first.")
    leaving: SystemExit | None = None
    with Jobs(settings) as jobs:
        interactive = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
        size = terminal_size() if interactive else None
        rows, cols = (size.rows, size.cols) if size else (settings.rows, settings.cols)
        job_id = jobs.start(prepare(settings, command=command, rows=rows, cols=cols)).job_id
        if interactive:
            try:
                code = attach.attach(jobs, job_id, detach_key=settings.detach_key, stays=False)
            except SystemExit as hangup:  # the terminal was closed: the recording is written
                leaving, code = hangup, 1
            if not jobs.status(job_id).state.ended:  # detaching ends the recording
                jobs.kill(job_id)
        else:
            from ptyjobs.cli.stream import stream

            code = stream(jobs, job_id, show=not args.json)
        kept = f"It is kept as a job: ptyjobs export {job_id} FILE"
        with named(out, advice=kept):
            write(jobs.registry.find(job_id), out, form="v3", input=args.input)
    if leaving is not None:
        raise leaving
    if args.json:
        print(json.dumps({"job_id": job_id, "file": str(out), "exit_code": code}))
    else:
        print(f"[recorded in {out}; ptyjobs play {out}]", file=sys.stderr)
    return code
