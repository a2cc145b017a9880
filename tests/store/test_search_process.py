"""The process for long searches: kept, bounded, and gone with its owner."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client.registry import Registry
from ptyjobs.client.search import grep as grep_all
from ptyjobs.client.subreaper import Guard
from ptyjobs.errors import BadPattern, LimitReached
from ptyjobs.store import search_process
from ptyjobs.store.grep import grep
from ptyjobs.store.jobdir import JobDir
from ptyjobs.store.log import LogWriter
from tests.faults import world

NEEDS_A_PROCESS = "(x|y)z$"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    search_process.close()
    log = LogWriter(tmp_path, limit=1 << 20)
    log.append(b"xz\nother\n")
    log.close()
    yield str(tmp_path)
    search_process.close()


def matches(folder: str) -> int:
    return grep(folder, NEEDS_A_PROCESS, since=None, limit=1000).matches


def kept() -> int:
    (pid,) = search_process.pids()
    return pid


def test_searches_of_all_kinds_use_one_process(folder: str) -> None:
    assert matches(folder) == 1
    first = kept()
    assert grep_all([], NEEDS_A_PROCESS, limit=100).found == ()
    with pytest.raises(BadPattern, match="not a regular"):
        grep(folder, "(", since=None, limit=10)
    assert matches(folder) == 1
    assert kept() == first


def test_a_command_searches_in_its_own_process_with_the_same_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(subprocess, "Popen")
    log = LogWriter(tmp_path, limit=1 << 20)
    log.append(b"xz\n" + b"x" * 60 + b"\n")
    log.close()
    found = grep_all([JobDir(tmp_path)], NEEDS_A_PROCESS, limit=100, here=True).found
    assert [(one.line, one.text) for one in found] == [(1, "xz")]
    with pytest.raises(BadPattern, match="too long"):
        grep_all([JobDir(tmp_path)], "(x+x+)+y", limit=100, here=True)


def test_searches_at_once_have_their_own_and_one_is_kept(folder: str) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(matches(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]
    assert kept()


def test_an_idle_process_exits_and_is_replaced(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_process, "IDLE", 0.0)
    assert matches(folder) == 1
    first = kept()
    assert world.exited(first)
    assert matches(folder) == 1
    assert kept() != first


def test_a_killed_process_is_replaced(folder: str) -> None:
    assert matches(folder) == 1
    os.kill(kept(), signal.SIGKILL)
    assert matches(folder) == 1


def test_a_process_that_uses_much_memory_exits(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_process, "MEMORY", 1 << 20)
    assert matches(folder) == 1
    assert world.exited(kept())
    assert matches(folder) == 1


def test_it_ends_with_its_owner_however_that_ends(folder: str) -> None:
    code = (
        "import os, sys\n"
        "from ptyjobs.store import grep, search_process\n"
        f"grep.grep({folder!r}, {NEEDS_A_PROCESS!r}, since=None, limit=100)\n"
        "print(*search_process.pids(), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    assert world.exited(int(done.stdout))


def test_a_server_that_sweeps_its_children_spares_it(folder: str, tmp_path: Path) -> None:
    assert matches(folder) == 1
    first = kept()
    guard = Guard(Registry(tmp_path / "state"))
    others = set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))
    guard.ours = others - {first}
    assert guard.sweep() == 0
    assert matches(folder) == 1
    assert kept() == first


def test_a_process_without_an_answer_is_ended(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert matches(folder) == 1
    first = kept()
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr(search_process, "LONGEST", 0.05)
    with pytest.raises(BadPattern, match="longer than"):
        matches(folder)
    assert world.exited(first)
    assert not search_process.pids()


def test_without_a_process_the_search_is_refused(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def popen(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen)
        with pytest.raises(LimitReached, match=r"could not be made: .*unavailable"):
            matches(folder)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(LimitReached, match=r"could not be made: its process ended"):
            matches(folder)
    assert matches(folder) == 1
