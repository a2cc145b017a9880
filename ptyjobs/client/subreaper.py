"""Last safety net of a server: end processes that its zygote and holders leave behind.

Owns the sweep of this process's own children. A server is a child subreaper (prctl(2)) like its
zygote, so that a zygote and holders killed together leave nothing (docs/decisions/containment.md).
Never ends a live holder. The subtle thing: when the zygote dies, live holders become the server's
children too, and must not be taken for leftovers; each holder writes its pid into the lock file
that proves it alive.
"""

from __future__ import annotations

import os
import signal
import sys

from ptyjobs.client.registry import Registry, is_alive
from ptyjobs.process.regular import open_regular
from ptyjobs.store.jobdir import SOCKET


class Guard:
    """Sweeps the children of this process. Call `sweep` at each SIGCHLD."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.ours: set[int] = set()  # children started by this process (its zygotes)

    def install(self) -> bool:
        """Become a child subreaper; False if the system does not support it."""
        from ptyjobs.process import tree

        return tree.become_subreaper()

    def sweep(self) -> int:
        """End every child that is neither ours nor a live holder; returns their number."""
        from ptyjobs.process import tree

        me = os.getpid()
        strangers = [pid for pid in tree.children(me) if pid not in self.ours]
        searches = sys.modules.get("ptyjobs.store.search_process")
        if strangers and searches is not None:
            strangers = [pid for pid in strangers if pid not in searches.pids()]
        if not strangers:
            return 0
        holders = self._holders()
        ended = 0
        reaped = set()
        for pid in strangers:
            stat = tree.read_stat(pid)
            if stat is None or stat.ppid != me:
                continue
            if stat.state == "Z":
                _reap(pid)
                reaped.add(pid)
            elif pid not in holders:
                below = [pid, *tree.descendants(pid)]
                tree.send(below, signal.SIGSTOP)
                tree.send([pid, *tree.descendants(pid)], signal.SIGKILL)
                ended += 1
        if reaped:
            self._tidy(reaped)
        return ended

    def _tidy(self, reaped: set[int]) -> None:
        """Remove what holders among these processes have left; their zygote died before them."""
        for job in self._registry.all():
            if os.path.lexists(os.path.join(job.folder, SOCKET)):
                status = job.status()
                if status is not None and status.holder in reaped:
                    job.tidy(status.holder or 0)

    def _holders(self) -> set[int]:
        found = set()
        for job in self._registry.all():
            if is_alive(job):
                try:
                    with open(job.path / "alive", opener=open_regular) as file:
                        found.add(int(file.read(20) or 0))
                except (FileNotFoundError, ValueError):  # removed by `clean`, or being written
                    continue
        return found


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # already reaped
        return
