"""What the kernel says of the foreground job: is it waiting for its terminal? (Linux)

Owns one probe of one job: foreground group, line discipline, unread input, and what each thread of
the group sleeps in (`waits.py`), seen through relays (`relay.py`). Decides nothing over time: that
is `core/settle.py`. The subtle things: it must run in an ancestor of the job (Yama scope 1), only
a *main* thread may be "hard" (a reader thread waits while others still draw), and descriptors of
the last waiter are kept, so that the common probe is a handful of preads.

Sources: proc(5), Documentation/admin-guide/LSM/Yama.rst, fs/proc/base.c, drivers/tty/n_tty.c.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace

from ptyjobs.core.settle import Probe, Wait
from ptyjobs.host import line, procfs, relay, syscalls, waits
from ptyjobs.host.procfs import Denied, Gone, Process, Stat, Tty
from ptyjobs.host.syscalls import Kind
from ptyjobs.host.waits import Sleep
from ptyjobs.model import Tier

_RANK = {Wait.HARD: 0, Wait.SOFT: 1, Wait.OPAQUE: 2, Wait.UNKNOWN: 3, Wait.BUSY: 4}
_DEPTH = 4  # relays within relays that are looked through
_WATCHED = 24  # in a larger job somebody always runs
_KEPT = 48  # processes whose descriptors are kept


@dataclass(frozen=True, slots=True)
class _Found:
    """What one process (or the best of several) does."""

    wait: Wait
    stat: Stat
    sleep: Sleep
    tid: int = 0
    runtime: int = 0
    runs: int = 0
    doing: str = ""
    strong: bool = False
    stopped: bool = False
    relayed: bool = False
    unread: bool = False
    foreign: bool = False
    mode: line.Mode | None = None  # of the inner terminal, when relayed
    tier: Tier = Tier.FULL


@dataclass(frozen=True, slots=True)
class _Last:
    """The last probe, and whose run time must be unchanged for it to hold still.

    Of a hard wait only the waiting thread is watched. Else all threads of the foreground are: when
    none of them has run, nothing about them has changed. A thread that was woken and has not run
    yet is told by `line`, which then says "running" (race 2).
    """

    group: int
    mode: line.Mode
    line: bytes  # the system call of the main thread that was judged
    watched: tuple[tuple[Process, int, int], ...]  # process, threads (0: the main one), ns
    probe: Probe


class Kernel:
    """Looks at the job whose pty master and leader are given, from an ancestor of the job.

    `tier` is what `self_test` found; `proc` is where procfs is mounted.
    """

    def __init__(
        self, *, master: int, leader: int, tier: Tier = Tier.FULL, proc: str = "/proc"
    ) -> None:
        self.tier = tier
        self._master = master
        self._leader = leader
        self._proc = proc
        self._table = syscalls.calls(os.uname().machine)
        if self._table is None and tier is Tier.FULL:
            self.tier = Tier.NO_SYSCALL
        self._tty = self._own_tty()
        self._processes: dict[int, Process] = {}
        self._readers: dict[int, waits.Reader] = {}
        self._own = self._open(os.getpid())
        self._stats: dict[int, Stat] = {}
        self._ran: dict[int, int] = {}  # CPU time of the job's processes at the last search
        self._below: list[int] = []  # the children of the last hard waiter
        self._last: _Last | None = None

    def close(self) -> None:
        """Close every kept descriptor; the master stays its owner's."""
        self._last = None
        for pid in list(self._processes):
            self._drop(pid)
        if self._own is not None:
            self._own.close()

    def probe(self) -> Probe:
        """One look. Drain the master first: a program blocked in writing is never ready."""
        group = self._group()
        mode = line.mode(self._master)
        unread = self._unread()
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
            found = self._search(group, mode)
            if found is None:
                return self._blind(group, mode, unread)
            kin = self._workers(found.stat.pid, group), self._lineage(found.stat.pid)
        return self._remember(found, group, mode, unread=unread, kin=kin)

    def foreground(self) -> str:
        """The name of the program in the foreground; "" when it cannot be told."""
        group = self._group()
        if self.tier is Tier.EVIDENCE or not group:
            return ""
        try:
            return procfs.stat(self._proc, group).name
        except (Gone, Denied):  # the group's leader has exited: any member will do
            members = [s.name for s in self._walk().values() if s.pgrp == group]
            return members[-1] if members else ""

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
        except OSError:  # ENOTTY: the session has gone, nobody is in the foreground
            return 0

    def _unread(self) -> bool:
        try:
            fd = line.open_slave(self._master)
        except OSError:  # EIO: the terminal was hung up
            return False
        try:
            return line.readable(fd)
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

    # -- the quick ways

    def _same(self, group: int, mode: line.Mode) -> Probe | None:
        """The last probe again, if nobody whom it speaks of has run since."""
        last = self._last
        if last is None or last.group != group or last.mode != mode:
            return None
        try:
            if last.line and self._processes[last.probe.pid].main.syscall() != last.line:
                return None
            for process, threads, ran in last.watched:
                if (process.cpu(threads) if threads else process.main.ran()[0]) != ran:
                    return None
        except (Gone, Denied, KeyError):
            return None
        return last.probe

    def _again(self, group: int, mode: line.Mode) -> _Found | None:
        """The last waiter, if it waits hard once more: then nobody else need be asked."""
        last = self._last
        if last is None or last.group != group or last.probe.wait is not Wait.HARD:
            return None
        process = last.watched[0][0]
        try:
            stat = process.stat()
            if stat.state in "Tt" or process.children(stat.threads) != self._below:
                return None
            found = self._judge_seen(stat, process, self._tty, mode)
        except (Gone, Denied):
            return None
        return found if found.wait is Wait.HARD else None

    def _remember(
        self,
        found: _Found,
        group: int,
        mode: line.Mode,
        *,
        unread: bool,
        kin: tuple[frozenset[int], frozenset[int]],
    ) -> Probe:
        inner = found.mode or mode
        pid = found.stat.pid
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
            cpu=self._cpu(found, group),
            relayed=found.relayed,
            start=found.stat.start,
            group=group,
            signature=found.sleep.signature,
            strong=found.strong,
            main=found.tid == pid,
            stopped=found.stopped,
            blocked=found.wait is Wait.BUSY and found.sleep.kind is Kind.WRITE and found.sleep.tty,
            polling=found.sleep.kind is Kind.TIMED,
            runs=found.runs,
            bare=mode.bare,
            foreign=found.foreign,
            tier=found.tier,
        )
        self._last = self._watch(found, probe, mode)
        return probe

    def _watch(self, found: _Found, probe: Probe, mode: line.Mode) -> _Last | None:
        """What must not run for this probe to be true; None when somebody runs already."""
        process = self._processes.get(probe.pid)
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
                    stat = self._stats[pid]
                    if stat.state == "R":
                        return None
                    watched.append((self._processes[pid], stat.threads, self._ran[pid]))
            # The state is read last: a signal that stops the thread makes it run once more.
            ran = process.main.ran()[0]
            if probe.main and ran != found.runtime:
                return None
            if found.wait is not Wait.BUSY and process.stat().state in "Tt":
                return None
        except (Gone, Denied, KeyError):  # it went on meanwhile: the next probe starts anew
            return None
        return _Last(probe.group, mode, sleeping, tuple(watched), probe)

    def _speakers(self, probe: Probe) -> list[int]:
        """The processes that this probe was judged by; for BUSY none of the job waits."""
        if probe.wait is Wait.BUSY:
            return list(self._stats)
        members = [s.pid for s in self._stats.values() if s.pgrp == probe.group]
        return members if probe.pid in members else [*members, probe.pid]

    def _cpu(self, found: _Found, group: int) -> int:
        if found.wait in (Wait.HARD, Wait.BUSY):
            return found.runtime
        total = 0
        for stat in self._stats.values():
            if stat.pgrp == group or stat.pid == found.stat.pid:
                process = self._processes.get(stat.pid)
                total += process.cpu(stat.threads) if process is not None else 0
        return total

    def _workers(self, pid: int, group: int) -> frozenset[int]:
        """The foreground processes and all below them."""
        found = {s.pid for s in self._stats.values() if s.pgrp == group or s.pid == pid}
        grows = True
        while grows:
            below = {s.pid for s in self._stats.values() if s.ppid in found} - found
            found |= below
            grows = bool(below)
        return frozenset(found)

    def _lineage(self, pid: int) -> frozenset[int]:
        line: set[int] = set()
        while pid in self._stats and pid not in line:
            line.add(pid)
            pid = self._stats[pid].ppid
        return frozenset(line)

    # -- the whole way

    def _open(self, pid: int) -> Process | None:
        try:
            return Process(self._proc, pid)
        except (Gone, Denied):
            return None

    def _stat(self, pid: int) -> tuple[Process, Stat] | None:
        """The process that has this number now, and its stat."""
        process = self._processes.get(pid)
        if process is not None:
            try:
                return process, process.stat()
            except Gone:  # ended; the number may already be another's
                self._drop(pid)
        process = self._open(pid)
        if process is None:
            return None
        self._processes[pid] = process
        try:
            return process, process.stat()
        except Gone:
            return None

    def _drop(self, pid: int) -> None:
        self._processes.pop(pid).close()
        self._readers.pop(pid, None)

    def _walk(self) -> dict[int, Stat]:
        """Every process of the job: below its leader, or adopted by us as subreaper."""
        stats: dict[int, Stat] = {}
        self._ran = {}
        pending = [self._leader]
        try:
            if self._own is not None:
                pending += self._own.children(self._own.stat().threads)
        except Gone:  # this kernel was built without PROC_CHILDREN
            return self._scan()
        while pending:
            pid = pending.pop()
            if pid in stats:
                continue
            found = self._stat(pid)
            if found is None:
                continue
            process, stat = found
            stats[pid] = stat
            try:
                # Before its children are asked for, so that a fork from now on is noticed.
                ran = process.cpu(stat.threads)
                pending += process.children(stat.threads)
                if process.stat() == stat:
                    self._ran[pid] = ran
            except Gone:
                continue
        self._prune(stats)
        return stats

    def _scan(self) -> dict[int, Stat]:
        """The same from the parents that /proc names. A fork meanwhile is missed: not `_ran`."""
        every = {stat.pid: stat for stat in self._every()}
        stats: dict[int, Stat] = {}
        pending = [self._leader, *(s.pid for s in every.values() if s.ppid == os.getpid())]
        while pending:
            pid = pending.pop()
            if pid in every and pid not in stats:
                found = self._stat(pid)
                if found is not None:
                    stats[pid] = found[1]
                pending += [s.pid for s in every.values() if s.ppid == pid]
        self._prune(stats)
        return stats

    def _strangers(self, group: int) -> list[Stat]:
        """Processes of the foreground group, wherever they hang."""
        found = [s for s in self._every() if s.pgrp == group and group and s.state not in "ZX"]
        for stat in found:
            self._stats[stat.pid] = stat
            self._stat(stat.pid)
        return found

    def _every(self) -> list[Stat]:
        try:
            names = os.listdir(self._proc)
        except FileNotFoundError:
            return []
        every = []
        for name in names:
            if name.isdigit():
                try:
                    every.append(procfs.stat(self._proc, int(name)))
                except (Gone, Denied):
                    continue
        return every

    def _prune(self, stats: dict[int, Stat]) -> None:
        """Close what was kept of processes that have gone, and of too many."""
        for pid in [p for p in self._processes if p not in stats]:
            self._drop(pid)
        if len(self._processes) > _KEPT:
            for pid in list(self._processes)[: len(self._processes) - _KEPT]:
                self._drop(pid)

    def _search(self, group: int, mode: line.Mode) -> _Found | None:
        """The best of all processes in the foreground; None when there are none to be seen."""
        stats = self._stats = self._walk()
        members = [s for s in stats.values() if s.pgrp == group and s.state not in "ZX"]
        if not members:  # not below us: it ran away before we were its subreaper
            members = self._strangers(group)
        if not members:
            return None
        founds = self._judge_all(members, self._tty, mode, _DEPTH)
        best = _best(founds)
        if best.wait is Wait.BUSY:
            best = self._elsewhere(best, founds, mode)
        if best.wait is Wait.BUSY:
            best = replace(best, doing=self._doing(best))
        return best

    def _judge_all(
        self, members: list[Stat], tty: Tty, mode: line.Mode, depth: int
    ) -> list[_Found]:
        founds = []
        # The newest first: a shell that waits for the program in question comes last.
        for stat in sorted(members, key=lambda s: -s.start):
            try:
                found = self._judge(stat, tty, mode, depth)
            except Gone:  # it has ended, or what we kept of it has: look anew next time
                if stat.pid in self._processes:
                    self._drop(stat.pid)
                continue
            founds.append(found)
            if found.wait is Wait.HARD:
                break
        return founds or [_Found(Wait.BUSY, members[0], waits.RUNNING)]

    def _judge(self, stat: Stat, tty: Tty, mode: line.Mode, depth: int) -> _Found:
        if stat.state in "Tt":
            return _Found(Wait.BUSY, stat, Sleep(call="stopped"), stat.pid, stopped=True)
        if self.tier is Tier.FULL:
            try:
                return self._judge_seen(stat, self._opened(stat), tty, mode, depth)
            except Denied:  # setuid, or hardened: the tier below, for this process only
                pass
        return self._judge_coarse(stat, tty, mode)

    def _opened(self, stat: Stat) -> Process:
        process = self._processes.get(stat.pid) or self._open(stat.pid)
        if process is None:
            raise Gone(str(stat.pid))
        self._processes[stat.pid] = process
        return process

    def _reader(self, process: Process) -> waits.Reader:
        reader = self._readers.get(process.pid)
        if reader is None:
            assert self._table is not None  # or the tier would not be FULL
            reader = self._readers[process.pid] = waits.Reader(self._proc, process, self._table)
        return reader

    def _judge_seen(
        self, stat: Stat, process: Process, tty: Tty, mode: line.Mode, depth: int = 0
    ) -> _Found:
        main = process.main
        reader = self._reader(process)
        before, runs = main.ran()
        sleep = reader.sleep(main.syscall(), stat.pid, tty)
        if main.ran()[0] != before:  # it ran while we read its arguments: they mean nothing
            sleep = waits.RUNNING
        wait, tier = Wait.BUSY, Tier.FULL
        if sleep.tty and sleep.kind is not Kind.WRITE:
            returns = sleep.kind is Kind.READ and mode.returns
            alone = not (sleep.others or sleep.timed or returns)
            wait = Wait.HARD if alone else Wait.SOFT
            if sleep.sockets and (mode.bare or mode.canonical):
                wait = Wait.OPAQUE
        elif not sleep.seen:
            wait, tier = Wait.UNKNOWN, Tier.EVIDENCE
        doing = "" if wait is Wait.BUSY else f"{stat.name} in {sleep.call}"
        found = _Found(wait, stat, sleep, stat.pid, before, runs, doing, tier=tier)
        if sleep.masters and sleep.tty and depth:
            return self._through(found, depth)
        if wait is Wait.BUSY and stat.threads > 1:
            return self._other_threads(found, process, tty) or found
        return found

    def _other_threads(self, found: _Found, process: Process, tty: Tty) -> _Found | None:
        reader = self._reader(process)
        for thread in process.others(found.stat.threads - 1):
            try:
                sleep = reader.sleep(thread.syscall(), thread.tid, tty)
                runtime = thread.ran()[0]
            except Gone:
                process.forget(thread)
                continue
            if sleep.tty and sleep.kind is not Kind.WRITE:
                doing = f"a thread of {found.stat.name} in {sleep.call}"
                return replace(
                    found,
                    wait=Wait.SOFT,
                    sleep=sleep,
                    tid=thread.tid,
                    runtime=runtime,
                    doing=doing,
                )
        return None

    def _judge_coarse(self, stat: Stat, tty: Tty, mode: line.Mode) -> _Found:
        """Without the system call: state, wchan, epoll lists."""
        process = self._processes.get(stat.pid)
        before = process.main.ran()[0] if process is not None else 0
        found = _Found(Wait.BUSY, stat, waits.RUNNING, stat.pid, before, tier=Tier.NO_SYSCALL)
        if stat.state == "R":
            return found
        try:
            sleep = waits.coarse(self._proc, stat.pid, stat.pid, tty)
        except Denied:
            sleep = waits.UNSEEN
        found = replace(found, sleep=sleep)
        if not sleep.seen:
            # A process that is not ours to see shows wchan 0; so does one on its way to sleep.
            return replace(found, wait=Wait.UNKNOWN, foreign=True, tier=Tier.EVIDENCE)
        if sleep.tty:
            strong = sleep.kind is Kind.READ and not sleep.others and not mode.returns
            doing = f"{stat.name} in {sleep.call}"
            return replace(found, wait=Wait.SOFT, strong=strong, doing=doing)
        return found

    def _through(self, outer: _Found, depth: int) -> _Found:
        """The program behind a relay, judged on its own terminal."""
        for master in outer.sleep.masters:
            inner = relay.look(self._proc, outer.stat.pid, master)
            if inner is None:
                continue
            members = relay.foreground(self._stats, outer.stat.pid, inner.tty, self._proc)
            members = [s for s in members if s.state not in "ZX" and s.pid != outer.stat.pid]
            if not members:
                continue
            best = _best(self._judge_all(members, inner.tty, inner.mode, depth - 1))
            return replace(
                best,
                runtime=best.runtime + outer.runtime,
                relayed=True,
                unread=best.unread or inner.unread,
                mode=best.mode or inner.mode,
            )
        # Nobody behind it that we can see: what it shows is all there is.
        return replace(outer, wait=Wait.OPAQUE, doing=f"{outer.stat.name} in {outer.sleep.call}")

    def _elsewhere(self, best: _Found, founds: list[_Found], mode: line.Mode) -> _Found:
        """Nobody in the foreground group waits for the terminal; does somebody else for it?

        A process of another session is under no job control here and may read (ssh below sshpass).
        A client whose server holds the terminal (tmux) leaves it bare and sleeps on a socket.
        """
        group = best.stat.pgrp
        for stat in self._stats.values():
            if stat.tty != self._tty.rdev and stat.pgrp != group and stat.state not in "ZXTt":
                try:
                    if os.stat(f"{self._proc}/{stat.pid}/fd/0").st_rdev != self._tty.rdev:
                        continue
                    found = self._judge(stat, self._tty, mode, 1)
                except (OSError, Gone):  # gone, or not ours to see
                    continue
                if found.wait is Wait.HARD:
                    return replace(found, wait=Wait.SOFT)
                if found.wait is not Wait.BUSY:
                    return found
        if mode.bare and all(_serves(f.sleep) for f in founds):
            return replace(best, wait=Wait.OPAQUE, doing=f"{best.stat.name} in {best.sleep.call}")
        return best

    def _doing(self, best: _Found) -> str:
        name, sleep = best.stat.name, best.sleep
        if best.stopped:
            return f"{name} is stopped by a signal"
        if sleep.running:
            return f"{name} on CPU"
        if sleep.kind is Kind.CHILD:
            waited = [s.name for s in self._stats.values() if s.ppid == best.stat.pid]
            return f"{name} waiting for child {waited[-1]}" if waited else f"{name} in {sleep.call}"
        if sleep.kind is Kind.WRITE:
            return f"{name} blocked writing"
        return f"{name} in {sleep.call}" if sleep.call else f"{name} running"


def _serves(sleep: Sleep) -> bool:
    return not sleep.running and (bool(sleep.sockets) or sleep.kind is Kind.SIGNAL)


def _best(founds: list[_Found]) -> _Found:
    """The process that says most of whose turn it is."""

    def order(found: _Found) -> tuple[int, bool, bool]:
        return _RANK[found.wait], found.sleep.kind is Kind.CHILD, found.stopped

    best = min(founds, key=order)
    active = [f for f in founds if f.sleep.kind is not Kind.CHILD]
    if best.wait is Wait.BUSY and active and all(f.stopped for f in active):
        return replace(active[0], stopped=True)
    return replace(best, stopped=False) if best.wait is Wait.BUSY else best


def self_test() -> Tier:
    """What this machine lets an ancestor ask, tried on a child that reads a terminal of its own.

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
            os.login_tty(slave)
            os.read(0, 1)
        finally:
            os._exit(0)
    os.close(slave)
    try:
        for tier in (Tier.FULL, Tier.NO_SYSCALL):
            try:
                kernel = Kernel(master=master, leader=pid, tier=tier)
            except OSError:  # no slave to be opened here: nothing of the terminal can be asked
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
