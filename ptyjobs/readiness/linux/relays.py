"""Follow a relay (script, socat, rlwrap, sudo, su -P) to its inner terminal.

A relay waits for its own terminal *and* for the master of a pty it made. Owns finding that inner
pty (`tty-index` in fdinfo), its foreground group, its line discipline, and unread bytes on both
sides of it. Never keeps a slave open. The subtle things: bytes may wait in both queues of the inner
pty while both processes sleep, so the inner slave *and* the relay's own master must be polled: a
poll flushes the kernel's buffer and then reports correctly. And a slave is opened only while one of
the job's processes has it open: if ours were the last to close, the relay would read EIO and exit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ptyjobs.process import procfs, termios_state
from ptyjobs.process.procfs import Stat, Tty
from ptyjobs.readiness.linux import pidfd

_SLAVES = 136  # UNIX98_PTY_SLAVE_MAJOR of include/uapi/linux/major.h


@dataclass(frozen=True, slots=True)
class Inner:
    """The inner pty of one master descriptor of a relay."""

    tty: Tty
    mode: termios_state.Mode
    unread: bool  # input that the inner program has not read, or output that the relay has not


def index(proc: str, pid: int, master: int) -> int | None:
    """The number N of /dev/pts/N of a pty master held by `pid`."""
    for entry in procfs.fdinfo(proc, pid, master).splitlines():
        if entry.startswith(b"tty-index:"):
            return int(entry.split()[1])
    return None


def terminal(proc: str, pid: int, master: int) -> Tty | None:
    """The slave of a pty master held by `pid`, without opening it; None for another devpts."""
    number = index(proc, pid, master)
    if number is None:
        return None
    try:
        info = os.stat(f"/dev/pts/{number}")
    except OSError:  # closing
        return None
    if info.st_rdev != os.makedev(_SLAVES, number):
        return None
    return Tty(info.st_rdev, info.st_dev)


def look(stats: dict[int, Stat], tty: Tty, proc: str, *, pid: int, master: int) -> Inner | None:
    """The inner pty; None if it cannot be opened (another user's) or no process has it open."""
    inside = (s for s in stats.values() if s.tty == tty.rdev or s.ppid == pid)
    if not any(_open_in(proc, s.pid, tty) for s in inside):
        return None
    name = f"/dev/pts/{os.minor(tty.rdev)}"
    try:
        fd = os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # EACCES: sudo gives it to the target user; ENXIO, EIO: closing
        return None
    try:
        if os.fstat(fd).st_rdev != tty.rdev:
            return None
        mode = termios_state.mode(fd)
        unread = termios_state.readable(fd)
    finally:
        os.close(fd)
    return Inner(tty, mode, unread or pidfd.readable(pid, master))


def foreground(stats: dict[int, Stat], relay: int, tty: Tty, proc: str) -> list[Stat]:
    """The foreground processes of the inner terminal: by its tpgid, else all that have it open."""
    having = [s for s in stats.values() if s.tty == tty.rdev]
    groups = {s.tpgid for s in having}
    members = [s for s in having if s.pgrp in groups]
    if members:
        return members
    # socat without `ctty`: no process's controlling terminal, but its child's standard input.
    return [s for s in stats.values() if s.ppid == relay and _device(proc, s.pid, 0) == tty.rdev]


def _open_in(proc: str, pid: int, tty: Tty) -> bool:
    """True if a standard descriptor of a process (or bash's 255) is that terminal."""
    return any(_device(proc, pid, fd) == tty.rdev for fd in (0, 1, 2, 255))


def _device(proc: str, pid: int, fd: int) -> int:
    try:
        return os.stat(f"{proc}/{pid}/fd/{fd}").st_rdev
    except OSError:  # exited, or not permitted
        return 0
