"""What each sub-command does, by the client API alone.

Owns the words a person reads. A command returns its exit code; errors rise as PtyJobsError.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable

from ptyjobs import __version__
from ptyjobs.client.prepare import prepare
from ptyjobs.client.sync import Jobs
from ptyjobs.config import Config
from ptyjobs.host.wire import Data
from ptyjobs.model import Reason, to_json

Command = Callable[[argparse.Namespace, Config], int]


def serve(args: argparse.Namespace, settings: Config) -> int:
    """Serve MCP on standard input and output (what a client starts)."""
    from ptyjobs.mcp import main as serve_mcp

    return serve_mcp(settings)


def demo(args: argparse.Namespace, settings: Config) -> int:
    """Drive `python -i` without any AI and print the transcript."""
    lines = ("6 * 7", "import time; time.sleep(1); print('late, and still in one call')", "1/0")
    with Jobs(settings) as jobs:
        job = jobs.start(prepare(settings, command=f"{sys.executable} -i -q"), wait=10)
        for line in lines:
            answer = jobs.interact(job.job_id, input=line)
            waited = f"{answer.verdict.waited * 1000:.0f} ms, {answer.verdict.confidence}"
            print(f"{job.verdict.prompt}{line}\n{answer.fresh.text}\n    ({waited})")
        print(f"{job.job_id}: {jobs.kill(job.job_id).result}")
    return 0


def doctor(args: argparse.Namespace, settings: Config) -> int:
    """What this machine lets ptyjobs see and contain."""
    from ptyjobs.host import kernel, sandbox, tree
    from ptyjobs.host.record import private_directory

    tier = kernel.self_test()
    boxes = ", ".join(name for name, facts in sandbox.available().items() if facts["available"])
    private_directory(settings.state_dir)
    print(f"ptyjobs      {__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(f"readiness    tier {tier} (SPEC.md: How we know whose turn it is)")
    print(f"containment  {'subreaper' if tree.SUBREAPER else 'process tree'}")
    print(f"sandboxes    {boxes or 'none'}")
    print(f"state        {settings.state_dir} (ours alone)")
    with Jobs(settings) as jobs:
        print(f"jobs         {jobs.registry.running()} running, {len(jobs.registry.all())} in all")
    return 0 if tier == "full" else 1


def list_jobs(args: argparse.Namespace, settings: Config) -> int:
    """All jobs, newest first."""
    with Jobs(settings) as jobs:
        found = jobs.list()
    if args.json:
        print(json.dumps(to_json(found)))
        return 0
    for status in found:
        end = str(status.exit or "") if status.state.ended else f"pid {status.pid}"
        print(f"{status.job_id:20} {status.state:10} {end:24} {status.command}")
    return 0


def status(args: argparse.Namespace, settings: Config) -> int:
    """Everything that is known of one job, as JSON."""
    with Jobs(settings) as jobs:
        print(json.dumps(to_json(jobs.status(args.job)), indent=2))
    return 0


def screen(args: argparse.Namespace, settings: Config) -> int:
    """The job's current view as text."""
    with Jobs(settings) as jobs:
        print(jobs.tail(args.job, lines=args.lines).text)
    return 0


def attach_job(args: argparse.Namespace, settings: Config) -> int:
    """Join a job from this terminal; C-\\ leaves it running."""
    from ptyjobs.cli.attach import attach

    with Jobs(settings) as jobs:
        return attach(jobs, args.job, read_only=args.read_only)


def logs(args: argparse.Namespace, settings: Config) -> int:
    """The job's raw output so far; with -f also what comes."""
    with Jobs(settings) as jobs:
        offset = 0
        while True:
            first, data = jobs.raw(args.job, since=offset)
            if not data:
                break
            if first > offset:
                print(f"ptyjobs: {first - offset} bytes were dropped here", file=sys.stderr)
            _out(data)
            offset = first + len(data)
        if not args.follow or jobs.status(args.job).state.ended:
            return 0
        follow = jobs.follow(args.job, since=offset)
        while (message := follow.receive()) is not None:
            if isinstance(message, Data):
                _out(message.data)
            elif message.get("event") == "exit":
                break
    return 0


def _out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def send(args: argparse.Namespace, settings: Config) -> int:
    """Type a line into a job and print the answer."""
    with Jobs(settings) as jobs:
        answer = jobs.interact(args.job, input=args.text, timeout=args.timeout)
    print(answer.fresh.text)
    return 1 if answer.verdict.reason is Reason.TIMEOUT else 0


def wait(args: argparse.Namespace, settings: Config) -> int:
    """Wait until it is the user's turn, or for an exit or a pattern; 1 when time is over."""
    until = "exited" if args.exited else "pattern" if args.pattern else "ready"
    patterns = [args.pattern] if args.pattern else []
    with Jobs(settings) as jobs:
        answer = jobs.wait(args.job, until=until, patterns=patterns, timeout=args.timeout)
    print(answer.verdict.match or answer.verdict.exit or answer.verdict.reason)
    return 1 if answer.verdict.reason is Reason.TIMEOUT else 0


def run(args: argparse.Namespace, settings: Config) -> int:
    """Start a job yourself: attached, or with -d detached and persistent."""
    import shlex

    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    command = words[0] if len(words) == 1 else shlex.join(words)
    spec = prepare(
        settings,
        command=command,
        name=args.name,
        lifetime="persistent" if args.detach else "session",
        on_exit=args.on_exit,
    )
    with Jobs(settings) as jobs:
        job = jobs.start(spec, name=args.name)
        if args.detach:
            print(job.job_id)
            return 0
        if sys.stdin.isatty() and sys.stdout.isatty():
            from ptyjobs.cli.attach import attach

            return attach(jobs, job.job_id)
        return stream(jobs, job.job_id)


def stream(jobs: Jobs, job_id: str) -> int:
    """Without a terminal of our own: the output as it comes, the program's exit code."""
    from ptyjobs.cli.attach import exit_code
    from ptyjobs.errors import HolderLost

    offset = 0
    try:
        follow = jobs.follow(job_id, since=0)
        while (message := follow.receive()) is not None:
            if isinstance(message, Data):
                _out(message.data)
                offset = message.offset + len(message.data)
            elif message.get("event") == "exit":
                break
    except HolderLost:  # it had ended before we could look
        pass
    while (found := jobs.raw(job_id, since=offset))[1]:
        _out(found[1])
        offset = found[0] + len(found[1])
    return exit_code(jobs.status(job_id))


def kill(args: argparse.Namespace, settings: Config) -> int:
    """End a job and everything it started, or send one signal."""
    with Jobs(settings) as jobs:
        done = jobs.kill(args.job, signal=args.signal)
    print(f"{args.job}: {done.result} ({done.processes} processes)")
    return 0


def clean(args: argparse.Namespace, settings: Config) -> int:
    """Forget ended jobs that are older than the configured retention."""
    with Jobs(settings) as jobs:
        for job_id in jobs.clean():
            print(job_id)
    return 0
