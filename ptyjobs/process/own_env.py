"""Keep secrets of the server away from its jobs: environment and memory of our own processes.

Owns this process's environment memory, its command line and its dumpable flag. Never touches a
job's environment. A job can read /proc/PPID/environ of its holder, which runs as the same user.
That file shows the memory between `env_start` and `env_end` (proc_pid_stat(5)), where the kernel
put the strings at exec; unsetenv(3) leaves them there. So the variables are removed first and the
memory is then overwritten. The subtle thing: libc's `environ` points into this memory until the
kept variables have been set again, which copies them. Zygote and holder have the command line of
the process that started them (`ptyjobs run --env TOKEN=...`), which every user may read for as long
as they run, so it is replaced too.

The zygote is a fork of the server, so its heap still holds what the server has read. `close_memory`
makes the process not dumpable (PR_SET_DUMPABLE, prctl(2)): without CAP_SYS_PTRACE no process can
then read its /proc/PID/mem and environ or attach to it. Forks inherit the flag, exec sets it again,
so jobs stay dumpable. Its /proc files then belong to root (proc(5)): those for everyone (stat,
status, cmdline, children) stay readable, except under hidepid, where the whole directory would
vanish for this user's other processes, which look for their holders there. So under hidepid the
flag stays as it is.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_HIDEPID = re.compile(rb"^\S+ \S+ \S+ \S+ /proc .* - proc \S+ .*\bhidepid=(?!0\b|off\b)", re.M)
"""A line of mountinfo (proc_pid_mountinfo(5)): procfs on /proc that hides processes."""

_KEPT = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|PYTHON(HOME|PATH|PLATLIBDIR)"
    r"|LD_LIBRARY_PATH|VIRTUAL_ENV|PTYJOBS_TEST_\w+"
)
"""Of use to an interpreter and its imports; none of them holds a secret."""


def cleaned(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a zygote needs."""
    return {name: value for name, value in environ.items() if _KEPT.fullmatch(name)}


TITLE = b"ptyjobs"


def clean() -> None:
    """Reduce this process's environment to `cleaned`; erase the rest and the command line."""
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
    start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: fields 48 and 49
    if 0 < start < end:  # its last byte must stay 0: else the kernel shows what follows, too
        title = TITLE[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, title, len(title))


def close_memory() -> bool:
    """Make this process not dumpable; False if it stays readable for the same user.

    Call it before a thread or fork needs its own files below /proc to be writable.
    """
    if sys.platform != "linux" or proc_is_hidden():
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def proc_is_hidden() -> bool:
    """True if /proc is mounted with hidepid: a process sees only processes that it may trace."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return _HIDEPID.search(file.read()) is not None
    except OSError:  # no /proc: then there is nothing to hide
        return False
