"""What a test run of CI means: which failed tests may run once more, and how often that may happen.

    python tools/retried.py STATUS

STATUS is the exit code of the run that has just ended in this directory. Exit code: 0 if the run
counts as passed, else not 0.

A test that is not marked `live` depends on nothing but its input, so its failure stands. A live
test that failed beside hundreds of others runs once more by itself. The run fails all the same if
more than `MOST` tests needed that, or if one of them also needed it in one of the last `RUNS` runs.
Those are kept in `ptyjobs-ci/retried.jsonl` in the cache directory ($XDG_CACHE_HOME, else
~/.cache), one JSON line a run; `CI_RETRIED_HISTORY` names another file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

#: Tests that may need a second try in one run.
MOST = 3
#: Runs in which no test may need a second try twice, the present one included.
RUNS = 10

LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
TESTS_FAILED = 1  # pytest's exit code


def history_file() -> Path:
    """Where the tests that ran twice are kept from run to run."""
    if named := os.environ.get("CI_RETRIED_HISTORY"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ptyjobs-ci" / "retried.jsonl"


def history(file: Path) -> list[list[str]]:
    """The retried tests of earlier runs, oldest first; nothing where there is no such file."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def record(file: Path, retried: Sequence[str]) -> None:
    """Adds this run; runs before the last `RUNS` are dropped."""
    runs = [*history(file), list(retried)][-RUNS:]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(run) + "\n" for run in runs))


def objections(
    failed: Sequence[str], certain: Sequence[str], earlier: Sequence[Sequence[str]]
) -> list[str]:
    """Why this run has failed whatever a second try says; empty if a second try decides.

    `failed` are the tests that failed, `certain` those of them that are not live, `earlier` the
    retried tests of earlier runs, oldest first.
    """
    if certain:
        return [f"failed, and depends on nothing but its input: {test}" for test in certain]
    if len(failed) > MOST:
        return [f"{len(failed)} tests failed; at most {MOST} may run once more"]
    recent = {test for run in earlier[-(RUNS - 1) :] for test in run}
    return [
        f"needed a second try twice in {RUNS} runs: {test}" for test in failed if test in recent
    ]


def judge(
    status: int,
    failed: Sequence[str],
    file: Path,
    *,
    not_live: Callable[[Sequence[str]], list[str]],
    again: Callable[[Sequence[str]], int],
) -> int:
    """The exit code for a run that ended with `status`; prints what was decided and why."""
    if status not in (0, TESTS_FAILED):
        print(f"== pytest ended with {status}: nothing is run again")
        return status
    if status == 0:
        print("== retried: none")
        record(file, [])
        return 0
    reasons = (
        objections(failed, not_live(failed), history(file))
        if failed
        else ["nothing on record failed"]
    )
    for reason in reasons:
        print(f"== {reason}")
    if reasons:
        return 1
    print(f"== once more and by itself ({len(failed)} of at most {MOST}):", *failed, sep="\n   ")
    record(file, failed)
    if code := again(failed):
        return code
    print(f"== retried: {len(failed)}, passed by itself:", *failed, sep="\n   ")
    return 0


def pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE)


def not_live(tests: Sequence[str]) -> list[str]:
    listed = pytest("--collect-only", "-m", "not live", *tests).stdout
    return [test for test in tests if test in listed.splitlines()]


def again(tests: Sequence[str]) -> int:
    done = pytest(*tests)
    print(done.stdout)
    return done.returncode


def main() -> int:
    failed = sorted(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else []
    return judge(int(sys.argv[1]), failed, history_file(), not_live=not_live, again=again)


if __name__ == "__main__":
    raise SystemExit(main())
