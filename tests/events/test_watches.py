"""What a holder reports by itself: an end for lack of memory, and a job that makes no progress."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.holder import notices
from ptyjobs.holder.notices import STALL_LOOK, STALLED, Notices
from ptyjobs.holder.turn_watch import NEVER
from ptyjobs.model import Exit, JobSpec, State
from ptyjobs.process import tree
from ptyjobs.process.job_limits import Limits
from ptyjobs.store.journal import STARTED, Journal
from tests.services.conftest import python
from tests.services.test_limits import grouped


class Holder:
    """The watches of a job that is only values; the processes of the job are given."""

    def __init__(self, tmp_path: Path, *notify: str) -> None:
        screen = types.SimpleNamespace(text=lambda: ["first", "last line", ""])
        job: Any = types.SimpleNamespace(
            spec=JobSpec(job_id="j", argv=("c",), command="c", cwd="/", session="s", notify=notify),
            dir=types.SimpleNamespace(folder=str(tmp_path / "jobs" / "j"), path=tmp_path / "j"),
            log=types.SimpleNamespace(end=0),
            fold=types.SimpleNamespace(catch_up=lambda end: b"", screen=screen),
            secrets=types.SimpleNamespace(packed=b""),
            started=1.0, state=State.RUNNING, ending=False, contained=False, reason="",
        )  # fmt: skip
        self.job = job
        self.notices = Notices(job, blocked=lambda: True)
        self.notices.start(0.0)
        self._journal = Journal(tmp_path)
        self.now = 0.0

    def until(self, now: float) -> None:
        while (due := self.notices.due(self.now)) <= now:
            self.now = max(self.now, due)
            self.notices.step(self.now)
        self.now = now

    @property
    def events(self) -> list[tuple[str, str, str]]:
        found, _ = self._journal.read(self._journal.start())
        return [(one.kind, one.what, one.text) for one in found if one.kind != STARTED]


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The only process of the job."""
    process = types.SimpleNamespace(cpu=0.0)
    monkeypatch.setattr(tree, "alive", lambda root: [1])
    monkeypatch.setattr(tree, "read_stat", lambda pid: process)
    return process


STALL = ("stalled", f"stalled: no output and no CPU time for {STALLED:g} s", "last line")


def test_a_job_without_output_and_cpu_time_is_reported_once(
    tmp_path: Path, process: types.SimpleNamespace
) -> None:
    holder = Holder(tmp_path, "stalled")
    holder.until(STALLED - STALL_LOOK)
    assert holder.events == []
    holder.until(STALLED + 2 * STALL_LOOK)
    assert holder.events == [STALL]
    holder.until(3600)
    assert holder.events == [STALL]


def test_output_begins_the_minute_anew(tmp_path: Path, process: types.SimpleNamespace) -> None:
    holder = Holder(tmp_path, "stalled")
    for minute in range(10):
        holder.job.log.end += 1
        holder.until((minute + 1) * (STALLED - STALL_LOOK))
    assert holder.events == []
    holder.until(3600)
    holder.job.log.end += 1  # and it stalls again
    holder.until(7200)
    assert holder.events == [STALL, STALL]


def test_cpu_time_is_progress(tmp_path: Path, process: types.SimpleNamespace) -> None:
    holder = Holder(tmp_path, "stalled")
    for second in range(0, 3600, 5):
        process.cpu = second / 100
        holder.until(second)
    assert holder.events == []


def test_a_job_that_is_not_watched_for_a_stall_reports_none(tmp_path: Path) -> None:
    holder = Holder(tmp_path, "exited")
    assert holder.notices.due(0.0) == NEVER


@pytest.mark.parametrize(
    ("exit_", "kernel_kills", "kind"),
    [
        (Exit(signal=9), 1, "oom"),
        (Exit(signal=9), 0, "exited"),
        (Exit(signal=15), 1, "exited"),
        (Exit(code=1), 1, "exited"),
        (Exit(signal=9, cause="killed"), 1, "exited"),
        (Exit(signal=9, cause="out of memory (limit 1 GiB, peak 1 GiB)"), 0, "oom"),
    ],
)
def test_an_end_for_lack_of_memory_is_told_from_a_kill(
    exit_: Exit, kernel_kills: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = 7
    monkeypatch.setattr(notices, "oom_kills", lambda: kills)
    holder = Holder(tmp_path, "exited")
    holder.notices.begin()
    kills += kernel_kills
    holder.notices.on_end(exit_)
    assert [(k, text) for k, _, text in holder.events] == [(kind, "first\nlast line")]
    assert ("memory" in holder.events[0][1]) == (kind == "oom")


def test_it_is_reported_even_if_the_exit_is_not_watched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for notify, number in ((("port",), 1), ((), 0)):  # no watch at all: nothing is written
        holder = Holder(tmp_path / str(number), *notify)
        holder.notices.on_end(Exit(code=1))
        assert holder.events == []
        holder.notices.on_end(Exit(signal=9, cause="out of memory (limit 1 GiB, peak 1 GiB)"))
        assert [kind for kind, _, _ in holder.events] == ["oom"] * number


@pytest.mark.live
def test_a_job_over_its_memory_limit_is_an_event_with_its_last_line(tmp_path: Path) -> None:
    if not grouped(Limits(memory=64 << 20)):
        pytest.skip("no cgroup can be made here")
    eat = python(
        "print('loading the model', flush=True)\nblocks = []\nwhile True:\n"
        "    blocks.append(bytearray(b'x') * (8 << 20))"
    )
    with Jobs(Config(state_dir=str(tmp_path), session="s")) as jobs:
        jobs.execute(argv=eat, name="eat", limits={"memory": "64MB"}, wait=0, notify=["asks"])
        events = next(jobs.events(session="s", timeout=60))
    assert [(one.job_id, one.kind) for one in events.transitions] == [("eat", "oom")]
    assert events.line.startswith("[eat] killed: out of memory (limit 64.0 MiB, peak ")
    assert '"loading the model" · no job runs' in events.line
