"""What a job without a sandbox puts into the state directory: no command hangs or obeys it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
    env = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "ptyjobs", "list", "--all"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"bad" in done.stdout
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("placed", PLACED)
def test_a_placed_report_of_a_crash_stops_nobody(tmp_path: Path, placed: str) -> None:
    PLACED[placed](tmp_path / "crash")
    code = f"from ptyjobs.store.jobdir import JobDir; JobDir({str(tmp_path)!r}).crash()"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)
