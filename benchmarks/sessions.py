"""Sessions with real programs, the same steps through two versions: which replies differ?

    python -m benchmarks.sessions [--other PYTHON] [--only NAME ...] [--part N/OF] [--together 3]
                                  [--file FILE] [--show]

`PYTHON` is an interpreter for which the other version of ptyjobs is installed; without `--other`
this version is compared with itself, which shows what is not reproducible. Each version serves
over stdio in a process of its own and runs the sessions of sessions.toml in turn, each in the same
folder, made anew. A step is one `interact` call with default waits; status line, verdict and text
of its reply are compared. Numbers that may differ (durations, sizes, offsets) are masked in the
status line. After a difference the session is run twice more by both, and a step differs only if
no reply of one version equals one of the other, also with its numbers masked; a step that differed
in fewer of the runs is listed as varying. A step is slower if each of its calls took longer than
each of the other version's, and the median three times as long and 0.1 s longer.

Exit code 1 if a step differs or is slower. A program that is missing is named and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import difflib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.cases.case import Case
from tests.cases.drive import Server, server
from tests.cases.runner import placed_in

HERE = Path(__file__).parent
ROUNDS = 3  # runs of a session in which a step differed
CALL_LIMIT = 60.0  # seconds after which a call counts as never answered
SLOWER, SLOWER_BY = 3.0, 0.1  # times, and seconds, that make a step slower
PAUSE = 0.2  # seconds between a reply and the next call, as a quick caller would take
VERDICT = ("state", "reason", "confidence", "prompt", "continuation", "exit_code", "signal")
VERDICT += ("command_exit", "view", "rows", "late", "hidden", "says", "omitted_lines", "unsent")
_VARYING = re.compile(r" · (?:\+[\d,]+ B|log \d+|[\d.,]+ (?:ms|s|min|h)(?: [\d.]+ s)?)(?= · |$)")
_NUMBERS = re.compile(
    r"0x[0-9a-f]+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b|\d+",
    re.IGNORECASE,
)
SIDES = ("other", "now")


@dataclass(frozen=True, slots=True)
class Session:
    """A program and the arguments of each call; `case` has its start and its requirements."""

    case: Case
    steps: tuple[dict[str, Any], ...]
    env: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (40, 120)  # rows, columns


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call returned, by the parts that are compared, and its seconds."""

    status: str
    verdict: str
    text: str
    took: float

    def parts(self, *, masked: bool) -> dict[str, str]:
        found = {"status": self.status, "verdict": self.verdict, "text": self.text}
        return {name: mask(text) for name, text in found.items()} if masked else found


Runs = dict[str, list[list[Reply]]]  # by side: each run's replies, the start's first


def mask(text: str) -> str:
    """`text` with each number, address or hash replaced, and its columns closed up."""
    return re.sub(r"[ \t]+", " ", _NUMBERS.sub("0", text))


def load(path: Path) -> list[Session]:
    """The sessions of a file: a step is a line to type, a list of keys, or a call's arguments."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    sessions = []
    for entry in data["session"]:
        steps = tuple(
            {"input": step} if isinstance(step, str) else {"keys": step}
            if isinstance(step, list) else dict(step)
            for step in entry["steps"]
        )  # fmt: skip
        command = entry["run"]
        needs = entry.get("needs", [command.split()[0]])
        case = Case(
            id=entry["name"],
            cmd=command,
            ready="",
            steps=(),
            setup=entry.get("setup", ""),
            needs=tuple(needs),
        )
        rows, cols = entry.get("size", (40, 120))
        sessions.append(Session(case, steps, entry.get("env", {}), (rows, cols)))
    return sessions


def missing(case: Case) -> list[str]:
    """What the case needs and this machine lacks; `python:NAME` is a module of the first python."""
    modules = [need for need in case.needs if need.startswith("python:")]
    programs = replace(case, needs=tuple(set(case.needs) - set(modules)))
    check = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    absent = [
        need
        for need in modules
        if subprocess.run(["python", "-c", check, need.partition(":")[2]], check=False).returncode
    ]
    return programs.missing() + absent


# -- one session in one version ------------------------------------------------------------------


def reply(text: str, facts: Mapping[str, Any], took: float) -> Reply:
    head, _, body = text.partition("\n")
    while head != (head := _VARYING.sub("", head, count=1)):
        pass
    verdict = ", ".join(f"{name}={facts[name]!r}" for name in VERDICT if facts.get(name))
    return Reply(re.sub(r"since=\d+", "since=", head), verdict, body, took)


async def timed(side: Server, name: str, arguments: dict[str, Any]) -> Reply:
    began = time.monotonic()
    try:
        async with asyncio.timeout(CALL_LIMIT):
            text, facts = await side.call(name, **arguments)
    except TimeoutError:
        text, facts = f"(no answer within {CALL_LIMIT:.0f} s)", {}
    return reply(text, facts, time.monotonic() - began)


async def run(session: Session, side: Server, folder: Path, name: str) -> list[Reply]:
    """The reply to the start and to each step, in a folder made anew."""
    work = folder / name
    made = await asyncio.to_thread(placed_in, session.case, work)
    home = work / ".home"
    home.mkdir(exist_ok=True)
    rows, cols = session.size
    start = {"command": made.cmd, "cwd": str(work), "name": name, "rows": rows, "cols": cols}
    env = {"HOME": str(home), "NODE_REPL_HISTORY": "", **session.env}
    replies = [await timed(side, "execute", {**start, "env": env, "replace": True})]
    for step in session.steps:
        await asyncio.sleep(PAUSE)
        replies.append(await timed(side, "interact", {"job_id": name, **step}))
    await timed(side, "kill", {"job_id": name})
    await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return replies


# -- both versions -------------------------------------------------------------------------------


def differing(runs: Runs, number: int) -> tuple[list[str], bool]:
    """The parts of a step that differ between the versions in every run; whether any run differed.

    A part differs in every run if the versions have no value of it in common, masked or not.
    """
    known = [[replies[number] for replies in runs[side]] for side in SIDES]
    always, ever = [], False
    for part in ("status", "verdict", "text"):
        seen = [[one.parts(masked=True)[part] for one in side] for side in known]
        plain = [[one.parts(masked=False)[part] for one in side] for side in known]
        stable = all(len(set(values)) == 1 for values in plain)
        if not set(seen[0]) & set(seen[1]) or (stable and plain[0][0] != plain[1][0]):
            always.append(part)
        ever = ever or seen[0] != seen[1]
    return always, ever


def slower(runs: Runs, number: int) -> bool:
    """True if each call of this version took longer than each of the other, and clearly so."""
    before, now = ([replies[number].took for replies in runs[side]] for side in SIDES)
    middle, late = statistics.median(before), statistics.median(now)
    return min(now) > max(before) and late > SLOWER * middle and late > middle + SLOWER_BY


@dataclass
class Tally:
    """Counts of a comparison, and the lists that are printed at its end."""

    sessions: int = 0
    steps: int = 0
    differ: int = 0
    slower: int = 0
    faster: int = 0
    varying: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, session: Session, runs: Runs, *, show: bool) -> None:
        """Count a session's steps and print those that differ; `show`: print all."""
        self.sessions += 1
        turned: Runs = {"other": runs["now"], "now": runs["other"]}
        for number, step in enumerate([{"start": session.case.cmd}, *session.steps]):
            self.steps += 1
            parts, ever = differing(runs, number)
            late = slower(runs, number)
            self.differ += bool(parts)
            self.slower += late
            self.faster += slower(turned, number)
            where = f"{session.case.id}, step {number} {step}"
            if ever and not parts:
                self.varying.append(where)
            if parts or late or show:
                words = [f"differs in {', '.join(parts)}"] if parts else []
                times = [
                    statistics.median(run[number].took for run in runs[side]) for side in SIDES
                ]
                words += [f"slower: {times[0]:.2f} s, now {times[1]:.2f} s"] if late else []
                print(f"\n{where}: {'; '.join(words) or 'same'}")
                before, now = (runs[side][-1][number] for side in SIDES)
                print(shown(before, now, parts or (["status", "text"] * show)), flush=True)

    def summary(self) -> str:
        lines = [f"{self.sessions} sessions, {self.steps} steps: {self.differ} differ, "]
        lines[0] += f"{self.slower} slower, {self.faster} faster, {len(self.varying)} vary"
        lines += [f"  varies: {one}" for one in self.varying]
        if self.missing:
            lines.append(f"not installed, {len(self.missing)}: {'; '.join(self.missing)}")
        return "\n".join(lines)


def shown(before: Reply, now: Reply, parts: Sequence[str]) -> str:
    """The differing parts of two replies, line by line."""
    lines = []
    if parts and "status" not in parts:
        lines.append(f"    {now.status}")
    for part in parts:
        pair = [one.parts(masked=False)[part].split("\n") for one in (before, now)]
        lines += [f"    {line}" for line in difflib.ndiff(*pair) if not line.startswith("?")]
    return "\n".join(lines)


async def compare(session: Session, sides: Mapping[str, Server], folder: Path, name: str) -> Runs:
    """One run by each version; two more if a step differs."""
    runs: Runs = {side: [] for side in SIDES}
    for number in range(ROUNDS):
        for side in SIDES if number % 2 else SIDES[::-1]:
            runs[side].append(await run(session, sides[side], folder, name))
        steps = range(len(session.steps) + 1)
        if not any(differing(runs, step)[0] or slower(runs, step) for step in steps):
            break
    return runs


def package(python: str) -> str:
    """The folder of the ptyjobs that an interpreter imports."""
    command = [python, "-P", "-c", "import ptyjobs; print(ptyjobs.__file__)"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd="/")
    return str(Path(done.stdout.strip()).parent)


@contextlib.asynccontextmanager
async def versions(other: str, folder: Path) -> AsyncIterator[dict[str, Server]]:
    async with contextlib.AsyncExitStack() as stack:
        sides = {}
        for side, python in zip(SIDES, (other, sys.executable), strict=True):
            print(f"{side}: {package(python)}")
            start = server(folder / side, python=python, cwd=folder)
            sides[side] = await stack.enter_async_context(start)
        yield sides


async def main_async(options: argparse.Namespace) -> Tally:
    tally = Tally()
    part, of = map(int, options.part.split("/"))
    wanted = []
    for place, session in enumerate(load(options.file)):
        if options.only and not session.case.id.startswith(tuple(options.only)):
            continue
        if place % of == part - 1:
            lacks = missing(session.case)
            tally.missing += [f"{session.case.id} ({', '.join(lacks)})"] if lacks else []
            wanted += [] if lacks else [(f"s{place}", session)]
    places = asyncio.Semaphore(options.together)
    with tempfile.TemporaryDirectory(prefix="sessions-") as name:
        folder = Path(name)
        async with versions(options.other or sys.executable, folder) as sides:

            async def one(job: str, session: Session) -> None:
                async with places:
                    runs = await compare(session, sides, folder, job)
                tally.add(session, runs, show=options.show)

            async with asyncio.TaskGroup() as group:
                for job, session in wanted:
                    group.create_task(one(job, session))
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--other", default="", help="interpreter with the other version")
    parser.add_argument("--only", action="append", default=[], help="names, or beginnings of names")
    parser.add_argument("--part", default="1/1")
    parser.add_argument("--together", type=int, default=3, help="sessions at one time")
    parser.add_argument("--file", type=Path, default=HERE / "sessions.toml")
    parser.add_argument("--show", action="store_true", help="print the replies of all steps")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin:/usr/games"
    tally = asyncio.run(main_async(options))
    print(f"\n{tally.summary()}")
    return 1 if tally.differ or tally.slower else 0


if __name__ == "__main__":
    sys.exit(main())
