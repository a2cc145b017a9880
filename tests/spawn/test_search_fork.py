"""A search process that the zygote forks: bounded like a new one, and gone with its session."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.errors import BadPattern
from ptyjobs.spawn import zygote
from ptyjobs.spawn.zygote import Zygote
from ptyjobs.store import search_process, search_source
from ptyjobs.store.grep import grep
from ptyjobs.store.log import LogWriter
from tests.faults import world

NEEDS_A_PROCESS = "(x|y)z$"


@pytest.fixture
def source() -> Iterator[Zygote]:
    search_process.close()
    source = zygote.start_fresh()
    search_source.use(source)
    yield source
    search_process.close()
    search_source.use(None)
    source.end_session()
    assert source.join(20)


def searcher() -> int:
    """Pid of the kept process, which the kernel tells with its answer (unix(7), SO_PASSCRED)."""
    kept = search_process._kept
    assert isinstance(kept, search_process._Forked)
    connection = kept._connection
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    connection.send(b'["ptyjobs.store.grep", "_searched", {"pattern": "("}]\n')
    select.select([connection], [], [])
    _, extra, _, _ = connection.recvmsg(1 << 16, socket.CMSG_SPACE(12))
    return int.from_bytes(extra[0][2][:4], sys.byteorder)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    log = LogWriter(tmp_path, limit=1 << 20)
    log.append(b"xz\nother\n")
    log.close()
    return str(tmp_path)


@pytest.fixture
def no_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(subprocess, "Popen")


def matches(folder: str, pattern: str = NEEDS_A_PROCESS) -> int:
    return grep(folder, pattern, since=None, limit=1000).matches


@pytest.mark.usefixtures("no_interpreter")
def test_searches_use_one_forked_process(source: Zygote, folder: str) -> None:
    assert matches(folder) == 1
    first = searcher()
    with pytest.raises(BadPattern, match="not a regular"):
        matches(folder, "(")
    assert matches(folder) == 1
    assert searcher() == first
    assert not search_process.pids(), "it is no child of ours"


@pytest.mark.usefixtures("no_interpreter")
def test_it_ends_with_its_connection(source: Zygote, folder: str) -> None:
    assert matches(folder) == 1
    first = searcher()
    search_process.close()
    assert world.exited(first)


@pytest.mark.usefixtures("no_interpreter")
def test_a_killed_one_is_replaced(source: Zygote, folder: str) -> None:
    assert matches(folder) == 1
    first = searcher()
    os.kill(first, signal.SIGKILL)
    assert matches(folder) == 1
    assert searcher() != first


@pytest.mark.usefixtures("no_interpreter")
def test_searches_at_once_have_their_own(source: Zygote, folder: str) -> None:
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(matches(folder))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1, 1]


def test_it_ends_with_the_session_although_it_is_kept(source: Zygote, folder: str) -> None:
    assert matches(folder) == 1
    first = searcher()
    source.end_session()
    assert world.exited(first)
    assert matches(folder) == 1, "a new interpreter takes its place"
    assert search_process.pids()


def test_a_pattern_that_takes_too_long_ends_there(source: Zygote, tmp_path: Path) -> None:
    log = LogWriter(tmp_path, limit=1 << 20)
    log.append(b"x" * 60 + b"\n")
    log.close()
    with pytest.raises(BadPattern, match="too long"):
        matches(str(tmp_path), "(x+x+)+y")


def test_without_its_zygote_an_interpreter_is_started(source: Zygote, folder: str) -> None:
    os.kill(source.pid, signal.SIGKILL)
    assert source.join(20)
    assert matches(folder) == 1
    assert search_process.pids()


def test_a_fork_of_the_client_does_not_use_its_zygote(source: Zygote) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0 if search_source.fork() is None else 1)
    assert os.waitpid(pid, 0)[1] == 0
