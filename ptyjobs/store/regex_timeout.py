"""A bound for a search with somebody else's regular expression.

Owns the timer. Only in the main thread of a process: the `re` engine looks at signals while it
searches, and at nothing else; meanwhile no other thread of the process runs.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

from ptyjobs.errors import BadPattern

PATTERN_TIME = 0.25  # seconds of a processor that one search may take


@contextlib.contextmanager
def bounded_search(seconds: float = PATTERN_TIME) -> Iterator[None]:
    """A search that takes too long raises BadPattern.

    The process's own time counts: a busy machine makes no pattern bad.
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
