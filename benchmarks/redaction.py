"""Cost of redacting secrets, and false matches of the token forms.

    python -m benchmarks.redaction [--megabytes 10] [--pairs 15] [--secrets 20]

A job prints the given megabytes while its caller waits for the reply, with the given number of
secrets and with none, in turns, each pair in another order. Load moves wall times by more than 3 %,
so processor time is compared: of the job's holder (schedstat, in nanoseconds, proc(5)) and of this
process, which is client and server; the median of the pairs' ratios (goal: at most 1.03) with the
quartiles, and the same for pairs without secrets on either side, which is the noise. Then replies
of several sizes, and the matches of the token forms in all recordings of this repository, where
none is a token.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from ptyjobs import AsyncJobs
from ptyjobs.client import prepare
from ptyjobs.config import load
from ptyjobs.mcp import results
from ptyjobs.mcp.redacting import Border
from ptyjobs.text.patterns import plain
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import Known
from ptyjobs.text.token_shapes import SHAPES

ROOT = Path(__file__).parents[1]


def on_processor(pid: int) -> float:
    """Seconds that a process has been running on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def flood(jobs: AsyncJobs, redactor: Redactor, file: str) -> float:
    """Processor seconds of holder and client until the whole file was logged and answered."""
    jobs.redactor = redactor
    border = Border(redactor)
    spec = prepare(jobs.config, command=f"cat {file}; exec cat")
    used = time.process_time()
    answer = await jobs.start(spec, wait=60)
    assert answer.verdict.reason.ready, answer
    border.result(results.of_answer(answer))
    used = time.process_time() - used
    holder = (await jobs.status(answer.job_id)).holder
    used += on_processor(holder or 0)
    await jobs.kill(answer.job_id, grace=0.1)
    return used


def _write(file: Path, megabytes: int) -> None:
    lines = (
        f"{n:08d} a line of a build, {n % 97} % done, 0x{n * 7919:08x}\n"
        for n in range(megabytes * 20_000)
    )
    file.write_text("".join(lines))


async def throughput(megabytes: int, pairs: int, count: int) -> tuple[list[float], list[float]]:
    """Ratios of processor time, with secrets to without and without to without."""
    secrets = Redactor(Known.of(os.urandom(15).hex(), name=f"S{n}") for n in range(count))
    none = Redactor()
    ratios: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as state:
        file = f"{state}/output"
        _write(Path(file), megabytes)
        async with AsyncJobs(load({"PTYJOBS_STATE": f"{state}/jobs"})) as jobs:
            await flood(jobs, none, file)
            for number in range(pairs):
                for found, redactor in zip(ratios, (secrets, none), strict=True):
                    order = (redactor, none) if number % 2 else (none, redactor)
                    first, second = [await flood(jobs, each, file) for each in order]
                    found.append(first / second if number % 2 else second / first)
    return ratios


def recordings() -> list[tuple[str, str]]:
    """Name and text of everything that was recorded here."""
    folders = ("fixtures/fresh", "fixtures/recordings", "tests/terminal/recordings")
    files = [f for folder in folders for f in sorted((ROOT / folder).rglob("*")) if f.is_file()]
    return [(f.name, "\n".join(map(plain, f.read_bytes().split(b"\n")))) for f in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--secrets", type=int, default=20)
    args = parser.parse_args()
    texts = recordings()
    shapes = Redactor(shapes=SHAPES)
    lines = sum(text.count("\n") + 1 for _, text in texts)
    wrong = [(name, shapes.redact(text).count) for name, text in texts]
    wrong = [(name, count) for name, count in wrong if count]
    print(f"token forms: {sum(n for _, n in wrong)} matches in {len(texts)} recordings, "
          f"{lines:,} lines {wrong or ''}")  # fmt: skip
    for name, ratios in zip(
        (f"{args.secrets} secrets / none", "none / none (noise)"),
        asyncio.run(throughput(args.megabytes, args.pairs, args.secrets)),
        strict=True,
    ):
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{args.megabytes} MB, processor time of holder and client, {name}: "
              f"{middle:.3f} ({low:.3f} to {high:.3f}, {len(ratios)} pairs)")  # fmt: skip
    for size in (200, 2000, 8000):
        text = ("a line of a build that is 42 % done\n" * 300)[:size]
        redactor = Redactor(Known.of(os.urandom(15).hex(), name="S") for _ in range(args.secrets))
        began = time.process_time()
        for _ in range(50):
            redactor.redact(text)
        print(f"one reply of {size} characters: {(time.process_time() - began) * 2e4:.0f} us")


if __name__ == "__main__":
    main()
