"""Process tree of one job, with cached /proc descriptors.

Owns the walk below the job's leader and the cached descriptors of its processes. Never judges. The
subtle thing: `ran` holds the CPU time of each process from *before* its children were listed, so a
process that forks, or changes its group, during the walk is known to have run.
"""

from __future__ import annotations

import os

from ptyjobs.process import procfs
from ptyjobs.process.procfs import Denied, Process, ProcessExited, Stat

KEPT = 48  # processes whose descriptors are cached


class Census:
    """All processes below `leader`, and the orphans that this process adopted."""

    def __init__(self, *, proc: str, leader: int) -> None:
        self.proc = proc
        self.stats: dict[int, Stat] = {}  # of the last walk
        self.processes: dict[int, Process] = {}
        self.ran: dict[int, int] = {}  # ns of CPU; absent if the process changed meanwhile
        self._leader = leader
        self._own = self._open(os.getpid())

    def close(self) -> None:
        """Close every kept descriptor."""
        for pid in list(self.processes):
            self.drop(pid)
        if self._own is not None:
            self._own.close()

    def _open(self, pid: int) -> Process | None:
        try:
            return Process(self.proc, pid)
        except (ProcessExited, Denied):
            return None

    def _stat(self, pid: int) -> tuple[Process, Stat] | None:
        """The current process with this number, and its stat."""
        process = self.processes.get(pid)
        if process is not None:
            try:
                return process, process.stat()
            except ProcessExited:  # exited; the number may already be reused
                self.drop(pid)
        process = self._open(pid)
        if process is None:
            return None
        self.processes[pid] = process
        try:
            return process, process.stat()
        except ProcessExited:
            return None

    def drop(self, pid: int) -> None:
        self.processes.pop(pid).close()

    def walk(self) -> dict[int, Stat]:
        """Every process of the job: below its leader, or adopted by us as subreaper."""
        stats: dict[int, Stat] = {}
        self.ran = {}
        pending = [self._leader]
        try:
            if self._own is not None:
                pending += self._own.children(self._own.stat().threads)
        except ProcessExited:  # this kernel was built without PROC_CHILDREN
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
                # Before its children are listed, so that a later fork is noticed.
                ran = process.cpu(stat.threads)
                pending += process.children(stat.threads)
                if process.stat() == stat:
                    self.ran[pid] = ran
            except ProcessExited:
                continue
        return self._pruned(stats)

    def _scan(self) -> dict[int, Stat]:
        """Walk by the parents that /proc names. Misses a fork meanwhile, so sets no `_ran`."""
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
        return self._pruned(stats)

    def strangers(self, group: int) -> list[Stat]:
        """Processes of the foreground group anywhere in the system."""
        found = [s for s in self._every() if s.pgrp == group and group and s.state not in "ZX"]
        for stat in found:
            self.stats[stat.pid] = stat
            self._stat(stat.pid)
        return found

    def _every(self) -> list[Stat]:
        try:
            names = os.listdir(self.proc)
        except FileNotFoundError:
            return []
        every = []
        for name in names:
            if name.isdigit():
                try:
                    every.append(procfs.stat(self.proc, int(name)))
                except (ProcessExited, Denied):
                    continue
        return every

    def _pruned(self, stats: dict[int, Stat]) -> dict[int, Stat]:
        """Close descriptors of exited processes, and of those over the limit."""
        self.stats = stats
        for pid in [p for p in self.processes if p not in stats]:
            self.drop(pid)
        if len(self.processes) > KEPT:
            for pid in list(self.processes)[: len(self.processes) - KEPT]:
                self.drop(pid)
        return stats

    def opened(self, stat: Stat) -> Process:
        """Cached descriptors of that process; raises ProcessExited."""
        process = self.processes.get(stat.pid) or self._open(stat.pid)
        if process is None:
            raise ProcessExited(str(stat.pid))
        self.processes[stat.pid] = process
        return process

    def workers(self, pid: int, group: int) -> frozenset[int]:
        """The foreground processes and all below them."""
        found = {s.pid for s in self.stats.values() if s.pgrp == group or s.pid == pid}
        grows = True
        while grows:
            below = {s.pid for s in self.stats.values() if s.ppid in found} - found
            found |= below
            grows = bool(below)
        return frozenset(found)

    def lineage(self, pid: int) -> frozenset[int]:
        line: set[int] = set()
        while pid in self.stats and pid not in line:
            line.add(pid)
            pid = self.stats[pid].ppid
        return frozenset(line)

    def cpu(self, pid: int, group: int) -> int:
        """CPU time in ns of the foreground `group` and of `pid`, all threads included."""
        total = 0
        for stat in self.stats.values():
            if stat.pgrp == group or stat.pid == pid:
                process = self.processes.get(stat.pid)
                total += process.cpu(stat.threads) if process is not None else 0
        return total
