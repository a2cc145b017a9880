"""Lines typed into text fields of many kinds: how many arrive as typed.

    python -m benchmarks.fields [--python PYTHON] [--modules NODE_MODULES] [--only NAME ...]
                                [--share 1.0] [--seed 1]

Each line is one `interact(input=line)` of the MCP SDK's client over stdio, with default waits. The
program appends what was submitted to a file, which is compared with what was typed. `PYTHON` has
textual, prompt_toolkit, questionary, InquirerPy, urwid and rich; `NODE_MODULES` has ink, react,
ink-text-input, @inkjs/ui, @inquirer/prompts, @clack/prompts, enquirer, prompts and blessed.
Programs whose loop we write are run with lags of 0, 20, 50, 100 and 200 ms. Goal: nothing lost in
2,000 lines; 200 of 200 in ink, Textual, prompt_toolkit, bubbletea and the raw loops.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from benchmarks.fields_programs import FIELDS, Field

LAGS = (0.0, 0.02, 0.05, 0.1, 0.2)
TEXT = "alpha beta gamma delta été straße 42 x = y; it-s a [list] of {things} / and more"
_TYPISTS = itertools.count(1)
PATIENCE = 2.0  # seconds after a reply in which the line may still arrive; it then counts as early


def lines(count: int, seed: str) -> list[str]:
    """Lines of 1 to 90 characters, all different."""
    chance, words = random.Random(seed), TEXT.split()
    return [
        " ".join([str(n), *chance.choices(words, k=chance.choice((0, 1, 2, 3, 12)))])
        for n in range(count)
    ]


def judge(typed: list[str], received: list[str]) -> collections.Counter[str]:
    """The fate of each line: ok, merged with others, cut, or lost."""
    fates: collections.Counter[str] = collections.Counter()
    left = collections.Counter(received)
    for line in typed:
        if left[line]:
            left[line] -= 1
            fates["ok"] += 1
        elif any(line in other for other in left):
            fates["merged"] += 1
        elif any(other and (other in line or line[-8:] in other) for other in left):
            fates["cut"] += 1
        else:
            fates["lost"] += 1
    fates["extra"] = sum(left[line] for line in left if line and line not in typed)
    return fates


class Typist:
    """Types lines into one program and compares what it received."""

    def __init__(self, client: Client, scratch: Path, python: str) -> None:
        self.client = client
        self.scratch = scratch
        self.python = python
        self.number = next(_TYPISTS) * 100
        self.times: list[float] = []
        self.early = 0
        self.unsent: list[str] = []  # typed, but not submitted within PATIENCE

    async def run(self, field: Field, lag: float, texts: list[str]) -> collections.Counter[str]:
        """Start the program, type `texts`, end it."""
        self.number += 1
        job, out = f"f{self.number}", self.scratch / f"out{self.number}"
        out.touch()
        file = self.scratch / f"program{self.number}{field.suffix}"
        file.write_text(field.source)
        command = field.command.replace("{file}", str(file)).replace("{python}", self.python)
        env = {"OUT": str(out), "LAG": str(lag), "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        await self.call(
            "execute", command=command, name=job, env=env, wait=field.wait, cwd=str(self.scratch)
        )
        for count, text in enumerate(texts, 1):
            begin = time.monotonic()
            await self.call("interact", job_id=job, input=field.before + text + field.after)
            self.times.append(time.monotonic() - begin)
            await self.arrival(out, text, count)
        await self.call("kill", job_id=job, grace=0.2)
        return judge(texts, [line.rstrip() for line in received(out)])

    async def arrival(self, out: Path, text: str, count: int) -> None:
        """Wait until the program has the line; count it as early if it had not at the reply."""
        begin = time.monotonic()
        while len(received(out)) < count:
            if time.monotonic() - begin > PATIENCE:
                self.unsent.append(text)
                return
            await asyncio.sleep(0.005)
        self.early += time.monotonic() - begin > 0.02

    async def call(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        text = getattr(result.content[0], "text", "")
        if result.is_error:
            raise RuntimeError(f"{tool}: {text}")
        return str(text)


def received(out: Path) -> list[str]:
    """The lines that the program has submitted, without the empty ones."""
    return [line for line in out.read_text(errors="replace").splitlines() if line.strip()]


def installed(needs: str) -> bool:
    """True if there is such a command, or such a directory."""
    return Path(needs).is_dir() if needs.startswith("/") else shutil.which(needs) is not None


async def measure(options: argparse.Namespace) -> bool:
    """Print one row for each kind; True if nothing was lost."""
    total: collections.Counter[str] = collections.Counter()
    print(f"{'field':26} lines    ok merged cut lost unsubmitted early  median ms  p95")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if options.modules:
            (scratch / "node_modules").symlink_to(options.modules.resolve())
        # In CI, ink draws nothing before the end.
        inherited = {name: value for name, value in os.environ.items() if name != "CI"}
        env = {**inherited, "HOME": folder, "PTYJOBS_STATE": f"{folder}/state"}
        server = StdioServerParameters(command=sys.executable, args=["-m", "ptyjobs"], env=env)
        async with Client(stdio_client(server)) as client:
            for name, field in FIELDS.items():
                if options.only and name not in options.only:
                    continue
                missing = field.needs and not installed(field.needs)
                if missing or (field.suffix == ".mjs" and not options.modules):
                    print(f"{name:26} not installed")
                    continue
                typist = Typist(client, scratch, options.python)
                fates: collections.Counter[str] = collections.Counter()
                lags = LAGS if field.lags else LAGS[:1]
                count = max(1, round(field.count * options.share / len(lags)))
                for lag in lags:
                    texts = lines(count, f"{name}{lag}{options.seed}")
                    fates += await typist.run(field, lag, texts)
                times = sorted(1000 * spent for spent in typist.times)
                print(
                    f"{name:26} {len(times):5} {fates['ok']:5} {fates['merged']:6} {fates['cut']:3}"
                    f" {fates['lost']:4} {len(typist.unsent):11} {typist.early:5}"
                    f" {statistics.median(times):10.1f} {times[-len(times) // 20]:5.0f}",
                    flush=True,
                )
                total += fates
                total["lines"] += len(times)
    wrong = total["lines"] - total["ok"]
    print(f"{total['lines']} lines: {total['ok']} ok, {wrong} wrong, {total['extra']} extra")
    return wrong == 0 and not total["extra"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Lines typed into text fields.")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--modules", type=Path, help="a node_modules folder")
    parser.add_argument("--only", action="append")
    parser.add_argument("--share", type=float, default=1.0, help="of the lines of each kind")
    parser.add_argument("--seed", default="1")
    sys.exit(0 if asyncio.run(measure(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
