"""Cost of redacting secrets, and false matches of the token forms.

    python -m benchmarks.redaction [--megabytes 20] [--rounds 5] [--secrets 20]

A job prints the given megabytes while its caller waits for the reply, with the given number of
secrets and with none, interleaved: the ratio of the medians (goal: 0.97 or more) and, because load
moves that by more than 3 %, the processor time that redaction takes of such a call. Then replies of
several sizes, and the matches of the token forms in all recordings of this repository, where none
is a token.
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


async def flood(jobs: AsyncJobs, redactor: Redactor, file: str) -> tuple[float, float]:
    """Seconds until the whole file was printed, logged and answered; CPU seconds of redaction."""
    jobs.redactor = redactor
    border = Border(redactor)
    began = time.perf_counter()
    spec = prepare(jobs.config, command=f"cat {file}")
    answer = await jobs.start(spec, wait=60)
    assert answer.state.ended
    result = results.of_answer(answer)
    used = time.process_time()
    border.result(result)
    return time.perf_counter() - began, time.process_time() - used


def _write(file: Path, megabytes: int) -> None:
    lines = (
        f"{n:08d} a line of a build, {n % 97} % done, 0x{n * 7919:08x}\n"
        for n in range(megabytes * 20_000)
    )
    file.write_text("".join(lines))


async def throughput(megabytes: int, rounds: int, count: int) -> tuple[float, float, float]:
    """Median seconds without and with secrets, and CPU seconds of redaction with them."""
    secrets = Redactor(Known.of(os.urandom(15).hex(), name=f"S{n}") for n in range(count))
    plainly, redacted, used = [], [], []
    with tempfile.TemporaryDirectory() as state:
        file = f"{state}/output"
        _write(Path(file), megabytes)
        async with AsyncJobs(load({"PTYJOBS_STATE": f"{state}/jobs"})) as jobs:
            await flood(jobs, Redactor(), file)
            for _ in range(rounds):
                plainly.append((await flood(jobs, Redactor(), file))[0])
                seconds, cost = await flood(jobs, secrets, file)
                redacted.append(seconds)
                used.append(cost)
    return statistics.median(plainly), statistics.median(redacted), statistics.median(used)


def recordings() -> list[tuple[str, str]]:
    """Name and text of everything that was recorded here."""
    folders = ("fixtures/fresh", "fixtures/recordings", "tests/terminal/recordings")
    files = [f for folder in folders for f in sorted((ROOT / folder).rglob("*")) if f.is_file()]
    return [(f.name, "\n".join(map(plain, f.read_bytes().split(b"\n")))) for f in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secrets", type=int, default=20)
    args = parser.parse_args()
    texts = recordings()
    shapes = Redactor(shapes=SHAPES)
    lines = sum(text.count("\n") + 1 for _, text in texts)
    wrong = [(name, shapes.redact(text).count) for name, text in texts]
    wrong = [(name, count) for name, count in wrong if count]
    print(f"token forms: {sum(n for _, n in wrong)} matches in {len(texts)} recordings, "
          f"{lines:,} lines {wrong or ''}")  # fmt: skip
    before, after, cost = asyncio.run(throughput(args.megabytes, args.rounds, args.secrets))
    print(f"{args.megabytes} MB: {before:.3f} s, with {args.secrets} secrets {after:.3f} s, "
          f"throughput {before / after:.3f}; redaction {cost * 1e3:.2f} ms of CPU time, "
          f"{cost / before:.2%}")  # fmt: skip
    for size in (200, 2000, 8000):
        text = ("a line of a build that is 42 % done\n" * 300)[:size]
        redactor = Redactor(Known.of(os.urandom(15).hex(), name="S") for _ in range(args.secrets))
        began = time.process_time()
        for _ in range(50):
            redactor.redact(text)
        print(f"one reply of {size} characters: {(time.process_time() - began) * 2e4:.0f} us")


if __name__ == "__main__":
    main()
