"""Status of a flooding job: what onlookers cost its holder, and how old cached facts may be."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ptyjobs.holder import status_cache
from ptyjobs.holder.job import Job
from ptyjobs.holder.ready import Watches
from ptyjobs.holder.restarts import Restarts
from ptyjobs.holder.status import CATCH_UP, Reporter
from ptyjobs.holder.status_cache import FLOWING, FRESH, RECENT, REFRESH, WATCHED, StatusCache
from ptyjobs.json_values import told
from ptyjobs.model import Size, State, Status
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.store.fold import Fold
from ptyjobs.store.jobdir import JobDir
from ptyjobs.store.log import LogWriter


class Flood(Job):
    """A job whose output has not been folded; `hot` as its courtesy says."""

    _exit_status = None

    def __init__(self, folder: Path, *, lines: int, hot: bool) -> None:
        folder.mkdir()
        self.dir = JobDir(folder)
        self.log = LogWriter(folder, limit=1 << 30)
        self.log.append(b"".join(b"line %06d\r\n" % n for n in range(lines)))
        self.fold = Fold(self.dir.log, size=Size())
        self.courtesy = cast(Any, SimpleNamespace(hot=hot))
        self.pty = cast(Any, object())
        self.state = State.RUNNING
        self.last_output = time.monotonic()
        self.last = lines - 1

    def look(self, now: float) -> Probe:
        return Probe(wait=Wait.BUSY)


def brief(job: Job) -> Status:
    reporter = Reporter(job, cast(Watches, None), Restarts)
    return reporter._with_turn(Status("flood", State.RUNNING, "cat", "/"))


@pytest.mark.parametrize(
    ("lines", "hot", "folds"),
    [(10, True, False), (CATCH_UP, False, False), (10, False, True)],
    ids=["hot", "far behind", "quiet"],
)
def test_a_question_about_a_flood_draws_only_its_last_output(
    tmp_path: Path, lines: int, hot: bool, folds: bool
) -> None:
    job = Flood(tmp_path / "flood", lines=lines, hot=hot)
    assert brief(job).last_line == f"line {lines - 1:06d}"
    assert job.fold.offset == (job.log.end if folds else 0)


def record(job: JobDir, *, at: float, end: int) -> None:
    status = Status(job.job_id, State.RUNNING, "cat", "/", end=end, last_line="a line")
    job.write(status_cache.NAME, {"status": told(status), "heard": at, "at": at})


def test_the_record_of_a_flood_is_used_with_its_age_while_the_log_grows(tmp_path: Path) -> None:
    job = Flood(tmp_path / "flood", lines=100, hot=True).dir
    end = job.log.end
    now = time.monotonic()
    record(job, at=now - FRESH / 4, end=end - 10)
    status = status_cache.read(job)
    assert status is not None
    assert (status.end, status.last_line) == (end, "a line")
    assert FRESH / 4 <= status.age <= FRESH
    assert status_cache.read(job, after=end - 10) is not None
    assert status_cache.read(job, after=end) is None, "the reader has a newer answer"


def test_the_record_of_a_flood_that_stopped_is_not_used(tmp_path: Path) -> None:
    job = Flood(tmp_path / "flood", lines=100, hot=True).dir
    end = job.log.end
    record(job, at=time.monotonic() - 2 * RECENT, end=end)
    assert status_cache.read(job) is None, "nothing was printed since"
    record(job, at=time.monotonic() - 2 * FRESH, end=end - 10)
    assert status_cache.read(job) is None, "it is too old"
    record(job, at=time.monotonic(), end=end - 10)
    before = time.time() - 2 * FLOWING
    os.utime(next(job.path.glob("log.*")), (before, before))
    assert status_cache.read(job) is None, "the log has not been written lately"


def test_the_record_of_a_quiet_job_is_read_again_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "quiet"
    folder.mkdir()
    job = JobDir(folder)
    reads: list[str] = []
    content = status_cache._content
    monkeypatch.setattr(status_cache, "_content", lambda p: [reads.append(p), content(p)][1])

    def last_line(line: str = "") -> str | None:
        if line:
            status = Status("quiet", State.RUNNING, "cat", "/", last_line=line)
            heard = time.monotonic() - 5
            job.write(status_cache.NAME, {"status": told(status), "heard": heard, "witnesses": []})
        found = status_cache.read(job)
        assert found is None or 5 <= (found.output_age or 0) < 500
        return found and found.last_line

    assert [last_line("one"), last_line(), last_line("two"), last_line()] == ["one"] * 2 + [
        "two"
    ] * 2
    assert len(reads) == 2
    (folder / status_cache.NAME).unlink()
    assert last_line() is None


def test_a_record_just_written_needs_no_further_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Flood(tmp_path / "flood", lines=100, hot=True).dir
    end = job.log.end
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + RECENT / 2)
    record(job, at=now, end=end)
    status = status_cache.read(job, after=end - 10)
    assert status is not None
    assert (status.end, status.age) == (end, RECENT / 2)
    assert status_cache.read(job, after=end) is None, "the reader may know that it waits by now"


def test_a_flood_is_recorded_as_long_as_its_records_are_read(tmp_path: Path) -> None:
    job = Flood(tmp_path / "flood", lines=100, hot=True)
    later = time.time() + 600
    os.utime(next(job.dir.path.glob("log.*")), (later, later))
    now = 1000.0
    cache = StatusCache(job, lambda: Status("flood", State.RUNNING, "cat", "/", end=10))
    cache.asked(now)
    for _ in range(round(3 * WATCHED / REFRESH)):
        cache.step(now)
        now += REFRESH
        record(job.dir, at=time.monotonic(), end=job.log.end - 10)
        assert status_cache.read(job.dir) is not None
    assert cache.next_due <= now, "its holder was asked once"


def test_a_flood_is_recorded_only_while_readers_ask(tmp_path: Path) -> None:
    job = Flood(tmp_path / "flood", lines=100, hot=True)
    looks: list[float] = []
    now = 1000.0

    def look() -> Status:
        looks.append(now)
        return Status("flood", State.RUNNING, "cat", "/", end=job.log.end)

    cache = StatusCache(job, look)
    cache.step(now)
    assert not looks
    assert cache.next_due == float("inf")
    cache.asked(now)
    for _ in range(round(2 * WATCHED / REFRESH * 10)):
        cache.step(now)
        now += REFRESH / 10
    assert abs(len(looks) - WATCHED / REFRESH) <= 2
    assert cache.next_due == float("inf")
    assert json.loads((job.dir.path / status_cache.NAME).read_text())["at"] == looks[-1]
