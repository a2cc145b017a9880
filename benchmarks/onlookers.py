"""Cost of looking at jobs that print: a flood with and without onlookers, and `list` beside floods.

    python -m benchmarks.onlookers [--megabytes 100] [--rounds 9] [--floods 1 10] [--idle 100]

One flood is `cat` of a log into a job, timed from its first byte until all of it is in the log.
Observed: the MCP server answers `list` every 35 ms and one `ptyjobs logs -f` follows. Observed and
unobserved floods alternate, because the machine's speed drifts; each ratio is of two neighbours.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.flood import source
from benchmarks.mcp_calls import REAL, Client
from ptyjobs import config
from ptyjobs.client import Jobs, prepare

EVERY = 0.035  # seconds between two `list` calls
LOOK = 0.005  # seconds between two looks at the log's end


def told(times: list[float]) -> str:
    """Median, quartiles and 95th percentile in milliseconds."""
    times = sorted(times)
    low, middle, high = statistics.quantiles(times, n=4)
    p95 = times[int(len(times) * 0.95)]
    return (
        f"median {middle * 1e3:.1f} (quartiles {low * 1e3:.1f}, {high * 1e3:.1f}), "
        f"p95 {p95 * 1e3:.1f} ms ({len(times)} calls)"
    )


def listed(server: Client, seconds: float) -> list[float]:
    """Duration of each `list` call, one every `EVERY` seconds."""
    times = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        server.call("list")
        times.append(time.perf_counter() - began)
        time.sleep(max(0.0, EVERY - times[-1]))
    return times


class Floods:
    """Floods of one file, through jobs of one client."""

    def __init__(self, jobs: Jobs, scratch: Path, megabytes: int) -> None:
        self.jobs, self.data, self.gate = jobs, scratch / "flood", scratch / "gate"
        self.state = Path(jobs.config.state_dir)
        _, self.total = source(self.data, megabytes)
        os.mkfifo(self.gate)

    def seconds(self, *, server: Client | None, follow: bool, lists: list[float]) -> float:
        """Duration of one flood; with `server` it answers `list` all the while."""
        spec = prepare(self.jobs.config, command=f"read x < {self.gate}; exec cat {self.data}")
        spec = dataclasses.replace(spec, log_limit=2 * self.total)
        job_id = self.jobs.start(spec).job_id
        record = self.jobs.registry.find(job_id)
        follower = self._follower(job_id) if follow else None
        self.gate.write_text("go\n")
        began = due = time.perf_counter()
        while record.log.end < self.total:
            now = time.perf_counter()
            if server is not None and now >= due:
                server.call("list")
                lists.append(time.perf_counter() - now)
                due = now + EVERY
            time.sleep(LOOK)
        took = time.perf_counter() - began
        self.jobs.wait(job_id, until="exited")
        if follower is not None:
            follower.wait(60)
        self.jobs.registry.remove(record)
        return took

    def _follower(self, job_id: str) -> subprocess.Popen[bytes]:
        """`ptyjobs logs -f` of the job, once it follows."""
        env = {**os.environ, "PTYJOBS_STATE": str(self.state)}
        argv = [sys.executable, "-m", "ptyjobs", "logs", job_id, "-f"]
        follower = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=env)
        time.sleep(1.0)
        return follower


def observed(jobs: Jobs, server: Client, scratch: Path, *, megabytes: int, rounds: int) -> None:
    """One flood, alone and with each kind of onlooker, in turn."""
    floods = Floods(jobs, scratch, megabytes)
    kinds = {"list": (server, False), "follower": (None, True), "both": (server, True)}
    ratios: dict[str, list[float]] = {kind: [] for kind in kinds}
    alone: list[float] = []
    lists: list[float] = []
    before = floods.seconds(server=None, follow=False, lists=[])
    for _ in range(rounds):
        for kind, (asked, follow) in kinds.items():
            took = floods.seconds(server=asked, follow=follow, lists=lists)
            after = floods.seconds(server=None, follow=False, lists=[])
            ratios[kind].append((before + after) / 2 / took)
            alone.append(after)
            before = after
    rate = megabytes / statistics.median(alone)
    print(f"{megabytes} MB unobserved: {rate:.0f} MB/s (median of {len(alone)}); observed / this:")
    for kind, values in ratios.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"  {kind:9} {middle:.2f} (quartiles {low:.2f}, {high:.2f}; {rounds} pairs)")
    print(f"list beside this flood: {told(lists)}")


def beside(
    settings: config.Config, server: Client, data: Path, *, floods: int, secs: float
) -> None:
    """`list` beside endless floods."""
    spec = prepare(settings, command=f"while :; do cat {data}; done", timeout=60 + 2 * secs)
    spec = dataclasses.replace(spec, log_limit=8_000_000)
    with Jobs(settings) as jobs:
        for _ in range(floods):
            jobs.start(spec)
        time.sleep(2.0)
        print(f"list beside {floods} floods: {told(listed(server, secs))}")


def idle(settings: config.Config, server: Client, *, count: int, seconds: float) -> None:
    """`list` with quiet jobs."""
    with Jobs(settings) as jobs:
        spec = prepare(settings, argv=("sleep", "1000"))
        for _ in range(count):
            jobs.start(spec)
        time.sleep(3.0)
        print(f"list with {count} quiet jobs: {told(listed(server, seconds))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="of one flood; 0: none")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--floods", type=int, nargs="*", default=[1, 10])
    parser.add_argument("--idle", type=int, default=100, help="quiet jobs; 0: none")
    parser.add_argument("--seconds", type=float, default=10.0, help="of `list` calls each")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        state = scratch / "state"
        environ = {"PTYJOBS_STATE": str(state), "PTYJOBS_MAX_JOBS": "300"}
        settings = config.load(environ=environ)
        server = Client(REAL, state)
        server.call("list")
        try:
            if args.megabytes:
                with Jobs(settings) as jobs:
                    observed(jobs, server, scratch, megabytes=args.megabytes, rounds=args.rounds)
            source(scratch / "data", 10)
            for floods in args.floods:
                beside(settings, server, scratch / "data", floods=floods, secs=args.seconds)
            if args.idle:
                idle(settings, server, count=args.idle, seconds=args.seconds)
        finally:
            server.close()


if __name__ == "__main__":
    main()
