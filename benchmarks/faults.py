"""The fault suite again and again: every test passes every time.

    python -m benchmarks.faults [--runs 20] [--user] [--only FILE ...]

`--user` (as root): as an ordinary user, in a mount namespace (`tests/security/edge.py`). `--only`:
files of `tests/faults`, to divide a long run. Prints each failure and the totals; exits 1 if a test
has failed or nothing has run.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COUNT = re.compile(r"(\d+) (passed|failed|error|skipped)")
LIMIT = 1800.0  # seconds of one run


def run(files: list[str], *, user: bool, folder: Path) -> str:
    """pytest's output for one run in a directory of its own."""
    root = Path("/mnt/repo") if user else ROOT
    names = [str(root / "tests/faults" / name) for name in files] or [str(root / "tests/faults")]
    options = ["-q", "--no-header", "-rfE", "-p", "no:cacheprovider", f"--rootdir={root}"]
    words = ["-m", "pytest", *options, f"--basetemp={folder}/tests", *names]
    if user:
        words = [str(ROOT / "tests/security/edge.py"), "user", "--", *words]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--user", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    if options.user and os.geteuid() != 0:
        parser.error("--user needs root; as a user, leave it out")
    counts: collections.Counter[str] = collections.Counter()
    clean = 0
    for number in range(options.runs):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            text = run(options.only, user=options.user, folder=folder)
        found = {word: int(count) for count, word in COUNT.findall(text.splitlines()[-1])}
        counts.update(found)
        good = found.get("passed", 0) > 0 and not found.keys() & {"failed", "error"}
        clean += good
        print(f"run {number + 1}: {found} in {time.monotonic() - began:.0f} s", flush=True)
        if not good:
            lines = [x for x in text.splitlines() if x.startswith(("FAILED", "ERROR", "E  "))]
            print("\n".join(lines or text.splitlines()[-20:]), flush=True)
    print(f"{clean} of {options.runs} runs without a failure: {dict(counts)}")
    return 0 if clean == options.runs else 1


if __name__ == "__main__":
    sys.exit(main())
