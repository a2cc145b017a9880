"""Raise or defer the signals that end a program, so that work in progress is finished or undone.

Owns no handler outside its two contexts. The subtle thing: an exception raised by a signal can
occur between any two instructions, even between the start of a job and the assignment of its id.
Operations that must not be interrupted therefore run with signals deferred, which are raised
afterwards.
"""

from __future__ import annotations

import contextlib
import signal
import threading

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit inside, as C-c raises KeyboardInterrupt.

    Signals that are ignored (`nohup`) or already handled are left unchanged.
    """

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Defer the signals that Python handles in this thread; deliver them at the end.

    Only Python handlers can be deferred: a default action ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # outside the main thread: no handler runs here
        return
    came: list[int] = []
    handlers = {n: h for n in ENDING if callable(h := signal.getsignal(n))}
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
