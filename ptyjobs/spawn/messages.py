"""Messages between a server and its zygote, over one SEQPACKET socket.

Owns the requests, for a holder or a search process, and the zygote's last words. Never touches the
socket. The subtle thing: a request for a holder is sent with two descriptors. The client may write
to its end of the first, the holder's first connection, at once; the second is the lock of the job's
directory, which is then never free.
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import dataclass

MAX_REQUEST = 16 << 10  # bytes
MAX_FDS = 4  # descriptors of a request
MAX_WORDS = 300  # characters of the error that ended a zygote
_SESSION, _PERSISTENT = b"s", b"p"
SEARCH = b"g"  # the request for a search process, with its connection


@dataclass(frozen=True, slots=True)
class ForkRequest:
    """A holder for the job in `folder`; `grace`: seconds its job gets after the server's end."""

    folder: str
    persistent: bool
    grace: float

    def encode(self) -> bytes:
        """The kind, the grace, a colon, the directory."""
        kind = _PERSISTENT if self.persistent else _SESSION
        return kind + b"%g:" % self.grace + os.fsencode(self.folder)

    @classmethod
    def decode(cls, data: bytes) -> ForkRequest:
        """Read what `encode` wrote."""
        grace, _, folder = data[1:].partition(b":")
        return cls(os.fsdecode(folder), data[:1] == _PERSISTENT, float(grace))


def last_words(error: BaseException) -> bytes:
    """The error that ends a zygote, in one line."""
    words = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_WORDS]
    return words.encode("utf-8", "replace")
