"""The line discipline of a terminal: its modes, and whether it holds unread input.

Owns tcgetattr in one cheap call and the poll of a briefly opened slave. Never reads from it. The
subtle thing: written input sits in the tty's flip buffer until a kernel worker moves it, and
FIONREAD does not see it there; poll(2) flushes that buffer first (n_tty_poll), so its answer is
reliable. In canonical mode it reports complete lines only: exactly what a reader could have.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from typing import NamedTuple

TIOCGPTPEER = 0x5441  # asm-generic/ioctls.h: open the slave of this master, without a path
_OPEN = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
_VTIME, _VMIN = 5, 6  # indices in c_cc, asm-generic/termbits.h
_BUFFER = bytes(64)


class Mode(NamedTuple):
    """The termios state that readiness needs."""

    canonical: bool
    echo: bool
    bare: bool  # no line editing, echo, signals nor output processing: cfmakeraw, as ssh sets it
    returns: bool  # VMIN 0: a read returns without input
    after: float = 0.0  # seconds after which such a read returns (VTIME)


_seen: dict[bytes, Mode] = {}  # cache of parsed words; terminals have a handful of modes


def mode(fd: int) -> Mode:
    """The modes of the terminal `fd`, a slave or (on Linux) its master."""
    raw = fcntl.ioctl(fd, termios.TCGETS, _BUFFER)[:36]
    known = _seen.get(raw)
    if known is None:
        if len(_seen) > 64:
            _seen.clear()
        known = _seen[raw] = _parse(raw)
    return known


def _parse(raw: bytes) -> Mode:
    _, oflag, _, lflag = struct.unpack_from("=4I", raw)
    canonical = bool(lflag & termios.ICANON)
    echo = bool(lflag & termios.ECHO)
    bare = not (canonical or echo or lflag & termios.ISIG or oflag & termios.OPOST)
    returns = not canonical and raw[17 + _VMIN] == 0
    return Mode(canonical, echo, bare, returns, raw[17 + _VTIME] / 10 if returns else 0.0)


def edits(fd: int) -> tuple[frozenset[int], bool]:
    """(characters above 31 that the terminal acts on, whether it changes typed characters).

    stty(1) can make any character the interrupt or the end of a line, and strip a bit from each.
    """
    attributes = termios.tcgetattr(fd)
    special = {
        char[0]
        for index, char in enumerate(attributes[6])
        if index not in (termios.VMIN, termios.VTIME) and isinstance(char, bytes)
    }
    changing = termios.ISTRIP | termios.INLCR | termios.IGNCR | getattr(termios, "IUCLC", 0o1000)
    changes = bool(attributes[0] & changing)
    return frozenset(special - set(range(32)) - {127, 255}), changes


def pending(fd: int) -> bool:
    """True if `fd` holds input, even less than the VMIN bytes below which poll(2) reports none."""
    if readable(fd):  # flushes the flip buffer
        return True
    return any(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))


def readable(fd: int) -> bool:
    """True if a read of `fd` would return data now."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    events = poll.poll(0)
    return bool(events) and bool(events[0][1] & select.POLLIN)


def open_slave(master: int) -> int:
    """A slave descriptor, to be closed at once: while it is open, a hang-up is not seen."""
    try:
        return int(fcntl.ioctl(master, TIOCGPTPEER, _OPEN))
    except OSError:  # ENOTTY, EINVAL: kernels before 4.13 and look-alikes
        return os.open(f"/dev/pts/{number(master)}", _OPEN)


def number(master: int) -> int:
    """N of /dev/pts/N (TIOCGPTN)."""
    raw = fcntl.ioctl(master, 0x80045430, bytes(4))
    return int(struct.unpack("=I", raw)[0])
