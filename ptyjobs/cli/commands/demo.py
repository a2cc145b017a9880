"""`demo`: drive a Python REPL, as an agent would."""

from __future__ import annotations

import argparse
import json
import sys

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.config import Config

if TYPE_CHECKING:
    from ptyjobs.cli.command import Add


def register(add: Add) -> None:
    add("demo", demo)


def demo(args: argparse.Namespace, settings: Config) -> int:
    """Drive `python -i` without any AI and print the transcript."""
    from ptyjobs.client import interrupts
    from ptyjobs.client.preparation import prepare
    from ptyjobs.client.sync import Jobs
    from ptyjobs.json_values import to_json

    lines = ("6 * 7", "import time; time.sleep(1); print('late, and still in one call')", "1/0")
    answers = []
    with interrupts.raised(), Jobs(settings) as jobs:
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
