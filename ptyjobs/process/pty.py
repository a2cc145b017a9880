"""The pseudo-terminal and the child on it: spawn, read, write, resize, signal.

Owns the master descriptor and the leader's pid; the only importer of ptyprocess. Never blocks and
never reaps: its holder waits on the pidfd. The child is made by posix_spawn, not by a fork: that
takes a tenth of the time and copies none of this process's pages. Its session leader gets the
controlling terminal by opening it first; the working directory is inherited, so the holder changes
to it for the spawn. The subtle thing, from ptyprocess 0.7: a collected PtyProcess sleeps 0.1 s in
`__del__`, so the object is marked closed and kept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ptyprocess import PtyProcess

from ptyjobs.errors import StartFailed, cannot_start
from ptyjobs.model import Size

FLOODING = 2 << 10  # bytes in one read after which more are likely
GATHER = 16 << 10  # bytes gathered before other work is done
GATHER_MORE = 32 << 10  # the same when more output is expected; a terminal holds twice as much
GATHERING = 0.002  # maximum seconds to wait for more output
READ_SIZE = 64 << 10  # one read; larger ones cost CPU without a gain


SIGNALS = frozenset(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}
"""Signals reset to their default in a child, which would inherit ignored ones (execve(2))."""


@dataclass(frozen=True, slots=True)
class LineMode:
    """The line discipline state that matters here."""

    canonical: bool  # ICANON: the kernel edits lines
    echo: bool  # ECHO: the kernel echoes
    signals: bool = True  # ISIG: the kernel turns C-c, C-z and C-\\ into signals

    @property
    def secret(self) -> bool:
        """True in canonical mode without echo: the input is a secret."""
        return self.canonical and not self.echo


_FLAGS = (termios.ICANON, termios.ECHO, termios.ISIG)
_MASK = sum(_FLAGS)
_MODES = {
    sum(itertools.compress(_FLAGS, flags)): LineMode(*flags)
    for flags in itertools.product((False, True), repeat=3)
}


class Pty:
    """One child under one pseudo-terminal."""

    def __init__(self, process: PtyProcess, *, errors: int = -1) -> None:
        self._process = process  # kept: its finalizer would close the master
        process.closed = True  # and this keeps the finalizer from sleeping
        self.pid: int = process.pid
        self.master: int = process.fd
        self.errors = errors  # master of the second pty that carries descriptor 2, or -1
        self._slave = -1  # held open only after the job has closed its own (see hold_open)
        for fd in (self.master, errors):
            if fd >= 0:
                os.set_blocking(fd, False)

    @classmethod
    def spawn(
        cls,
        argv: tuple[str, ...],
        *,
        cwd: str,
        env: dict[str, str],
        size: Size,
        separate_stderr: bool = False,
    ) -> Pty:
        """Start `argv` as leader of its own session on a new terminal.

        Raises StartFailed with the reason if it cannot be executed.
        """
        with contextlib.ExitStack() as on_failure, contextlib.ExitStack() as slaves:
            try:
                master, terminal = _open(size, on_failure, slaves)
                actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = [
                    (os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0),
                    (os.POSIX_SPAWN_DUP2, 0, 1),
                    (os.POSIX_SPAWN_DUP2, 0, 2),
                ]
                errors = -1
                if separate_stderr:
                    errors, second = _open(size, on_failure, slaves)
                    flags = os.O_RDWR | os.O_NOCTTY
                    actions[2] = (os.POSIX_SPAWN_OPEN, 2, second, flags, 0)
                with _standing_in(cwd):
                    program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
                    if program is None:
                        raise StartFailed(f"{argv[0]}: command not found.")
                    pid = os.posix_spawn(
                        program,
                        [program, *argv[1:]],
                        env,
                        file_actions=actions,
                        setsid=True,
                        setsigmask=[],
                        setsigdef=SIGNALS,
                    )
            except OSError as failure:  # exec, fork, openpty or chdir failed
                advice = cannot_start(failure).advice
                raise StartFailed(f"{argv[0]}: {failure}.", advice=advice) from failure
            on_failure.pop_all()
        return cls(PtyProcess(pid, master), errors=errors)

    def read(
        self, fd: int | None = None, *, more: Callable[[], bool] | None = None
    ) -> bytes | None:
        """The pending output: b"" if there is none, None if the slave side is closed.

        A terminal returns a few KB per read, whatever size is requested. In a flood many reads are
        joined, so that the work per read is done once for all: `more` waits until an empty terminal
        has output again, and returns False on time-out or if there is other work.
        """
        parts: list[bytes] = []
        size, most = 0, GATHER if more is None else GATHER_MORE
        until = 0.0
        while True:
            try:
                data = os.read(self.master if fd is None else fd, READ_SIZE)
            except BlockingIOError:
                if more is None or not parts:
                    break
                until = until or time.monotonic() + GATHERING
                if time.monotonic() >= until or not more():
                    break
                continue
            except OSError as failure:
                if failure.errno != errno.EIO:  # EIO: no open slave descriptor
                    raise
                if not parts:
                    return None
                break  # the next read reports it again
            if not data and not parts:
                return None
            parts.append(data)
            size += len(data)
            if size >= most or (len(data) < FLOODING and more is None):
                break
        return b"".join(parts)

    def write(self, data: bytes | memoryview) -> int:
        """Number of bytes of `data` that the terminal accepted (0 if it is full or closed)."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError as failure:
            if failure.errno != errno.EIO:  # EIO: the job has closed its terminal
                raise
            return 0

    def hold_open(self) -> None:
        """Keep a slave descriptor open, to end the EIO after the job closed its own.

        Only after the first EIO of a living job: held from the start it would hide the end.
        """
        if self._slave < 0:
            try:
                self._slave = os.open(
                    os.ptsname(self.master) if hasattr(os, "ptsname") else self._name(),
                    os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC,
                )
            except OSError as failure:
                # ENOENT, EIO, EACCES: the terminal is closed or belongs to another user
                if failure.errno not in (errno.ENOENT, errno.EIO, errno.EACCES):
                    raise

    def _name(self) -> str:
        number = struct.unpack("I", fcntl.ioctl(self.master, _TIOCGPTN, b"\0" * 4))[0]
        return f"/dev/pts/{number}"

    def terminal(self) -> LineMode:
        return _MODES[termios.tcgetattr(self.master)[3] & _MASK]

    def resize(self, size: Size) -> None:
        """Set the size; the kernel sends SIGWINCH to the foreground group."""
        for fd in (self.master, self.errors):
            if fd >= 0:
                _set_size(fd, size)

    def foreground(self) -> int:
        """The foreground process group, 0 if there is none."""
        try:
            return os.tcgetpgrp(self.master)
        except OSError as failure:
            if failure.errno not in (errno.ENOTTY, errno.EIO):  # the terminal has no session
                raise
            return 0

    def close(self) -> None:
        """Close every descriptor; the kernel hangs the terminal up."""
        for fd in (self._slave, self.errors):
            if fd >= 0:
                os.close(fd)
        self._slave = self.errors = -1
        self._process.fileobj.close()  # owns the master
        self.master = -1


def _open(
    size: Size, on_failure: contextlib.ExitStack, slaves: contextlib.ExitStack
) -> tuple[int, str]:
    """A new pseudo-terminal: its master and the name of its slave."""
    master, slave = os.openpty()
    on_failure.callback(os.close, master)
    slaves.callback(os.close, slave)
    _set_size(master, size)
    return master, os.ttyname(slave)


@contextlib.contextmanager
def _standing_in(directory: str) -> Iterator[None]:
    """Change this process's working directory to `directory` temporarily."""
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.chdir(directory)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


_TIOCGPTN = 0x80045430  # asm-generic/ioctls.h: number of the slave


def _set_size(fd: int, size: Size) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.cols, 0, 0))
