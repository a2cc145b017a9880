"""Classify the foreground job by what each of its processes blocks in.

Owns the judgement of one moment: hard, soft, opaque, unknown, busy. Never keeps state except the
readers of processes. The subtle things: only a *main* thread may be "hard" (a reader thread waits
while others still draw), and a relay (script, socat, sudo) is judged by the program on its inner
terminal.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from ptyjobs.model import Tier
from ptyjobs.process import procfs, termios_state
from ptyjobs.process.procfs import Denied, Process, ProcessExited, Stat, Tty
from ptyjobs.readiness.facts import Wait
from ptyjobs.readiness.linux import blocked, pidfd, relays, syscalls
from ptyjobs.readiness.linux.blocked import Sleep
from ptyjobs.readiness.linux.embedded import Embedded, Shown
from ptyjobs.readiness.linux.process_table import Census
from ptyjobs.readiness.linux.syscalls import Kind

_RANK = {Wait.HARD: 0, Wait.SOFT: 1, Wait.OPAQUE: 2, Wait.UNKNOWN: 3, Wait.BUSY: 4}
_DEPTH = 4  # nested relays that are followed
_SOCKETS = 32  # sockets of one wait that are checked for a peer; of more, one surely has one
# Names of descriptors (proc(5), /proc/PID/fd) that wake a process only by its own doing. A pipe to
# another process needs that process, which is looked for; a terminal here is waited for to be
# writable.
_OWN = ("pipe:", "anon_inode:[eventfd]", "anon_inode:[signalfd]", "/dev/pts/", "/dev/tty")
_OTHERS = 16  # processes of other sessions that are checked for serving the terminal


@dataclass(frozen=True, slots=True)
class Finding:
    """State of one process, or the best of several."""

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
    works: bool = False
    place: bytes = b""  # where the main thread sleeps, if another thread waits for the terminal
    waits_on: bytes = b""  # its call and descriptor there
    asleep: bytes = b""  # how its further threads sleep; equal at its idle moments
    alone: bool = False  # only input, a time-out, its threads and children can wake the waiter
    parked: bool = False  # only the waiter could wake its other threads
    rings: float = 0.0  # shortest time-out of the threads that do not wait for the terminal
    mode: termios_state.Mode | None = None  # of the inner terminal, when relayed
    tier: Tier = Tier.FULL


class Judge:
    """Judges the processes of one job at its terminal `tty`."""

    def __init__(
        self,
        census: Census,
        *,
        tty: Tty,
        tier: Tier,
        table: dict[int, syscalls.Syscall] | None,
        shown: Callable[[], Shown] = Shown,
    ) -> None:
        self.tty = tty
        self.tier = tier
        self._census = census
        self._table = table
        self._proc = census.proc
        self._readers: dict[int, tuple[Process, blocked.BlockedOn]] = {}
        self._shown = shown
        self._embedded = Embedded(census.proc)

    def search(self, group: int, mode: termios_state.Mode) -> Finding | None:
        """The best state of all foreground processes; None if none is visible."""
        stats = self._census.walk()
        members = [s for s in stats.values() if s.pgrp == group and s.state not in "ZX"]
        if not members:  # not below us: it was orphaned before we were its subreaper
            members = self._census.strangers(group)
        if not members:
            return None
        founds = self._judge_all(members, self.tty, mode, _DEPTH)
        best = _best(founds)
        if best.wait is Wait.BUSY:
            best = self._elsewhere(best, founds, mode)
        if best.wait is Wait.BUSY:
            best = replace(best, doing=self._doing(best))
        return best

    def _judge_all(
        self, members: list[Stat], tty: Tty, mode: termios_state.Mode, depth: int
    ) -> list[Finding]:
        founds = []
        # Newest first: a shell that waits for the program in question comes last.
        for stat in sorted(members, key=lambda s: -s.start):
            try:
                found = self._judge(stat, tty, mode, depth)
            except ProcessExited:  # it exited, or our descriptors are stale: reopen them
                if stat.pid in self._census.processes:
                    self._census.drop(stat.pid)
                continue
            founds.append(found)
            if found.wait is Wait.HARD:
                break
        return founds or [Finding(Wait.BUSY, members[0], blocked.RUNNING)]

    def _judge(self, stat: Stat, tty: Tty, mode: termios_state.Mode, depth: int) -> Finding:
        if stat.state in "Tt":  # t: stopped by its tracer, which is working on it
            stopped = stat.state == "T"
            sleep = Sleep(call="stopped" if stopped else "the hands of its debugger")
            return Finding(Wait.BUSY, stat, sleep, stat.pid, stopped=stopped)
        if self.tier is Tier.FULL:
            try:
                return self.seen(stat, self._census.opened(stat), tty, mode, depth)
            except Denied:  # setuid, or hardened: use the next lower tier, for this process only
                pass
        return self._judge_coarse(stat, tty, mode, depth)

    def _reader(self, process: Process) -> blocked.BlockedOn:
        known = self._readers.get(process.pid)
        if known is None or known[0] is not process:
            assert self._table is not None  # otherwise the tier would not be FULL
            if len(self._readers) > 64:
                self._readers.clear()
            known = process, blocked.BlockedOn(self._proc, process, self._table)
            self._readers[process.pid] = known
        return known[1]

    def seen(
        self, stat: Stat, process: Process, tty: Tty, mode: termios_state.Mode, depth: int = 0
    ) -> Finding:
        """State of a process by its threads' system calls; raises ProcessExited and Denied."""
        main = process.main
        reader = self._reader(process)
        before, runs = main.ran()
        said = main.syscall()
        sleep = reader.sleep(said, stat.pid, tty)
        if main.ran()[0] != before:  # it ran while we read its arguments: they are invalid
            sleep = blocked.RUNNING
        wait, tier = Wait.BUSY, Tier.FULL
        if sleep.tty and sleep.kind is not Kind.WRITE:
            returns = sleep.kind is Kind.READ and mode.returns
            alone = not (sleep.others or sleep.timed or returns)
            wait = Wait.HARD if alone else Wait.SOFT
            if (mode.bare or mode.canonical) and _leads_away(stat.pid, sleep.sockets):
                wait = Wait.OPAQUE
        elif not sleep.seen:
            wait, tier = Wait.UNKNOWN, Tier.EVIDENCE
        doing = "" if wait is Wait.BUSY else f"{stat.name} in {sleep.call}"
        found = Finding(wait, stat, sleep, stat.pid, before, runs, doing, tier=tier)
        if sleep.masters and sleep.tty and depth:
            return self._through(found, depth)
        if wait is Wait.BUSY and stat.threads > 1:
            other = self._other_threads(found, process, tty)
            if other is None:
                return found
            asleep, alone, rings = self._asleep(process, stat.threads, tty, reader=other.tid)
            alone = alone and self._not_led(stat.pid, sleep)
            after = main.syscall()  # that thread may have woken it before waiting again
            works = blocked.parse(after) is None or main.ran()[0] != before
            now = after if works else said
            return replace(
                other,
                place=blocked.place(now),
                waits_on=blocked.waits_on(now),
                works=works,
                asleep=asleep,
                alone=alone and self._only_input(stat.pid, other.sleep),
                rings=_sooner(rings, sleep.alarm or sleep.wakes),
            )
        if wait is Wait.SOFT:
            asleep, alone, rings = self._asleep(process, stat.threads, tty)
            alone = alone and self._only_input(stat.pid, sleep)
            works = b"running" in asleep
            found = replace(found, works=works, asleep=asleep, alone=alone, rings=rings)
        elif wait is Wait.HARD and stat.threads > 1 and not mode.canonical:
            found = replace(found, rings=self._asleep(process, stat.threads, tty)[2])
        if wait in (Wait.HARD, Wait.SOFT) and stat.threads > 1 and not sleep.others:
            return replace(found, parked=self._parked(process, stat.threads - 1))
        return found

    def _parked(self, process: Process, count: int) -> bool:
        """True if none of its `count` other threads can do anything before the main one does.

        Looked at twice: one may have woken another, already seen, before it fell asleep itself.
        """
        interprets = self._reader(process)
        threads = process.others(count)
        ran: list[list[int]] = []
        for _ in range(2):
            ran.append([])
            for thread in threads:
                try:
                    ran[-1].append(thread.ran()[0])
                    if not interprets.parked(thread.syscall()):
                        return False
                except ProcessExited:
                    process.forget(thread)
                    return False
        return len(threads) == count and ran[0] == ran[1]

    def _only_input(self, pid: int, sleep: Sleep) -> bool:
        """True if the terminal is the only descriptor it waits for that other processes write to.

        Event counters and pipes are written by its own threads and children.
        """
        unknown = sleep.timed and not sleep.wakes
        return not unknown and self._inward(pid, sleep)

    def _inward(self, pid: int, sleep: Sleep) -> bool:
        """True if no descriptor of this wait leads to another process."""
        if sleep.masters or _leads_away(pid, sleep.sockets):
            return False
        fds = sleep.extras if sleep.tty or sleep.fd < 0 else (sleep.fd,)
        return all(procfs.link(self._proc, pid, fd).startswith(_OWN) for fd in fds)

    def _not_led(self, pid: int, sleep: Sleep) -> bool:
        """True if this thread, which does not wait for the terminal, waits for no other process.

        A thread that receives from a connection sleeps there whether or not an answer is due.
        """
        unknown = sleep.kind in (Kind.OTHER, Kind.URING) and not sleep.running
        locked = sleep.kind is Kind.LOCK and not sleep.call.startswith("futex")  # of a file
        return not (unknown or locked) and self._inward(pid, sleep)

    def _asleep(
        self, process: Process, threads: int, tty: Tty, *, reader: int = 0
    ) -> tuple[bytes, bool, float]:
        """Sleeps of its threads except the main one and `reader`; b"running" if one runs.

        Also: True if none of them waits for another process, and their shortest time-out.
        """
        others, alone, rings = [], True, 0.0
        interprets = self._reader(process)
        for thread in process.others(threads - 1) if threads > 1 else []:
            if thread.tid == reader:
                continue
            try:
                said = thread.syscall()
            except ProcessExited:
                process.forget(thread)
                continue
            try:
                others.append(interprets.resting(said))
                sleep = interprets.sleep(said, thread.tid, tty)
                alone = alone and self._not_led(process.pid, sleep)
                rings = _sooner(rings, sleep.alarm or sleep.wakes)
            except ProcessExited:  # it has woken up, so its arguments are unknown
                alone = False
        return b"\n".join(sorted(others)), alone, rings

    def _other_threads(self, found: Finding, process: Process, tty: Tty) -> Finding | None:
        reader = self._reader(process)
        for thread in process.others(found.stat.threads - 1):
            try:
                sleep = reader.sleep(thread.syscall(), thread.tid, tty)
                runtime = thread.ran()[0]
            except ProcessExited:
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

    def _judge_coarse(self, stat: Stat, tty: Tty, mode: termios_state.Mode, depth: int) -> Finding:
        """Judge without the system call: by state, wchan and epoll lists."""
        process = self._census.opened(stat)
        before = process.main.ran()[0]
        found = Finding(Wait.BUSY, stat, blocked.RUNNING, stat.pid, before, tier=Tier.NO_SYSCALL)
        if stat.state == "R":
            return found
        try:
            sleep = blocked.coarse(self._proc, stat.pid, stat.pid, tty)
        except Denied:
            sleep = blocked.UNSEEN
        found = replace(found, sleep=sleep)
        if not sleep.seen:
            # A process we may not inspect shows wchan 0; so does a process about to sleep.
            return replace(found, wait=Wait.UNKNOWN, foreign=True, tier=Tier.EVIDENCE)
        if sleep.tty:
            strong = sleep.kind is Kind.READ and not sleep.others and not mode.returns
            doing = f"{stat.name} in {sleep.call}"
            far = bool(sleep.sockets) and (mode.bare or mode.canonical)
            wait = Wait.OPAQUE if far else Wait.SOFT
            found = replace(found, wait=wait, strong=strong, doing=doing)
            return self._through(found, depth) if sleep.masters and depth else found
        for thread in process.others(stat.threads - 1) if stat.threads > 1 else []:
            sleep = blocked.coarse(self._proc, stat.pid, thread.tid, tty)
            if sleep.tty:
                doing = f"a thread of {stat.name} in {sleep.call}"
                return replace(found, wait=Wait.SOFT, sleep=sleep, tid=thread.tid, doing=doing)
        return found

    def _through(self, outer: Finding, depth: int) -> Finding:
        """Judge the program on the inner terminal of a relay, by that terminal.

        If there are several (the windows of a multiplexer), the visible one is unknown.
        """
        behind = []
        stats, pid = self._census.stats, outer.stat.pid
        for master in outer.sleep.masters:
            tty = relays.terminal(self._proc, pid, master)
            if tty is None:
                continue
            members = relays.foreground(stats, pid, tty, self._proc)
            members = [s for s in members if s.state not in "ZX" and s.pid != pid]
            inner = relays.look(stats, tty, self._proc, pid=pid, master=master) if members else None
            if inner is not None:
                behind.append((inner, members))
        if depth == _DEPTH and behind:
            key = pid, outer.stat.start
            ttys = {inner.tty.rdev for inner, _ in behind}
            pids = {s.pid for s in stats.values() if s.tty in ttys}
            pids.update(s.pid for _, members in behind for s in members)
            inners = [inner for inner, _ in behind]
            starting = any(stats[pid].state in "RD" for pid in pids if pid in stats)
            if self._embedded.answers(key, pids, inners, self._shown(), starting=starting):
                return outer
        if len(behind) == 1:
            inner, members = behind[0]
            best = _best(self._judge_all(members, inner.tty, inner.mode, depth - 1))
            return replace(
                best,
                runtime=best.runtime + outer.runtime,
                relayed=True,
                unread=best.unread or inner.unread,
                mode=best.mode or inner.mode,
            )
        # No program on the inner terminal, or it is unknown: only its output can be judged.
        return replace(outer, wait=Wait.OPAQUE, doing=f"{outer.stat.name} in {outer.sleep.call}")

    def _elsewhere(self, best: Finding, founds: list[Finding], mode: termios_state.Mode) -> Finding:
        """No foreground process reads the terminal: look for a process that reads on its behalf.

        A process of another session is not subject to job control here and may read: ssh below
        sshpass, the servers of screen and tmux, which serve the terminal of their client
        themselves. A daemon that only kept the terminal open is neither below the foreground nor a
        relay. A client whose server we cannot see puts the terminal into raw mode and sleeps on a
        socket.
        """
        group = best.stat.pgrp
        front = {s.pid for s in self._census.stats.values() if s.pgrp == group}
        others = (
            s
            for s in self._census.stats.values()
            if s.tty != self.tty.rdev and s.pgrp != group and s.state not in "ZXTt"
        )
        for stat in itertools.islice(others, _OTHERS):
            try:
                found = self._judge(stat, self.tty, mode, _DEPTH)
            except ProcessExited:
                continue
            if not (found.relayed or front & self._census.lineage(stat.pid)):
                continue
            if found.wait is Wait.HARD and not found.relayed:
                return replace(found, wait=Wait.SOFT)
            if found.relayed or found.wait not in (Wait.BUSY, Wait.UNKNOWN):
                return found
        if mode.bare and all(_serves(f.sleep) for f in founds):
            return replace(best, wait=Wait.OPAQUE, doing=f"{best.stat.name} in {best.sleep.call}")
        return best

    def _doing(self, best: Finding) -> str:
        name, sleep = best.stat.name, best.sleep
        if best.stopped:
            return f"{name} is stopped by a signal"
        if sleep.running:
            return f"{name} on CPU"
        if sleep.kind is Kind.CHILD:
            waited = [s.name for s in self._census.stats.values() if s.ppid == best.stat.pid]
            return f"{name} waiting for child {waited[-1]}" if waited else f"{name} in {sleep.call}"
        if sleep.kind is Kind.WRITE:
            return f"{name} blocked writing"
        return f"{name} in {sleep.call}" if sleep.call else f"{name} running"


def _leads_away(pid: int, sockets: tuple[int, ...]) -> bool:
    """True if one of them is a connection: its peer may read the input."""
    return len(sockets) > _SOCKETS or any(pidfd.leads_away(pid, fd) for fd in sockets)


def _sooner(one: float, other: float) -> float:
    """The shorter of two time-outs; 0 is none."""
    return min(one, other) if one and other else one or other


def _serves(sleep: Sleep) -> bool:
    return not sleep.running and (bool(sleep.sockets) or sleep.kind is Kind.SIGNAL)


def _best(founds: list[Finding]) -> Finding:
    """The process whose state decides for the job."""

    def order(found: Finding) -> tuple[int, bool, bool]:
        return _RANK[found.wait], found.sleep.kind is Kind.CHILD, found.stopped

    best = min(founds, key=order)
    active = [f for f in founds if f.sleep.kind is not Kind.CHILD]
    if best.wait is Wait.BUSY and active and all(f.stopped for f in active):
        return replace(active[0], stopped=True)
    return replace(best, stopped=False) if best.wait is Wait.BUSY else best
