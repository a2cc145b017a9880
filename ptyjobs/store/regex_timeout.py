"""Time limit for searching with an untrusted regular expression.

Owns the timer. Never used outside the main thread: the `re` engine checks for signals while it
searches, and for nothing else. The subtle thing: it holds the GIL, so no other thread could
interrupt it.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from ptyjobs.errors import BadPattern

PATTERN_TIME = 0.25  # seconds of CPU time that one search may take


@contextlib.contextmanager
def bounded_search(seconds: float = PATTERN_TIME) -> Iterator[None]:
    """Raise BadPattern if the search in this context takes too long.

    CPU time of the process counts: a busy machine makes no pattern bad.
    """

    def over(*_: Any) -> None:
        raise BadPattern(
            "A pattern takes too long on this output.",
            advice="Avoid nested repetitions such as (a+)+.",
        )

    old = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)
