"""`serve` and `demo`: the server, and a look at what it does without any AI."""

from __future__ import annotations

import argparse
import json
import sys

from ptyjobs import config
from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.main import Add

AT_A_TERMINAL = """\
ptyjobs: an MCP client belongs here (claude mcp add ptyjobs -- ptyjobs); C-c ends this.
For people: ptyjobs --help, ptyjobs demo, ptyjobs run -- CMD"""


def register(add: Add) -> None:
    serving = add("serve", serve)
    before = len(serving._actions)
    config.add_flags(serving)
    for action in serving._actions[before:]:  # what the top level was given must not be reset here
        action.default = argparse.SUPPRESS
    add("demo", demo)


def serve(args: argparse.Namespace, settings: Config) -> int:
    """Serve MCP on standard input and output (what a client starts)."""
    from ptyjobs.mcp import main as serve_mcp

    if settings.http == "none" and sys.stdin.isatty():  # a person tries what a client starts
        print(AT_A_TERMINAL, file=sys.stderr, flush=True)
    return serve_mcp(settings)


def demo(args: argparse.Namespace, settings: Config) -> int:
    """Drive `python -i` without any AI and print the transcript."""
    from ptyjobs.client.preparation import prepare
    from ptyjobs.client.sync import Jobs
    from ptyjobs.model import to_json

    lines = ("6 * 7", "import time; time.sleep(1); print('late, and still in one call')", "1/0")
    answers = []
    with Jobs(settings) as jobs:
        job = jobs.start(prepare(settings, command=f"{sys.executable} -i -q"), wait=10)
        for line in lines:
            answer = jobs.interact(job.job_id, input=line)
            answers.append({"input": line, "answer": to_json(answer)})
            if args.json:
                continue
            waited = f"{answer.verdict.waited * 1000:.0f} ms, {answer.verdict.confidence}"
            print(f"{job.verdict.prompt}{line}\n{answer.fresh.text}\n    ({waited})")
        result = jobs.kill(job.job_id).result
    print(json.dumps(answers) if args.json else f"{job.job_id}: {result}")
    return 0
