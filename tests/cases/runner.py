"""Runs the cases and prints a table: python -m tests.cases.runner [--direct] [--only ID ...].

Through the real server by default; `--direct` through the client API. One server serves all cases
of a run, as a judge's would.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.cases import oracle
from tests.cases.case import Case, Step, load, placed
from tests.cases.drive import Driver, direct, server
from tests.cases.judge import Judgement, end_told, judge

CALL_LIMIT = 60.0  # seconds after which a call counts as never answered


@dataclass(frozen=True, slots=True)
class Row:
    """Result of one step."""

    case: str
    number: int
    kind: str
    judgement: Judgement
    took: float
    reply: str
    overhead: float | None = None


def placed_in(case: Case, work: Path) -> Case:
    """The case with a scratch folder of its own, set up."""
    work.mkdir()
    made = placed(case, work)
    if made.setup:
        subprocess.run(["bash", "-ec", made.setup], check=True, cwd=work, capture_output=True)
    return made


async def run(
    case: Case, driver: Driver, work: Path, *, pexpect_times: Sequence[float | None] = ()
) -> list[Row]:
    """Every step of a case that has been placed in `work`."""
    job_id, _ = await driver.start(case.cmd, cwd=work)
    if not case.cold:
        await asyncio.sleep(case.start_think)
    rows: list[Row] = []
    earlier: list[str] = []
    for number, step in enumerate(case.steps, start=1):
        row = await _step(case, number, step, driver, job_id, earlier)
        known = pexpect_times[number - 1] if pexpect_times else None
        if known is not None:
            row = replace(row, overhead=row.took - known)
        rows.append(row)
        earlier += row.judgement.shown
    await driver.end(job_id)
    return rows


async def _step(
    case: Case, number: int, step: Step, driver: Driver, job_id: str, earlier: list[str]
) -> Row:
    started = time.monotonic()
    try:
        async with asyncio.timeout(CALL_LIMIT):
            reply = await driver.step(job_id, step)
    except TimeoutError:
        reply = f"(no answer within {CALL_LIMIT:.0f} s)"
    took = time.monotonic() - started
    ended = end_told(reply)
    found = judge(step, reply, took=took, ended=ended, earlier=earlier)
    if step.view == "screen" and not found.correct:
        reply = f"{reply}\n--- tail ---\n{await driver.screen(job_id)}"
        tail = reply.split("\n--- tail ---\n", 1)[1]
        found = judge(step, tail, took=took, ended=ended, earlier=earlier)
    return Row(case.id, number, step.kind, found, took, reply)


def table(rows: Iterable[Row], *, verbose: bool) -> str:
    """One line a step; with `verbose` also the replies of failed steps."""
    lines = []
    for row in rows:
        found = row.judgement
        mark = "ok " if found.correct else "ODD" if found.complete else "BAD"
        over = "" if row.overhead is None else f"{row.overhead * 1000:+8.1f}"
        why = "; ".join(found.incomplete + found.incorrect)
        lines.append(
            f"{mark} {row.case:<24} {row.number:>2} {row.kind:<12} {row.took * 1000:8.1f} ms"
            f" {over:>8} {len(row.reply):>6} ch  {why}"
        )
        if verbose and not found.correct:
            lines += ["    | " + line for line in row.reply.split("\n")[:60]]
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """Counts, the median overhead and the median price."""
    complete = sum(row.judgement.complete for row in rows)
    correct = sum(row.judgement.correct for row in rows)
    over = [row.overhead for row in rows if row.overhead is not None]
    ms = f"{statistics.median(over) * 1000:.2f} ms" if over else "not measured"
    price = statistics.median(len(row.reply) for row in rows)
    return (
        f"{len(rows)} steps: {correct} correct, {complete} complete; median overhead over pexpect "
        f"{ms}; median price {price:.0f} characters"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.cases.runner", description=__doc__)
    parser.add_argument("--direct", action="store_true", help="the client API, no server")
    parser.add_argument("--only", action="append", default=[], help="ids, or beginnings of ids")
    parser.add_argument("--file", action="append", default=[], type=Path, help="a case file")
    parser.add_argument("--times", action="store_true", help="time pexpect beside it")
    parser.add_argument("--bare", action="store_true", help="no locale in the environment")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every reply there")
    parser.add_argument("--quiet", action="store_true", help="no replies of failed steps")
    options = parser.parse_args()
    rows = asyncio.run(_main(options))
    print(summary(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    return 0 if all(row.judgement.correct for row in rows) else 1


async def _main(options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cases-") as folder:
        start = direct if options.direct else server
        async with start(Path(folder) / "state", bare=options.bare) as driver:
            for round_ in range(options.repeat):
                for case in load(options.file):
                    if options.only and not case.id.startswith(tuple(options.only)):
                        continue
                    if missing := case.missing():
                        print(f"-   {case.id:<24} needs {', '.join(missing)}")
                        continue
                    found = await _one(case, driver, Path(folder), round_, timed=options.times)
                    print(table(found, verbose=not options.quiet), flush=True)
                    rows += found
    return rows


async def _one(case: Case, driver: Driver, folder: Path, round_: int, *, timed: bool) -> list[Row]:
    times: Sequence[float | None] = ()
    if timed:
        beside = folder / f"{case.id}.{round_}.pexpect"
        times = await asyncio.to_thread(lambda: oracle.times(placed_in(case, beside), cwd=beside))
    work = folder / f"{case.id}.{round_}"
    made = await asyncio.to_thread(lambda: placed_in(case, work))
    return await run(made, driver, work, pexpect_times=times)


if __name__ == "__main__":
    sys.exit(main())
