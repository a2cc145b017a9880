"""The pytest plugin: a step of `job`, pexpect and a polling plugin; replay; pytest's start.

python -m benchmarks.plugin [--rounds N]

Steps type `N+1` into a Python REPL and wait for the answer: `job.type` with no knowledge of the
prompt, pexpect with the exact prompt and no delay before its send, and curtaincall (if installed),
which polls. Replay: recorded seconds in `fixtures/recordings` per second of replay. Start: pytest
on one empty test with and without the plugin, in pairs, and the import of the plugin alone; on a
busy machine the CPU time is the steadier of the two numbers.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pexpect

from ptyjobs.client import Jobs
from ptyjobs.recordings import read
from ptyjobs.recordings.turns import Terminal
from ptyjobs.testing import live

PYTHON = f"{sys.executable} -q -i"
BASIC = {**os.environ, "PYTHON_BASIC_REPL": "1"}
RECORDINGS = Path(__file__).parents[1] / "fixtures" / "recordings"


def timed(act: Callable[[int], object], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    found = []
    for number in range(rounds):
        began = time.perf_counter()
        act(number)
        found.append((time.perf_counter() - began) * 1e3)
    return found


def row(name: str, times: list[float], base: float) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    median = statistics.median(times)
    print(f"{name:38} {median:8.2f} {p95:8.2f} {median / base:8.1f}")


def steps(rounds: int) -> None:
    oracle = pexpect.spawn(PYTHON, env=BASIC, encoding="utf-8")
    oracle.delaybeforesend = None
    oracle.expect_exact(">>> ")

    def with_pexpect(number: int) -> None:
        oracle.sendline(f"{number}+1")
        oracle.expect_exact(">>> ")
        assert str(number + 1) in oracle.before

    with (
        tempfile.TemporaryDirectory() as folder,
        Jobs(live.settings(Path(folder) / "state")) as jobs,
    ):
        job = live.start(jobs, PYTHON, env={"PYTHON_BASIC_REPL": "1"}, home=Path(folder))

        def with_job(number: int) -> None:
            assert job.type(f"{number}+1").text == str(number + 1)

        ours, theirs = timed(with_job, rounds), timed(with_pexpect, rounds)
    base = statistics.median(theirs)
    print(f"{'a step':38} {'median':>8} {'p95 ms':>8} {'/pexpect':>8}")
    row("job.type (goal <= 2 ms)", ours, base)
    row("pexpect, exact prompt", theirs, base)
    if importlib.util.find_spec("curtaincall"):
        row("curtaincall, polling", polling(min(rounds, 30)), base)
    else:
        print("curtaincall is not installed: no polling plugin to compare with")
    oracle.close(force=True)


def polling(rounds: int) -> list[float]:
    from curtaincall import Terminal as Polled  # type: ignore[import-not-found,unused-ignore]
    from curtaincall import expect

    terminal = Polled(PYTHON, env=BASIC)
    terminal.start()
    try:
        expect(terminal.get_by_text(">>>")).to_be_visible()

        def step(number: int) -> None:
            terminal.submit(f"{number}+7000")
            expect(terminal.get_by_text(str(number + 7000))).to_be_visible()

        return timed(step, rounds)
    finally:
        terminal.kill()


def replay() -> None:
    recorded = took = 0.0
    for path in sorted(RECORDINGS.glob("*.cast")):
        began = time.perf_counter()
        recording = read(path)
        terminal = Terminal(recording)
        while terminal.step() is not None:
            pass
        took += time.perf_counter() - began
        recorded += recording.duration
    print(f"replay: {recorded:.1f} s recorded in {took:.3f} s, {recorded / took:.0f} x (goal 100)")


def start(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_empty.py").write_text("def test_nothing(): pass\n")
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        bare = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

        def once(seed: int, *more: str) -> tuple[float, float]:
            env["PYTHONHASHSEED"] = str(seed)  # both of a pair lay out their memory alike
            began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*bare, *more], cwd=folder, env=env, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return (time.perf_counter() - began) * 1e3, cpu * 1e3

        once(0)
        off = ("-p", "no:ptyjobs")
        with_it, without = [], []
        for number in range(rounds):  # the order alternates: neither always runs first
            if number % 2:
                without.append(once(number, *off))
            with_it.append(once(number))
            if not number % 2:
                without.append(once(number, *off))
    pairs = list(zip(with_it, without, strict=True))
    for name, which in (("time", 0), ("processor time", 1)):
        median = statistics.median(a[which] - b[which] for a, b in pairs)
        least = min(a[which] for a in with_it) - min(b[which] for b in without)
        print(
            f"pytest's start, {name}: {median:+.1f} ms with the plugin, median of {rounds} pairs; "
            f"{least:+.1f} ms between the fastest (goal <= 15)"
        )


IMPORT = (
    "import pytest, _pytest.terminal, time; began = time.perf_counter(); "
    "import ptyjobs.testing.pytest_plugin; print(time.perf_counter() - began)"
)


def imported(rounds: int) -> None:
    """Import of the plugin in a process that has pytest: all that it costs while unused."""
    found = []
    for _ in range(rounds):
        command = [sys.executable, "-c", IMPORT]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(float(done.stdout) * 1e3)
    print(f"import of the unused plugin: {statistics.median(found):.1f} ms, fastest "
          f"{min(found):.1f} (goal <= 10)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    steps(rounds)
    replay()
    imported(max(10, rounds // 10))
    start(max(10, rounds // 10))


if __name__ == "__main__":
    main()
