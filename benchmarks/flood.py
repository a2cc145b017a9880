"""A flood through a job: every byte kept, memory flat, other jobs unaffected.

    python -m benchmarks.flood [--megabytes 100] [--floods 10]

Compares with a C loop that reads the same pty and keeps nothing (built with `cc`), interleaved.
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
from ptyjobs.core.text import FreshText, mark
from ptyjobs.core.vt import Screen
from ptyjobs.host import tree
from ptyjobs.host.fold import Fold
from ptyjobs.host.log import LogReader, LogWriter
from ptyjobs.model import Size

C_LOOP = """
#include <unistd.h>
#include <stdio.h>
int main(void) { static char b[65536]; long n = 0, r;
  while ((r = read(0, b, sizeof b)) > 0) n += r;
  printf("%ld\\n", n); return 0; }
"""


def source(path: Path, megabytes: int) -> str:
    """A log of about 120-byte lines; its SHA-256 as a terminal shows it (CR LF)."""
    line = (
        "2026-01-01T00:00:00 {:09d} INFO some.module — request served in {:4d} µs, status 200 ok\n"
    )
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        number = size = 0
        while size < megabytes * 1_000_000:
            block = "".join(line.format(n, n % 9973) for n in range(number, number + 2000)).encode()
            file.write(block)
            digest.update(block.replace(b"\n", b"\r\n"))
            number, size = number + 2000, size + len(block)
    return digest.hexdigest()


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


def throughput(jobs: Jobs, data: Path, wanted: str, program: Path, limit: int) -> None:
    ratios, ours, theirs = [], [], []
    for _ in range(3):
        spec = prepare(jobs.config, command=f"exec cat {data}")
        spec = dataclasses.replace(spec, log_limit=limit)
        began = time.perf_counter()
        answer = jobs.start(spec, wait=120)
        speed = data.stat().st_size / 1e6 / (time.perf_counter() - began)
        assert log_digest(jobs, answer.job_id) == wanted, "bytes differ"
        floor = c_loop(program, data)
        ours.append(speed)
        theirs.append(floor)
        ratios.append(speed / floor)
        jobs.registry.remove(jobs.registry.find(answer.job_id))
    print(
        f"cat of {data.stat().st_size / 1e6:.0f} MB: every byte in the log (SHA-256), "
        f"{statistics.median(ours):.0f} MB/s; C loop {statistics.median(theirs):.0f} MB/s; "
        f"ratio {statistics.median(ratios):.2f}"
    )


def latency(jobs: Jobs, data: Path, floods: int) -> None:
    quiet = jobs.start(prepare(jobs.config, command="python3 -i -q"), wait=10)

    def times(count: int) -> list[float]:
        found = []
        for number in range(count):
            began = time.perf_counter()
            answer = jobs.interact(quiet.job_id, input=f"{number}+1")
            found.append(time.perf_counter() - began)
            assert answer.fresh.text == str(number + 1)
        return sorted(found)

    alone = times(100)
    line = f"while true; do cat {data}; done"
    flooding = [jobs.start(prepare(jobs.config, command=line)).job_id for _ in range(floods)]
    holders = [jobs.status(job_id).holder or 0 for job_id in flooding]
    time.sleep(2.0)
    before = [memory(pid) for pid in holders]
    beside = times(150)
    after = [memory(pid) for pid in holders]
    logs = [jobs.registry.find(job_id).log for job_id in flooding]
    began, total = time.perf_counter(), sum(log.end for log in logs)
    time.sleep(2.0)
    rate = (sum(log.end for log in logs) - total) / 1e6 / (time.perf_counter() - began)
    for job_id in flooding:
        jobs.kill(job_id, grace=0.1)
    grown = max(b - a for a, b in zip(before, after, strict=True))
    print(
        f"interact alone: median {alone[50] * 1e3:.2f}, p95 {alone[95] * 1e3:.2f} ms; beside "
        f"{floods} floods: median {beside[75] * 1e3:.2f}, p95 {beside[142] * 1e3:.2f} ms; "
        f"a holder grew by at most {grown >> 10} kB; the floods ran at {rate:.0f} MB/s together"
    )


def answers(folder: Path) -> None:
    """The work of a holder for a reply whose fresh output is 5 MB that nobody has folded yet."""
    size = Size(40, 120)
    for name, data in workloads(5_000_000).items():
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

            began = time.perf_counter()
            fold.begin()
            fold.catch_up(len(data), observe)
            said, _ = fresh.finish(fold.screen, prompt_row=False, end=len(data))
            times.append((time.perf_counter() - began) * 1000)
            assert len(said.text) < 12_000
        print(f"5 MB of {name:15} answered in {min(times):6.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--floods", type=int, nargs="*", default=[10])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        data = scratch / "data"
        wanted = source(data, args.megabytes)
        (scratch / "loop.c").write_text(C_LOOP)
        program = scratch / "loop"
        subprocess.run(["cc", "-O2", "-o", program, scratch / "loop.c"], check=True)
        answers(scratch / "answers")
        environ = {"PTYJOBS_STATE": str(scratch / "state"), "PTYJOBS_MAX_JOBS": "200"}
        with Jobs(config.load(environ=environ)) as jobs:
            throughput(jobs, data, wanted, program, args.megabytes * 2_000_000)
            for floods in args.floods:
                latency(jobs, data, floods)


if __name__ == "__main__":
    main()
