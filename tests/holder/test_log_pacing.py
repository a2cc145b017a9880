"""Output without room in the log is held, or becomes a gap; none is written twice."""

from __future__ import annotations

from pathlib import Path

from ptyjobs.holder.log_pacing import ROOM_PAUSE, LogPacing
from ptyjobs.store.log import LogReader, LogWriter


def full(tmp_path: Path, *, waits: bool = True) -> tuple[LogWriter, LogPacing]:
    log = LogWriter(tmp_path, limit=100)
    return log, LogPacing(log, waits=waits)


def test_what_finds_no_room_is_held_and_offered_again(tmp_path: Path) -> None:
    log, pacing = full(tmp_path)
    taken, failure = pacing.append(b"a" * 50, 1.0)
    while failure is None:
        taken, failure = pacing.append(b"b" * 50, 1.0)
    assert pacing.held == (b"b" * 50)[len(taken) :] != b""
    assert pacing.release(1.0 + ROOM_PAUSE / 2) == b""
    held, end = pacing.held, log.end
    log.discard(log.end)
    pacing.retry()
    again = pacing.release(1.0 + ROOM_PAUSE / 2)
    assert again == held
    assert pacing.append(again, 1.1) == (again, None)
    assert pacing.held == b""
    assert LogReader(tmp_path).read(end, 100) == (end, held)


def test_a_job_that_is_to_end_waits_no_longer(tmp_path: Path) -> None:
    log, pacing = full(tmp_path)
    while pacing.append(b"a" * 50, 1.0)[1] is None:
        pass
    held, end = pacing.held, log.end
    pacing.give_up()
    assert pacing.release(1.0) == held
    assert pacing.append(held, 1.0) == (held, None)
    assert log.end == end + len(held)
    assert log.floor > 0  # the oldest output made room
