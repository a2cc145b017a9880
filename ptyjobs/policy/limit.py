"""Limit the CPU time of one allow-list check.

Owns the timer. Python's `re` backtracks, so a pattern such as `^(a|a)*b` takes exponential time on
some texts; only a signal can interrupt a search. The subtle thing: signal handlers run in the main
thread only; a check in another thread has no limit.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from ptyjobs.errors import Refused

CHECK_TIME = 0.25  # seconds of this process's CPU; a check takes about a millisecond


@contextlib.contextmanager
def bounded_check(seconds: float = CHECK_TIME) -> Iterator[None]:
    """Raise Refused once the check has used `seconds` of CPU."""

    def over(*_: Any) -> None:
        raise Refused(
            "not allowed: the command takes too long to check against the allow-list.",
            advice="Give a shorter command, or avoid nested repetitions in allowed_commands.",
        )

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)
