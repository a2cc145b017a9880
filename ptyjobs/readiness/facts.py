"""Input and output values of the readiness rules: a kernel probe, a look at the screen, the input.

Owns the values passed between the holder and `settle.Settle`: facts in, steps out. Never decides.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from ptyjobs.model import Size, Tier, Verdict
from ptyjobs.terminal.values import Modes


class Wait(enum.StrEnum):
    """Wait state of the foreground job according to one kernel probe."""

    HARD = "hard"  # a main thread blocks on the terminal alone: nothing happens before input
    SOFT = "soft"  # waits for the terminal among other things, or with a time-out: it accepts input
    OPAQUE = "opaque"  # the terminal is relayed to a place the kernel cannot show (ssh, tmux)
    UNKNOWN = "unknown"  # no permission to inspect it
    BUSY = "busy"  # computing, waiting for something else, or input still unread


@dataclass(frozen=True, slots=True)
class Effort:
    """Work of a busy program so far."""

    reads: int = 0  # read calls,
    read_bytes: int = 0  # and the bytes that they returned
    user: int = 0  # CPU time in clock ticks in its own code,
    system: int = 0  # and in system calls
    faults: int = 0  # page faults


NO_EFFORT = Effort()


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of the foreground job (CPU times in ns, as in schedstat)."""

    wait: Wait
    pid: int = 0  # of the process that waits (or that is busy)
    tid: int = 0
    runtime: int = 0  # CPU time of that thread, ns
    unread: bool = False  # delivered input has not been read yet
    canonical: bool = True  # ICANON
    echo: bool = True  # ECHO
    doing: str = ""  # "python3 in clock_nanosleep", "waiting for child make", "on CPU", ...
    children: frozenset[int] = frozenset()  # the foreground processes and all below them
    lineage: frozenset[int] = frozenset()  # the waiting process and its ancestors
    cpu: int = 0  # CPU time of the foreground processes, ns
    timed: bool = False  # it waits for its terminal alone, with a time-out
    wakes: float = 0.0  # seconds until that wait times out; 0: never, or unknown
    due: float = 0.0  # the time of that time-out; 0: never, or unknown
    returns: float = 0.0  # seconds until its read returns without input (VTIME)
    takes: int = 0  # most bytes that its read of the terminal returns; 0: no read, or unknown
    works: bool = False  # SOFT, but another of its threads is running or runnable
    place: bytes = b""  # where the main thread sleeps, if another thread waits for the terminal
    waits_on: bytes = b""  # its call and descriptor there
    asleep: bytes = b""  # SOFT: how the threads sleep that neither wait nor are the main one
    alone: bool = (
        False  # SOFT: only input, a time-out, its threads and children can wake the waiter
    )
    rings: float = 0.0  # shortest time-out of its threads that do not wait for the terminal
    threaded: bool = False  # HARD or SOFT, and the process has threads that may draw by themselves
    relayed: bool = False  # seen through script, socat, rlwrap, sudo ...
    start: int = 0  # start time of the process: tells a reused pid apart
    group: int = 0  # the foreground process group
    signature: str = ""  # shape of the wait; the same whenever the program is idle
    strong: bool = False  # SOFT only for lack of permission: it reads the terminal alone
    main: bool = True  # the waiting thread is the main thread of its process
    stopped: bool = False  # BUSY because a signal stopped the whole foreground group
    blocked: bool = False  # BUSY because its write to the terminal blocks
    running: bool = False  # BUSY because it is on a processor
    effort: Effort = NO_EFFORT  # BUSY, and not canonical
    polling: bool = False  # BUSY in a short sleep: it may poll its terminal
    runs: int = 0  # how often that thread was scheduled
    bare: bool = False  # no line editing, echo, signals, output processing (as ssh sets it)
    foreign: bool = False  # UNKNOWN because the process belongs to another user
    tier: Tier = Tier.FULL  # facts available for this job


@dataclass(frozen=True, slots=True)
class DoProbe:
    """Drain the terminal to EAGAIN (calling `on_output`), then probe and call `on_probe`."""


@dataclass(frozen=True, slots=True)
class DoDrain:
    """Drain the terminal to EAGAIN (calling `on_output`), without another probe."""


@dataclass(frozen=True, slots=True)
class DoLook:
    """Render, then call `on_look` with the cursor row."""


@dataclass(frozen=True, slots=True)
class DoWait:
    """Wait until `until` (seconds on the caller's clock) or the next output."""

    until: float


@dataclass(frozen=True, slots=True)
class Sent:
    """Input typed before this wait."""

    lines: int = 0  # how many times Enter was pressed
    text: bool = False  # it held printable text
    typed: str = ""  # that text; empty for a secret
    enter: bool = False  # it ended with Enter
    nbytes: int = 0
    escape: bool = False  # it ended with ESC, which may be a key or the start of one
    signal: bool = False  # it ended with C-c or C-\\, which may become a signal


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
    blank: bool = False  # an alternate screen without any character
    wrapped: bool = False  # the row above wraps into the cursor's row
    fields: bool = False  # a user interface with text fields, see has_text_fields
    ends: bool = False  # with DECCKM: the cursor is directly behind the last text of the screen


class Shown(Protocol):
    """The attributes of a `Screen` that `look_at` reads."""

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


def has_text_fields(modes: Modes, *, alternate: bool) -> bool:
    """True if the program asks for pastes, and for kitty's keys or, unless full-screen, for focus.

    Line editors ask for pastes only, vim on the alternate screen for focus reports as well. Neovim
    asks for kitty's keys too, but also for application cursor keys, as terminfo(5) says (smkx);
    user interfaces with text fields do not use terminfo.
    """
    if alternate:
        return modes.bracketed_paste and modes.kitty_flags > 0 and not modes.application_cursor
    return modes.bracketed_paste and (modes.kitty_flags > 0 or modes.focus)


def look_at(screen: Shown) -> Look:
    """Capture the screen around its cursor."""
    row, modes = screen.cursor_row, screen.modes
    col = screen.cursor_col + screen.pending_wrap  # past the last column's cell
    top = max(row - 1, 0)
    before, after = screen.row_text(row, 0, col), screen.row_text(row, col)
    while top and screen.wraps(top - 1):
        top -= 1
    return Look(
        before_cursor=before,
        after_cursor=after,
        above="".join(screen.row_text(y) for y in range(top, row)),
        row=row,
        alternate=screen.alternate,
        synchronized=modes.synchronized,
        cursor_visible=modes.cursor_visible,
        fields=has_text_fields(modes, alternate=screen.alternate),
        blank=screen.alternate
        and not any(screen.row_text(y).strip() for y in range(screen.size.rows)),
        wrapped=row > 0 and screen.wraps(row - 1),
        ends=modes.application_cursor
        and modes.cursor_visible
        and bool(before.strip())
        and not after.strip()
        and not any(screen.row_text(y).strip() for y in range(row + 1, screen.size.rows)),
    )


Step = DoProbe | DoDrain | DoLook | DoWait | Verdict
