"""Cost of one process per job: memory, idle CPU, and the time to start and to kill.

    python -m benchmarks.holders [--jobs 100] [--rounds 60] [--wait S]
    python -m benchmarks.holders --pages [--counted]

Compares a start without waiting with a bare fork and exec on a pty (ptyprocess), interleaved.
With `--wait`, each of the jobs (`cat`) is started as a call does that waits for the first prompt.
`--pages` says what an idle holder has written to the pages that are its own: it compares each with
the same page of the zygote. `--counted` leaves reference counting on where it could be stopped
(Python 3.12 and later), which shows its share. Needs permission to read /proc/PID/mem of children.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ptyprocess import PtyProcess

from ptyjobs import config
from ptyjobs.client import AsyncJobs, Jobs, prepare
from ptyjobs.config import Config
from ptyjobs.spawn import share_heap
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


async def many(settings: Config, zygote: zygotes.Zygote, count: int, *, wait: float) -> None:
    jobs = AsyncJobs(settings, zygote=zygote)
    spec = prepare(settings, argv=("cat",))
    await jobs.start(spec)
    began = time.perf_counter()
    started = await asyncio.gather(*(jobs.start(spec, wait=wait) for _ in range(count)))
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


PAGE = os.sysconf("SC_PAGE_SIZE")
EXCLUSIVE, PRESENT = 1 << 56, 1 << 63  # bits of an entry in /proc/PID/pagemap (pagemap.rst)
COUNT = 1 << 32  # a reference count fits below; the rest of its word is 0
NEAR = 5000  # counts change by less in a start


def pages(settings: Config, zygote: zygotes.Zygote) -> None:
    """Print the kilobytes of an idle holder's own pages by what was written to them."""
    with Jobs(settings, zygote=zygote) as jobs:
        job = jobs.start(prepare(settings, argv=("cat",)), wait=0)
        time.sleep(2.5)  # its status has been recorded
        holder = jobs.status(job.job_id).holder or 0
        kinds = dict.fromkeys(("counts only", "the same again", "up to 8 words", "other", "new"), 0)
        for start, stop in writable(holder):
            for number, flags in enumerate(entries(holder, start, stop)):
                if flags & PRESENT and flags & EXCLUSIVE:
                    kinds[kind(holder, zygote.pid, start + number * PAGE)] += PAGE // 1024
        print(f"an idle holder's own pages, written with: {kinds} kB; sum {sum(kinds.values())}")


def writable(pid: int) -> Iterator[tuple[int, int]]:
    """The private mappings that a process may write to."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, flags, *_ = line.split()
        if flags[1] == "w" and flags[3] == "p":
            start, _, stop = place.partition("-")
            yield int(start, 16), int(stop, 16)


def entries(pid: int, start: int, stop: int) -> array.array[int]:
    """One pagemap entry for each page."""
    with open(f"/proc/{pid}/pagemap", "rb", buffering=0) as file:
        file.seek(start // PAGE * 8)
        return array.array("Q", file.read((stop - start) // PAGE * 8))


def kind(holder: int, zygote: int, place: int) -> str:
    """What distinguishes a holder's page from the zygote's."""
    try:
        ours, theirs = (words(pid, place) for pid in (holder, zygote))
    except OSError:  # EIO: the zygote does not have it
        return "new"
    changed = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    if not changed:
        return "the same again"
    if all(a < COUNT and b < COUNT and abs(a - b) < NEAR for a, b in changed):
        return "counts only"
    return "up to 8 words" if len(changed) <= 8 else "other"


def words(pid: int, place: int) -> array.array[int]:
    """One page of a process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        file.seek(place)
        return array.array("Q", file.read(PAGE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds for the first prompt")
    parser.add_argument("--pages", action="store_true", help="what a holder's own pages hold")
    parser.add_argument("--counted", action="store_true", help="with --pages: count references")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        environ = {"PTYJOBS_STATE": name, "PTYJOBS_MAX_JOBS": str(args.jobs + 10)}
        settings = config.load(environ=environ)
        if args.counted:
            share_heap.keep = lambda: False
        zygote = zygotes.start(ahead=True)  # as a server does
        time.sleep(3)  # the zygote is ready and has its spare
        try:
            if args.pages:
                pages(settings, zygote)
                return
            asyncio.run(one(settings, zygote, args.rounds))
            asyncio.run(many(settings, zygote, args.jobs, wait=args.wait))
        finally:
            zygote.end_session()
            zygote.join(20)


if __name__ == "__main__":
    main()
