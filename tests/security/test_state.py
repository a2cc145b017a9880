"""What a job without a sandbox puts into the state directory: no command hangs or obeys it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.client.files import JobDir, status_cache

pytestmark = pytest.mark.live


def held_fifo(path: Path) -> None:
    """A FIFO that a writer keeps open, so that its reader reaches no end."""
    os.mkfifo(path)
    os.open(path, os.O_RDWR)


PLACED: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a held FIFO": held_fifo,
    "a directory": Path.mkdir,
    "deep JSON": lambda path: path.write_bytes(b"[" * 200_000),
    "no JSON": lambda path: path.write_bytes(b"\xff\xfe{"),
    "a list": lambda path: path.write_bytes(b"[1]"),
}


@pytest.mark.parametrize("name", ["status.json", "spec.json", "alive"])
@pytest.mark.parametrize("placed", PLACED)
@pytest.mark.stops("files", "a FIFO, a directory or deep JSON in place of a job's file")
def test_a_placed_file_stops_no_command(tmp_path: Path, name: str, placed: str) -> None:
    job = tmp_path / "state/jobs/bad"
    job.mkdir(mode=0o700, parents=True)
    if name == "alive" and placed == "a directory":
        pytest.skip("it counts as the lock of a holder")
    PLACED[placed](job / name)
    (tmp_path / "state/jobs/ev\x1b]0;pwn\x07il").mkdir()
    done = command(tmp_path, "list", "--all")
    assert done.returncode == 0, done.stderr
    assert b"bad" in done.stdout
    assert b"\x1b" not in done.stdout


RIGHT = {
    "job_id": "bad",
    "state": "completed",
    "command": "true",
    "cwd": "/",
    "started": 1.0,
    "ended": 2.0,
    "argv": ["true"],
    "env": {},
    "notify": ["exited"],
}
WRONG: dict[str, object] = {
    "state": "asleep",
    "command": None,
    "cwd": ["/"],
    "started": "today",
    "ended": 1e300,
    "exit": {"code": "0"},
    "size": 3,
    "gaps": [[1]],
    "end": 2**70,
    "labels": {"a": 1},
    "last_line": {},
    "service": {"state": 1},
    "tags": [],
    "argv": "true",
    "notify": [1],
    "run": 1.5,
    "restart": 7,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.stops("files", "values of wrong types in a job's files")
def test_wrong_types_stop_no_command(tmp_path: Path, wrong: str) -> None:
    job = tmp_path / "state/jobs/bad"
    job.mkdir(mode=0o700, parents=True)
    for name in ("status.json", "spec.json"):
        (job / name).write_text(json.dumps({**RIGHT, wrong: WRONG[wrong]}))
    os.utime(job, (1, 1))  # no holder is starting there
    for words in (["list", "--all"], ["status", "bad"], ["clean"]):
        done = command(tmp_path, *words)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        assert b"bad" in done.stdout
    assert not job.exists()


@pytest.mark.parametrize("placed", PLACED)
def test_a_placed_glimpse_is_not_waited_for(tmp_path: Path, placed: str) -> None:
    PLACED[placed](tmp_path / "glimpse.json")
    assert status_cache.read(JobDir(tmp_path)) is None


def test_a_glimpse_of_wrong_types_is_none(tmp_path: Path) -> None:
    status = {**RIGHT, "job_id": tmp_path.name}
    facts = {"witnesses": [], "heard": 0.0}
    job = JobDir(tmp_path)
    job.write("glimpse.json", {**facts, "status": status})
    assert status_cache.read(job) is not None
    for name in ("state", "command", "started", "size", "last_line"):
        job.write("glimpse.json", {**facts, "status": {**status, name: WRONG[name]}})
        assert status_cache.read(job) is None


def test_lines_of_other_types_are_no_events(tmp_path: Path) -> None:
    lines = ["7", "[]", '["a", 0, "o"]', '[1e999, 1e999, "o"]', '[0, {}, "o"]', "[" * 100_000]
    (tmp_path / "events").write_text("\n".join([*lines, '[0.5, 3, "o"]']))
    assert [(one.time, one.offset) for one in JobDir(tmp_path).events()] == [(0.5, 3)]
    for secrets in ({}, {"secrets": 7}):
        JobDir(tmp_path).write("secrets.json", secrets)
        assert JobDir(tmp_path).secrets() == []


def command(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`ptyjobs` with those arguments, on the state directory of the test; ended jobs are old."""
    settings = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_RETENTION": "0"}
    return subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={**os.environ, "HOME": str(tmp_path), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("placed", PLACED)
def test_a_placed_report_of_a_crash_stops_nobody(tmp_path: Path, placed: str) -> None:
    PLACED[placed](tmp_path / "crash")
    code = f"from ptyjobs.store.jobdir import JobDir; JobDir({str(tmp_path)!r}).crash()"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
