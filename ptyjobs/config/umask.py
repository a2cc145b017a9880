"""Replace an umask under which a user could not open the files that it has just created.

Owns one rule: an umask that takes the owner's own rights away (777, 700) becomes 077, for this
process and the jobs that it starts. Never changes any other umask. Reading the umask means setting
it (umask(2)), so call it at the start, before there are threads.
"""

from __future__ import annotations

import os

_OWNER = 0o700
_PRIVATE = 0o077
_replaced: int | None = None


def make_usable() -> str:
    """Replace such an umask; returns the sentence that reports it, "" if nothing was changed."""
    global _replaced
    old = os.umask(_PRIVATE)
    if old & _OWNER:
        _replaced = old
    else:
        os.umask(old)
    return words()


def words() -> str:
    """The sentence that reports what `make_usable` has done in this process; "" for nothing."""
    if _replaced is None:
        return ""
    return f"The umask {_replaced:03o} locks the owner out: ptyjobs and its jobs use 077."
