"""Which failed tests of a run may run once more, and when that fails the run (tools/retried.py)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def load() -> Any:
    spec = importlib.util.spec_from_file_location("retried", ROOT / "tools" / "retried.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


tool = load()


class Run:
    """One run of the suite with the given failures; `second` is the exit code of the second try."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tried: list[str] = []

    def __call__(
        self,
        failed: Sequence[str] = (),
        certain: Sequence[str] = (),
        *,
        status: int = -1,
        second: int = 0,
    ) -> int:
        self.tried = []

        def again(tests: Sequence[str]) -> int:
            self.tried = list(tests)
            return second

        if status < 0:
            status = 1 if failed else 0
        return tool.judge(status, failed, self.file, not_live=lambda _: list(certain), again=again)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "cache" / "retried.jsonl")


def test_a_green_run_is_recorded_and_tries_nothing_again(run: Run) -> None:
    assert run() == 0
    assert tool.history(run.file) == [[]]
    assert run.tried == []


def test_a_live_test_gets_a_second_try_that_is_printed(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["tests/live/test_a.py::test_x"]) == 0
    assert run.tried == ["tests/live/test_a.py::test_x"]
    out = capsys.readouterr().out
    assert "== retried: 1, passed by itself:\n   tests/live/test_a.py::test_x" in out


def test_failing_twice_is_a_failure(run: Run) -> None:
    assert run(["a"], second=1) == 1


def test_a_deterministic_test_gets_no_second_try(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["a", "b"], certain=["b"]) == 1
    assert run.tried == []
    assert "depends on nothing but its input: b" in capsys.readouterr().out


def test_a_few_may_run_again_but_not_more(run: Run) -> None:
    few = [f"a{n}" for n in range(tool.MOST)]
    assert run(few) == 0
    assert run([*(f"b{n}" for n in range(tool.MOST)), "c"]) == 1
    assert run.tried == []


def test_the_same_test_twice_in_ten_runs_fails_the_second_run(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["a"]) == 0
    for _ in range(8):
        assert run() == 0
    assert run(["a"]) == 1
    assert "needed a second try twice in 10 runs: a" in capsys.readouterr().out
    run()
    assert run(["a"]) == 0  # ten runs later


def test_an_end_without_failed_tests_is_never_tried_again(run: Run) -> None:
    assert run(["a"], status=2) == 2  # interrupted
    assert run([], status=1) == 1  # nothing on record
    assert run.tried == []
    assert not run.file.exists()


def test_the_parts_of_the_suite(pytestconfig: pytest.Config) -> None:
    """A test of a deterministic directory is not live, one that drives programs is."""
    tests = [
        "tests/input/test_keys.py",
        "tests/live/test_people.py",
        "tests/test_layers.py",
        "tests/faults/test_time.py",
    ]
    listed = tool.pytest("--collect-only", "-m", "not live", *[str(ROOT / name) for name in tests])
    files = {line.split("::")[0] for line in listed.stdout.splitlines() if "::" in line}
    assert files == {"tests/input/test_keys.py", "tests/test_layers.py"}
