"""The journal: lines are read once and in order, also over a new file."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from ptyjobs.store import journal as module
from ptyjobs.store.journal import Journal, Position, Transition


def event(number: int) -> Transition:
    return Transition("matched", f"job{number}", 1.0, 2.0, text="x" * 100)


def ids(found: list[Transition]) -> list[str]:
    return [transition.job_id for transition in found]


def test_a_reader_gets_each_line_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    at = journal.end()
    assert at == Position()
    for number in range(3):
        journal.append(event(number))
    found, at = journal.read(at)
    assert found == [event(0), event(1), event(2)]
    assert journal.read(at) == ([], at)
    journal.append(event(3))
    assert ids(journal.read(at)[0]) == ["job3"]
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "events" / "journal").stat().st_mode) == 0o600


def test_a_line_that_is_not_whole_yet_is_left(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(event(0))
    path = tmp_path / "events" / "journal"
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(whole[:20])
        file.flush()
        found, at = journal.read(journal.start())
        assert ids(found) == ["job0"]
        file.write(whole[20:])
    assert ids(journal.read(at)[0]) == ["job0"]


def test_a_line_cut_by_a_full_disk_is_skipped(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(event(0))
    with (tmp_path / "events" / "journal").open("ab") as file:
        file.write(b'{"kind":"exi\n[]\n7\n')
    journal.append(event(1))
    assert ids(journal.read(journal.start())[0]) == ["job0", "job1"]


def test_it_is_begun_anew_and_no_line_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 1000)
    journal = Journal(tmp_path)
    at, seen = journal.end(), []
    for number in range(40):
        journal.append(event(number))
        if number % 4 == 3:
            found, at = journal.read(at)
            seen += ids(found)
    assert seen == [f"job{number}" for number in range(40)]
    assert (tmp_path / "events" / "journal.old").stat().st_size < 1300


def _write(state: str, first: int, count: int) -> None:
    module.LIMIT = 60_000
    journal = Journal(state)
    for number in range(first, first + count):
        journal.append(event(number))


def test_writers_in_several_processes_lose_no_line(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_write, args=(os.fspath(tmp_path), 1000 * n, 100)) for n in range(4)
    ]
    journal = Journal(tmp_path)
    at, seen = journal.start(), []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found, at = journal.read(at)
        seen += ids(found)
    found, at = journal.read(at)
    seen += ids(found)
    assert sorted(seen) == sorted(f"job{1000 * n + k}" for n in range(4) for k in range(100))
