"""The command line: `ptyjobs` alone serves MCP on stdio; sub-commands are for people.

Owns argument parsing and exit codes (0 yes, 1 no, 2 usage, 3 no such job, 4 trouble with a holder,
5 internal). What a command does stands in `commands.py`; never imports the MCP SDK itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from ptyjobs import __version__, config
from ptyjobs.cli import commands
from ptyjobs.cli.commands import Command
from ptyjobs.errors import PtyJobsError

EXIT_CODES = {
    "unknown_job": 3, "holder_lost": 4, "start_failed": 4, "bad_input": 2, "bad_key": 2,
    "bad_pattern": 2, "bad_config": 2, "bad_recording": 2, "internal": 5,
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="ptyjobs",
        description="Interactive jobs under a real terminal. Alone: serve MCP on stdio.",
    )
    top.add_argument("--version", action="version", version=__version__)
    top.set_defaults(command=commands.serve, json=False)
    config.add_flags(top)
    subs = top.add_subparsers(metavar="COMMAND")

    def add(name: str, command: Command, *, job: bool = False) -> argparse.ArgumentParser:
        sub = subs.add_parser(name, help=command.__doc__, description=command.__doc__)
        sub.set_defaults(command=command)
        if job:
            sub.add_argument("job", metavar="JOB", help="a job id, see `ptyjobs list`")
        return sub

    serving = add("serve", commands.serve)
    config.add_flags(serving)
    for action in serving._actions:  # what the top level was given must not be reset here
        action.default = argparse.SUPPRESS
    add("demo", commands.demo)
    add("doctor", commands.doctor)
    add("list", commands.list_jobs).add_argument("--json", action="store_true")
    add("status", commands.status, job=True)
    add("screen", commands.screen, job=True).add_argument("--lines", type=int, default=50)
    joining = add("attach", commands.attach_job, job=True)
    joining.add_argument("-r", "--read-only", action="store_true", help="watch without typing")
    logs = add("logs", commands.logs, job=True)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    typing = add("send", commands.send, job=True)
    typing.add_argument("text", help="a line; Enter is added")
    typing.add_argument("--timeout", type=float, default=10.0, help="seconds, default 10")
    waiting = add("wait", commands.wait, job=True)
    waiting.add_argument("--exited", action="store_true", help="until it has exited")
    waiting.add_argument("--pattern", default="", help="until it prints this regular expression")
    waiting.add_argument("--timeout", type=float, default=30.0, help="seconds, default 30")
    running = add("run", commands.run)
    running.add_argument("-d", "--detach", action="store_true", help="persistent, do not attach")
    running.add_argument("--name", default="", help="the job id")
    running.add_argument("--on-exit", default="", metavar="CMD", help="run when the job has ended")
    running.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    ending = add("kill", commands.kill, job=True)
    ending.add_argument("--signal", default="", help="only send this signal, e.g. INT")
    add("clean", commands.clean)
    _recordings(add)
    return top


def _recordings(add: Callable[..., argparse.ArgumentParser]) -> None:
    from ptyjobs.cli import fixture, recording

    recorder = add("record", recording.record)
    recorder.add_argument("-o", "--output", default="", metavar="FILE", help="default: CMD.cast")
    recorder.add_argument("--input", action="store_true", help="write what is typed as well")
    recorder.add_argument("--force", action="store_true", help="replace FILE")
    recorder.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD ...")
    exporter = add("export", recording.export, job=True)
    exporter.add_argument("file", nargs="?", default="", help="default: standard output")
    exporter.add_argument("--format", choices=recording.FORMATS, default="v3")
    exporter.add_argument("--input", action="store_true", help="write what was typed as well")
    player = add("play", recording.play)
    player.add_argument("file", metavar="FILE", help="a recording or a job id")
    player.add_argument("--speed", type=float, default=1.0, help="default 1")
    player.add_argument("--idle-limit", dest="pause", type=float, metavar="S", help="longest pause")
    writer = add("fixture", fixture.fixture)
    writer.add_argument("file", metavar="FILE", help="a recording (.cast or raw)")
    writer.add_argument("--into", default="", metavar="DIR", help="default: beside FILE")
    writer.add_argument("--force", action="store_true", help="replace an existing test")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = parser().parse_args(argv)
    try:
        settings = config.load(flags=config.flags_of(args))
        command: Command = args.command
        return command(args, settings)
    except PtyJobsError as error:
        print(f"ptyjobs: {error}", file=sys.stderr)
        return EXIT_CODES.get(error.code, 1)
    except BrokenPipeError:  # `ptyjobs logs | head`
        return 0
    except KeyboardInterrupt:
        return 130
