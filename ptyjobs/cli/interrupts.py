"""Signals that end a command are raised in it, so that what it has begun is undone."""

from __future__ import annotations

import contextlib
import signal

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit inside, as C-c raises KeyboardInterrupt.

    A signal that is ignored (`nohup`) or handled already stays as it is.
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
