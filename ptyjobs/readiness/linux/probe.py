"""Kernel probe of the foreground job: is it waiting for its terminal? (Linux)

Owns one probe of one job: foreground group, line discipline, unread input, and the judgement of
`classify.py` on the processes of `process_table.py`. Never decides over time: see
`readiness/settle.py`. The subtle things: it must run in an ancestor of the job (Yama scope 1), and
most probes inspect nothing: if no process it would judge has run since, the last probe is still
valid.

Sources: proc(5), Documentation/admin-guide/LSM/Yama.rst, fs/proc/base.c, drivers/tty/n_tty.c.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ptyjobs.model import Tier
from ptyjobs.process import procfs
from ptyjobs.process import termios_state as line
from ptyjobs.process.procfs import Denied, Process, ProcessExited, Tty
from ptyjobs.readiness.facts import NO_EFFORT, Effort, Probe, Wait
from ptyjobs.readiness.linux import syscalls
from ptyjobs.readiness.linux.classify import Finding, Judge
from ptyjobs.readiness.linux.embedded import Shown
from ptyjobs.readiness.linux.process_table import Census
from ptyjobs.readiness.linux.syscalls import Kind

_Kin = tuple[frozenset[int], frozenset[int]]  # the foreground and all below; the waiter's ancestors


@dataclass(frozen=True, slots=True)
class _Last:
    """The last probe, and the threads whose run time must be unchanged for it to stay valid.

    For a hard wait only the waiting thread is watched, else all threads of the foreground: if none
    of them has run, nothing about them has changed. `line` detects a thread that was woken and has
    not run yet: it then reads "running" (race 2).
    """

    group: int
    mode: line.Mode
    line: bytes  # the system call of the main thread that was judged
    watched: tuple[tuple[Process, int, int], ...]  # process, threads (0: the main one), ns
    probe: Probe


class NoProgram:
    """Stands in for the kernel probe of a job that has not started."""

    def probe(self) -> Probe:
        return Probe(Wait.UNKNOWN)

    def unread(self) -> bool:
        return False

    def pending(self) -> bool:
        return False

    def witnesses(self) -> tuple[tuple[int, int], ...]:
        return ()

    def close(self) -> None:
        """Do nothing: nothing is open."""


class Kernel:
    """Probes the job with the given pty master and leader, from an ancestor of the job.

    `tier` is the result of `self_test`; `proc` is the mount point of procfs; `shown` reports the
    output counts of the terminal.
    """

    def __init__(
        self,
        *,
        master: int,
        leader: int,
        tier: Tier = Tier.FULL,
        proc: str = "/proc",
        shown: Callable[[], Shown] = Shown,
    ) -> None:
        self.tier = tier
        self._master = master
        self._proc = proc
        table = syscalls.calls(os.uname().machine)
        if table is None and tier is Tier.FULL:
            self.tier = Tier.NO_SYSCALL
        self._census = Census(proc=proc, leader=leader)
        self._tty = self._own_tty()
        self._judge = Judge(self._census, tty=self._tty, tier=self.tier, table=table, shown=shown)
        self._below: list[int] = []  # the children of the last hard waiter
        self._last: _Last | None = None
        self._sleeper = (0, 0, 0, 0)  # the thread of the last probe, and its CPU time,
        self._slept = 0.0  # and when it was first seen so

    def close(self) -> None:
        """Close every kept descriptor; the caller keeps ownership of the master."""
        self._last = None
        self._census.close()

    def probe(self) -> Probe:
        """Probe once. Drain the master first: a program blocked in a write is never ready."""
        group = self._group()
        mode = line.mode(self._master)
        unread = self.unread()
        if self.tier is Tier.EVIDENCE:
            return self._blind(group, mode, unread)
        same = self._same(group, mode)
        if same is not None:
            return same if same.unread == unread else replace(same, unread=unread)
        last = self._last
        found = self._again(group, mode)
        if found is not None and last is not None:
            kin = last.probe.children, last.probe.lineage
        else:
            found = self._judge.search(group, mode)
            if found is None:
                return self._blind(group, mode, unread)
            kin = self._census.workers(found.stat.pid, group), self._census.lineage(found.stat.pid)
        return self._remember(found, group, mode, unread=unread, kin=kin)

    def foreground(self) -> str:
        """The name of the foreground program; "" if unknown."""
        group = self._group()
        if self.tier is Tier.EVIDENCE or not group:
            return ""
        try:
            return procfs.stat(self._proc, group).name
        except (ProcessExited, Denied):  # the group's leader has exited: use any member
            members = [s.name for s in self._census.walk().values() if s.pgrp == group]
            return members[-1] if members else ""

    def witnesses(self) -> tuple[tuple[int, int], ...]:
        """(pid, main thread's CPU time in ns) of processes whose rest keeps the last probe valid.

        None if their main threads alone cannot decide it.
        """
        watched = self._last.watched if self._last is not None else ()
        if any(threads > 1 for _, threads, _ in watched):
            return ()
        return tuple((process.pid, ran) for process, _, ran in watched)

    # -- the terminal

    def _own_tty(self) -> Tty:
        fd = line.open_slave(self._master)
        try:
            info = os.fstat(fd)
        finally:
            os.close(fd)
        return Tty(info.st_rdev, info.st_dev)

    def _group(self) -> int:
        try:
            return os.tcgetpgrp(self._master)
        except OSError:  # ENOTTY: the session has ended, there is no foreground group
            return 0

    def unread(self) -> bool:
        """True if the terminal holds unread input."""
        try:
            fd = line.open_slave(self._master)
        except OSError:  # EIO: the terminal was hung up
            return False
        try:
            return line.readable(fd)
        finally:
            os.close(fd)

    def pending(self) -> bool:
        """True if the terminal holds unread input that a program would read later."""
        try:
            fd = line.open_slave(self._master)
        except OSError:  # EIO: the terminal was hung up
            return False
        try:
            return line.pending(fd)
        finally:
            os.close(fd)

    def _blind(self, group: int, mode: line.Mode, unread: bool) -> Probe:
        return Probe(
            Wait.UNKNOWN,
            unread=unread,
            canonical=mode.canonical,
            echo=mode.echo,
            bare=mode.bare,
            group=group,
            tier=Tier.EVIDENCE,
        )

    # -- the fast paths

    def _same(self, group: int, mode: line.Mode) -> Probe | None:
        """The last probe again, if none of its processes has run since."""
        last = self._last
        if last is None or last.group != group or last.mode != mode:
            return None
        try:
            if last.line and self._census.processes[last.probe.pid].main.syscall() != last.line:
                return None
            for process, threads, ran in last.watched:
                if (process.cpu(threads) if threads else process.main.ran()[0]) != ran:
                    return None
        except (ProcessExited, Denied, KeyError):
            return None
        return last.probe

    def _again(self, group: int, mode: line.Mode) -> Finding | None:
        """The last waiter, if it is in a hard wait again: no other need be inspected."""
        last = self._last
        if last is None or last.group != group or last.probe.wait is not Wait.HARD:
            return None
        process = last.watched[0][0]
        try:
            stat = process.stat()
            if stat.state in "Tt" or process.children(stat.threads) != self._below:
                return None
            found = self._judge.seen(stat, process, self._tty, mode)
        except (ProcessExited, Denied):
            return None
        return found if found.wait is Wait.HARD else None

    def _remember(
        self, found: Finding, group: int, mode: line.Mode, *, unread: bool, kin: _Kin
    ) -> Probe:
        inner, sleep, pid = found.mode or mode, found.sleep, found.stat.pid
        busy = found.wait is Wait.BUSY
        exact = busy or found.wait is Wait.HARD  # their CPU time is never used
        several = found.stat.threads > 1 and not found.parked
        probe = Probe(
            found.wait,
            pid=pid,
            tid=found.tid,
            runtime=found.runtime,
            unread=unread or found.unread,
            canonical=inner.canonical,
            echo=inner.echo,
            doing=found.doing,
            children=kin[0],
            lineage=kin[1],
            cpu=found.runtime if exact else self._census.cpu(pid, group),
            timed=sleep.timed and not sleep.others,
            wakes=sleep.wakes,
            due=self._due(found),
            returns=inner.after if sleep.kind is Kind.READ else 0.0,
            takes=sleep.takes if sleep.tty else 0,
            works=found.works,
            place=found.place,
            waits_on=found.waits_on,
            asleep=found.asleep,
            alone=found.alone,
            rings=found.rings,
            threaded=found.wait in (Wait.HARD, Wait.SOFT) and several,
            relayed=found.relayed,
            start=found.stat.start,
            group=group,
            signature=sleep.signature,
            strong=found.strong,
            main=found.tid == pid,
            stopped=found.stopped,
            blocked=busy and sleep.kind is Kind.WRITE and sleep.tty,
            running=sleep.running,
            effort=self._effort(found) if busy and not inner.canonical else NO_EFFORT,
            polling=sleep.kind is Kind.TIMED,
            runs=found.runs,
            bare=mode.bare,
            foreign=found.foreign,
            tier=found.tier,
        )
        self._last = self._watch(found, probe, mode)
        return probe

    def _effort(self, found: Finding) -> Effort:
        """Facts that distinguish polling the terminal from work, for a busy program in raw mode."""
        pid = found.stat.pid
        reads, read_bytes = procfs.reads(self._proc, pid)
        user, system, faults = procfs.effort(self._proc, pid)
        return Effort(reads, read_bytes, user, system, faults)

    def _due(self, found: Finding) -> float:
        """The time at which its wait times out, by CLOCK_MONOTONIC; 0 for never.

        Late by as much as the sleep had lasted when it was first seen.
        """
        sleeper = found.stat.pid, found.stat.start, found.tid, found.runtime
        if sleeper != self._sleeper:
            self._sleeper, self._slept = sleeper, time.monotonic()
        return self._slept + found.sleep.wakes if found.sleep.wakes else 0.0

    def _watch(self, found: Finding, probe: Probe, mode: line.Mode) -> _Last | None:
        """The threads that must not run for this probe to stay valid; None if one runs already."""
        process = self._census.processes.get(probe.pid)
        if process is None or found.relayed or found.sleep.running or not found.sleep.seen:
            return None
        watched: list[tuple[Process, int, int]] = []
        try:
            sleeping = process.main.syscall() if self.tier is Tier.FULL else b""
            if found.wait is Wait.HARD:
                self._below = process.children(found.stat.threads)
                watched.append((process, 0, found.runtime))
            else:
                for pid in self._speakers(probe):
                    stat = self._census.stats[pid]
                    if stat.state == "R":
                        return None
                    watched.append(
                        (self._census.processes[pid], stat.threads, self._census.ran[pid])
                    )
            # Read the state last: a signal that stops the thread makes it run once more.
            ran = process.main.ran()[0]
            if probe.main and ran != found.runtime:
                return None
            if found.wait is not Wait.BUSY and process.stat().state in "Tt":
                return None
        except (
            ProcessExited,
            Denied,
            KeyError,
        ):  # it resumed meanwhile: the next probe starts over
            return None
        return _Last(probe.group, mode, sleeping, tuple(watched), probe)

    def _speakers(self, probe: Probe) -> list[int]:
        """The processes that this probe was judged by.

        BUSY and OPAQUE mean that no process of the job was seen waiting for the terminal.
        """
        if probe.wait in (Wait.BUSY, Wait.OPAQUE):
            return list(self._census.stats)
        members = [s.pid for s in self._census.stats.values() if s.pgrp == probe.group]
        return members if probe.pid in members else [*members, probe.pid]


def self_test() -> Tier:
    """Find out what an ancestor may inspect here, using a child that reads its own terminal.

    Takes a few ms. Forks: call it in a process with one thread.
    """
    if sys.platform != "linux":
        return Tier.EVIDENCE
    import select
    import signal
    import time

    master, slave = os.openpty()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(master)  # so that the read ends if its parent is killed
            os.login_tty(slave)
            os.read(0, 1)
        finally:
            os._exit(0)
    os.close(slave)
    try:
        for tier in (Tier.FULL, Tier.NO_SYSCALL):
            try:
                kernel = Kernel(master=master, leader=pid, tier=tier)
            except OSError:  # no slave can be opened here: no terminal fact is available
                return Tier.EVIDENCE
            try:
                deadline = time.monotonic() + 0.5
                while time.monotonic() < deadline:
                    probe = kernel.probe()
                    if tier is probe.tier and (probe.wait is Wait.HARD or probe.strong):
                        return tier
                    select.select([], [], [], 0.0005)
            finally:
                kernel.close()
        return Tier.EVIDENCE
    finally:
        os.close(master)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if sys.platform != "linux":
    from ptyjobs.readiness.linux.fallback import Kernel  # type: ignore[assignment]  # same face
