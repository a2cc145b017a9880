"""Remove secrets from the environment of the zygote and, by the fork, of every holder.

Owns this process's environment memory. Never touches a job's environment. A job can read
/proc/PPID/environ of its holder, which runs as the same user. That file shows the memory between
`env_start` and `env_end` (proc_pid_stat(5)), where the kernel put the strings at exec; unsetenv(3)
leaves them there. So the variables are removed first and the memory is then overwritten. The subtle
thing: libc's `environ` points into this memory until the kept variables have been set again, which
copies them.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping

_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|PYTHON(HOME|PATH|PLATLIBDIR)"
    r"|LD_LIBRARY_PATH|VIRTUAL_ENV|PTYJOBS_TEST_\w+"
)
"""Of use to an interpreter and its imports; none of them holds a secret."""


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a zygote needs."""
    return {name: value for name, value in environ.items() if _KEPT.fullmatch(name)}


def clean() -> None:
    """Reduce this process's environment to `cleaned` and erase the rest from its memory."""
    kept = cleaned(os.environ)
    os.environ.clear()
    os.environ.update(kept)
    if sys.platform != "linux":
        return
    try:
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # no /proc: then no process can read it there either
        return
    start, end = int(fields[47]), int(fields[48])  # env_start, env_end: fields 50 and 51
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
