"""The walk through /proc, on processes of our own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ptyjobs.process import tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

THREAD = """
import subprocess, sys, threading
def child():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        print(process.pid, flush=True)
        sys.stdin.read()
if sys.argv[1] == "thread":
    thread = threading.Thread(target=child)
    thread.start()
    thread.join()
else:
    child()
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_child_of_any_thread_is_found(where: str) -> None:
    words = [sys.executable, "-c", THREAD, where]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert tree.children(parent.pid) == [child]
        stat = tree.read_stat(child)
        assert stat is not None
        assert (stat.pid, stat.name, stat.ppid) == (child, "cat", parent.pid)
        assert tree.alive(parent.pid) == [child]
        parent.communicate()
    assert tree.children(parent.pid) == []
    assert tree.read_stat(parent.pid) is None


def test_many_children_are_all_found() -> None:
    """Their list is longer than one read of it."""
    processes = [subprocess.Popen(["sleep", "1000"]) for _ in range(40)]
    try:
        size, tree.READ = tree.READ, 64
        assert {process.pid for process in processes} <= set(tree.children(os.getpid()))
    finally:
        tree.READ = size
        for process in processes:
            process.kill()
            process.wait()
