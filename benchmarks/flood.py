"""Heavy output through a job: every byte kept, memory flat, other jobs unaffected.

    python -m benchmarks.flood [--megabytes 100] [--floods 10]

Compares with a C loop that reads the same pty and discards it (built with `cc`), interleaved.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import pty
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.screen import workloads
from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.model import Size
from ptyjobs.process import tree
from ptyjobs.store.fold import Fold
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import FreshText, mark

LOOK = 0.01  # seconds between two looks at the log; each of them takes time from the others
C_LOOP = """
#include <unistd.h>
#include <stdio.h>
int main(void) { static char b[65536]; long n = 0, r;
  while ((r = read(0, b, sizeof b)) > 0) n += r;
  printf("%ld\\n", n); return 0; }
"""


def source(path: Path, megabytes: int) -> tuple[str, int]:
    """A log of about 120-byte lines; its SHA-256 and bytes as a terminal shows it (CR LF)."""
    line = (
        "2026-01-01T00:00:00 {:09d} INFO some.module — request served in {:4d} µs, status 200 ok\n"
    )
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        number = size = shown = 0
        while size < megabytes * 1_000_000:
            block = "".join(line.format(n, n % 9973) for n in range(number, number + 2000)).encode()
            file.write(block)
            digest.update(block.replace(b"\n", b"\r\n"))
            number, size, shown = number + 2000, size + len(block), shown + len(block) + 2000
    return digest.hexdigest(), shown


def c_loop(program: Path, data: Path) -> float:
    """MB/s of `cat data` on a pty that the C loop reads."""
    master, slave = pty.openpty()
    began = time.perf_counter()
    reader = subprocess.Popen([program], stdin=master, stdout=subprocess.DEVNULL)
    os.close(master)
    subprocess.run(["cat", data], stdin=slave, stdout=slave, check=True)
    os.close(slave)
    reader.wait()
    return data.stat().st_size / 1e6 / (time.perf_counter() - began)


def log_digest(jobs: Jobs, job_id: str) -> str:
    digest, offset = hashlib.sha256(), 0
    while True:
        first, data = jobs.raw(job_id, since=offset, limit=4 << 20)
        if not data:
            return digest.hexdigest()
        assert first == offset
        digest.update(data)
        offset += len(data)


def memory(pid: int) -> int:
    stat = tree.read_stat(pid)
    return stat.rss if stat else 0


def flood(jobs: Jobs, data: Path, wanted: tuple[str, int], *, caller: bool) -> float:
    """MB/s of `cat data` through a job, its start included.

    Measured until the caller has the answer, or without a caller until all of it is in the log.
    """
    digest, total = wanted
    spec = prepare(jobs.config, command=f"exec cat {data}")
    spec = dataclasses.replace(spec, log_limit=2 * total)
    began = time.perf_counter()
    answer = jobs.start(spec, wait=120 if caller else 0)
    record = jobs.registry.find(answer.job_id)
    while record.log.end < total:
        time.sleep(LOOK)
    took = time.perf_counter() - began
    jobs.wait(answer.job_id, until="exited")
    assert log_digest(jobs, answer.job_id) == digest, "bytes differ"
    jobs.registry.remove(record)
    return data.stat().st_size / 1e6 / took


def throughput(jobs: Jobs, scratch: Path, megabytes: int, rounds: int) -> None:
    data, program = scratch / "flood", scratch / "loop"
    wanted = source(data, megabytes)
    (scratch / "loop.c").write_text(C_LOOP)
    subprocess.run(["cc", "-O2", "-o", program, scratch / "loop.c"], check=True)
    for caller, what in (
        (False, "nobody waits, until all is in the log"),
        (True, "a caller waits, until its answer"),
    ):
        ratios, ours = [], []
        for _ in range(rounds):  # the C loop before and after, because the machine's speed drifts
            before = c_loop(program, data)
            ours.append(flood(jobs, data, wanted, caller=caller))
            ratios.append(2 * ours[-1] / (before + c_loop(program, data)))
        low, _, high = statistics.quantiles(ratios, n=4)
        print(
            f"cat of {megabytes} MB, every byte in the log (SHA-256); {what}: "
            f"{statistics.median(ours):.0f} MB/s; of a C loop that keeps nothing "
            f"{statistics.median(ratios):.2f} (quartiles {low:.2f}, {high:.2f})"
        )


def latency(config_: config.Config, data: Path, floods: int, seconds: float) -> None:
    """`interact` in a quiet job, alone and during floods: each of the two for `seconds`.

    One client starts them all, because only holders of the same zygote yield to each other. The
    floods end with the client, or at their own limit.
    """

    def times(jobs: Jobs, quiet: str, most: int) -> list[float]:
        found: list[float] = []
        until = time.perf_counter() + seconds
        while len(found) < most and (began := time.perf_counter()) < until:
            answer = jobs.interact(quiet, input=f"{len(found)}+1", timeout=30)
            assert answer.fresh.text == str(len(found) + 1)
            found.append(time.perf_counter() - began)
        return sorted(found)

    def told(found: list[float]) -> str:
        middle, high = found[len(found) // 2], found[int(len(found) * 0.95)]
        return f"median {middle * 1e3:.2f}, p95 {high * 1e3:.2f} ms ({len(found)} calls)"

    spec = prepare(config_, command=f"while :; do cat {data}; done", timeout=60 + 4 * seconds)
    spec = dataclasses.replace(spec, log_limit=8_000_000)
    with Jobs(config_) as jobs:
        quiet = jobs.start(prepare(config_, command="python3 -i -q"), wait=10).job_id
        alone = times(jobs, quiet, 100)
        ids = [jobs.start(spec).job_id for _ in range(floods)]
        records = [jobs.registry.find(job_id) for job_id in ids]
        holders = [status.holder or 0 for r in records if (status := r.status()) is not None]
        time.sleep(2.0)
        before, began = [memory(pid) for pid in holders], time.perf_counter()
        ends = [record.log.end for record in records]
        beside = times(jobs, quiet, 1000)
        after = [memory(pid) for pid in holders]
        spent = time.perf_counter() - began
        wrote = [record.log.end - end for record, end in zip(records, ends, strict=True)]
        time.sleep(2.0)
        still = [record.log.end for record in records]
        time.sleep(2.0)
        freely = sum(record.log.end for record in records) - sum(still)
        grown = max(b - a for a, b in zip(before, after, strict=True))
        print(
            f"interact alone: {told(alone)}; beside {floods} floods: {told(beside)}; they ran at "
            f"{sum(wrote) / 1e6 / spent:.0f} MB/s together (slowest {min(wrote) / 1e6 / spent:.2f},"
            f" fastest {max(wrote) / 1e6 / spent:.2f}), at {freely / 2e6:.0f} MB/s while nobody "
            f"asked; a holder grew by at most {grown >> 10} kB"
        )


def answers(folder: Path) -> None:
    """A holder's work for a reply with 5 MB of fresh output that has not been folded yet."""
    size = Size(40, 120)
    match = "ptyjobs/host/{}.py\x1b[m\x1b[K: the \x1b[1;31m\x1b[Kword\x1b[m\x1b[K in line {}\r\n"
    grep = "".join(match.format(n % 7, n) for n in range(80_000)).encode()
    for name, data in {**workloads(5_000_000), "grep --color": grep}.items():
        times = []
        for number in range(3):
            place = folder / f"{name.replace(' ', '-').replace(os.sep, '-')}.{number}"
            place.mkdir(parents=True)
            log = LogWriter(place, limit=1 << 30)
            log.append(data)
            log.close()
            fold = Fold(LogReader(place), size=size)
            fresh = FreshText(mark(fold.screen, offset=0, echo=False, canonical=False), budget=8000)

            def observe(screen: Screen, fresh: FreshText = fresh) -> bool:
                fresh.observe(screen)
                return not fresh.head_full

            began = time.process_time()
            fold.begin()
            fold.catch_up(len(data), observe)
            said, _ = fresh.finish(fold.screen, prompt_row=False, end=len(data))
            times.append((time.process_time() - began) * 1000)
            assert len(said.text) < 12_000
        print(f"5 MB of {name:15} answered in {min(times):6.1f} ms of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="of one flood; 0: none")
    parser.add_argument("--rounds", type=int, default=9, help="of one flood and the C loop")
    parser.add_argument("--floods", type=int, nargs="*", default=[10])
    parser.add_argument("--seconds", type=float, default=10.0, help="of calls beside the floods")
    parser.add_argument("--no-answers", action="store_true", help="without the 5 MB answers")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if not args.no_answers:
            answers(scratch / "answers")
        environ = {"PTYJOBS_STATE": str(scratch / "state"), "PTYJOBS_MAX_JOBS": "200"}
        settings = config.load(environ=environ)
        if args.megabytes:
            with Jobs(settings) as jobs:
                throughput(jobs, scratch, args.megabytes, args.rounds)
        if args.floods:
            source(scratch / "data", 10)
        for floods in args.floods:
            latency(settings, scratch / "data", floods, args.seconds)


if __name__ == "__main__":
    main()
