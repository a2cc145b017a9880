"""Identity of the user at this terminal: the name for holds and for the authorship of input.

Owns the name and the session it belongs to. Never prompts.
"""

from __future__ import annotations

import os
import sys


def name() -> str:
    """User and terminal, e.g. `ben@pts/3`; without a terminal, the calling process."""
    try:
        where = os.ttyname(sys.stdin.fileno()).removeprefix("/dev/")
    except (OSError, ValueError, AttributeError):  # no terminal, or standard input is closed
        where = f"pid {os.getppid()}"
    return f"{_user()}@{where}"


def _user() -> str:
    import pwd  # an extension module: only when a name is needed

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no passwd entry, as in some containers
        return str(os.getuid())


def session() -> int:
    """This terminal's session leader; while it lives, the user counts as present."""
    return os.getsid(0)
