"""What readiness is judged by: one probe of the kernel, one look at the screen, what was sent.

Owns the values that travel between the holder and `settle.Settle`: facts in, steps out. Decides
nothing.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from ptyjobs.model import Size, Tier, Verdict
from ptyjobs.terminal.values import Modes


class Wait(enum.StrEnum):
    """What one probe of the kernel says of the foreground job."""

    HARD = "hard"  # a main thread blocks on the terminal alone: nothing happens before input
    SOFT = "soft"  # the terminal among other things, or with a time-out: it accepts input
    OPAQUE = "opaque"  # the terminal is relayed somewhere the kernel cannot show (ssh, tmux)
    UNKNOWN = "unknown"  # no right to look
    BUSY = "busy"  # computing, waiting for something else, or input still unread


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at the foreground job (times in ns of CPU, as schedstat gives them)."""

    wait: Wait
    pid: int = 0  # of the process that waits (or that keeps the job busy)
    tid: int = 0
    runtime: int = 0  # CPU time of that thread, ns
    unread: bool = False  # input was delivered that nobody has read yet
    canonical: bool = True  # ICANON
    echo: bool = True  # ECHO
    doing: str = ""  # "python3 in clock_nanosleep", "waiting for child make", "on CPU", ...
    children: frozenset[int] = frozenset()  # the foreground processes and all below them
    lineage: frozenset[int] = frozenset()  # the waiting process and its ancestors
    cpu: int = 0  # CPU time of the foreground processes, ns
    timed: bool = False  # it waits for its terminal alone, and not for ever
    wakes: float = 0.0  # seconds after which that wait ends by itself; 0: never, or not known
    returns: float = 0.0  # seconds after which its read returns without input (VTIME)
    works: bool = False  # SOFT, but another thread of it runs or wants to
    place: bytes = b""  # where the main thread sleeps, when it is another one that waits
    relayed: bool = False  # seen through script, socat, rlwrap, sudo ...
    start: int = 0  # start time of the process, so that a reused pid is another process
    group: int = 0  # the foreground process group
    signature: str = ""  # shape of the wait; the same whenever a program is idle
    strong: bool = False  # SOFT only for want of rights: it reads the terminal alone
    main: bool = True  # the waiting thread is the main thread of its process
    stopped: bool = False  # BUSY because a signal stopped the whole foreground group
    blocked: bool = False  # BUSY because it writes to the terminal and cannot
    running: bool = False  # BUSY because it is on a processor
    reads: int = 0  # BUSY and not canonical: its read calls so far, and the bytes they gave
    read_bytes: int = 0
    polling: bool = False  # BUSY in a short sleep: it may look at its terminal now and then
    runs: int = 0  # how often that thread was put on a processor
    bare: bool = False  # no line editing, echo, signals, output processing (as ssh sets it)
    foreign: bool = False  # UNKNOWN because the process belongs to somebody else
    tier: Tier = Tier.FULL  # what could be asked about this very job


@dataclass(frozen=True, slots=True)
class DoProbe:
    """Drain the terminal to EAGAIN (telling `on_output`), then probe and call `on_probe`."""


@dataclass(frozen=True, slots=True)
class DoLook:
    """Render, then call `on_look` with the cursor row."""


@dataclass(frozen=True, slots=True)
class DoWait:
    """Nothing to do before `until` (seconds on the caller's clock) unless output comes."""

    until: float


@dataclass(frozen=True, slots=True)
class Sent:
    """What was typed before this wait."""

    lines: int = 0  # how many times Enter was pressed
    text: bool = False  # it held printable text
    enter: bool = False  # it ended with Enter
    nbytes: int = 0
    escape: bool = False  # it ended with ESC, which may be a key or the beginning of one


@dataclass(frozen=True, slots=True)
class Look:
    """The screen around the cursor. `above` is the logical line above (wrapped rows joined)."""

    before_cursor: str = ""
    after_cursor: str = ""
    above: str = ""
    row: int = 0
    alternate: bool = False
    synchronized: bool = False  # DECSET 2026 is on
    cursor_visible: bool = True
    blank: bool = False  # an alternate screen without a single character


class Shown(Protocol):
    """What is read of a `Screen`."""

    @property
    def cursor_row(self) -> int: ...
    @property
    def cursor_col(self) -> int: ...
    @property
    def pending_wrap(self) -> bool: ...
    @property
    def alternate(self) -> bool: ...
    @property
    def size(self) -> Size: ...
    @property
    def modes(self) -> Modes: ...
    def row_text(self, row: int, start: int = 0, stop: int | None = None) -> str: ...
    def wraps(self, row: int) -> bool: ...


def look_at(screen: Shown) -> Look:
    """The screen around its cursor."""
    row = screen.cursor_row
    col = screen.cursor_col + screen.pending_wrap  # past the last column's cell
    top = max(row - 1, 0)
    while top and screen.wraps(top - 1):
        top -= 1
    return Look(
        before_cursor=screen.row_text(row, 0, col),
        after_cursor=screen.row_text(row, col),
        above="".join(screen.row_text(y) for y in range(top, row)),
        row=row,
        alternate=screen.alternate,
        synchronized=screen.modes.synchronized,
        cursor_visible=screen.modes.cursor_visible,
        blank=screen.alternate
        and not any(screen.row_text(y).strip() for y in range(screen.size.rows)),
    )


Step = DoProbe | DoLook | DoWait | Verdict
