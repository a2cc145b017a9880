"""Identify the reader of the next input: the foreground program or a shell.

Owns the answer to that one question, which an allow-list needs: a line is a command when a shell
reads it, at its prompt or later because it was typed ahead. Shells are the login shells of this
system (/etc/shells). A shell without job control runs its commands in its own process group and
counts as the foreground itself. The subtle thing: any process that cannot be inspected counts as a
shell, the cautious choice.
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

DEEP = 64  # maximum number of ancestors examined


class InputReader(enum.Enum):
    """The reader of the next input."""

    SHELL = enum.auto()  # a shell has the terminal
    PROGRAM = enum.auto()  # no shell waits for the terminal, or the program takes all input
    ONE_LINE = enum.auto()  # the program reads a line now (ICANON); a waiting shell reads the rest
    ONE_KEY = enum.auto()  # the program reads keys; any key may end it, and a shell reads the rest
    NOBODY = enum.auto()  # the program is not reading, and a shell waits for the terminal


def reader(job: Job) -> InputReader:
    """Return the reader of input typed into this job now."""
    if is_far(job):
        return InputReader.SHELL  # a reader on another machine cannot be inspected
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


def is_far(job: Job) -> bool:
    """True if the job runs on another machine, where its processes cannot be inspected."""
    spec = job.spec
    local = spec.target.partition(":")[0] == "sandbox" and not spec.target_table
    return bool(spec.target) and not local


def is_shell(pid: int) -> bool:
    """True if this process is a shell, or cannot be inspected."""
    return _is_shell(pid, _known())


def _known() -> set[str]:
    try:
        with open("/etc/shells") as lines:
            return {os.path.realpath(line.strip()) for line in lines if line[:1] == "/"}
    except OSError:
        return set()


def _is_shell(pid: int, known: set[str]) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:  # it has exited, or belongs to another user
        return True
    return program in known or is_job_control_shell(pid)


def _shell_on_another_terminal(leader: int) -> bool:
    """True if a job-control shell runs in another session of this job.

    Programs such as script(1) and tmux relay their input to it.
    """
    for pid in tree.alive(os.getpid()):
        stat = tree.read_stat(pid)
        if stat is not None and stat.session != leader and is_job_control_shell(pid):
            return True
    return False


def _behind(group: int, known: set[str]) -> bool:
    """True if an ancestor of the foreground group, in another process group, is a shell."""
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
