"""Start of the command line: `ptyjobs list` without jobs, compared with a bare interpreter.

    python -m benchmarks.start [--rounds 40] [--other PYTHONPATH]

Interleaved runs; prints medians and the ratio of wall time and of CPU time (user and system), whose
noise on a busy machine is smaller. With `--other` a second checkout runs in the same rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

MODULE = [sys.executable, "-m", "ptyjobs"]
BARE = "an interpreter alone (-c pass)"


def run(words: list[str], environ: dict[str, str]) -> tuple[float, float]:
    """Seconds of wall time and of CPU time that a command takes."""
    began = time.perf_counter()
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(words[0], words, environ, file_actions=null)
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - began
    assert os.waitstatus_to_exitcode(status) == 0, words
    return took, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--other", default="", help="a second checkout of ptyjobs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        environ = {**os.environ, "PTYJOBS_STATE": state}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        installed = Path(sys.executable).with_name("ptyjobs")
        program = [sys.executable, str(installed)] if installed.exists() else MODULE
        listing = [*program, "list"]
        commands = {
            BARE: ([sys.executable, "-c", "pass"], environ),
            "ptyjobs list, no jobs": (listing, environ),
        }
        if args.other:
            commands[f"the same in {args.other}"] = (
                listing, {**environ, "PYTHONPATH": args.other},
            )  # fmt: skip
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(args.rounds + 1):
            for name, command in commands.items():
                took = run(*command)
                if number:  # the first one wrote the bytecode
                    times[name].append(took)
    print(f"{'start':44} {'wall ms':>8} {'ratio':>6} {'CPU ms':>8} {'ratio':>6}")
    wall, cpu = map(statistics.median, zip(*times[BARE], strict=True))
    for name, found in times.items():
        own_wall, own_cpu = map(statistics.median, zip(*found, strict=True))
        print(
            f"{name:44} {own_wall * 1e3:8.1f} {own_wall / wall:6.2f} "
            f"{own_cpu * 1e3:8.1f} {own_cpu / cpu:6.2f}"
        )


if __name__ == "__main__":
    main()
