"""The journal: one line for each act, private, rotated, and no hindrance."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.store import audit
from ptyjobs.store.audit import AuditLog, Entry, read


def entry(number: int, what: str = "input") -> Entry:
    return Entry(1000.0 + number, "py", what, "ben", "", number, f"line {number}")


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    written = [entry(n, what) for n, what in enumerate(("start", "input", "kill"))]
    for one in written:
        assert AuditLog(str(tmp_path)).write(one) is None
    assert list(read(str(tmp_path))) == written
    assert [e.what for e in read(str(tmp_path), wanted=lambda e: e.what == "kill")] == ["kill"]
    file = tmp_path / "audit" / "journal.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with file.open("a") as out:
        out.write('{"time": 1, "jo')  # a crash
    assert list(read(str(tmp_path))) == written


def test_a_full_file_is_rotated_by_one_of_many_writers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "LIMIT", 20_000)
    each, writers = 100, 4

    def write(start: int) -> None:
        for number in range(start, start + each):
            AuditLog(str(tmp_path)).write(entry(number))

    threads = [threading.Thread(target=write, args=(n * each,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [one.offset for one in read(str(tmp_path))]
    assert sorted(found) == list(range(each * writers))
    files = list((tmp_path / "audit").glob("journal.jsonl*"))
    assert len(files) > 2
    assert all(file.stat().st_size < 21_000 for file in files)


def test_a_journal_that_cannot_be_written_is_no_error_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("in the way")
    failure = AuditLog(str(tmp_path)).write(entry(1))
    assert failure is not None


@pytest.mark.live
def test_what_is_done_to_a_job_is_in_the_journal(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = config.load(environ={"PTYJOBS_STATE": str(state)})
    with Jobs(settings) as jobs:
        jobs.who = "agent one"
        jobs.start(
            prepare(settings, argv=(sys.executable, "-i", "-q"), name="py"), name="py", wait=15
        )
        jobs.interact("py", input="1 + 1")
        jobs.interact("py", input="x = 2")
        jobs.hold("py", by="ben@pts/3", session=os.getsid(0))
        jobs.hand_back("py", by="ben@pts/3", message="thanks")
        jobs.kill("py")
    found = [(e.what, e.who, e.text) for e in read(str(state))]
    assert found[0][:2] == ("start", "agent one")
    assert ("input", "agent one", "1 + 1") in found
    assert ("hold", "ben@pts/3", "") in found
    assert ("release", "ben@pts/3", "thanks") in found
    assert ("kill", "agent one", "") in found
    assert found[-1][0] == "end"
    command = [sys.executable, "-m", "ptyjobs", "audit", "--who", "ben"]
    env = {**os.environ, "PTYJOBS_STATE": str(state)}
    shown = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)
    lines = shown.stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("py ben@pts/3: release thanks")


@pytest.mark.live
def test_the_journal_can_be_off(tmp_path: Path) -> None:
    state = tmp_path / "state"
    settings = config.load(environ={"PTYJOBS_STATE": str(state), "PTYJOBS_AUDIT": "false"})
    with Jobs(settings) as jobs:
        jobs.start(prepare(settings, command="true", name="t"), name="t", wait=10)
    assert not (state / "audit").exists()
