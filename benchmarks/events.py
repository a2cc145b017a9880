"""Waking: how soon an end is a line and a turn, what following costs, what a flood causes.

    python -m benchmarks.events [--rounds 20] [--jobs 100] [--seconds 20] [--turns 10]
                                [--only-turns]

* line: a job writes the time and exits; until `ptyjobs events --follow` has written its line, which
  is held for 30 ms because a second transition may follow. For comparison, in turns with it, the
  same program under a parent that waits for it (wait4(2)) and writes to a pipe.
* turn: a job's end, and its question, until the next request of an idle Claude Code to its
  (scripted) model, by the plugin's monitor and by an MCP task; of a task also the time until its
  result was stored, the rest is the client's. Left out without PTYJOBS_TEST_CLIENTS.
* cost: CPU time of the holders of quiet jobs and of one follower; the same jobs without watches.
* flood: events of a job that prints 10,000 lines/s, all of which match a watch.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptyjobs import Jobs
from ptyjobs.client.event_rules import GATHER, PAUSE
from ptyjobs.config import Config
from tests.clients.claude import Blocks, Client, Request, call, text
from tests.clients.conftest import CLIENTS

SESSION = "benchmark"
KINDS = ("exit", "question")
STAMP = "import sys, time; open(sys.argv[1], 'w').write(str(time.time()))"
FLOOD = (
    "import sys, time\nnumber, begin = 0, time.monotonic()\n"
    "while (now := time.monotonic() - begin) < {seconds}:\n"
    "    due = int(now * 10_000)\n"
    "    print(''.join(f'line {{n}}\\n' for n in range(number, due)), end='', flush=True)\n"
    "    number = due\n    time.sleep(0.01)\nprint('printed', number)"
)


def cpu(pid: int) -> float:
    """CPU seconds of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def spread(values: list[float]) -> str:
    """Median and worst."""
    return f"{statistics.median(values) * 1000:.0f} / {max(values) * 1000:.0f} ms"


@contextlib.contextmanager
def follower(state: str) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "PTYJOBS_STATE": state, "PTYJOBS_SESSION": SESSION}
    argv = [sys.executable, "-m", "ptyjobs", "events", "--follow", "--session", SESSION]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            yield process
        finally:
            process.terminate()


def lines(jobs: Jobs, state: str, rounds: int) -> None:
    stamp = Path(state, "stamp")
    argv = [sys.executable, "-S", "-c", STAMP, str(stamp)]
    ours, bare = [], []
    with follower(state) as process:
        assert process.stdout is not None
        for _ in range(rounds + 1):
            jobs.execute(argv=argv, name="a", wait=0, replace=True)
            line = process.stdout.readline()
            ours.append(time.time() - float(stamp.read_text()))
            assert line.startswith("[a] exited"), line
            parent = "import os, sys; os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:]); print('it')"
            words = [sys.executable, "-S", "-c", parent, *argv]
            with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
                assert other.stdout is not None
                other.stdout.readline()
                bare.append(time.time() - float(stamp.read_text()))
            time.sleep(PAUSE)  # the next line is alone
    ours, bare = ours[1:], bare[1:]  # the first one loads code
    work = (statistics.median(ours) - GATHER) / statistics.median(bare)
    print(f"line: {spread(ours)} after the exit (target 50), {GATHER * 1000:.0f} of them held")
    print(f"  a bare parent {spread(bare)}; our work / it: {work:.1f}")


def turns(count: int) -> None:
    """Seconds from a job's end or question until the client's next request, by each way."""
    if not CLIENTS.is_dir():
        print("turn: no client (PTYJOBS_TEST_CLIENTS)")
        return
    for way in ("monitor", "task"):
        with tempfile.TemporaryDirectory() as folder:
            session = _Session(Path(folder), way, count)
            session.run()
            for kind in KINDS:
                print(f"turn by {way}, {kind}: {session.report(kind)}", flush=True)


class _Session:
    """One session of Claude Code whose model starts a job after each other one has woken it."""

    def __init__(self, folder: Path, way: str, count: int) -> None:
        self.folder, self.way, self.count = folder, way, count
        self.number = -1
        self.waits = False  # the next answer of the model is a call of `wait`
        self.woken: dict[int, float] = {}
        self.ours: dict[int, float] = {}  # when the result was stored, by task

    def run(self) -> None:
        client = Client(self.folder, self._script)
        client.env["PTYJOBS_TASK_AFTER"] = "0.5"
        total = len(KINDS) * self.count
        with client.interactive(self.folder) as terminal:
            client.say(terminal, "start them")
            client.model.wait(lambda: len(self.woken) >= total, seconds=15 * total)
        for file in Path(client.env["PTYJOBS_STATE_DIR"], "waits").glob("*.json"):
            wait = json.loads(file.read_text())
            self.ours[int(wait["job_ids"][0][1:])] = wait["updated"]
        client.close()

    def report(self, kind: str) -> str:
        numbers = [n for n in self.woken if KINDS[n % len(KINDS)] == kind]
        stamps = {n: float(self._stamp(n).read_text()) for n in numbers}
        text = spread([self.woken[n] - stamps[n] for n in numbers])
        if self.ours:
            ours = spread([self.ours[n] - stamps[n] for n in numbers])
            return f"{text} (target 1000); until the result was ready {ours}"
        return f"{text} (target 1000)"

    def _script(self, request: Request) -> Blocks:
        if self.waits:
            self.waits = False
            until = "exited" if KINDS[self.number % len(KINDS)] == "exit" else "ready"
            return [call("wait", job_id=[f"j{self.number}"], until=until)]
        news = "<event>" in request.last or "<task-notification>" in request.last
        if self.number >= 0:
            if not news or f"[j{self.number}]" not in request.last:
                return [text("Fine.")]
            self.woken[self.number] = request.time
            if len(self.woken) == len(KINDS) * self.count:
                return [text("Fine.")]
        self.number += 1
        self.waits = self.way == "task"
        return [self._start()]

    def _start(self) -> dict[str, Any]:
        what = {"exit": "exit 3", "question": "printf 'Overwrite? '; read x"}
        command = f"sleep 3; date +%s.%N > {self._stamp(self.number)}; "
        kind = KINDS[self.number % len(KINDS)]
        notify = [{"exit": "exited", "question": "asks"}[kind]] if self.way == "monitor" else []
        name = f"j{self.number}"
        return call("execute", command=command + what[kind], name=name, wait=0, notify=notify)

    def _stamp(self, number: int) -> Path:
        return self.folder / f"stamp{number}"


def cost(jobs: Jobs, state: str, count: int, seconds: float) -> None:
    """100 quiet jobs and a follower, against the same jobs without watches and follower."""
    shares = []
    for notify in ((), ("exited", "asks", "ready")):
        for number in range(count):
            jobs.execute("exec sleep 3600", name=f"q{number}", wait=0, notify=notify, replace=True)
        with contextlib.ExitStack() as stack:
            pids = [jobs.status(f"q{number}").holder or 0 for number in range(count)]
            if notify:
                pids.append(stack.enter_context(follower(state)).pid)
            time.sleep(20)  # a new job is looked at more often
            before = [cpu(pid) for pid in pids]
            began = time.monotonic()
            time.sleep(seconds)
            used = [cpu(pid) - then for pid, then in zip(pids, before, strict=True)]
            shares.append([100 * part / (time.monotonic() - began) for part in used])
    for number in range(count):
        jobs.kill(f"q{number}")
    alone, watched = sum(shares[0]), sum(shares[1])
    print(
        f"cost: {count} quiet jobs and a follower {watched:.2f} % of a core (target 0.3), of it the"
        f" follower {shares[1][-1]:.3f} %; without watches {alone:.2f} %"
        + (f": {watched / alone:.2f} x" if alone else "")
    )


def flood(jobs: Jobs, seconds: float) -> None:
    argv = [sys.executable, "-c", FLOOD.format(seconds=seconds)]
    jobs.execute(argv=argv, name="flood", wait=0, notify=["every: line \\d+"])
    answer = jobs.wait("flood", until="exited", timeout=seconds + 60)
    printed = int(answer.fresh.text.rpartition("printed")[2])
    found, _ = jobs.registry.journal.read(jobs.registry.journal.start())
    events = [one for one in found if one.kind == "matched" and one.job_id == "flood"]
    rate = printed / seconds
    print(
        f"flood: {printed} matching lines ({rate:.0f}/s) cause {len(events)} events (target 3),"
        f" one in {printed // max(1, len(events))}; the last: {events[-1].what}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--turns", type=int, default=10, help="of each kind; 0 for none")
    parser.add_argument("--only-turns", action="store_true")
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors; median / worst")
    if not args.only_turns:
        _without_client(args)
    if args.turns:
        turns(args.turns)


def _without_client(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as state:
        config = Config(state_dir=state, session=SESSION, max_jobs=args.jobs + 10)
        with Jobs(config) as jobs:
            lines(jobs, state, args.rounds)
            flood(jobs, args.seconds)
            cost(jobs, state, args.jobs, args.seconds)


if __name__ == "__main__":
    main()
