"""Cost of one process per job: memory, idle CPU, and the time to start and to kill.

    python -m benchmarks.holders [--jobs 100] [--rounds 60]

Compares a start without waiting with a bare fork and exec on a pty (ptyprocess), interleaved.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from ptyprocess import PtyProcess

from ptyjobs import config
from ptyjobs.client import AsyncJobs, prepare
from ptyjobs.config import Config
from ptyjobs.spawn import zygote as zygotes

IDLE = 5.0  # seconds over which idle CPU is taken
KEEP = re.compile(r"^(Private_Clean|Private_Dirty|Pss):\s+(\d+)", re.MULTILINE)


def memory(pid: int) -> tuple[int, int]:
    """(private, proportional) kB of a process (smaps_rollup)."""
    found = {k: int(v) for k, v in KEEP.findall(Path(f"/proc/{pid}/smaps_rollup").read_text())}
    return found["Private_Clean"] + found["Private_Dirty"], found["Pss"]


def cpu(pids: Iterable[int]) -> float:
    """Seconds of CPU that the processes have used (schedstat)."""
    return sum(int(Path(f"/proc/{p}/schedstat").read_text().split()[0]) for p in pids) / 1e9


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def bare_spawn() -> float:
    """Seconds that a fork and an exec on a pty take."""
    began = time.perf_counter()
    process = PtyProcess.spawn(["/bin/true"])
    took = time.perf_counter() - began
    process.fileobj.close()
    process.closed = True
    os.waitpid(process.pid, 0)
    return took


async def many(settings: Config, zygote: zygotes.Zygote, count: int) -> None:
    jobs = AsyncJobs(settings, zygote=zygote)
    spec = prepare(settings, argv=("sleep", "1000"))
    await jobs.start(spec)
    began = time.perf_counter()
    started = await asyncio.gather(*(jobs.start(spec) for _ in range(count)))
    took = time.perf_counter() - began
    ids = [answer.job_id for answer in started]
    holders = [(await jobs.status(job_id)).holder or 0 for job_id in ids]
    found = [memory(pid) for pid in holders]
    private, shared = (statistics.median(column) for column in zip(*found, strict=True))
    before, at = cpu(holders), time.perf_counter()
    await asyncio.sleep(IDLE)
    share = (cpu(holders) - before) / (time.perf_counter() - at)
    began = time.perf_counter()
    await asyncio.gather(*(jobs.kill(job_id) for job_id in ids))
    killed = time.perf_counter() - began
    print(
        f"{count} jobs: started together in {took:.2f} s (goal 1.5), killed in {killed:.2f} s "
        f"(goal 0.5); an idle holder has {private / 1024:.2f} MB of its own (goal 2, "
        f"proportional {shared / 1024:.2f}), all of them use {share * 100:.2f} % of a CPU"
    )
    await jobs.close()


async def one(settings: Config, zygote: zygotes.Zygote, rounds: int) -> None:
    jobs = AsyncJobs(settings, zygote=zygote)
    spec = prepare(settings, command="true")
    ours, bare = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = await jobs.start(spec)
        ours.append(time.perf_counter() - began)
        await jobs.wait(answer.job_id, until="exited")
        bare.append(bare_spawn())
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    print(
        f"execute('true') without waiting: median {statistics.median(ours) * 1e3:.1f}, p95 "
        f"{p95(ours) * 1e3:.1f} ms (goal 8); a bare pty fork and exec: "
        f"{statistics.median(bare) * 1e3:.1f}, {p95(bare) * 1e3:.1f} ms; ratio {ratio:.1f}"
    )
    await jobs.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        environ = {"PTYJOBS_STATE": name, "PTYJOBS_MAX_JOBS": str(args.jobs + 10)}
        settings = config.load(environ=environ)
        zygote = zygotes.start(ahead=True)  # as a server does
        try:
            asyncio.run(one(settings, zygote, args.rounds))
            asyncio.run(many(settings, zygote, args.jobs))
        finally:
            zygote.end_session()
            zygote.join(20)


if __name__ == "__main__":
    main()
