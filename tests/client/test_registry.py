"""The registry of jobs: counting live holders."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from ptyjobs.client import registry as registries
from ptyjobs.client.registry import Registry
from ptyjobs.store.jobdir import JobDir


def job(registry: Registry, name: str) -> Path:
    registry.open()
    folder = registry.allocate(name, program="cat").path
    (folder / "alive").touch()
    return folder


def test_a_start_below_the_limit_locks_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    assert not registry.full(1)
    folders = [job(registry, name) for name in ("a", "b", "c")]
    with open(folders[0] / "alive") as one, open(folders[1] / "alive") as two:
        for held in (one, two):
            fcntl.flock(held, fcntl.LOCK_EX)
        assert registry.full(2)
        assert not registry.full(3), "the third has ended"
        monkeypatch.delattr(registries, "is_alive")  # four cannot live: nothing is locked
        assert not registry.full(4)


def test_ended_jobs_are_counted_out_without_a_look_at_their_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    folders = [job(registry, f"job{number}") for number in range(5)]
    for folder in folders[1:]:
        (folder / "alive").unlink()
    looked: list[str] = []
    real = registries.is_alive

    def is_alive(directory: JobDir) -> bool:
        looked.append(directory.job_id)
        return real(directory)

    monkeypatch.setattr(registries, "is_alive", is_alive)
    with open(folders[0] / "alive") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert registry.running() == 1
    assert looked == ["job0"]
