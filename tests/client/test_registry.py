"""The registry of jobs: counting live holders, and whose cgroup a clean-up ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from ptyjobs.client import registry as registries
from ptyjobs.client.registry import Registry
from ptyjobs.holder import home
from ptyjobs.model import State, Status
from ptyjobs.process import cgroup
from ptyjobs.store.jobdir import JobDir


def job(registry: Registry, name: str) -> Path:
    registry.open()
    made = registry.allocate(name, program="cat")
    made.release()
    return made.path


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


def test_a_job_that_only_starts_lives(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    made = registry.allocate("a", program="cat")
    assert registries.is_alive(made)
    assert registry.running() == 1
    made.release()
    assert not registries.is_alive(made)


def test_a_sweep_spares_the_cgroup_of_a_job_that_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path)
    groups = {name: tmp_path / f"{cgroup.PREFIX}{name}" for name in ("old", "new")}
    for group in groups.values():
        group.mkdir()
        (group / "cgroup.procs").touch()
    cgroup.note(groups["old"], str(job(registry, "a")))
    state = Status(job_id="a", state=State.COMPLETED, command="", cwd="/", started=1.0)
    registry.find("a").write_status(state)
    real, started = registries.is_alive, []

    def is_alive(directory: JobDir) -> bool:
        lives = real(directory)
        if not started:  # right after the sweep has seen that the old job has ended
            started.append(registry.find("a"))
            (tmp_path / "jobs/a").rename(tmp_path / "jobs/a.1")
            started.append(registry.allocate("a", program="cat"))
            cgroup.note(groups["new"], started[1].folder)
        return lives

    monkeypatch.setattr(registries, "is_alive", is_alive)
    monkeypatch.setattr(cgroup, "EMPTYING", 0.0)
    registry.sweep()
    assert len(started) == 2
    assert not (groups["new"] / "cgroup.kill").exists()


def test_a_finished_run_gives_its_cgroup_away_before_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean-up ends the cgroup that an unlocked directory names."""
    registry = Registry(tmp_path)
    registry.open()
    made = registry.allocate("a", program="cat")
    group = tmp_path / f"{cgroup.PREFIX}a"
    group.mkdir()
    (group / "cgroup.procs").touch()
    cgroup.note(group, made.folder)
    monkeypatch.chdir(made.folder)
    unlink = os.unlink

    def looks(path: str) -> None:
        unlink(path)
        run = JobDir(os.path.dirname(path))
        assert registries.is_alive(run) or cgroup.left(run.path) is None

    monkeypatch.setattr(os, "unlink", looks)
    place = home.succeed(made, 1)
    place.close()
    assert cgroup.left(made.path) == group
