"""Who sits at this terminal: the name by which jobs are held and typing is told apart.

Owns the name and the session it belongs to. Never asks anybody.
"""

from __future__ import annotations

import os
import sys


def name() -> str:
    """User and terminal, e.g. `ben@pts/3`; without a terminal the process of the caller."""
    try:
        where = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError, AttributeError):  # no terminal, or none open
        where = f"pid {os.getppid()}"
    return f"{_user()}@{where}"


def _user() -> str:
    import pwd  # an extension module: only when a name is needed

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return str(os.getuid())


def session() -> int:
    """The session leader of this terminal: while it lives, its person is there."""
    return os.getsid(0)
