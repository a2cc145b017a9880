"""Find the system call that a thread blocks in, and whether it waits for our terminal.

Owns the parsing of /proc/PID/task/TID/syscall and of the descriptor sets it points to, and of wchan
where that file is not readable. Never judges: it returns a `Sleep`, and `probe.py` judges it. The
subtle thing: only the *set* of descriptors distinguishes a prompt (the terminal alone, without
time-out) from a program that also waits for something else, so poll arrays, select bitmaps and
epoll lists are all read, including an epoll inside another (nested event loops). A 32-bit program
has other numbers and smaller structures; only its executable tells it from a 64-bit program whose
stack lies low.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass

from ptyjobs.process import procfs
from ptyjobs.process.procfs import Denied, Fd, Process, ProcessExited, Tty
from ptyjobs.readiness.linux import syscalls
from ptyjobs.readiness.linux.syscalls import Kind, Syscall

# futex(2): FUTEX_PRIVATE_FLAG, with FUTEX_CLOCK_REALTIME, and WAIT, LOCK_PI, WAIT_BITSET.
_FUTEX_PRIVATE, _FUTEX_FLAGS, _FUTEX_WAITS = 128, 128 | 256, (0, 6, 9)
_POLLIN = 0x001 | 0x002 | 0x040 | 0x080  # POLLIN POLLPRI POLLRDNORM POLLRDBAND
_MAX_FDS = 4096
_NESTED = 4  # the kernel allows five nested epolls (EP_MAX_NESTS)
_32_BIT = 1 << 32
_MICROSECONDS = ("select", "old_select")  # their time-out is a struct timeval
_ELF32_I386 = (1, 3)  # ELFCLASS32 and EM_386 of elf(5)
_ABSTIME = 1  # TIMER_ABSTIME of clock_nanosleep(2)
_FUTEX_COMMAND, _FUTEX_WAIT, _FUTEX_WAIT_BITSET, _FUTEX_REALTIME = 0x7F, 0, 9, 0x100  # futex(2)


@dataclass(frozen=True, slots=True)
class Sleep:
    """State of one thread at one moment."""

    call: str = ""  # its system call; "" while it runs
    kind: Kind = Kind.OTHER
    running: bool = False
    tty: bool = False  # it wakes when our terminal is readable; with WRITE: writable
    others: bool = False  # it also wakes for something else
    timed: bool = False  # it wakes by itself after a time-out
    wakes: float = 0.0  # that time-out, in seconds from the start of the sleep; 0 if unknown
    alarm: float = 0.0  # the same of a sleep or a lock: seconds from now, or from its start
    masters: tuple[int, ...] = ()  # descriptors of pty masters that it waits for
    sockets: tuple[int, ...] = ()
    extras: tuple[int, ...] = ()  # descriptors of other kinds: event counters, pipes, timers
    fd: int = -1  # of a read or write
    takes: int = 0  # most bytes that this read returns; 0: no read, or unknown
    seen: bool = True  # False: the call could not be interpreted
    signature: str = ""  # shape of the wait: the same at every idle moment of a program


RUNNING = Sleep(running=True)
UNSEEN = Sleep(seen=False)


def parse(line: bytes) -> tuple[int, tuple[int, ...]] | None:
    """Number and arguments (and sp, pc) of a `syscall` line; None while running."""
    fields = line.split()
    if len(fields) < 3:  # "running"
        return None
    return int(fields[0]), tuple(int(f, 16) for f in fields[1:])


def place(line: bytes) -> bytes:
    """Call and stack pointer of a `syscall` line: equal when a loop sleeps where it slept."""
    fields = line.split()
    return b" ".join(fields[::7] if len(fields) > 8 else fields[:1])


def waits_on(line: bytes) -> bytes:
    """Call and first argument (a descriptor) of a `syscall` line.

    Equal, at another place, when an event loop was entered from another function (a mode of an
    editor).
    """
    return b" ".join(line.split()[:2])


class BlockedOn:
    """Interprets the waits of one process."""

    def __init__(self, proc: str, process: Process, table: dict[int, Syscall]) -> None:
        self._proc = proc
        self._pid = process.pid
        self._own = table
        self._memory = process.memory

    def sleep(self, line: bytes, tid: int, tty: Tty) -> Sleep:
        """Interpret a `syscall` line; raises ProcessExited and Denied."""
        parsed = parse(line)
        if parsed is None:
            return RUNNING
        number, args = parsed
        if number < 0:  # in the kernel, but not in a system call: a page fault, a stop
            return Sleep(call="kernel")
        table = self._table(args)
        if table is None:
            return UNSEEN
        call = table.get(number)
        if call is None:
            return Sleep(call=f"system call {number}")
        if call.kind is Kind.RESTART:
            call = self._restarted(tid)
        return self._seen(call, args, tty)

    def resting(self, line: bytes) -> bytes:
        """A thread's sleep, from its `syscall` line: equal whenever it is idle.

        The call, its descriptor, its limit and its time-out. A lock's address is left out: a
        condition variable alternates between two (pthread_cond_wait in glibc's nptl).
        """
        fields = line.split()
        if len(fields) < 5:
            return b"running"
        call = self._call(line)
        if call is not None and call.kind is Kind.LOCK:
            return b" ".join((fields[0], fields[4]))
        return b" ".join((*fields[:2], *fields[3:5]))

    def parked(self, line: bytes) -> bool:
        """True if only a thread of its own process, or a signal, can end this sleep.

        A private lock without a time-out, or the wait of a helper thread for a signal.
        """
        parsed, call = parse(line), self._call(line)
        if parsed is None or call is None:
            return False
        arguments = parsed[1]
        if call.name == "futex":
            private = arguments[1] & _FUTEX_PRIVATE
            waits = arguments[1] & ~_FUTEX_FLAGS in _FUTEX_WAITS
            return bool(private) and waits and not arguments[3]
        return call.name == "rt_sigtimedwait" and not arguments[2]

    def _call(self, line: bytes) -> Syscall | None:
        """The system call of a `syscall` line; None for none or an unknown one."""
        parsed = parse(line)
        table = self._table(parsed[1]) if parsed else None
        return table.get(parsed[0]) if parsed and table else None

    def _table(self, args: tuple[int, ...]) -> dict[int, Syscall] | None:
        """The calls of the program with these arguments; None for a 32-bit one without a table."""
        if len(args) < 8 or args[6] >= _32_BIT or args[7] >= _32_BIT:
            return self._own
        try:
            head = procfs.read(f"{self._proc}/{self._pid}/exe", 20)
        except Denied:
            return None
        if head[4:5] != b"\1":  # a 64-bit program whose stack lies low
            return self._own
        return syscalls.calls("i386") if (head[4], head[18]) == _ELF32_I386 else None

    def _restarted(self, tid: int) -> Syscall:
        # After SIGCONT a poll or a nanosleep shows as restart_syscall with its own arguments.
        where = wchan(self._proc, self._pid, tid)
        return Syscall("poll", Kind.POLL) if "poll" in where else Syscall("nanosleep", Kind.TIMED)

    def _seen(self, call: Syscall, args: tuple[int, ...], tty: Tty) -> Sleep:
        kind = call.kind
        if kind in (Kind.READ, Kind.WRITE):
            fd = args[0] & 0xFFFFFFFF
            what = procfs.descriptor(self._proc, self._pid, fd, tty)
            takes = args[2] if call.name == "read" else 0
            is_tty = what == Fd.TTY
            return Sleep(call.name, kind, tty=is_tty, fd=fd, takes=takes, signature=call.name)
        if kind in (Kind.POLL, Kind.PPOLL):
            wakes = _milliseconds(args[2]) if kind is Kind.POLL else self._time(call, args[2])
            return self._set(call, self._polled(args[0], args[1]), wakes, tty)
        if kind in (Kind.SELECT, Kind.PACKED):
            if kind is Kind.PACKED:
                args = struct.unpack("=5I", self._memory.read(args[0], 20))
            return self._set(call, self._selected(args), self._time(call, args[4]), tty)
        if kind in (Kind.EPOLL, Kind.EPOLL2):
            wakes = _milliseconds(args[3]) if kind is Kind.EPOLL else self._time(call, args[3])
            return self._set(call, self._epolled(args[0] & 0xFFFFFFFF), wakes, tty)
        if kind in (Kind.SOCKET, Kind.PEER):
            if kind is Kind.PEER:
                args = struct.unpack("=I", self._memory.read(args[1], 4))
            return Sleep(call.name, kind, sockets=(args[0] & 0xFFFFFFFF,), signature=call.name)
        if kind in (Kind.TIMED, Kind.LOCK):
            return Sleep(call.name, kind, alarm=self._alarm(call, args), signature=call.name)
        return Sleep(call.name, kind, seen=kind is not Kind.URING, signature=call.name)

    def _polled(self, address: int, count: int) -> list[tuple[int, bool]]:
        if not count or count > _MAX_FDS:
            return []
        data = self._memory.read(address, 8 * count)
        return [
            (fd, bool(events & _POLLIN))
            for fd, events, _ in struct.iter_unpack("=iHH", data)
            if fd >= 0
        ]

    def _selected(self, args: tuple[int, ...]) -> list[tuple[int, bool]]:
        count = min(args[0], _MAX_FDS)
        size = (count + 7) // 8
        sets = [int.from_bytes(self._memory.read(a, size), "little") if a else 0 for a in args[1:4]]
        union = sets[0] | sets[1] | sets[2]
        return [(n, bool(sets[0] >> n & 1)) for n in range(count) if union >> n & 1]

    def _epolled(self, fd: int) -> list[tuple[int, bool]]:
        return epoll_set(procfs.fdinfo(self._proc, self._pid, fd))

    def _time(self, call: Syscall, address: int) -> float | None:
        """Seconds of a struct timespec (select: timeval) of the thread; None for no time-out."""
        if not address:
            return None
        pair = "=qq" if call.time == 8 else "=ii"
        try:
            seconds, part = struct.unpack(pair, self._memory.read(address, 2 * call.time))
        except ProcessExited:  # it exists, but we cannot read it
            return 0.0
        return float(seconds + part / (1e6 if call.name in _MICROSECONDS else 1e9))

    def _alarm(self, call: Syscall, args: tuple[int, ...]) -> float:
        """Seconds until a sleep or the wait for a lock times out; 0 for no time-out."""
        if call.name == "nanosleep":
            return self._time(call, args[0]) or 0.0
        if call.name == "clock_nanosleep":
            return self._left(call, args[2], clock=args[0], absolute=bool(args[1] & _ABSTIME))
        if call.name == "futex":
            bitset = args[1] & _FUTEX_COMMAND == _FUTEX_WAIT_BITSET
            if args[1] & _FUTEX_COMMAND != _FUTEX_WAIT and not bitset:
                return 0.0
            clock = time.CLOCK_REALTIME if args[1] & _FUTEX_REALTIME else time.CLOCK_MONOTONIC
            return self._left(call, args[3], clock=clock, absolute=bitset)
        return 0.0

    def _left(self, call: Syscall, address: int, *, clock: int, absolute: bool) -> float:
        """Seconds of a struct timespec, or until that time of a clock; 0 if unknown."""
        found = self._time(call, address) or 0.0
        if not (absolute and found):
            return found
        if clock not in (time.CLOCK_MONOTONIC, time.CLOCK_REALTIME):
            return 0.0
        return max(0.001, found - time.clock_gettime(clock))

    def _set(
        self, call: Syscall, fds: list[tuple[int, bool]], wakes: float | None, tty: Tty
    ) -> Sleep:
        """A wait for any of `fds` (number, waits for input); None for no time-out."""
        is_tty = others = False
        masters: tuple[int, ...] = ()
        sockets: tuple[int, ...] = ()
        extras: tuple[int, ...] = ()
        left = _NESTED
        pending = list(fds)
        while pending:
            fd, reads = pending.pop(0)
            try:
                what = procfs.descriptor(self._proc, self._pid, fd, tty)
                if what == Fd.EPOLL and left:
                    left -= 1
                    pending += self._epolled(fd)
                    continue
            except ProcessExited:  # closed since it was added to an epoll set
                continue
            if what == Fd.TTY and reads:
                is_tty = True
                continue
            others = True
            if what == Fd.MASTER:
                masters += (fd,)
            elif what == Fd.SOCKET:
                sockets += (fd,)
            elif what == Fd.OTHER:
                extras += (fd,)
        # Excludes the time-out: node's comes and goes with its garbage collector.
        signature = f"{call.name}/{len(fds)}"
        timed = wakes is not None
        asleep = timed and not fds  # a select or poll of no descriptors is a sleep
        return Sleep(
            call.name,
            Kind.TIMED if asleep else call.kind,
            tty=is_tty,
            others=others,
            timed=timed,
            wakes=wakes or 0.0,
            masters=masters,
            sockets=sockets,
            extras=extras,
            signature=signature,
        )


def epoll_set(info: bytes) -> list[tuple[int, bool]]:
    """(descriptor, waits for input) of each `tfd:` line of an epoll's fdinfo."""
    fds = []
    for line in info.splitlines():
        if line.startswith(b"tfd:"):
            fields = line.split()
            fds.append((int(fields[1]), bool(int(fields[3], 16) & _POLLIN)))
    return fds


def wchan(proc: str, pid: int, tid: int) -> str:
    """The kernel function that a thread sleeps in; "" if running, exited or not permitted."""
    try:
        name = procfs.read(f"{proc}/{pid}/task/{tid}/wchan", 128).decode("ascii", "replace")
    except (ProcessExited, Denied):
        return ""
    return "" if name == "0" else name


def coarse(proc: str, pid: int, tid: int, tty: Tty) -> Sleep:
    """Like `sleep`, from state, wchan and epoll lists alone, where `syscall` is not readable.

    A terminal read and a blocked terminal write both show `wait_woken`; after a drain only the read
    can last. A poll or select may wait for anything: it counts as the terminal among others.
    """
    where = wchan(proc, pid, tid)
    if not where:
        return UNSEEN
    if not _held(proc, pid, Fd.TTY, tty):
        return Sleep(call=where, signature=where)
    if where.startswith(("wait_woken", "n_tty_read")):
        alone = not _held(proc, pid, Fd.SOCKET, tty)
        return Sleep(where, Kind.READ, tty=True, others=not alone, signature=where)
    polls = where.startswith(("poll_schedule", "do_sys_poll", "do_poll", "do_select"))
    if polls or where.startswith(("ep_poll", "do_epoll")):
        kind = Kind.POLL if polls else Kind.EPOLL
        masters = _held(proc, pid, Fd.MASTER, tty)  # probably a relay
        is_tty = polls or _epolls(proc, pid, tty)
        return Sleep(
            where,
            kind,
            tty=is_tty,
            others=True,
            masters=masters,
            sockets=_held(proc, pid, Fd.SOCKET, tty),
            signature=where,
        )
    kind = Kind.OTHER
    if where.startswith(("do_wait", "kernel_wait")):
        kind = Kind.CHILD
    elif "nanosleep" in where:
        kind = Kind.TIMED
    return Sleep(where, kind, signature=where)


def _numbers(proc: str, pid: int) -> list[int]:
    try:
        return [int(n) for n in os.listdir(f"{proc}/{pid}/fd")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    except PermissionError as error:
        raise Denied(str(pid)) from error


def _held(proc: str, pid: int, what: str, tty: Tty) -> tuple[int, ...]:
    """The descriptors of that kind which the process holds; raises Denied."""
    found = []
    for number in _numbers(proc, pid):
        try:
            if procfs.descriptor(proc, pid, number, tty) == what:
                found.append(number)
        except ProcessExited:
            continue
    return tuple(found)


def _epolls(proc: str, pid: int, tty: Tty) -> bool:
    for number in _numbers(proc, pid):
        try:
            for fd, reads in epoll_set(procfs.fdinfo(proc, pid, number)):
                if reads and procfs.descriptor(proc, pid, fd, tty) == Fd.TTY:
                    return True
        except ProcessExited:
            continue
    return False


def _milliseconds(argument: int) -> float | None:
    """Seconds of a signed 32-bit time-out in ms; None for a negative one (no time-out)."""
    return None if argument & 0x80000000 else (argument & 0x7FFFFFFF) / 1000
