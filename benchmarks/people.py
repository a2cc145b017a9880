"""Latencies that people notice: `list` with many jobs, attach compared with tmux.

    python -m benchmarks.people [--jobs 100] [--keys 300]

Everything is compared in the same run, interleaved: with an empty `list`, with `tmux attach` on the
same program. Read the ratios. `benchmarks.start` has the start of the command line.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pty
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ptyjobs import config
from ptyjobs.client import Jobs, prepare

OURS = (sys.executable, "-m", "ptyjobs")
SHOWN = b"ready-to-type"
PROGRAM = f"stty -echoctl; printf {SHOWN.decode()}; exec cat"


def timed(command: Sequence[str], env: dict[str, str]) -> float:
    """Milliseconds of a command."""
    began = time.perf_counter()
    subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - began) * 1000


class Person:
    """A terminal on which a command runs: keys in, bytes out."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], list(command), env)

    def until(self, *words: bytes, within: float = 20.0) -> float:
        """Milliseconds since `began` (or the last `key`) until one of the words was shown."""
        seen = b""
        while not any(word in seen for word in words):
            ready, _, _ = select.select([self.fd], [], [], within)
            if not ready:
                raise TimeoutError(f"{words!r} was not shown, but {seen[-300:]!r}")
            seen += os.read(self.fd, 65536)
        return (time.perf_counter() - self.began) * 1000

    def key(self, data: bytes) -> float:
        """Milliseconds from a key to its echo."""
        self.began = time.perf_counter()
        os.write(self.fd, data)
        return self.until(data)

    def rest(self, seconds: float) -> None:
        """Read output until it has been silent for that long."""
        while select.select([self.fd], [], [], seconds)[0]:
            os.read(self.fd, 65536)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@contextlib.contextmanager
def tmux(directory: Path, env: dict[str, str]) -> Iterator[tuple[str, ...]]:
    """A tmux server with the program in it; the command that joins it."""
    base = ("tmux", "-f", os.devnull, "-S", str(directory / "tmux"))
    subprocess.run([*base, "new-session", "-d", "sh", "-c", PROGRAM], env=env, check=True)
    try:
        yield (*base, "attach")
    finally:
        subprocess.run([*base, "kill-server"], env=env, check=False)


def attaching(join: Sequence[str], env: dict[str, str], rounds: int) -> list[float]:
    """Milliseconds from the command to the first paint."""
    times = []
    for _ in range(rounds):
        person = Person(join, env)
        times.append(person.until(SHOWN))
        person.close()
    return times


def typing(ours: Sequence[str], theirs: Sequence[str], env: dict[str, str], keys: int) -> None:
    """Key to echo through both, in turns."""
    people = [Person(ours, env), Person(theirs, env)]
    for person in people:
        person.until(SHOWN)
        person.rest(2.5)  # until attach has removed its hint
    times: list[list[float]] = [[], []]
    for number in range(keys):
        for person, found in zip(people, times, strict=True):
            found.append(person.key(b"%c" % (97 + number % 26)))
        if number % 50 == 49:  # a new line, so that no row overflows
            for person in people:
                os.write(person.fd, b"\r")
                person.rest(0.05)
    for person in people:
        person.close()
    a, b = (statistics.median(found) for found in times)
    worst = [statistics.quantiles(found, n=20)[-1] for found in times]
    print(f"key to echo, attach         {a:7.2f} ms (p95 {worst[0]:.2f})")
    print(f"key to echo, tmux           {b:7.2f} ms (p95 {worst[1]:.2f})   ratio {a / b:.2f}")


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--jobs", type=int, default=100)
    words.add_argument("--keys", type=int, default=300)
    words.add_argument("--rounds", type=int, default=11)
    args = words.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # bytecode, as in an installed wheel
        os.environ["PYTHONPYCACHEPREFIX"] = f"{directory}/bytecode"
        kept = {k: v for k, v in os.environ.items() if k != "TMUX"}
        env = {**kept, "PTYJOBS_STATE": directory, "TERM": "xterm-256color"}
        bare = statistics.median(
            timed((sys.executable, "-c", "pass"), env) for _ in range(args.rounds)
        )
        timed((*OURS, "list"), env)
        settings = dataclasses.replace(
            config.load(), state_dir=Path(directory), max_jobs=args.jobs + 10
        )
        empty = statistics.median(timed((*OURS, "list"), env) for _ in range(args.rounds))
        with Jobs(settings) as jobs:
            jobs.start(prepare(settings, command=PROGRAM), name="typed")
            if shutil.which("tmux"):
                with tmux(Path(directory), env) as theirs:
                    ours = (*OURS, "attach", "typed")
                    attaching(ours, env, 1)  # it writes its bytecode
                    for name, join in (("attach", ours), ("tmux attach", theirs)):
                        middle = statistics.median(attaching(join, env, args.rounds))
                        print(f"first paint, {name:14} {middle:7.1f} ms")
                    typing(ours, theirs, env, args.keys)
            for _ in range(args.jobs - 1):
                jobs.start(prepare(settings, command="exec cat"))
            found = [timed((*OURS, "list"), env) for _ in range(args.rounds)]
            middle = statistics.median(found)
            print(
                f"list, {args.jobs} living jobs       {middle:7.1f} ms, fastest {min(found):.1f} "
                f"({middle - empty:+.1f} to none; a bare interpreter {bare:.1f})"
            )
            for status in jobs.list():
                if status.job_id != "typed":
                    jobs.kill(status.job_id, grace=0.2)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
