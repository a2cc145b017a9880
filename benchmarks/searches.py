"""A search of a log that needs a process: the first one, and those after it.

    python -m benchmarks.searches [--rounds 40] [--lines 5000]

Interleaved: a search with an interpreter started for it, one with a process forked from the zygote
for it, as the first search of a session has, and one with the process kept from the search before.
Prints median and 95th percentile in milliseconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time

from ptyjobs.spawn import zygote
from ptyjobs.store import search_process, search_source
from ptyjobs.store.grep import grep
from ptyjobs.store.log import LogWriter

PATTERN = "(error|warning): .*7$"


def timed(folder: str) -> float:
    began = time.perf_counter()
    found = grep(folder, PATTERN, since=None, limit=8000)
    assert found.matches, found
    return (time.perf_counter() - began) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--lines", type=int, default=5000)
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    kinds = ("interpreter started for it", "process forked for it", "kept process")
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    source = zygote.start(ahead=True)  # before anything large, as a server does
    time.sleep(2.0)
    with tempfile.TemporaryDirectory() as folder:
        log = LogWriter(folder, limit=1 << 30)
        log.append(b"".join(b"2026-07-28 error: number %d\r\n" % n for n in range(args.lines)))
        log.close()
        timed(folder)
        for _ in range(args.rounds):
            search_process.close()
            times[kinds[0]].append(timed(folder))
            search_process.close()
            search_source.use(source)
            times[kinds[1]].append(timed(folder))
            times[kinds[2]].append(timed(folder))
            search_source.use(None)
    source.end_session()
    print(f"{args.lines} lines; load {os.getloadavg()[0]:.1f}")
    for name, values in times.items():
        values.sort()
        last = values[int(len(values) * 0.95)]
        print(f"{name:26} median {statistics.median(values):7.1f} ms, p95 {last:7.1f}")


if __name__ == "__main__":
    main()
