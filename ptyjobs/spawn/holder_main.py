"""Life of a holder, and the preparation of its zygote.

Owns `main` (a holder from the fork to the end of its job) and `warm_up` (run once by the zygote).
Never decides anything. The subtle thing: pages written after the fork are private to each holder,
so whatever can be done before the fork is done there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from ptyjobs import protocol, requests
from ptyjobs.holder.loop import Holder
from ptyjobs.json_values import from_json, to_json
from ptyjobs.model import JobSpec, Tier
from ptyjobs.process import cgroup, tree
from ptyjobs.process.fair_share import SharedPage
from ptyjobs.spawn import prefork
from ptyjobs.text.fresh import FreshText

REHEARSALS = 8 if sys.version_info < (3, 12) else 2
"""Calls until Python specializes a function (QUICKENING_WARMUP_DELAY; later, the second call)."""


def unborn(page: SharedPage, *, lease: int) -> Holder:
    """Pre-built Holder that the zygote forks from; never run itself."""
    return Holder(page, lease=lease, tier=_TIER)


def main(
    holder: Holder, folder: str, connection: socket.socket, *, lock: int, slot: int, contained: bool
) -> None:
    """Run a holder, from the fork to the end of its job in that directory.

    `lock`: of the directory. `contained`: it was forked into a cgroup of its own.
    """
    holder.job.contained = contained
    _live(holder, folder, connection, lock=lock, slot=slot)


def begin(holder: Holder) -> None:
    """Do a holder's first steps after the fork, independent of its job; a spare does them ahead."""
    tree.become_subreaper()
    tree.precise_timers()
    holder.begin()


def stretch(holder: Holder) -> None:
    """Rehearse the code of a start without effect; called by an idle spare.

    The first write to a shared page copies it, and reference counts are writes; the copy takes
    longer than the code that causes it.
    """
    for message in protocol.Decoder().feed(_START):
        assert isinstance(message, dict)
        requests.decode(message)
        protocol.encode({"id": 0, "spec": to_json(from_json(JobSpec, message["spec"]))})
    holder.rehearse()
    protocol.encode({"id": 0, "status": to_json(holder.service.status())})
    fresh = FreshText(holder.job.mark_now())
    fresh.finish(holder.job.fold.screen, prompt_row=True, end=0)


def _live(
    holder: Holder, folder: str, connection: socket.socket, *, lock: int = -1, slot: int
) -> None:
    try:
        if not holder.pid:
            begin(holder)
        holder.move_in(folder, slot, lock=lock)
    except OSError as failure:  # ENOSPC, EMFILE: there is no job then
        protocol.refuse(connection, failure)
        return
    holder.adopt(connection)
    holder.run()
    if holder.lost():
        holder.close()
        return
    _unlink(f"{folder}/sock")  # before `close`, which takes longer: a killed holder leaves less
    holder.close()
    _unlink(f"{folder}/alive")


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


_TIER = Tier.EVIDENCE  # evidence this machine provides; the zygote tests it before it forks


_CGROUPS: Path | None = None  # parent directory of job cgroups; set by the zygote, too


def fork() -> tuple[int, Path | None]:
    """Fork a holder; returns its pid and, where available, the new cgroup of it and its job.

    The process that reaps the holder removes the cgroup; otherwise the next clean-up does
    (`cgroup.note`).
    """
    group = None if _CGROUPS is None else cgroup.make(_CGROUPS)
    if group is not None:
        try:
            return cgroup.fork_into(group), group
        except OSError:  # ENOSYS, EPERM, EAGAIN: continue without a cgroup
            cgroup.remove(group)
    return tree.bare_fork(), None


def warm_up(*, share_heap: bool = True) -> None:
    """Test the kernel's features, then rehearse a job's life; called once, in the zygote.

    Pages that a holder touches during set-up are thereby touched before the fork, so that all
    holders share them (13 to 17 % less private memory); with `share_heap`, the code that a holder
    runs is moved together as well.
    """
    global _TIER, _CGROUPS
    from ptyjobs.readiness.linux import probe
    from ptyjobs.spawn.share_heap import Gathering

    _TIER = probe.self_test()
    _CGROUPS = cgroup.base()
    if _CGROUPS is not None:
        cgroup.sweep(_CGROUPS)
    gathering = Gathering()
    with gathering if share_heap else contextlib.nullcontext():
        _rehearse()
    if not share_heap:
        return
    gathering.add((main, begin, fork, tree.bare_fork, cgroup.make, cgroup.fork_into))
    gathering.add((prefork.SpareChannel.wait, socket.recv_fds))
    gathering.move()


def specialize(idle: Callable[[], bool]) -> None:
    """Rehearse while `idle`, until Python has specialized the moved code.

    Otherwise each holder would do that itself, on pages that it then has for itself. Code that is
    not specialized looks attributes up by name, which takes time and, on Python 3.11, changes the
    reference counts of the names, on pages all over the heap.
    """
    for _ in range(REHEARSALS):
        if not idle():
            return
        _rehearse()


def _rehearse() -> None:
    """Run one job through the real code, without a separate holder process."""
    import tempfile

    failing = contextlib.suppress(OSError)  # a full /tmp: each holder touches those pages itself
    with failing, tempfile.TemporaryDirectory(prefix="ptyjobs-") as name:
        folder = Path(name) / "jobs" / _SPEC.job_id  # its journals go below `name`
        folder.mkdir(parents=True)
        _rehearse_in(str(folder))


def _rehearse_in(folder: str) -> None:
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # it may have been removed
    ours, theirs = socket.socketpair()
    holder = unborn(SharedPage(), lease=-1)
    begin(holder)
    stretch(holder)
    cgroup.note(Path(folder), folder)  # a holder notes its cgroup
    ours.sendall(_START)
    for request in (
        {"id": 1, "op": "tail", "lines": 5},
        {"id": 2, "op": "status", "brief": True},
        {"id": 3, "op": "status"},
        {"id": 4, "op": "interact", "input": "warm", "timeout": 2.0},
    ):
        ours.sendall(protocol.encode(request))
    try:
        _live(holder, folder, theirs, slot=0)
    finally:
        holder.unplug()
        ours.close()
        os.fchdir(here)
        os.close(here)


_SPEC = JobSpec(
    job_id="warm-up",
    argv=("/bin/sh", "-c", "printf '\\033[1mready\\033[0m\\n> '; read line; echo $line"),
    command="",
    cwd="/",
    env={"PATH": os.defpath, "TERM": "xterm-256color"},
    notify=("exited",),
    audit=True,
    timeout=5.0,  # so that it ends even if its input was not typed
)
_START = protocol.encode({"id": 0, "op": "start", "spec": to_json(_SPEC), "wait": 2.0})
