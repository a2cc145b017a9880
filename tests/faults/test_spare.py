"""The spare holder has no owner until it has a job, and never delays a start."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
import tempfile  # noqa: F401
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import AsyncJobs, Jobs, prepare
from ptyjobs.client.registry import Registry
from ptyjobs.client.starter import BIRTHS, Starter
from ptyjobs.errors import HolderLost, StartFailed
from ptyjobs.holder import home  # noqa: F401
from ptyjobs.process import cgroup, tree
from ptyjobs.spawn import holder_main
from ptyjobs.store.jobdir import JobDir
from tests.faults import world


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client:
        client.execute("true", wait=10)
        assert world.eventually(lambda: spare_of(client) > 0)
        yield client


def spare_of(jobs: Jobs) -> int:
    """The zygote's only child when no job lives, else 0."""
    assert jobs.zygote is not None
    found = tree.children(jobs.zygote.pid)
    return found[0] if len(found) == 1 and world.state(found[0]) == "S" else 0


def test_the_next_job_gets_it_and_another_takes_its_place(jobs: Jobs) -> None:
    spare = spare_of(jobs)
    jobs.execute("sleep 1000", name="a", wait=0)
    assert jobs.status("a").holder == spare
    assert jobs.zygote is not None
    pid = jobs.zygote.pid
    assert world.eventually(lambda: len(tree.children(pid)) == 2)
    jobs.kill("a")
    assert world.eventually(lambda: spare_of(jobs) not in (0, spare))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
def test_a_job_starts_though_it_has_ended_or_stands_still(jobs: Jobs, number: int) -> None:
    spare = spare_of(jobs)
    os.kill(spare, number)
    if number == signal.SIGSTOP:
        assert world.eventually(lambda: world.state(spare) == "T")
    answer = jobs.execute("echo here", wait=10)
    assert answer.fresh.text == "here"
    if number != signal.SIGTERM:  # which it does not hear, like its zygote and all holders
        assert world.eventually(lambda: not world.running(spare))
    assert world.eventually(lambda: spare_of(jobs) > 0)


def test_one_that_ended_is_replaced(jobs: Jobs) -> None:
    spare = spare_of(jobs)
    os.kill(spare, signal.SIGKILL)
    assert world.eventually(lambda: spare_of(jobs) not in (0, spare))


@pytest.mark.parametrize("stopped", [False, True])
def test_it_ends_with_the_server(tmp_path: Path, stopped: bool) -> None:
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
        jobs.execute("true", wait=10)
        assert world.eventually(lambda: spare_of(jobs) > 0)
        spare = spare_of(jobs)
        if stopped:
            os.kill(spare, signal.SIGSTOP)
    assert world.eventually(lambda: not world.running(spare))


def test_it_ends_with_its_zygote(jobs: Jobs) -> None:
    spare = spare_of(jobs)
    assert jobs.zygote is not None
    os.kill(jobs.zygote.pid, signal.SIGKILL)
    assert world.eventually(lambda: not world.running(spare))
    assert jobs.execute("echo again", wait=10).fresh.text == "again"


@world.SEES_ALL
def test_it_keeps_no_descriptor_of_its_zygote(jobs: Jobs) -> None:
    """Otherwise a holder would keep open the descriptors that must close with the zygote."""
    spare = spare_of(jobs)
    assert jobs.zygote is not None

    def sockets(pid: int) -> set[str]:
        names = (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
        return {name for name in names if name.startswith("socket:")}

    assert not sockets(spare) & sockets(jobs.zygote.pid)
    assert len(sockets(spare)) == 1


@pytest.mark.skipif(cgroup.base() is None, reason="no cgroup can be made here")
def test_its_cgroup_goes_with_it(jobs: Jobs) -> None:
    base = cgroup.base()
    assert base is not None
    spare = spare_of(jobs)

    def group() -> str:
        return Path(f"/proc/{spare}/cgroup").read_text().strip().rpartition("/")[2]

    name = group()
    assert name.startswith(cgroup.PREFIX)
    os.kill(spare, signal.SIGKILL)
    assert world.eventually(lambda: not (base / name).exists())


@pytest.mark.skipif(cgroup.base() is None, reason="no cgroup can be made here")
def test_the_next_zygote_removes_the_empty_cgroup_of_a_dead_one(tmp_path: Path) -> None:
    base = cgroup.base()
    assert base is not None
    left = base / f"{cgroup.PREFIX}left-{os.getpid()}"
    left.mkdir()
    os.utime(left, (0, 0))
    new = base / f"{cgroup.PREFIX}new-{os.getpid()}"
    new.mkdir()
    try:
        with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as jobs:
            jobs.execute("true", wait=10)
            assert not left.exists()
            assert new.exists()  # a zygote may be about to fork into it
    finally:
        new.rmdir()


@pytest.mark.parametrize("broken", ["tempfile.mkdtemp", "ptyjobs.holder.home.listen"])
def test_a_zygote_that_cannot_rehearse_starts_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The directory for temporary files is full; that of the jobs is not."""
    module, _, name = broken.rpartition(".")
    true = getattr(sys.modules[module], name)

    def fails(folder: str | None = None, *rest: str | None) -> object:
        if folder is not None and folder.startswith(str(tmp_path)):
            return true(folder, *rest)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(broken, fails)
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client:
        assert client.execute("echo 1", wait=10).fresh.text == "1"
        assert not client._retired  # it has not died


def test_one_crash_that_meets_many_starts_is_one_for_each(jobs: Jobs) -> None:
    jobs.execute("true", wait=10)
    for number in range(BIRTHS):
        assert jobs._unborn(jobs.registry.allocate(f"young{number}", program="young"))
    for _ in range(BIRTHS - 2):
        assert jobs._unborn(jobs.registry.allocate("young0", program="young"))
    with pytest.raises(StartFailed, match="times in a row"):
        jobs._unborn(jobs.registry.allocate("young0", program="young"))


def test_a_start_whose_holder_died_before_it_began_is_made_once_more(jobs: Jobs) -> None:
    """A holder records its job before it starts anything, so nothing was started."""
    young = jobs.registry.allocate("young", program="young")
    assert jobs._unborn(young)
    assert not young.path.exists()
    jobs.execute("true", name="begun", wait=10)
    assert not jobs._unborn(jobs.registry.find("begun"))
    assert jobs.registry.find("begun").path.exists()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_job_that_was_removed_at_once_is_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Its holder was killed at the job's end, and a client with retention 0 removed it."""
    settings = config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})
    notes, unborn = tmp_path / "notes", Jobs._unborn

    def later(jobs: Jobs, job: JobDir) -> bool:
        Registry(tmp_path / "state").remove(job)
        return unborn(jobs, job)

    monkeypatch.setattr(Starter, "_unborn", later)
    spec = prepare(settings, command=f"echo run >> {notes}; kill -9 $PPID; sleep 600")

    async def start_async() -> None:
        async with AsyncJobs(settings) as jobs:
            await jobs.start(spec, name="n", wait=10)

    def start() -> None:
        with Jobs(settings) as jobs:
            jobs.start(spec, name="n", wait=10)

    with pytest.raises(HolderLost, match="it may have run"):
        start() if kind == "sync" else asyncio.run(start_async())
    assert notes.read_text() == "run\n"


def breaks(*_: object, **__: object) -> object:
    raise MemoryError("no room for a screen")


def test_the_caller_is_told_why_holders_died_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_main, "main", breaks)
    with (
        Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client,
        pytest.raises(StartFailed, match=r"in a row \(MemoryError: no room for a screen\)\."),
    ):
        client.execute("true", wait=10)


def test_the_caller_is_told_why_the_process_that_starts_jobs_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_main, "warm_up", breaks)
    with Jobs(config.load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client:
        client.warm_up()
        assert client.zygote is not None
        assert client.zygote.join(10)
        client._stillborn["young"] = BIRTHS - 1
        young = client.registry.allocate("young", program="young")
        with pytest.raises(StartFailed, match=r"\(MemoryError: no room for a screen\)\."):
            client._unborn(young)


def test_a_holder_that_failed_later_leaves_its_reason(jobs: Jobs) -> None:
    jobs.execute("sleep 600", name="lost", wait=0)
    job = jobs.registry.find("lost")
    (job.path / "crash").write_text("Traceback (most recent call last):\n  ...\nKeyError: 'x'\n")
    holder = jobs.status("lost").holder
    assert holder
    os.kill(holder, signal.SIGKILL)
    assert world.eventually(lambda: jobs.status("lost").state.ended)
    assert jobs.status("lost").reason == "its holder failed (KeyError: 'x'); the exit is unknown"
