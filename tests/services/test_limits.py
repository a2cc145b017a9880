"""Limits of a job: enforcement, and the reported cause of its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load
from ptyjobs.errors import BadConfig, BadInput
from ptyjobs.model import State
from ptyjobs.process import job_limits
from ptyjobs.process.job_limits import LimitGroup, Limits
from tests.services.conftest import python

EAT = python(
    "import time\nblocks = []\nwhile True:\n    blocks.append(bytes(4 << 20))\n"
    "    print(len(blocks), flush=True)\n    time.sleep(0.001)"
)


def grouped(limits: Limits) -> bool:
    """True if this machine gives us the groups for these limits."""
    group = LimitGroup(limits, group=None)
    try:
        return all("(cgroup)" in word for word in group.words())
    finally:
        group.close()


def test_a_cgroup_v2_gets_a_group_for_the_holder_and_one_for_the_job(tmp_path: Path) -> None:
    """The files of a delegated cgroup, as the kernel has them (cgroup-v2.rst)."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    group = LimitGroup(Limits(64 << 20, 1.5, 20), group=tmp_path)
    job = tmp_path / "job"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpu\n"
    assert (job / "memory.max").read_text() == f"{64 << 20}\n"
    assert (job / "cpu.max").read_text() == "150000 100000\n"
    assert (job / "pids.max").read_text() == "20\n"
    assert (tmp_path / "holder" / "cgroup.procs").read_text().strip().isdigit()
    with group.inside():
        inside = (job / "cgroup.procs").read_text()
    assert inside == (tmp_path / "holder" / "cgroup.procs").read_text()
    (job / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n")
    (job / "memory.peak").write_text(f"{64 << 20}\n")
    assert group.out_of_memory() == "out of memory (limit 64.0 MiB, peak 64.0 MiB)"
    (job / "memory.events").write_text("oom 0\noom_kill 0\n")
    assert group.out_of_memory() == ""
    assert group.words() == (
        "memory 64.0 MiB (cgroup)", "20 processes (cgroup)", "1.5 CPU (cgroup)",
    )  # fmt: skip


def test_where_no_group_can_be_made_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_limits, "v1_home", lambda controller: None)
    group = LimitGroup(Limits(memory=1 << 30, pids=5), group=None)
    assert group.words() == (
        "memory 1.0 GiB (each process, by rlimit: no cgroup can be made)",
        "5 processes (not enforced: no cgroup can be made)",
    )
    with group.inside():
        assert job_limits.resource.getrlimit(job_limits.resource.RLIMIT_DATA)[0] == 1 << 30
    assert job_limits.resource.getrlimit(job_limits.resource.RLIMIT_DATA)[0] != 1 << 30


def test_words_of_limits(tmp_path: Path) -> None:
    config = {
        "PTYJOBS_STATE": str(tmp_path),
        "PTYJOBS_MEMORY_LIMIT": "1GB",
        "PTYJOBS_CPU_LIMIT": "2",
    }
    settings = load(config)
    assert (settings.memory_limit, settings.cpu_limit, settings.pids_limit) == (1 << 30, 2.0, None)
    with pytest.raises(BadConfig, match="a number from"):
        load({"PTYJOBS_CPU_LIMIT": "many"})
    with Jobs(load({"PTYJOBS_STATE": str(tmp_path)})) as jobs:
        with pytest.raises(BadInput, match=r"no limit 'disk'. memory, cpu, pids"):
            jobs.execute("true", limits={"disk": 1})
        with pytest.raises(BadInput, match="memory='some'"):
            jobs.execute("true", limits={"memory": "some"})


@pytest.mark.live
def test_out_of_memory_is_told_apart_from_a_kill(jobs: Jobs) -> None:
    answer = jobs.execute(argv=EAT, name="eat", limits={"memory": "96MB"}, wait=60)
    status = jobs.status("eat")
    assert answer.state in (State.KILLED, State.FAILED)
    assert status.exit is not None
    if not grouped(Limits(memory=96 << 20)):
        assert "by rlimit" in status.limits[0]
        assert "MemoryError" in jobs.output("eat", last=True).text
        return
    assert status.exit.cause.startswith("out of memory (limit 96.0 MiB, peak 9")
    assert status.limits == ("memory 96.0 MiB (cgroup)",)
    assert 80 << 20 < status.peak <= 96 << 20
    killed = jobs.execute("kill -9 $$", name="k", limits={"memory": "96MB"}, wait=60)
    assert killed.verdict.exit is not None
    assert killed.verdict.exit.cause == ""


@pytest.mark.live
def test_processes_and_processors(jobs: Jobs) -> None:
    limits = {"pids": 8, "cpu": 0.5}
    if not grouped(Limits(pids=8, cpu=0.5)):
        pytest.skip("no cgroup can be made here")
    line = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 60 & done; jobs -p | wc -l"
    answer = jobs.execute(line, name="forks", limits=limits, wait=30)
    assert "Resource temporarily unavailable" in answer.fresh.text
    jobs.kill("forks")
    program = python(
        "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass\n"
        "print('cpu', time.process_time(), flush=True)"
    )
    answer = jobs.execute(argv=program, limits={"cpu": 0.25}, wait=60)
    spent = float(answer.fresh.text.split()[-1])
    assert spent < 1.2  # a quarter of two seconds, plus the start's quota


@pytest.mark.live
def test_the_end_report_has_cpu_time_and_peak_memory(jobs: Jobs) -> None:
    program = python(
        "import os, time\nblock = bytearray(400 << 20)\n"
        "while time.process_time() < 0.3: pass\nos.fork() or os._exit(0)"
    )
    jobs.execute(argv=program, name="a", wait=60)
    status = jobs.status("a")
    assert status.state is State.COMPLETED
    assert status.cpu >= 0.3
    assert 400 << 20 < status.peak < 600 << 20
    jobs.execute("true", name="b", wait=60)
    assert jobs.status("b").peak < 400 << 20
