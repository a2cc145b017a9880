"""Speed and memory of the terminal, compared with stock pyte, @xterm/headless and tmux.

    python benchmarks/screen.py [--xterm FOLDER_OF_@xterm/headless] [--json]

Each workload is about 1 MB, fed in 64 KiB pieces to an 80x24 screen with 1,000 lines of scrollback,
the final view included; the best of some rounds counts, by processor time, which other load
disturbs least (for xterm.js the smaller of that, which includes its helper threads, and of the wall
time). Stock pyte gets a tenth of it.
tmux is timed from outside (a window that prints the file; its start is measured and taken off), so
its numbers include the pty. Trust the ratios of one run, not the numbers. Goals: plain log eager >=
2 x xterm.js, coloured log deferred >= 1 x, TUI eager >= 0.3 x, text view of 40x120 <= 0.1 ms,
10,000 lines <= 4 MiB, 5 MB of log lines <= 150 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyte

from ptyjobs.model import Size
from ptyjobs.terminal import Screen

SIZE = Size(24, 80)
PIECE = 65536
ROUNDS = 6
WORDS = [
    "error",
    "info",
    "connect",
    "to",
    "server",
    "request",
    "took",
    "ms",
    "handled",
    "path/to/file.py",
]

XTERM = """
const fs = require('fs');
const { Terminal } = require(process.argv[1]);
(async () => {
  const out = {};
  for (const file of process.argv.slice(2)) {
    const data = fs.readFileSync(file);
    let best = 1e9;
    for (let round = 0; round < ROUNDS; round++) {
      const term = new Terminal({ rows: 24, cols: 80, scrollback: 1000, allowProposedApi: true });
      const start = process.hrtime.bigint(), used = process.cpuUsage();
      for (let at = 0; at < data.length; at += 65536)
        await new Promise((done) => term.write(data.subarray(at, at + 65536), done));
      let text = '';
      for (let y = 0; y < 24; y++)
        text += term.buffer.active.getLine(term.buffer.active.baseY + y).translateToString(true);
      const spent = process.cpuUsage(used);  // of all its threads
      const wall = Number(process.hrtime.bigint() - start) / 1e9;
      best = Math.min(best, wall, (spent.user + spent.system) / 1e6);
      term.dispose();
    }
    out[file] = best;
  }
  process.stdout.write(JSON.stringify(out));
})();
"""


def _until(size: int, make: Callable[[int], bytes]) -> bytes:
    out: list[bytes] = []
    total = number = 0
    while total < size:
        out.append(make(number))
        total += len(out[-1])
        number += 1
    return b"".join(out)


def workloads(size: int = 1_000_000) -> dict[str, bytes]:
    """Name → bytes; the same on every run."""
    rng = random.Random(1)

    def words(count: int) -> bytes:
        return " ".join(rng.choice(WORDS) for _ in range(count)).encode()

    def redraw(number: int) -> bytes:
        rows = (
            b"\x1b[%d;1H\x1b[3%dm%5d\x1b[m user \x1b[7m%s\x1b[27m %s\x1b[K"
            % (y, y % 8, rng.randint(1, 99999), words(1), words(3)[:40])
            for y in range(1, 25)
        )
        return b"\x1b[H" + b"".join(rows)

    def listing(number: int) -> bytes:
        names = (
            b"\x1b[0m\x1b[01;3%dmfile%d\x1b[0m  " % (rng.randint(1, 6), number) for _ in "12345"
        )
        return b"".join(names) + b"\r\n"

    def coloured(number: int) -> bytes:
        stamp = b"\x1b[32m2026-01-01 12:00:%02d\x1b[0m \x1b[1;34mINFO\x1b[0m " % (number % 60)
        return stamp + words(5)[:40] + b" \x1b[33m%d\x1b[0mms\r\n" % number

    return {
        "log": _until(
            size, lambda n: b"12:00:%02d %s\r\n" % (n % 60, words(rng.randint(4, 9))[:65])
        ),
        "long lines": _until(size, lambda n: b"%d %s\r\n" % (n, words(30))),
        "short lines": _until(size, lambda n: b"%d\r\n" % n),
        "coloured log": _until(size, coloured),
        "ls --color": _until(size, listing),
        "TUI redraw": _until(size, redraw),
        "progress \\r": _until(
            size, lambda n: b"\r[%s%s] %3d%%" % (b"#" * (n % 40), b" " * (40 - n % 40), n % 100)
        ),
        "CJK": _until(size, lambda n: ("中文日志输出" * rng.randint(2, 5) + "完成\r\n").encode()),
        "emoji": _until(size, lambda n: ("👍 ok 🎉 " * rng.randint(1, 3) + "é\r\n").encode()),
        "dense cells": _until(
            size,
            lambda n: (
                b"\x1b[%d;%dH\x1b[38;5;%dm#*x"
                % (rng.randint(1, 24), rng.randint(1, 70), rng.randint(0, 255))
            ),
        ),
        "scroll region": _until(size, lambda n: b"\x1b[5;20r\x1b[20;1Hline %d of region\n" % n),
    }


def eager(data: bytes) -> None:
    screen = Screen(SIZE, scrollback=1000)
    for at in range(0, len(data), PIECE):
        screen.feed(data[at : at + PIECE])
    screen.text()


def deferred(data: bytes) -> None:
    screen = Screen(SIZE, scrollback=1000)
    screen.feed_fast(data)
    screen.text()


def skipped(data: bytes) -> None:
    screen = Screen(SIZE, scrollback=1000)
    screen.skip(data)
    screen.text()


def stock(data: bytes) -> None:
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)
    for at in range(0, len(data), PIECE):
        stream.feed(data[at : at + PIECE])
    assert screen.display


def best(run: Callable[[bytes], None], data: bytes) -> float:
    """Processor seconds of the quickest of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run(data)
        times.append(time.process_time() - start)
    return min(times)


def xterm_times(package: str, files: dict[str, Path]) -> dict[str, float]:
    """Seconds of @xterm/headless for each workload; empty when it is not there."""
    node = shutil.which("node")
    if not package or node is None:
        return {}
    paths = [str(path) for path in files.values()]
    script = XTERM.replace("ROUNDS", str(ROUNDS))
    done = subprocess.run([node, "-e", script, package, *paths], capture_output=True, check=True)
    times = json.loads(done.stdout)
    return {name: times[str(path)] for name, path in files.items()}


def tmux_times(files: dict[str, Path], folder: Path) -> dict[str, float]:
    """Seconds of a tmux window for eight times each workload, over eight; empty without tmux."""
    tmux = shutil.which("tmux")
    if tmux is None:
        return {}
    env = {k: v for k, v in os.environ.items() if k != "TMUX"}
    env |= {"TMUX_TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
    base = [tmux, "-u", "-f", "/dev/null", "-L", "bench"]
    subprocess.run([*base, "new-session", "-d", "-x", "80", "-y", "24", "sleep 600"], env=env)
    subprocess.run([*base, "set", "-g", "history-limit", "1000"], env=env)

    def window(command: str) -> float:
        start = time.perf_counter()
        subprocess.run(
            [*base, "new-window", "-d", f"stty raw; {command}; tmux wait-for -S go"], env=env
        )
        subprocess.run([*base, "wait-for", "go"], env=env)
        return time.perf_counter() - start

    out = {}
    empty = min(window("true") for _ in range(3))
    for name, path in files.items():
        took = window("cat " + " ".join([f"'{path}'"] * 8))
        out[name] = max(took - empty, 1e-4) / 8
    subprocess.run([*base, "kill-server"], env=env)
    return out


def kept(make: Callable[[], object]) -> float:
    """MiB that the made object keeps."""
    tracemalloc.start()
    held = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del held
    return size / (1 << 20)


def scrolled(line: bytes, *, fast: bool = False) -> Screen:
    screen = Screen(Size(40, 120), scrollback=10_000)
    data = b"".join(line % number for number in range(11_000))
    screen.feed_fast(data) if fast else screen.feed(data)
    if fast:
        screen.line_range(screen.floor_line, screen.first_line)  # read all of it
    return screen


def facts() -> dict[str, float]:
    """The single numbers: memory in MiB, times in ms."""
    plain = b"%05d " + b"some plain text of a line that has about " * 2 + b"x\r\n"
    colour = b"\x1b[32m%05d\x1b[0m \x1b[1;34mINFO\x1b[0m " + b"some text of a line " * 3 + b"x\r\n"
    view = Screen(Size(40, 120))
    view.feed(workloads(60_000)["TUI redraw"])
    start = time.perf_counter()
    for _ in range(1000):
        view.text()
    text_ms = time.perf_counter() - start
    log = workloads(5_000_000)["log"]
    flood = Screen(Size(40, 120))
    start = time.perf_counter()
    flood.feed_fast(log)
    flood.text()
    flood_ms = (time.perf_counter() - start) * 1000
    coloured = workloads(5_000_000)["coloured log"]
    flood = Screen(Size(40, 120))
    start = time.perf_counter()
    flood.feed_fast(coloured)
    flood.line_range(flood.first_line - 20, flood.first_line)
    colour_ms = (time.perf_counter() - start) * 1000
    started = time.perf_counter()
    view.repaint()
    repaint_ms = (time.perf_counter() - started) * 1000
    imported = min(
        float(
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "import time; t = time.perf_counter(); import ptyjobs.terminal;"
                    "print(time.perf_counter() - t)",
                ],
                capture_output=True,
                check=True,
            ).stdout
        )
        for _ in range(3)
    )
    return {
        "10,000 plain lines, MiB": kept(lambda: scrolled(plain)),
        "10,000 coloured lines, MiB": kept(lambda: scrolled(colour)),
        "10,000 coloured lines deferred then read, MiB": kept(lambda: scrolled(colour, fast=True)),
        "text view 40x120, ms": text_ms,
        "repaint 40x120, ms": repaint_ms,
        "5 MB of log lines, ms": flood_ms,
        "5 MB of coloured log and its last lines, ms": colour_ms,
        "import ptyjobs.terminal, ms": imported * 1000,
    }


def measured(load: str, data: bytes, path: Path, *, package: str) -> dict[str, float]:
    """MB/s of one workload. xterm.js runs before ours and after: both see what else runs here."""
    before = xterm_times(package, {load: path})
    row = {
        "eager": len(data) / best(eager, data),
        "deferred": len(data) / best(deferred, data),
        "skip": len(data) / best(skipped, data),
    }
    after = xterm_times(package, {load: path})
    if after:
        row["xterm.js"] = len(data) / min(before[load], after[load])
    small = data[: len(data) // 10]
    try:
        row["pyte"] = len(small) / best(stock, small)
    except (TypeError, IndexError, AssertionError, ValueError):
        row["pyte"] = 0.0  # stock pyte raises on it
    return {engine: speed / 1e6 for engine, speed in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--xterm", default=os.environ.get("PTYJOBS_TEST_XTERM", ""))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these workloads")
    options = parser.parse_args()
    loads = {name: data for name, data in workloads().items() if name in (options.only or [name])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {}
        for number, (load, data) in enumerate(loads.items()):
            files[load] = folder / f"{number}.bin"
            files[load].write_bytes(data)
        tmux = tmux_times(files, folder)
        table = {
            load: measured(load, data, files[load], package=options.xterm)
            for load, data in loads.items()
        }
    for load, seconds in tmux.items():
        table[load]["tmux"] = len(loads[load]) / seconds / 1e6
    single = {} if options.only else facts()
    if options.json:
        print(json.dumps({"MB/s": table, "facts": single}, indent=1))
        return
    engines = list(next(iter(table.values())))
    print(
        f"{'MB/s':16}"
        + "".join(f"{engine:>10}" for engine in engines)
        + "   eager/xterm deferred/xterm"
    )
    for load, row in table.items():
        line = f"{load:16}" + "".join(f"{row[engine]:10.1f}" for engine in engines)
        if "xterm.js" in row:
            line += (
                f"{row['eager'] / row['xterm.js']:13.2f}{row['deferred'] / row['xterm.js']:15.2f}"
            )
        print(line)
    for fact, value in single.items():
        print(f"{fact:50}{value:10.3f}")


if __name__ == "__main__":
    main()
