"""Cost of `setup` and the plugin's hooks, compared with the start of a bare interpreter.

    python -m benchmarks.setup [--repeats N]

Each figure is the median and the best of N runs, interleaved. `floor` is the interpreter that the
hook before Bash finds, with the same switches: that hook runs before every Bash call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ptyjobs

PLUGIN = Path(ptyjobs.__file__).parent / "plugin"
PTYJOBS = [sys.executable, "-m", "ptyjobs"]
SCRIPT = Path(sys.executable).parent / "ptyjobs"


def run(command: list[str], *, env: dict[str, str], given: str = "") -> tuple[float, float]:
    """Wall clock and CPU, in milliseconds; on a busy machine only the second says much."""
    started, before = time.perf_counter(), os.times()
    subprocess.run(command, env=env, input=given, capture_output=True, text=True, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return (time.perf_counter() - started) * 1000, cpu * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as home:
        for folder in (".claude", ".codex", ".cursor", ".gemini", ".config/zed", ".config/goose"):
            (Path(home) / folder).mkdir(parents=True)
        path = os.environ["PATH"]
        env = {"HOME": home, "PATH": f"{SCRIPT.parent}:{path}", "CLAUDE_PROJECT_DIR": home}
        launcher = ["sh", str(PLUGIN / "scripts" / "ptyjobs.sh"), "hook"]
        python = ["sh", str(PLUGIN / "scripts" / "python.sh")]
        bash = json.dumps({"tool_name": "Bash", "tool_input": {"command": "cd src && make"}})
        hint = [*python, str(PLUGIN / "hooks" / "bash_hint.py")]
        event = json.dumps({"session_id": "s", "cwd": home})
        figures = {
            "setup --dry-run": lambda: run([*PTYJOBS, "setup", "--dry-run"], env=env),
            "SessionStart, no jobs": lambda: run(
                [*launcher, "session-start"], env=env, given=event
            ),
            "PreToolUse": lambda: run(hint, env=env, given=bash),
            "PreToolUse, floor": lambda: run([*python, "-c", "pass"], env=env),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in figures}
        for _ in range(repeats):
            for name, measure in figures.items():
                times[name].append(measure())
        run([*PTYJOBS, "run", "-d", "--name", "bench", "--", "sleep", "600"], env=env)
        times["SessionStart, one job"] = [
            run([*launcher, "session-start"], env=env, given=event) for _ in range(repeats)
        ]
        run([*PTYJOBS, "kill", "bench"], env=env)
    for name, found in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{name:24} median {wall:5.0f} ms, best {min(found)[0]:5.0f} ms, CPU {cpu:5.0f} ms")


if __name__ == "__main__":
    main()
