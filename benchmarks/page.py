"""The viewer's page in a real Chromium: the first cards of many jobs, and memory under a flood.

python -m benchmarks.page [--jobs N] [--minutes M]

First card: from the start of the navigation until the cards of the first page are in the document.
Memory: private memory of the page's process (smaps_rollup, proc(5)) and the JavaScript heap, while
a job prints 5 MB/s; for comparison the same process with only the overview.
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
from collections.abc import Iterator
from pathlib import Path

from tests.web.browser import Browser

RATE = 5_000_000  # bytes a second
FLOOD = f"""
import os, time
line = b"\\x1b[32m" + b"word " * 20 + b"\\x1b[m\\r\\n"
block = line * (50_000 // len(line))
start, count = time.monotonic(), 0
while True:
    os.write(1, block)
    count += len(block)
    ahead = count / {RATE} - (time.monotonic() - start)
    if ahead > 0:
        time.sleep(ahead)
"""


def ptyjobs(state: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={**os.environ, "PTYJOBS_STATE": str(state)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


def record(state: Path, number: int) -> None:
    """The directory of a job that has ended, as its holder leaves it."""
    job = state / "jobs" / f"ended-{number}"
    job.mkdir(parents=True, mode=0o700)
    facts = {"job_id": job.name, "command": f"make target-{number}", "cwd": "/src", "size": {}}
    (job / "spec.json").write_text(json.dumps({**facts, "argv": ["sh"]}))
    times = {"started": time.time() - 3600 - number, "ended": time.time() - 3600}
    end = {"state": "completed", "exit": {"code": 0}, "end": 2000, **times}
    (job / "status.json").write_text(json.dumps({**facts, **end}))
    (job / "log.0").write_bytes(b"one line of what it printed\r\n" * 70)


def page_process(pid: int) -> int:
    """The largest renderer below a browser: the one of the page that is shown."""
    return max(_renderers(pid), key=lambda found: private(found)[0])


def _renderers(pid: int) -> Iterator[int]:
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, below):
        if b"--type=renderer" in Path(f"/proc/{child}/cmdline").read_bytes():
            yield child
        yield from _renderers(child)


def private(pid: int) -> tuple[float, float]:
    """Private and resident megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines}
    return sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Rss"]


def first_card(browser: Browser, url: str) -> float:
    """Milliseconds."""
    browser.go("about:blank")
    browser.go(url)
    mark = "performance.getEntriesByName('first card')"
    browser.wait(f"{mark}.length > 0 && document.querySelectorAll('.card').length > 0")
    start: float = browser.run(f"{mark}[0].startTime")
    return start


def report(browser: Browser, pid: int, words: str) -> float:
    """Print the sizes; returns the private one in megabytes."""
    facts = {one["name"]: one["value"] for one in browser.ask("Performance.getMetrics")["metrics"]}
    own, resident = private(page_process(pid))
    heap = facts["JSHeapUsedSize"] / 1e6
    print(
        f"{words:24} private {own:5.0f} MB, resident {resident:5.0f}, JavaScript heap {heap:4.0f}"
    )
    return own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=5.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state")
        flood = Path(folder, "flood.py")
        flood.write_text(FLOOD)
        for number in range(args.jobs - 1):
            record(state, number)
        ptyjobs(state, "run", "-d", "--name", "flood", "--", f"read go; exec python3 {flood}")
        viewer = subprocess.Popen(
            [sys.executable, "-m", "ptyjobs", "web", "--write"],
            env={**os.environ, "PTYJOBS_STATE": str(state)},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert viewer.stdout is not None
        browser = Browser()
        try:
            url = viewer.stdout.readline().strip()
            times = sorted(first_card(browser, url) for _ in range(5))
            print(f"{args.jobs} jobs: first card after {times[2]:.0f} ms (goal <= 500)")
            browser.ask("Performance.enable")
            report(browser, browser.pid, "overview")
            browser.run("location.hash = '#/job/flood'")
            browser.wait("document.getElementById('mode').textContent === 'you can type'")
            ptyjobs(state, "send", "flood", "", "--timeout", "0")
            sizes = []
            for minute in range(1, round(args.minutes) + 1):
                time.sleep(60)
                sizes.append(report(browser, browser.pid, f"{minute} min of 5 MB/s"))
            if len(sizes) > 2:  # the first minute fills the scrollback
                times = range(2, len(sizes) + 1)
                slope = statistics.linear_regression(times, sizes[1:]).slope
                print(f"slope from the second minute on: {slope:+.2f} MB a minute")
        finally:
            browser.close()
            viewer.terminate()
            viewer.wait(10)
            ptyjobs(state, "kill", "flood")


if __name__ == "__main__":
    main()
