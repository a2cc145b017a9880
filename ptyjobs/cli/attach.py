"""A person's terminal on a job: the screen first, then live bytes; typing goes in.

Owns the person's terminal while attached and gives it back as it was, whatever happens. Never
interprets the output: it comes from the job's own screen (the repaint) and then from its log.
Leaves behind no mode that the job's program had set.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptyjobs.cli.run import exit_code
from ptyjobs.client.sync import Follow, Jobs
from ptyjobs.config import Config
from ptyjobs.errors import HolderLost
from ptyjobs.host.wire import Data
from ptyjobs.model import Size, Status, from_json

if TYPE_CHECKING:
    from ptyjobs.cli.main import Add

DETACH = b"\x1c"  # C-\, as dtach and abduco have it
# What a program may have left on: alternate screen, mouse, focus, paste, keyboard, cursor, colours.
RESTORE = (
    "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2026l"
    "\x1b[<u\x1b[>4m\x1b[?1l\x1b>\x1b[?25h\x1b[0 q\x1b[r\x1b[!p\x1b[m"
)


def register(add: Add) -> None:
    joining = add("attach", attach_job, job=True)
    joining.add_argument("-r", "--read-only", action="store_true", help="watch without typing")


def attach_job(args: argparse.Namespace, settings: Config) -> int:
    """Join a job from this terminal; C-\\ leaves it running."""
    with Jobs(settings) as jobs:
        return attach(jobs, args.job, read_only=args.read_only)


class Ended(Exception):
    """The attached job has ended; `status` says how."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status.exit))
        self.status = status


def terminal_size() -> Size | None:
    """The person's terminal; None where it does not know its size (a serial line, `script`)."""
    cols, rows = os.get_terminal_size(sys.stdout.fileno())
    return Size(rows, cols) if rows and cols else None


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """The person's terminal in raw mode; restored on any way out, signals included."""
    fd = sys.stdin.fileno()
    old = termios.tcgetattr(fd)

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    handlers = {n: signal.signal(n, leave) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(fd)
        yield
    finally:
        os.write(sys.stdout.fileno(), RESTORE.encode())
        termios.tcsetattr(fd, termios.TCSAFLUSH, old)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def attach(jobs: Jobs, job_id: str, *, read_only: bool = False) -> int:
    """Join a job until `C-\\`, its end, or the end of input; the exit code.

    0 after detaching; the job's own code (or 128 + signal) when it ended meanwhile.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("ptyjobs: attach needs a terminal; use logs -f instead.", file=sys.stderr)
        return 2
    try:
        joined = jobs.follow(
            job_id, input=not read_only, size=None if read_only else terminal_size()
        )
    except HolderLost:
        status = jobs.status(job_id)
        if not status.state.ended:
            raise
        print(jobs.tail(job_id).text)
        print(f"[{job_id} has ended: {status.exit or status.state}]")
        return exit_code(status)
    with contextlib.closing(joined) as follow:
        try:
            with raw_terminal():
                _pass_through(follow, job_id, read_only=read_only)
        except Ended as end:
            print(f"[{job_id} has ended: {end.status.exit or end.status.state}]")
            return exit_code(end.status)
    print(f"[detached from {job_id}; it goes on: ptyjobs attach {job_id}]")
    return 0


def _pass_through(follow: Follow, job_id: str, *, read_only: bool) -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGWINCH, lambda *_: None)
    old = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    keyboard = sys.stdin.fileno()
    try:
        while True:
            ready = [follow.fileno()] if follow.pending else []
            if not ready:
                ready, _, _ = select.select([follow.fileno(), keyboard, wake_read], [], [])
            if wake_read in ready:
                os.read(wake_read, 64)
                size = terminal_size()
                if size is not None and not read_only:
                    follow.resize(size)
            if keyboard in ready:
                data = os.read(keyboard, 4096)
                if not data or DETACH in data:
                    return
                if not read_only:
                    follow.send(data)
            if follow.fileno() in ready and not _show(follow, job_id):
                return
    finally:
        signal.set_wakeup_fd(old)
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        os.close(wake_read)
        os.close(wake_write)


def _show(follow: Follow, job_id: str) -> bool:
    """Show the next event; False when the connection has ended. Raises Ended."""
    message = follow.receive()
    if message is None:
        return False
    if isinstance(message, Data):
        _write(message.data)
    elif message.get("event") == "repaint":
        _write(b"\x1b[2J\x1b[H" + message["data"].encode("latin-1"))
        hint = f"attached to {job_id}, C-\\ detaches"
        _write(f"\x1b]2;{hint}\x07".encode())  # the title: it takes no line of the screen
    elif message.get("event") == "exit":
        raise Ended(from_json(Status, message["status"]))
    return True


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]
