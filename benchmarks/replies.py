"""Overhead of the status line in replies, in characters.

    python -m benchmarks.replies [--only ID ...]     every case of tests/cases that this machine has

Overhead is every character of a reply except the program's output and prompt: the job id, the
state, its reason, the advice. Each step of each case is one reply.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from tests.cases.case import load
from tests.cases.drive import direct
from tests.cases.runner import placed_in

LIMIT = 30.0  # seconds for one case


def overhead(reply: str) -> tuple[int, str]:
    """The status line without its quoted prompt, in characters, and the line."""
    line = reply.partition("\n")[0]
    first, last = line.find('"'), line.rfind('" ')
    last = line.rfind('"') if last < 0 else line.find('"', first + 1)
    while last > 0 and line[last - 1] == "\\":
        last = line.find('"', last + 1)
    prompt = last - first - 1 if 0 <= first < last else 0
    return len(line) - prompt, line


async def measure(only: list[str]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with direct(folder / "state") as driver:
            for number, case in enumerate(load()):
                if case.missing() or (only and not any(o in case.id for o in only)):
                    continue
                work = folder / f"w{number}"
                placed = placed_in(case, work)
                try:
                    async with asyncio.timeout(LIMIT):
                        job_id, reply = await driver.start(placed.cmd, cwd=work)
                        found.append(overhead(reply))
                        await asyncio.sleep(placed.start_think)
                        replies = [await driver.step(job_id, step) for step in placed.steps]
                        found += map(overhead, replies)
                        await driver.end(job_id)
                except TimeoutError:
                    print(f"{case.id}: not finished in {LIMIT:.0f} s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], help="parts of case ids")
    found = asyncio.run(measure(parser.parse_args().only))
    sizes = [size for size, _ in found]
    cuts = statistics.quantiles(sizes, n=20)
    print(f"{len(sizes)} replies: median {statistics.median(sizes):.0f}, p95 {cuts[-1]:.0f}")
    for size, line in sorted(found, reverse=True)[:: max(1, len(found) // 20)]:
        print(f"{size:5} {line[:150]}")


if __name__ == "__main__":
    main()
