"""The zygote that forks search processes: that of this process's newest client.

Owns that reference. Never imports what it calls, because every client sets it and few search. A
fork of the client's process must not use it: two processes would read the same connection.
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import StartFailed

if TYPE_CHECKING:
    import socket
    from typing import Protocol

    class Source(Protocol):
        """A zygote."""

        def fork_search(self) -> socket.socket: ...


_source: tuple[int, Source] | None = None  # and the process it belongs to


def use(source: Source | None) -> None:
    """Fork later search processes from this zygote; None: from no zygote."""
    global _source
    _source = None if source is None else (os.getpid(), source)


def fork() -> socket.socket | None:
    """Connection to a new search process; None if there is no zygote or it has exited."""
    if _source is None or _source[0] != os.getpid():
        return None
    try:
        return _source[1].fork_search()
    except StartFailed:
        return None
