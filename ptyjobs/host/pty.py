"""The pseudo-terminal and the child on it: spawn, read, write, resize, signal.

Owns the master descriptor and the leader's pid; the only importer of ptyprocess. Never blocks and
never reaps: its holder waits on the pidfd. The subtle things, all from ptyprocess 0.7: it leaves
SIGPIPE and SIGXFSZ ignored in the child, an exception of its own chdir would return *in the
child*, `which` searches our PATH instead of the child's, and a collected PtyProcess sleeps 0.1 s
in `__del__`; so everything is done in `preexec_fn`, argv[0] is resolved first, and the object is
marked closed and kept.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import struct
import termios
from dataclasses import dataclass

from ptyprocess import PtyProcess

from ptyjobs.errors import StartFailed
from ptyjobs.model import Size

FLOODING = 2 << 10  # bytes in one read behind which there is likely more
GATHER = 16 << 10  # bytes put together before anybody else has its turn
READ_SIZE = 64 << 10  # one read; larger ones cost CPU and bring nothing (performance sheet §1)


def reset_signals() -> None:
    """Default dispositions and an empty mask, whatever this process inherited."""
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            try:
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError):  # numbers that the C library keeps for itself
                continue
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


@dataclass(frozen=True, slots=True)
class Terminal:
    """The line discipline's state that matters here."""

    canonical: bool  # ICANON: the kernel edits lines
    echo: bool  # ECHO: the kernel echoes


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
        umask: int | None = None,
    ) -> Pty:
        """Start `argv` as leader of its own session on a new terminal.

        Raises StartFailed with the reason when it cannot be executed.
        """
        program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
        if program is None:
            raise StartFailed(f"{argv[0]}: command not found.")
        errors = slave = -1
        if separate_stderr:
            errors, slave = os.openpty()
            _set_size(errors, size)

        def prepare() -> None:
            if slave >= 0:
                os.dup2(slave, 2)
                os.close(slave)
            os.chdir(cwd)
            if umask is not None:
                os.umask(umask)
            reset_signals()

        try:
            process = PtyProcess.spawn(
                [program, *argv[1:]],
                env=env,
                preexec_fn=prepare,
                dimensions=(size.rows, size.cols),
                pass_fds=(slave,) if slave >= 0 else (),
            )
        except OSError as failure:  # exec, fork or openpty said no; the message says which
            if errors >= 0:
                os.close(errors)
            raise StartFailed(f"{argv[0]}: {failure}.") from failure
        finally:
            if slave >= 0:
                os.close(slave)
        return cls(process, errors=errors)

    def read(self, fd: int | None = None) -> bytes | None:
        """What the terminal holds now: b"" when it is empty, None when the job's side is closed.

        A terminal hands out a few KB at once, whatever is asked for. In a flood several of them
        are put together, so that all that follows on a read is done a quarter as often.
        """
        parts: list[bytes] = []
        size = 0
        while True:
            try:
                data = os.read(self.master if fd is None else fd, READ_SIZE)
            except BlockingIOError:
                break
            except OSError as failure:
                if failure.errno != errno.EIO:  # EIO: no open descriptor on the slave's side
                    raise
                if not parts:
                    return None
                break  # the next read says it again
            if not data and not parts:
                return None
            parts.append(data)
            size += len(data)
            if len(data) < FLOODING or size >= GATHER:
                break
        return b"".join(parts)

    def write(self, data: bytes | memoryview) -> int:
        """How many bytes of `data` the terminal took (0 when it is full or closed)."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError as failure:
            if failure.errno != errno.EIO:  # EIO: the job has closed its terminal
                raise
            return 0

    def hold_open(self) -> None:
        """Keep a slave descriptor, so that a job which closed its own does not make EIO for ever.

        Only after the first EIO of a living job: held from the start it would hide the end.
        """
        if self._slave < 0:
            try:
                self._slave = os.open(
                    os.ptsname(self.master) if hasattr(os, "ptsname") else self._name(),
                    os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC,
                )
            except OSError as failure:
                # ENOENT, EIO, EACCES: the terminal is gone or was given to another user
                if failure.errno not in (errno.ENOENT, errno.EIO, errno.EACCES):
                    raise

    def _name(self) -> str:
        number = struct.unpack("I", fcntl.ioctl(self.master, _TIOCGPTN, b"\0" * 4))[0]
        return f"/dev/pts/{number}"

    def terminal(self) -> Terminal:
        attributes = termios.tcgetattr(self.master)
        return Terminal(
            canonical=bool(attributes[3] & termios.ICANON), echo=bool(attributes[3] & termios.ECHO)
        )

    def interrupt_byte(self) -> bytes:
        """The character that raises SIGINT here (VINTR)."""
        return bytes(termios.tcgetattr(self.master)[6][termios.VINTR])

    def resize(self, size: Size) -> None:
        """Set the size; the kernel sends SIGWINCH to the foreground group."""
        for fd in (self.master, self.errors):
            if fd >= 0:
                _set_size(fd, size)

    def foreground(self) -> int:
        """The foreground process group, 0 when there is none."""
        try:
            return os.tcgetpgrp(self.master)
        except OSError as failure:
            if failure.errno not in (errno.ENOTTY, errno.EIO):  # no session has this terminal
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


_TIOCGPTN = 0x80045430  # asm-generic/ioctls.h: number of the slave


def _set_size(fd: int, size: Size) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.cols, 0, 0))
