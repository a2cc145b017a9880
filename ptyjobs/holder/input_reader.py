"""Who will read what is typed now: the program in the foreground, or a shell.

Owns the answer to that one question, which an allow-list needs: a line is a command when a shell
reads it, at its prompt or later, because it was typed ahead. Shells are the login shells of this
system (/etc/shells). One that has no job control runs its commands in its own process group and is
taken for the foreground itself. What cannot be looked at is taken for a shell: the careful side.
"""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING

from ptyjobs.process import tree
from ptyjobs.process.tree_kill import is_job_control_shell
from ptyjobs.readiness.facts import Wait

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

DEEP = 64  # ancestors looked at


class InputReader(enum.Enum):
    """Who reads the next input."""

    SHELL = enum.auto()  # it has the terminal
    PROGRAM = enum.auto()  # no shell waits behind it, or it takes whatever is typed
    ONE_LINE = enum.auto()  # it reads a line now (ICANON); a shell behind it reads what follows
    ONE_KEY = enum.auto()  # it reads keys; any of them may end it, and a shell reads what follows
    NOBODY = enum.auto()  # it does not read now, and a shell waits behind it


def reader(job: Job) -> InputReader:
    """Who reads what is typed into this job now."""
    if job.spec.target and not job.spec.target.startswith("sandbox"):
        return InputReader.SHELL  # what reads on another machine cannot be looked at
    group = job.pty.foreground() if job.pty is not None else 0
    known = _known()
    if not known or _is_shell(group, known):
        return InputReader.SHELL
    if _shell_on_another_terminal(job.pid):
        return InputReader.SHELL
    if not _behind(group, known):
        return InputReader.PROGRAM
    if job.kernel.probe().wait not in (Wait.HARD, Wait.SOFT, Wait.OPAQUE):
        return InputReader.NOBODY
    return InputReader.ONE_LINE if job.terminal().canonical else InputReader.ONE_KEY


def _known() -> set[str]:
    try:
        with open("/etc/shells") as lines:
            return {os.path.realpath(line.strip()) for line in lines if line[:1] == "/"}
    except OSError:
        return set()


def _is_shell(pid: int, known: set[str]) -> bool:
    program = os.path.realpath(f"/proc/{pid}/exe")  # itself, when it cannot be read
    unreadable = not program.startswith("/") or program.startswith("/proc/")
    return program in known or unreadable or is_job_control_shell(pid)


def _shell_on_another_terminal(leader: int) -> bool:
    """True if a job-control shell runs in another session of this job.

    A program such as script(1) or tmux relays what is typed to it.
    """
    for pid in tree.alive(os.getpid()):
        stat = tree.read_stat(pid)
        if stat is not None and stat.session != leader and is_job_control_shell(pid):
            return True
    return False


def _behind(group: int, known: set[str]) -> bool:
    """Whether a shell in another process group is among the ancestors of the foreground's."""
    pid = group
    for _ in range(DEEP):
        stat = tree.read_stat(pid)
        if stat is None or stat.ppid in (0, 1, os.getpid()):
            return False
        pid = stat.ppid
        above = tree.read_stat(pid)
        if above is not None and above.pgrp != group and _is_shell(pid, known):
            return True
    return True  # too deep to tell
