"""Many jobs of many clients on one machine: cost per job, calls per second, and what grows.

    python -m benchmarks.scale [--jobs 500] [--clients 20] [--calls 4]

Each client is a process of its own with its own zygote; all of them use one state directory. Every
phase (start, drive, list, end) begins in all clients at once and is over when the last has
finished. The whole is run with a quarter, a half and all of the jobs: a cost per job that rises
with their number is growth faster than linear, printed as the exponent of the total
(1.0: linear; machine noise is about 0.1). `--in-turn 10 40 160` measures something else: one
client, that many jobs, and a holder's processor time for an input, to all of them in turn and to
the same job again and again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO, Any

from benchmarks.holders import cpu, memory
from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.process import tree

PHASES = ("start", "drive", "list", "end")
NOISE = 1.15  # exponent of the total above which growth counts as faster than linear


# -- one client ------------------------------------------------------------------------------


def client(name: str, calls: int) -> None:
    """Serve phases from standard input: a JSON line with the times of each call answers one."""
    settings = config.load()
    with Jobs(settings) as jobs:
        ids: list[str] = []
        for line in sys.stdin:
            phase, count = line.split()[0], int(line.split()[1])
            times: list[float] = []
            if phase == "start":
                spec = prepare(settings, command="exec cat")
                ids += [f"{name}-{number}" for number in range(count)]
                times += [_timed(jobs.start, spec, name=job_id, wait=5) for job_id in ids]
            elif phase == "drive":
                for turn in range(calls):
                    times += [_timed(_echo, jobs, job_id, f"line {turn}") for job_id in ids]
            elif phase == "list":
                times += [_timed(jobs.list, brief=True) for _ in range(3)]
            else:
                times += [_timed(jobs.kill, job_id) for job_id in ids]
            print(json.dumps(times), flush=True)


def _echo(jobs: Jobs, job_id: str, line: str) -> None:
    answer = jobs.interact(job_id, input=line, timeout=30)
    assert answer.fresh.text == line, answer


def _timed(work: Any, *args: Any, **options: Any) -> float:
    began = time.perf_counter()
    work(*args, **options)
    return time.perf_counter() - began


# -- one client with many jobs ---------------------------------------------------------------


def in_turn(sizes: list[int], calls: int) -> None:
    """Print a holder's processor time for an input, by the number of jobs that take turns."""
    with tempfile.TemporaryDirectory() as state:
        environ = {"PTYJOBS_STATE": state, "PTYJOBS_MAX_JOBS": str(max(sizes) + 100)}
        settings = config.load(environ=environ)
        with Jobs(settings) as jobs:
            spec = prepare(settings, command="exec cat")
            ids: list[str] = []
            for size in sorted(sizes):
                ids += [jobs.start(spec, wait=5).job_id for _ in range(size - len(ids))]
                for job_id in ids:
                    _echo(jobs, job_id, "first")
                turns = _cost(jobs, ids * calls)
                same = _cost(jobs, ids[:1] * 50 * calls)
                print(
                    f"{size} jobs: {turns * 1e3:.2f} ms an input in turn, {same * 1e3:.2f} ms in "
                    f"the same job; load {os.getloadavg()[0]:.1f}"
                )


def _cost(jobs: Jobs, ids: list[str]) -> float:
    """Seconds of a holder's processor time for one of these inputs."""
    holders = [(jobs.registry.find(job_id).status()) for job_id in set(ids)]
    pids = [status.holder or 0 for status in holders if status is not None]
    before = sum(map(_ran, pids))
    for number, job_id in enumerate(ids):
        _echo(jobs, job_id, f"line {number}")
    return (sum(map(_ran, pids)) - before) / len(ids)


def _ran(pid: int) -> float:
    """Seconds that a process with one thread has run, finer than the clock ticks of `cpu`."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


# -- all of them -----------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """One size: durations of the phases and of their calls, and what the jobs hold."""

    jobs: int
    wall: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)  # seconds of clients, holders and jobs
    times: dict[str, list[float]] = field(default_factory=dict)
    private: float = 0.0  # kB of a holder's own memory, median
    idle: float = 0.0  # share of a processor that all holders use while nothing happens


def spent() -> dict[int, float]:
    """Seconds of processor time that each living process of this benchmark has used."""
    found = {}
    for pid in tree.alive(os.getpid()):
        with contextlib.suppress(OSError):  # it has just ended
            found[pid] = cpu([pid])
    return found


def run(jobs: int, clients: int, calls: int) -> Run:
    result = Run(jobs)
    with tempfile.TemporaryDirectory() as state:
        environ = {"PTYJOBS_STATE": state, "PTYJOBS_MAX_JOBS": str(jobs + 100)}
        argv = [sys.executable, "-m", "benchmarks.scale", "--calls", str(calls), "--client"]
        workers = [
            subprocess.Popen(
                [*argv, f"c{number}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environ},
            )
            for number in range(clients)
        ]
        try:
            for phase in PHASES:
                if phase == "list":  # once the holders are quiet
                    look(result, config.load(environ=environ))
                before, began = spent(), time.perf_counter()
                times: list[float] = []
                for number, worker in enumerate(workers):
                    share = jobs * (number + 1) // clients - jobs * number // clients
                    _pipe(worker.stdin).write(f"{phase} {share}\n")
                    _pipe(worker.stdin).flush()
                for worker in workers:
                    times += json.loads(_pipe(worker.stdout).readline())
                result.wall[phase] = time.perf_counter() - began
                used = spent()
                result.cpu[phase] = sum(t - before.get(pid, 0.0) for pid, t in used.items())
                result.times[phase] = times
        finally:
            for worker in workers:
                _pipe(worker.stdin).close()
            for worker in workers:
                worker.wait(60)
    return result


def look(result: Run, settings: config.Config) -> None:
    """Memory and idle processor time of the holders."""
    with Jobs(settings) as jobs:
        holders = [status.holder or 0 for status in jobs.list() if not status.state.ended]
    assert len(holders) == result.jobs, (len(holders), result.jobs)
    result.private = statistics.median(memory(pid)[0] for pid in holders[:50])
    time.sleep(1.5)  # each holder notes its status in its first quiet second
    before, at = cpu(holders), time.perf_counter()
    time.sleep(3.0)
    result.idle = (cpu(holders) - before) / (time.perf_counter() - at)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def report(runs: list[Run], clients: int) -> None:
    cores = os.cpu_count()
    print(f"{clients} clients, {cores} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'phase':7}{'jobs':>6}{'wall s':>9}{'ms/job':>8}{'CPU ms/job':>12}{'calls/s':>9}"
          f"{'median ms':>11}{'p95 ms':>9}")  # fmt: skip
    for phase in PHASES:
        for one in runs:
            times, wall = one.times[phase], one.wall[phase]
            print(
                f"{phase:7}{one.jobs:6}{wall:9.2f}{wall / one.jobs * 1e3:8.2f}"
                f"{one.cpu[phase] / one.jobs * 1e3:12.2f}{len(times) / wall:9.0f}"
                f"{statistics.median(times) * 1e3:11.1f}{p95(times) * 1e3:9.1f}"
            )
    for one in runs:
        print(
            f"{one.jobs} jobs: a holder has {one.private / 1024:.2f} MB of its own; all of them "
            f"use {one.idle * 100:.1f} % of a processor while nothing happens"
        )
    small, large = runs[0], runs[-1]
    for phase in PHASES[:3]:  # what is left at the end has no processor time to read
        grown = math.log(large.cpu[phase] / small.cpu[phase]) / math.log(large.jobs / small.jobs)
        word = "faster than linear" if grown > NOISE else "linear or less"
        print(f"{phase}: processor time grows with the jobs to the power of {grown:.2f} ({word})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--calls", type=int, default=4, help="inputs per job")
    parser.add_argument("--client", default="", help=argparse.SUPPRESS)
    parser.add_argument("--in-turn", type=int, nargs="+", default=[], help="numbers of jobs")
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of jobs instead of --jobs")
    args = parser.parse_args()
    if args.client:
        client(args.client, args.calls)
        return
    if args.in_turn:
        in_turn(args.in_turn, args.calls)
        return
    sizes = args.sizes or [args.jobs // 4, args.jobs // 2, args.jobs]
    report([run(size, args.clients, args.calls) for size in sizes], args.clients)


if __name__ == "__main__":
    main()
