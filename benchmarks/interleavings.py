"""Orders of the file-system operations of servers, holders and clients: none may do harm.

    python -m benchmarks.interleavings [--runs 10000] [--seed N] [--only SCENARIO]

Each run is one seeded order of all operations of one scenario (`tests/faults/scenarios.py`) on a
real directory. Prints the wrong outcomes with the seeds that repeat them; exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import collections
import sys
import time
import traceback

from tests.faults.interleaving import order
from tests.faults.scenarios import SCENARIOS, play


def _line(error: BaseException) -> str:
    """The source line that failed: a plain assertion has no message."""
    return traceback.extract_tb(error.__traceback__)[-1].line or ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.interleavings", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=SCENARIOS)
    options = parser.parse_args()
    names = [options.only] if options.only else list(SCENARIOS)
    wrong: collections.Counter[tuple[str, str]] = collections.Counter()
    seeds: dict[tuple[str, str], int] = {}
    began = time.monotonic()
    for seed in range(options.seed, options.seed + options.runs):
        name = names[seed % len(names)]
        try:
            play(name, order(seed // len(names)))
        except Exception as error:
            kind = name, f"{type(error).__name__}: {(str(error) or _line(error))[:150]}"
            wrong[kind] += 1
            seeds.setdefault(kind, seed // len(names))
    for (name, what), count in wrong.most_common():
        print(f"{count} of {name} (seed {seeds[name, what]}): {what}")
    took = time.monotonic() - began
    print(f"{options.runs} interleavings, {sum(wrong.values())} wrong, {took:.1f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
