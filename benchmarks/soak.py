"""Chaos for minutes or hours: random starts, inputs, floods and kills; nothing lost, nothing left.

    python -m benchmarks.soak [--minutes 20] [--seed N] [--polite 500]

Drives real server processes over stdio and kills -9 servers, zygotes, holders and jobs at random.
Each job writes numbered lines with a checksum and counts them in a memory-mapped file of its own.
At the end: no recorded process runs, every log holds its lines from the first to at least the last
one whose write had returned (a killed holder may lose what the terminal still held), no ended job
has a socket (a killed holder's goes with the job's directory), after cleaning no file is left, and
the server's descriptors have not grown. Exits 1 otherwise.

Then `--polite` programs, each of which writes a file in its SIGTERM handler within the grace, are
ended by every road: `kill`, the time limit, the end of input, SIGTERM and SIGKILL of the server.
Each must have written its file, and none may be left.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.leftovers import Recorded, remaining
from ptyjobs.client.registry import Registry
from ptyjobs.store.jobdir import SOCKET, JobDir

JOB = r"""
import mmap, os, signal, sys, termios, time, zlib
kind, page, notes = sys.argv[1:4]
def note():
    with open(notes, "a") as file: file.write(f"{os.getpid()} {os.path.basename(page)}\n")
note()
mode = termios.tcgetattr(0)
mode[1] &= ~termios.OPOST
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
with open(page, "r+b") as file: count = mmap.mmap(file.fileno(), 8)
number = 0
def say(text):
    global number
    number += 1
    body = f"{number} {text}".encode()
    line = body + b" %08x\n" % zlib.crc32(body)
    while line: line = line[os.write(1, line):]
    count[:8] = number.to_bytes(8, "little")
if kind == "tree":
    for deaf in (False, True):
        if os.fork() == 0:
            os.setsid()
            if os.fork(): os._exit(0)
            if deaf:
                for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(name, signal.SIG_IGN)
            for fd in range(3): os.close(fd)
            note()
            while True: time.sleep(1000)
if kind == "flood":
    for _ in range(200_000): say("x" * 60)
    sys.exit(3)
say("hello")
for line in sys.stdin:
    if line.startswith("exit"): sys.exit(int(line.split()[1]))
    for _ in range(int(line)): say("y" * 40)
"""
POLITE = r"""
import os, signal, sys, time
saved, notes, wait = sys.argv[1], sys.argv[2], float(sys.argv[3])
def end(*_):
    with open(saved, "w") as file:
        file.write("begin ")
        file.flush()
        time.sleep(wait)
        file.write("saved")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
with open(notes, "a") as file: file.write(f"{os.getpid()}\n")
print("up", flush=True)
while True: time.sleep(1000)
"""
GRACE = 3.0  # seconds of a polite program's grace
HANDLING = 1.0  # maximum seconds of its handler; the rest is for a loaded machine
BATCH = 25  # polite programs of one server
ROADS = ("kill", "time limit", "end of input", "SIGTERM", "SIGKILL")
SETTINGS = {
    "PTYJOBS_RETENTION": "1d",
    "PTYJOBS_RETENTION_COUNT": "100000",
    "PTYJOBS_LOG_TOTAL": "64G",
    "PTYJOBS_MAX_JOBS": "60",
}
LIVE = 25  # jobs at once
LEAVING = 5.0  # seconds after the server's end in which everything must be gone
CALL = 90.0  # seconds in which any call must have been answered


class Server:
    """One server process and the few calls that the soak makes."""

    def __init__(self, state: Path, settings: dict[str, str] | None = None) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PTYJOBS")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ptyjobs.mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**kept, **SETTINGS, **(settings or {}), "PTYJOBS_STATE": str(state)},
        )
        self.number = 0
        self._buffer = b""
        info = {"name": "soak", "version": "0"}
        version = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}
        self._ask("initialize", version)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self.number += 1
        self._send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        limit = time.monotonic() + CALL
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                message: dict[str, Any] = json.loads(line)
                if message.get("id") == self.number:
                    return message
                continue
            assert self.process.stdout is not None
            fd = self.process.stdout.fileno()
            if not select.select([fd], [], [], max(0.0, limit - time.monotonic()))[0]:
                raise TimeoutError(f"{method} {params} was not answered within {CALL:.0f} s")
            data = os.read(fd, 1 << 20)
            if not data:
                raise EOFError(f"the server ended by itself in {method} {params}")
            self._buffer += data

    def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = self._ask("tools/call", {"name": name, "arguments": arguments})
        return dict(result["result"])

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self, *, kill: bool) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@dataclass
class Job:
    """Bookkeeping for one started job."""

    job_id: str
    page: Path
    kind: str
    persistent: bool
    holder_killed: bool = False

    def written(self) -> int:
        return int.from_bytes(self.page.read_bytes()[:8], "little")


@dataclass
class Soak:
    """The state of one run."""

    folder: Path
    choose: random.Random
    jobs: dict[str, Job] = field(default_factory=dict)
    live: set[str] = field(default_factory=set)
    did: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = self.folder / "state"
        self.notes = self.folder / "notes"
        self.program = self.folder / "job.py"
        self.program.write_text(JOB)
        self.server = Server(self.state)
        self.first_descriptors = self.server.descriptors()

    def directory(self, job_id: str) -> JobDir:
        return JobDir(self.state / "jobs" / job_id)

    def one(self) -> Job | None:
        return self.jobs[self.choose.choice(sorted(self.live))] if self.live else None

    def talker(self) -> Job | None:
        """A job that reads, once its terminal no longer echoes."""
        job = self.one()
        return job if job is not None and job.kind != "flood" and job.written() else None

    # -- actions

    def start(self) -> None:
        kind = self.choose.choice(["flood", "talk", "talk", "tree"])
        persistent = self.choose.random() < 0.3
        page = self.folder / f"page-{len(self.jobs)}"
        page.write_bytes(bytes(8))
        command = f"exec {sys.executable} -S {self.program} {kind} {page} {self.notes}"
        result = self.server.call(
            "execute",
            command=command,
            name=f"{kind}-{len(self.jobs)}",
            wait=self.choose.choice([0, 0.2, 5]) if kind != "flood" else 0,
            lifetime="persistent" if persistent else "session",
        )
        facts = result["_meta"].get("ptyjobs/result", {})
        if "job_id" not in facts:
            self.faults.append(f"start: {result['content'][0]['text']}")
            return
        self.jobs[facts["job_id"]] = Job(facts["job_id"], page, kind, persistent)
        self.live.add(facts["job_id"])

    def type(self) -> None:
        if (job := self.talker()) is not None:
            before = job.written()
            count = self.choose.choice([0, 1, 5, 2000])
            text = self.server.call("interact", job_id=job.job_id, input=str(count))
            ended = self.directory(job.job_id).status()
            running = ended is not None and not ended.state.ended
            if running and job.written() < before + count and not job.holder_killed:
                self.faults.append(f"{job.job_id}: {count} lines asked: {str(text)[:200]}")

    def leave(self) -> None:
        if (job := self.talker()) is not None:
            code = self.choose.randrange(1, 100)
            text = self.server.call("interact", job_id=job.job_id, input=f"exit {code}")
            if f"exited with code {code}" in text["content"][0]["text"]:
                self.live.discard(job.job_id)

    def read(self) -> None:
        if (job := self.one()) is not None:
            name = self.choose.choice(["tail", "output", "status"])
            self.server.call(name, job_id=job.job_id)
        self.server.call("list")

    def kill(self) -> None:
        if (job := self.one()) is not None:
            self.server.call("kill", job_id=job.job_id)
            self.live.discard(job.job_id)

    def kill_leader(self) -> None:
        self._signal("pid")

    def kill_holder(self) -> None:
        self._signal("holder")

    def _signal(self, which: str) -> None:
        job = self.one()
        status = None if job is None else self.directory(job.job_id).status()
        if job is None or status is None or status.state.ended:
            return
        pid = getattr(status, which)
        if pid:
            job.holder_killed |= which == "holder"
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def kill_zygote(self) -> None:
        parent = self.server.process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            pid = int(children[0])
            # After the death of a zygote, its holders are the server's children, before a new one.
            for job in map(self.jobs.__getitem__, self.live):
                status = self.directory(job.job_id).status()
                job.holder_killed |= status is not None and status.holder == pid
            os.kill(pid, signal.SIGKILL)

    def new_server(self) -> None:
        self.server.end(kill=self.choose.random() < 0.7)
        self.live = {j for j in self.live if self.jobs[j].persistent}
        self.server = Server(self.state)

    def step(self) -> None:
        table: list[tuple[int, Callable[[], None]]] = [
            (12 if len(self.live) < LIVE else 0, self.start),
            (30, self.type),
            (4, self.leave),
            (10, self.read),
            (8 if len(self.live) > 5 else 1, self.kill),
            (3, self.kill_leader),
            (2, self.kill_holder),
            (1, self.kill_zygote),
            (1, self.new_server),
        ]
        act = self.choose.choices([a for _, a in table], [w for w, _ in table])[0]
        self.did[act.__name__] += 1
        act()

    # -- the end

    def finish(self) -> None:
        grown = self.server.descriptors() - self.first_descriptors
        for job_id in sorted(self.jobs):
            self.server.call("kill", job_id=job_id)
        if self.server.descriptors() - self.first_descriptors > LIVE:
            self.faults.append(f"the server's descriptors have grown by {grown}")
        self.server.end(kill=False)
        self._no_process_remains(time.monotonic())
        for job in self.jobs.values():
            self._nothing_lost(job)
        Registry(self.state).clean(retention=0, keep=0, total=0)
        self.faults += [f"{path} is left" for path in (self.state / "jobs").iterdir()]

    def _no_process_remains(self, ended: float) -> None:
        noted: dict[int, Recorded] = {}
        for line in self.notes.read_text().splitlines():
            pid, page = line.split()
            noted[int(pid)] = Recorded(int(pid), page, mark=str(self.program))
        for job_id in self.jobs:
            status = self.directory(job_id).status()
            if status is not None and status.holder:
                holder = Recorded(status.holder, job_id, before=status.started)
                noted.setdefault(status.holder, holder)
        self.faults += remaining(noted, since=ended, limit=LEAVING)
        limit = time.monotonic() + LEAVING
        while self._sockets() and time.monotonic() < limit:  # a zygote tidies up last
            time.sleep(0.02)
        self.faults += [f"{job_id}: its socket is left" for job_id in self._sockets()]

    def _sockets(self) -> list[str]:
        """Jobs that have a socket although their holder was not killed by this run."""
        jobs = [job.job_id for job in self.jobs.values() if not job.holder_killed]
        return [job_id for job_id in jobs if (self.directory(job_id).path / SOCKET).exists()]

    def _nothing_lost(self, job: Job) -> None:
        directory = self.directory(job.job_id)
        status = directory.status()
        if status is None or (not status.state.ended and not job.holder_killed):
            self.faults.append(f"{job.job_id}: it has no end in its status")
        at, number = directory.log.floor, 0
        rest = b""
        while True:
            at, data = directory.log.read(at, 1 << 20)
            if not data:
                break
            at += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                body, _, crc = line.rpartition(b" ")
                if int(body.split()[0]) != number + 1 or int(crc, 16) != zlib.crc32(body):
                    self.faults.append(f"{job.job_id}: line {number + 1} is {line[:80]!r}")
                    return
                number += 1
        if number < job.written() and not job.holder_killed:
            self.faults.append(f"{job.job_id}: {job.written() - number} written lines are lost")
        self.did["lines checked"] += number


@dataclass
class Polite:
    """Programs with a SIGTERM handler, ended by every road."""

    folder: Path
    choose: random.Random
    faults: list[str] = field(default_factory=list)
    saved: collections.Counter[str] = field(default_factory=collections.Counter)
    ended: collections.Counter[str] = field(default_factory=collections.Counter)

    def run(self, count: int) -> None:
        program = self.folder / "polite.py"
        program.write_text(POLITE)
        for number in range(0, count, BATCH):
            road = ROADS[number // BATCH % len(ROADS)]
            self._batch(program, range(number, min(count, number + BATCH)), road)

    def _batch(self, program: Path, numbers: range, road: str) -> None:
        notes = self.folder / f"notes-{numbers[0]}"
        notes.touch()
        server = Server(self.folder / "polite", {"PTYJOBS_KILL_GRACE": str(GRACE)})
        for number in numbers:
            wait = self.choose.uniform(0, HANDLING)
            line = f"exec {sys.executable} -S {program} {self._file(number)} {notes} {wait:.3f}"
            limit = {"timeout": 20.0} if road == "time limit" else {}
            server.call("execute", command=line, name=f"polite-{number}", wait=0, **limit)
        for number in numbers:
            server.call("wait", job_id=f"polite-{number}", pattern=["up"], timeout=30)
        if road == "kill":
            for number in numbers:
                server.call("kill", job_id=f"polite-{number}")
        elif road == "time limit":
            for number in numbers:
                server.call("wait", job_id=f"polite-{number}", until="exited", timeout=60)
        elif road == "SIGTERM":
            server.process.terminate()
        server.end(kill=road == "SIGKILL")
        pids = [int(line) for line in notes.read_text().split()]
        limit_at = time.monotonic() + GRACE + 10
        while (left := [pid for pid in pids if self._runs(pid)]) and time.monotonic() < limit_at:
            time.sleep(0.02)
        self.faults += [f"{road}: process {pid} remains" for pid in left]
        self.ended[road] += len(pids)
        for number in numbers:
            file = self._file(number)
            text = file.read_text() if file.exists() else "nothing"
            self.saved[road] += text == "begin saved"
            if text != "begin saved":
                self.faults.append(f"{road}: polite-{number} has written {text!r}")

    def _file(self, number: int) -> Path:
        return self.folder / f"saved-{number}"

    @staticmethod
    def _runs(pid: int) -> bool:
        try:
            return b"polite.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--polite", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        polite = Polite(Path(folder), random.Random(options.seed))
        polite.run(options.polite)
        if options.polite:
            roads = ", ".join(f"{r} {polite.saved[r]} of {polite.ended[r]}" for r in ROADS)
            print(f"seed {options.seed}, saved in a SIGTERM handler: {roads}", flush=True)
        if not options.minutes:
            print("\n".join(polite.faults) or "all saved, nothing left")
            return 1 if polite.faults else 0
        soak = Soak(Path(folder), random.Random(options.seed), faults=polite.faults)
        limit = time.monotonic() + options.minutes * 60
        while time.monotonic() < limit:
            soak.step()
        soak.finish()
    print(f"seed {options.seed}, {len(soak.jobs)} jobs:", dict(soak.did))
    print("\n".join(soak.faults) or "nothing lost, nothing left")
    return 1 if soak.faults else 0


if __name__ == "__main__":
    sys.exit(main())
