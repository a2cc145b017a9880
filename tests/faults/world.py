"""A server process of its own and the awkward trees that a job can make of itself."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Each program notes the pids of all its processes in the file $NOTES, one a line, then stays.
NOTE = """
import os, signal, sys, time
def note():
    with open(os.environ['NOTES'], 'a') as f:
        f.write(f'{os.getpid()}\\n')
def stay():
    note()
    while True: time.sleep(1000)
"""
TREES: dict[str, str] = {
    "plain": "if os.fork(): stay()\nstay()",
    "own terminal, deaf to HUP": (
        "import pty\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\npid, _ = pty.fork()\nstay()"
    ),
    "own group": "if os.fork(): stay()\nos.setpgid(0, 0)\nstay()",
    "setsid": "if os.fork(): stay()\nos.setsid()\nstay()",
    "nohup": "if os.fork(): stay()\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nstay()",
    "deaf": (
        "for s in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        "if os.fork(): stay()\nos.setsid()\nstay()"
    ),
    "stopped": "if os.fork(): stay()\nnote()\nos.kill(os.getpid(), signal.SIGSTOP)",
    "daemon": (
        "if os.fork(): stay()\nos.setsid()\nif os.fork(): os._exit(0)\n"
        "for fd in range(3): os.close(fd)\nstay()"
    ),
    "daemon with an emptied environment": (
        "if os.fork(): stay()\nos.setsid()\nif os.fork(): os._exit(0)\nnote()\n"
        "os.execve(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)'], {})"
    ),
    "leader gone": "if os.fork(): time.sleep(0.1); sys.exit(0)\nos.setsid()\nstay()",
    "respawning pair": (
        "def watch(parent):\n"
        "    while os.getppid() == parent: time.sleep(0.001)\n"
        "    pair()\n"
        "def pair():\n"
        "    me = os.getpid(); note()\n"
        "    if os.fork() == 0: os.setsid(); note(); watch(me)\n"
        "    while True:\n"
        "        os.wait()\n"
        "        if os.fork() == 0: os.setsid(); note(); watch(me)\n"
        "pair()"
    ),
}

SEES_ALL = pytest.mark.skipif(
    os.geteuid() != 0, reason="our processes show their descriptors to root only (`own_env`)"
)


def command(tree: str, notes: Path) -> str:
    """A shell command line that makes the tree and notes its pids."""
    script = notes.with_suffix(".py")
    script.write_text(NOTE + TREES[tree])
    return f"NOTES={notes} {sys.executable} -S {script}"


def noted(notes: Path) -> list[int]:
    return [int(line) for line in notes.read_text().split()] if notes.exists() else []


def running(pid: int) -> bool:
    """True if a process of that pid runs (a zombie has ended)."""
    return state(pid) not in ("", "Z", "X")


def state(pid: int) -> str:
    """The state letter of a process (proc_pid_stat(5)), "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # ended before or while it was read
        return ""


def exited(pid: int, *, within: float = 60.0) -> bool:
    """True once a process has exited, reaped or not: its pidfd is readable (pidfd_open(2))."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], within)[0])
    finally:
        os.close(pidfd)


def eventually(condition: Callable[[], bool], *, within: float = 60.0) -> bool:
    """True if the condition holds within the given seconds (a bound, not a measurement)."""
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def end(pids: list[int]) -> None:
    """Kill leftovers of a failed test, by the pids that it recorded."""
    for pid in pids:
        if running(pid):
            os.kill(pid, signal.SIGKILL)


def all_gone(notes: Path) -> Iterator[int]:
    """Noted processes that still run."""
    return (pid for pid in noted(notes) if running(pid))


class Gate:
    """A fifo that jobs wait at (`read x < GATE`); each `open` lets one of them pass."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR)  # neither side waits for the other, see fifo(7)

    def open(self) -> None:
        os.write(self._end, b"\n")

    def __str__(self) -> str:
        return str(self.path)
