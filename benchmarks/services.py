"""Services: how soon a ready one is reported, what watching costs, what `up` and `ports` take.

    python -m benchmarks.services [ROUNDS]

Each server writes the time (CLOCK_MONOTONIC) to a file just before it listens, prints its line or
gives the first good answer; the figure is the time from there until the client has the answer.
Times in ms, median and 95th percentile of ROUNDS (20). Floor of the pattern: the same program, in
turns with it, on a pty that a bare Python process reads until the line is there.
"""

from __future__ import annotations

import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ptyprocess import PtyProcess

from ptyjobs import Jobs
from ptyjobs.client import services
from ptyjobs.config import load
from ptyjobs.model import Reason

STAMP = (
    "import os, socket, sys, time\n"
    "def stamp():\n  open({file!r}, 'w').write(str(time.monotonic()))\n"
)
LISTEN = STAMP + (
    "time.sleep(0.3)\ns = socket.socket()\n"
    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "s.bind(('127.0.0.1', int(os.environ['PORT'])))\nstamp()\ns.listen()\ntime.sleep(600)\n"
)
LINE = STAMP + "time.sleep(0.3)\nstamp()\nprint('all ready', flush=True)\ntime.sleep(600)\n"
HTTP = STAMP + (
    "import http.server\ngood = time.monotonic() + 0.5\nfirst = []\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "  def do_GET(self):\n"
    "    ok = time.monotonic() >= good\n"
    "    self.send_response(200 if ok else 503)\n"
    "    self.end_headers()\n"
    "  def log_message(self, *a): pass\n"
    "open({file!r}, 'w').write(str(good))\n"
    "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()\n"
)
CASES = (
    ("port", LISTEN, "port:$PORT", 20.0),
    ("http", HTTP, "http://127.0.0.1:$PORT/", 60.0),
)
SERVER = "import os, socket, time\n" + LISTEN.partition("time.sleep(0.3)\n")[2].replace(
    "stamp()\n", ""
)


def delays(jobs: Jobs, folder: Path, code: str, ready: str, rounds: int) -> list[float]:
    """Milliseconds from the event until the answer, for each round."""
    found = []
    for _ in range(rounds):
        file = folder / "stamp"
        file.unlink(missing_ok=True)
        argv = [sys.executable, "-c", code.format(file=str(file))]
        answer = jobs.execute(argv=argv, name="s", ready=ready, port="auto", wait=30, replace=True)
        now = time.monotonic()
        assert answer.verdict.reason is Reason.SERVICE_READY, answer
        found.append((now - float(file.read_text())) * 1000)
        jobs.kill("s")
    return found


def bare(folder: Path, code: str) -> float:
    """Milliseconds from the line until a process that only reads the terminal has it."""
    file = folder / "stamp"
    file.unlink(missing_ok=True)
    process = PtyProcess.spawn([sys.executable, "-c", code.format(file=str(file))])
    seen = b""
    while b"all ready" not in seen:
        seen += process.read(1000)
    now = time.monotonic()
    process.terminate(force=True)
    return (now - float(file.read_text())) * 1000


def pattern(jobs: Jobs, folder: Path, rounds: int) -> None:
    ours, floor = [], []
    for _ in range(rounds):
        ours += delays(jobs, folder, LINE, "all ready", 1)
        floor.append(bare(folder, LINE))
    show("pattern", ours, 5.0)
    show("  floor", floor, 5.0)


def show(name: str, values: list[float], target: float) -> None:
    ordered = sorted(values)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"ready {name:8} {statistics.median(values):6.1f} / {high:6.1f} ms  (target {target:g})")


def up_of_ten(jobs: Jobs, folder: Path) -> None:
    """`up` of ten processes against the slowest of them alone."""
    (folder / "server.py").write_text(f"import time; time.sleep(2)\n{SERVER}")
    line = shlex.join([sys.executable, "server.py"])
    path = folder / "Procfile"
    path.write_text("".join(f"p{n}: {line}\n" for n in range(10)))
    began = time.monotonic()
    started = services.up(jobs, str(path), ready=["port"])
    whole = time.monotonic() - began
    slowest = max(one.answer.service.after for one in started if one.answer and one.answer.service)
    for one in started:
        jobs.kill(one.job_id)
    print(f"up of 10      {whole:6.2f} s, slowest of them {slowest:.2f} s: {whole / slowest:.2f} x")


def watching(jobs: Jobs, seconds: float = 10.0) -> None:
    """CPU of the holders of 20 ready services."""
    argv = [sys.executable, "-c", SERVER]
    for number in range(20):
        jobs.execute(argv=argv, name=f"w{number}", ready="port", port="auto", wait=30)
    time.sleep(2)
    holders = [jobs.status(f"w{number}").holder or 0 for number in range(20)]

    def used() -> float:
        texts = [Path(f"/proc/{pid}/schedstat").read_text() for pid in holders]
        return sum(int(text.split()[0]) for text in texts) / 1e9

    before = used()
    time.sleep(seconds)
    share = (used() - before) / seconds * 100
    print(f"watching 20 ready services: {share:.2f} % of a core (target 0.5)")
    for number in range(20):
        jobs.kill(f"w{number}")


def table_of_ports(jobs: Jobs, environ: dict[str, str], count: int = 100) -> None:
    argv = [sys.executable, "-S", "-c", SERVER]
    for number in range(count):
        jobs.execute(argv=argv, name=f"t{number}", port="auto", wait=0)
    jobs.wait_many([f"t{n}" for n in range(count)], until="port", any_of=False, timeout=120)
    times = []
    for _ in range(5):
        began = time.monotonic()
        found = [one for one in jobs.ports() if one.job_id]
        times.append((time.monotonic() - began) * 1000)
    assert len(found) >= count, len(found)
    print(f"table of ports, {count} jobs: {statistics.median(times):.0f} ms (target 80)")
    whole, plain = [], []
    for _ in range(5):
        for words, taken in ((["-m", "ptyjobs", "ports"], whole), (["-c", "pass"], plain)):
            began = time.monotonic()
            subprocess.run([sys.executable, *words], env=environ, check=True, capture_output=True)
            taken.append((time.monotonic() - began) * 1000)
    command, start = statistics.median(whole), statistics.median(plain)
    print(f"`ptyjobs ports`: {command:.0f} ms, an interpreter's start {start:.0f} of it")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = {"PTYJOBS_STATE": str(folder / "state"), "PTYJOBS_MAX_JOBS": "200"}
        settings = load(own)
        with Jobs(settings) as jobs:
            print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
            for case, code, ready, target in CASES:
                show(case, delays(jobs, folder, code, ready, rounds), target)
            pattern(jobs, folder, rounds)
            up_of_ten(jobs, folder)
            watching(jobs)
            table_of_ports(jobs, {**os.environ, **own})


if __name__ == "__main__":
    main()
