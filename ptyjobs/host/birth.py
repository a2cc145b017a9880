"""How a holder comes to life, and how its zygote gets ready to fork it.

Owns `main` (the life of a holder from the fork to the end of its job) and `warm_up` (what the
zygote does once). Nothing here decides.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from ptyjobs.host import cgroup, tree, wire
from ptyjobs.host.courtesy import IDLE, Page
from ptyjobs.host.holder import Holder
from ptyjobs.host.record import JobDir
from ptyjobs.model import JobSpec, Tier, to_json


def main(directory: Path, connection: socket.socket, lease: int, *, page: Page, slot: int) -> None:
    """The life of a holder, from the fork to the end of its job."""
    os.setsid()
    tree.become_subreaper()
    tree.precise_timers()
    job_dir = JobDir(directory)
    try:
        alive = os.open(directory / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(alive, fcntl.LOCK_EX)
        os.write(alive, str(os.getpid()).encode())  # which process the lock speaks for
        holder = Holder(job_dir, lease=lease, page=page, slot=slot, tier=Tier(_tier()))
        holder.open_socket()
    except OSError as failure:  # ENOSPC, EMFILE: there is no job then
        wire.refuse(connection, failure)
        return
    holder.adopt(connection)
    group = cgroup.noted(directory)
    holder.job.contained = group is not None and cgroup.holds(group, os.getpid())
    holder.run()
    holder.close()
    for name in ("sock", "alive"):
        (directory / name).unlink(missing_ok=True)
    page.set(slot, IDLE)


_TIER = Tier.EVIDENCE  # what this machine lets us ask; the zygote finds out before it forks


_CGROUPS: Path | None = None  # where a job's cgroup may be made; the same


def _tier() -> Tier:
    return _TIER


def fork(directory: Path) -> tuple[int, Path | None]:
    """Fork a holder: its pid, and the new cgroup it and its job are in, where there may be one.

    Whoever reaps the holder removes the cgroup; if nobody does, whoever cleans.
    """
    group = None if _CGROUPS is None else cgroup.make(_CGROUPS, directory)
    if group is not None:
        try:
            return cgroup.fork_into(group), group
        except OSError:  # ENOSYS, EPERM, EAGAIN: then without
            cgroup.remove(group)
    return tree.bare_fork(), None


def warm_up() -> None:
    """Called once in the zygote: ask what the kernel tells, then run one job through the real code.

    What a holder touches while it sets up is then touched here, before the fork, so that all
    holders share those pages (holder sheet §1: 13-17 % less private memory).
    """
    global _TIER, _CGROUPS
    import tempfile

    from ptyjobs.host import kernel

    _TIER = kernel.self_test()
    _CGROUPS = cgroup.base()
    old = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="ptyjobs-") as name:
        ours, theirs = socket.socketpair()
        holder = Holder(JobDir(Path(name)), lease=-1, page=Page(), slot=0, tier=_TIER)
        holder.adopt(theirs)
        command = "printf '\\033[1mready\\033[0m\\n> '; read line; echo $line"
        spec = JobSpec(
            job_id="warm-up", argv=("/bin/sh", "-c", command), command="", cwd="/", env=dict(_PATH)
        )
        for number, request in enumerate(
            (
                {"op": "start", "spec": to_json(spec), "wait": 2.0},
                {"op": "tail", "lines": 5},
                {"op": "status"},
                {"op": "interact", "input": "warm", "timeout": 2.0},
            )
        ):
            ours.sendall(wire.encode({"id": number, **request}))
        holder.run()
        holder.close()
        holder.unplug()
        ours.close()
    os.chdir(old)


_PATH = {"PATH": os.defpath, "TERM": "xterm-256color"}
