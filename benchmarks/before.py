"""This checkout compared with an earlier commit: `interact("1+1")`, `execute("true")`, memory.

    python -m benchmarks.before [--commit 74df2c8] [--rounds 150] [--calls 4] [--same]

Both versions run on the same interpreter with the same dependencies; the earlier one is unpacked by
`git archive`. Each has a server's zygote, a client and an interactive Python. In every round both
make the same calls; the order alternates (AB BA AB …), so a change of load meets both alike.
Prints medians, and the median and quartiles of the ratio now / before over the rounds: wall time,
and CPU time of the client and of the holder, which other processes disturb less. `--same` compares
this checkout with itself, which shows the noise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 20  # rounds: connections, caches and the spare holder are there
Figures = dict[str, float]


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has used (proc(5), schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def private(pid: int) -> float:
    """Megabytes that a process shares with no other."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+)", text, re.MULTILINE))) / 1024


# -- one version, in a process of its own: reads what to do from its input, writes the figures --


def worker(checkout: str, state: str) -> None:
    """Serve the requests of `main` with the version in `checkout`."""
    import ptyjobs
    from ptyjobs import config
    from ptyjobs.client import Jobs, prepare
    from ptyjobs.spawn import zygote as zygotes

    assert str(ptyjobs.__file__).startswith(checkout + "/"), ptyjobs.__file__
    settings = config.load(environ={"PTYJOBS_STATE": state})
    zygote = zygotes.start(ahead=True)  # as a server does
    with Jobs(settings, zygote=zygote) as jobs:
        environ = {"PYTHON_BASIC_REPL": "1"}
        python = prepare(settings, command=f"{sys.executable} -i -q", env=environ)
        name = jobs.start(python, wait=10).job_id
        holder = jobs.status(name).holder or 0
        true = prepare(settings, argv=("/bin/true",))

        def interact() -> None:
            assert jobs.interact(name, input="1+1").fresh.text == "2"

        def execute() -> None:
            answer = jobs.start(true, wait=10)
            assert answer.state.ended, answer

        acts: dict[str, Callable[[], None]] = {"interact": interact, "execute": execute}
        print(json.dumps({"ready": 1.0, "pid": os.getpid(), "holder": holder}), flush=True)
        for line in sys.stdin:
            act, count = line.split()
            if act == "idle":
                print(json.dumps({"memory": private(holder)}), flush=True)
                continue
            print(json.dumps(measured(acts[act], int(count), holder)), flush=True)
        jobs.kill(name)
    zygote.end_session()
    zygote.join(20)


def measured(act: Callable[[], None], count: int, holder: int) -> Figures:
    """Seconds of one call: wall time (median of `count`), CPU time of client and holder (mean)."""
    walls = []
    own, held = time.process_time(), cpu(holder)
    for _ in range(count):
        began = time.perf_counter()
        act()
        walls.append(time.perf_counter() - began)
    own, held = time.process_time() - own, cpu(holder) - held
    return {"wall": statistics.median(walls), "client": own / count, "holder": held / count}


# -- both versions ------------------------------------------------------------------------------


class Version:
    """A checkout with its worker."""

    def __init__(self, checkout: Path, state: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(checkout)}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
        words = [sys.executable, "-P", __file__, "--worker", str(checkout), str(state)]
        self.process = subprocess.Popen(
            words, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )
        self.pids = self._read()

    def _read(self) -> Figures:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the worker ended"
        figures: Figures = json.loads(line)
        return figures

    def measure(self, act: str, count: int) -> Figures:
        assert self.process.stdin is not None
        print(act, count, file=self.process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        self.process.communicate(timeout=60)


@contextlib.contextmanager
def versions(commit: str) -> Iterator[tuple[Version, Version]]:
    """This checkout and the one of `commit` ("" for this one again), both running."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if commit:
            other = folder / "before"
            other.mkdir()
            archive = ["git", "-C", str(ROOT), "archive", commit, "ptyjobs"]
            packed = subprocess.run(archive, stdout=subprocess.PIPE, check=True).stdout
            subprocess.run(["tar", "-x", "-C", str(other)], input=packed, check=True)
        else:
            other = ROOT
        with contextlib.ExitStack() as stack:
            pair = []
            for checkout, state in ((ROOT, "s1"), (other, "s2")):
                pair.append(Version(checkout, folder / state))
                stack.callback(pair[-1].close)
            yield pair[0], pair[1]


def compare(pair: tuple[Version, Version], act: str, *, rounds: int, calls: int) -> None:
    """Print the figures of `act` and their ratios."""
    found: tuple[list[Figures], list[Figures]] = ([], [])
    for number in range(WARM_UP + rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            figures = pair[side].measure(act, calls)
            if number >= WARM_UP:
                found[side].append(figures)
    kinds = ("wall", "client", "holder") if act == "interact" else ("wall", "client")
    for kind in kinds:
        now, before = ([figures[kind] for figures in side] for side in found)
        ratios = [a / b for a, b in zip(now, before, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{act + ', ' + kind:24} {statistics.median(now) * 1e3:8.2f} "
            f"{statistics.median(before) * 1e3:10.2f}   {middle:.3f} ({low:.2f} to {high:.2f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--commit", default="74df2c8", help="the earlier version")
    parser.add_argument("--same", action="store_true", help="compare with itself: the noise")
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--calls", type=int, default=4, help="calls of one version in a round")
    parser.add_argument("--worker", nargs=2, default=None, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker is not None:
        worker(*args.worker)
        return
    with versions("" if args.same else args.commit) as pair:
        print(f"{'ms of one call':24} {'now':>8} {'before':>10}   now / before (quartiles)")
        compare(pair, "interact", rounds=args.rounds, calls=args.calls)
        now, before = (side.measure("idle", 1)["memory"] for side in pair)
        compare(pair, "execute", rounds=args.rounds, calls=1)
        print(f"{'MB of the holder':24} {now:8.2f} {before:10.2f}   {now / before:.3f}")


if __name__ == "__main__":
    main()
