"""How a holder comes to life, and how its zygote gets ready to fork it.

Owns `main` (the life of a holder from the fork to the end of its job) and `warm_up` (what the
zygote does once). Nothing here decides.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from ptyjobs import protocol
from ptyjobs.holder.loop import Holder
from ptyjobs.model import JobSpec, Tier, from_json, to_json
from ptyjobs.process import cgroup, tree
from ptyjobs.process.fair_share import SharedPage
from ptyjobs.spawn import prefork


def unborn(page: SharedPage, *, lease: int) -> Holder:
    """What every holder is before it has a job; the zygote keeps one, and never lets it live."""
    return Holder(page, lease=lease, tier=_TIER)


def main(
    holder: Holder, folder: str, connection: socket.socket, *, slot: int, contained: bool
) -> None:
    """The life of a holder, from the fork to the end of its job in that directory.

    `contained`: it was forked into a cgroup of its own.
    """
    holder.job.contained = contained
    _live(holder, folder, connection, slot=slot)


def begin(holder: Holder) -> None:
    """What a holder does first after the fork, whatever its job; a spare does it ahead."""
    os.setsid()
    tree.become_subreaper()
    tree.precise_timers()
    holder.begin()


def stretch() -> None:
    """What a start will do, done once without effect, by a spare that has nothing else to do.

    Whatever first counts references on a page copies it, which takes longer than what it does.
    """
    for message in protocol.Decoder().feed(_START):
        assert isinstance(message, dict)
        protocol.encode({"id": 0, "spec": to_json(from_json(JobSpec, message["spec"]))})


def _live(holder: Holder, folder: str, connection: socket.socket, *, slot: int) -> None:
    try:
        if not holder.pid:
            begin(holder)
        holder.move_in(folder, slot)
    except OSError as failure:  # ENOSPC, EMFILE: there is no job then
        protocol.refuse(connection, failure)
        return
    holder.adopt(connection)
    holder.run()
    holder.close()
    for name in ("sock", "alive"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/{name}")


_TIER = Tier.EVIDENCE  # what this machine lets us ask; the zygote finds out before it forks


_CGROUPS: Path | None = None  # where a job's cgroup may be made; the same


def fork() -> tuple[int, Path | None]:
    """Fork a holder: its pid, and the new cgroup it and its job are in, where there may be one.

    Whoever reaps the holder removes the cgroup; if nobody does, whoever cleans (`cgroup.note`).
    """
    group = None if _CGROUPS is None else cgroup.make(_CGROUPS)
    if group is not None:
        try:
            return cgroup.fork_into(group), group
        except OSError:  # ENOSYS, EPERM, EAGAIN: then without
            cgroup.remove(group)
    return tree.bare_fork(), None


def warm_up(*, share_heap: bool = True) -> None:
    """Called once in the zygote: ask what the kernel tells, then rehearse the life of a job.

    What a holder touches while it sets up is then touched here, before the fork, so that all
    holders share those pages (13 to 17 % less private memory); with `share_heap` what it calls is
    put together, too.
    """
    global _TIER, _CGROUPS
    import tempfile

    from ptyjobs.readiness.linux import probe
    from ptyjobs.spawn.share_heap import Gathering

    _TIER = probe.self_test()
    _CGROUPS = cgroup.base()
    if _CGROUPS is not None:
        cgroup.sweep(_CGROUPS)
    gathering = Gathering()
    watch = gathering if share_heap else contextlib.nullcontext()
    with tempfile.TemporaryDirectory(prefix="ptyjobs-") as name, watch:
        _rehearse(name)
    if not share_heap:
        return
    gathering.add((main, begin, fork, tree.bare_fork, cgroup.make, cgroup.fork_into))
    gathering.add((prefork.SpareChannel.wait, socket.recv_fds))
    gathering.move()


def _rehearse(folder: str) -> None:
    """One job through the real code, without a process of its own for its holder."""
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # it may have been removed
    ours, theirs = socket.socketpair()
    holder = unborn(SharedPage(), lease=-1)
    ours.sendall(_START)
    for request in (
        {"id": 1, "op": "tail", "lines": 5},
        {"id": 2, "op": "status", "brief": True},
        {"id": 3, "op": "status"},
        {"id": 4, "op": "interact", "input": "warm", "timeout": 2.0},
    ):
        ours.sendall(protocol.encode(request))
    holder.begin()
    _live(holder, folder, theirs, slot=0)
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
    notify=(),
)
_START = protocol.encode({"id": 0, "op": "start", "spec": to_json(_SPEC), "wait": 2.0})
