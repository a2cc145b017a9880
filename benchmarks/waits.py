"""Cost of waiting: CPU time of the holders while calls wait for silent jobs.

    python -m benchmarks.waits [--jobs 50] [--seconds 30]

Starts the given number of sleeping jobs, waits for all of them at once, and adds up the CPU time of
their holders and of this client (including its asyncio loop). For comparison, the same number of
jobs without waits is measured. Goal: 50 waits for at most 5 % of one core.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

from ptyjobs import AsyncJobs
from ptyjobs.config import load

TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond where the kernel tells it."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(count: int, seconds: float) -> tuple[float, float, float]:
    """Shares of a core: holders with waits, this client, the same holders without waits."""
    with tempfile.TemporaryDirectory() as state:
        async with AsyncJobs(load({"PTYJOBS_STATE": state, "PTYJOBS_MAX_JOBS": "1000"})) as jobs:
            names = [f"s{n}" for n in range(count)]
            for name in names:
                await jobs.execute("exec sleep 600", name=name, wait=0)
            holders = [(await jobs.status(name)).holder for name in names]
            await asyncio.sleep(2)

            async def span() -> tuple[float, float]:
                before, own, start = sum(map(cpu, holders)), time.process_time(), time.monotonic()
                await asyncio.sleep(seconds)
                passed = time.monotonic() - start
                spent = sum(map(cpu, holders)) - before
                return spent / passed, (time.process_time() - own) / passed

            alone, _ = await span()
            waits = [asyncio.ensure_future(jobs.wait(n, timeout=seconds + 9)) for n in names]
            await asyncio.sleep(0)
            held, own = await span()
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            for name in names:
                await jobs.kill(name)
        return held, own, alone


def main() -> None:
    parser = argparse.ArgumentParser(description="What waiting costs.")
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    held, own, alone = asyncio.run(measure(options.jobs, options.seconds))
    print(f"{options.jobs} waits: {held * 100:.2f} % of a core in holders, {own * 100:.2f} % here")
    print(f"the same jobs, nobody waits: {alone * 100:.3f} %")


if __name__ == "__main__":
    main()
