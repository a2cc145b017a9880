"""Foreground job facts for other systems (macOS): its process group, terminal modes, counters.

Owns the same `probe()` where there is no Linux /proc. There is no public interface that shows the
system call of a sleeping process, so nothing here is ever *certain*: a probe returns "unknown"
(judge by the screen), or "busy" while a foreground thread runs. The subtle thing: macOS feeds the
line discipline synchronously, so a briefly opened slave that is readable means unread input.

Written from Apple's headers (sys/proc_info.h, libproc.h, sys/ttycom.h) and never run on a Mac.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import sys
import termios

from ptyjobs.model import Tier
from ptyjobs.process import termios_state
from ptyjobs.readiness.facts import Probe, Wait

_TIOCPTYGNAME = 0x40807453  # sys/ttycom.h: the slave's path, 128 bytes
_PROC_PGRP_ONLY = 2  # sys/proc_info.h
_PROC_PIDTASKINFO = 4
_TASKINFO = struct.Struct("=6Q12i")  # struct proc_taskinfo
_MEMBERS = 256


class Kernel:
    """Like `kernel.Kernel`, for systems without a Linux /proc."""

    def __init__(
        self,
        *,
        master: int,
        leader: int,
        tier: Tier = Tier.EVIDENCE,
        proc: str = "",
        shown: object = None,
    ) -> None:
        self.tier = Tier.EVIDENCE
        self._master = master
        self._leader = leader

    def close(self) -> None:
        """Do nothing: no descriptor is kept open."""

    def probe(self) -> Probe:
        """One probe: "busy" while a foreground thread runs, else "unknown" with its CPU time."""
        group = self._group()
        flags = termios.tcgetattr(self._master)
        local, output = flags[3], flags[1]
        canonical, echo = bool(local & termios.ICANON), bool(local & termios.ECHO)
        cpu, moved, running = counters(group)
        return Probe(
            Wait.BUSY if running else Wait.UNKNOWN,
            pid=group,
            tid=group,
            runtime=moved,
            unread=self.unread(),
            canonical=canonical,
            echo=echo,
            doing="on CPU" if running else "",
            cpu=cpu,
            group=group,
            bare=not (canonical or echo or local & termios.ISIG or output & termios.OPOST),
            tier=Tier.EVIDENCE,
        )

    def witnesses(self) -> tuple[tuple[int, int], ...]:
        """None: no other process could inspect them."""
        return ()

    def foreground(self) -> str:
        """The name of the foreground group's leader; "" if unknown."""
        return name_of(self._group())

    def _group(self) -> int:
        try:
            return os.tcgetpgrp(self._master)
        except OSError:  # ENOTTY: the session has ended
            return 0

    def pending(self) -> bool:
        """True if the terminal holds unread input that a program would read later."""
        return self.unread()

    def unread(self) -> bool:
        try:
            fd = os.open(slave_path(self._master), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:  # the terminal was hung up
            return False
        try:
            return termios_state.readable(fd)
        finally:
            os.close(fd)


def slave_path(master: int) -> str:
    """The path of the slave of `master`."""
    if sys.platform == "darwin":
        raw = fcntl.ioctl(master, _TIOCPTYGNAME, bytes(128))
        return raw.split(b"\0", 1)[0].decode()
    return f"/dev/pts/{termios_state.number(master)}"


def counters(group: int) -> tuple[int, int, bool]:
    """CPU time, context switches plus system calls, and running threads of a process group.

    CPU time is in the units of the system (mach ticks; ns on Intel). Zeros without libproc: then
    only output is evidence.
    """
    if sys.platform != "darwin" or group <= 0:
        return 0, 0, False
    libproc = ctypes.CDLL("/usr/lib/libproc.dylib")
    pids = (ctypes.c_int * _MEMBERS)()
    size = libproc.proc_listpids(_PROC_PGRP_ONLY, group, pids, ctypes.sizeof(pids))
    cpu = moved = active = 0
    for pid in pids[: max(0, size) // 4]:
        buffer = ctypes.create_string_buffer(_TASKINFO.size)
        got = libproc.proc_pidinfo(
            pid, _PROC_PIDTASKINFO, ctypes.c_uint64(0), buffer, _TASKINFO.size
        )
        if got != _TASKINFO.size:  # exited, or another user's
            continue
        task = _TASKINFO.unpack(buffer.raw)
        cpu += task[2] + task[3]
        moved += task[12] + task[13] + task[14]  # syscalls_mach, syscalls_unix, csw
        active += task[16]  # numrunning
    return cpu, moved, active > 0


def name_of(pid: int) -> str:
    """The name of a process, "" when unknown."""
    if sys.platform != "darwin" or pid <= 0:
        return ""
    buffer = ctypes.create_string_buffer(64)
    got = ctypes.CDLL("/usr/lib/libproc.dylib").proc_name(pid, buffer, 64)
    return buffer.value.decode("utf-8", "replace") if got > 0 else ""
