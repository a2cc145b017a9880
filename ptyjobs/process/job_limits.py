"""Limits of one job: memory, CPU and process count, by its own cgroup or by rlimits.

Owns the cgroups in which the kernel accounts and limits the job's tree, apart from its holder, and
the final figures: out of memory, peak, CPU time. Never fails a start: if no group can be created,
memory is limited per process (RLIMIT_DATA, getrlimit(2)) and the rest is not limited; `words` says
so. The subtle thing: a child starts in the cgroup of its parent, so the holder enters the job's
group for the spawn and then leaves it; moving the child afterwards would miss its early forks.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from ptyjobs._dataclass import dataclass
from ptyjobs.process.cgroup import LEFT, PREFIX

PERIOD = 100_000  # microseconds per period of the CPU limit
CONTROLLERS = ("memory", "pids", "cpu")
_ENOUGH = 4096  # bytes read from a cgroup file


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a job; 0 is no limit."""

    memory: int = 0  # bytes
    cpu: float = 0.0  # processors
    pids: int = 0  # processes and threads

    def __bool__(self) -> bool:
        return bool(self.memory or self.cpu or self.pids)


class LimitGroup:
    """The cgroups of one job, or their substitute."""

    def __init__(self, limits: Limits, *, group: Path | None) -> None:
        """`group`: the cgroup v2 of the holder and its job, if they have one."""
        self.limits = limits
        self._paths: dict[str, Path] = {}  # controller → the job's group
        self._homes: dict[str, Path] = {}  # controller → the holder's own
        self._rlimit = False
        if limits:
            self._make(group)

    def _make(self, group: Path | None) -> None:
        wanted = [name for name in CONTROLLERS if getattr(self.limits, name)]
        if group is not None:
            self._make_v2(group, wanted)
        for name in wanted:
            if name not in self._paths:
                self._make_v1(name)
        self._rlimit = "memory" not in self._paths and bool(self.limits.memory)

    def _make_v2(self, group: Path, wanted: list[str]) -> None:
        """Two groups below the holder's: one for it and one for the job (no internal processes)."""
        offered = _read(group / "cgroup.controllers").split()
        usable = [name for name in wanted if name in offered]
        if not usable:
            return
        home, job = group / "holder", group / "job"
        try:
            home.mkdir(exist_ok=True)
            _write(home / "cgroup.procs", os.getpid())
            _write(group / "cgroup.subtree_control", " ".join(f"+{name}" for name in usable))
            job.mkdir(exist_ok=True)
            for name in usable:
                self._limit_v2(job, name)
        except OSError:  # EACCES, EBUSY: not delegated
            return
        for name in usable:
            self._paths[name], self._homes[name] = job, home

    def _limit_v2(self, job: Path, name: str) -> None:
        if name == "memory":
            _write(job / "memory.max", self.limits.memory)
            with contextlib.suppress(OSError):  # no swap accounting
                _write(job / "memory.swap.max", 0)
        elif name == "pids":
            _write(job / "pids.max", self.limits.pids)
        else:
            _write(job / "cpu.max", f"{int(self.limits.cpu * PERIOD)} {PERIOD}")

    def _make_v1(self, name: str) -> None:
        home = v1_home(name)
        if home is None:
            return
        _sweep(home)
        job = home / f"{PREFIX}{os.urandom(8).hex()}"
        try:
            job.mkdir(mode=0o700)
        except OSError:  # EACCES, EROFS
            return
        try:
            if name == "memory":
                _write(job / "memory.limit_in_bytes", self.limits.memory)
                with contextlib.suppress(OSError):  # no swap accounting
                    _write(job / "memory.memsw.limit_in_bytes", self.limits.memory)
            elif name == "pids":
                _write(job / "pids.max", self.limits.pids)
            else:
                _write(job / "cpu.cfs_period_us", PERIOD)
                _write(job / "cpu.cfs_quota_us", int(self.limits.cpu * PERIOD))
        except OSError:  # a value that the kernel rejects, or a read-only file
            with contextlib.suppress(OSError):
                job.rmdir()
            return
        self._paths[name], self._homes[name] = job, home

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Processes spawned in this context are in the job's groups and have its limits."""
        old = resource.getrlimit(resource.RLIMIT_DATA)
        try:
            for path in set(self._paths.values()):
                with contextlib.suppress(OSError):
                    _write(path / "cgroup.procs", os.getpid())
            if self._rlimit:
                with contextlib.suppress(OSError, ValueError):  # above the hard limit
                    resource.setrlimit(resource.RLIMIT_DATA, (self.limits.memory, old[1]))
            yield
        finally:
            if self._rlimit:
                resource.setrlimit(resource.RLIMIT_DATA, old)
            for path in set(self._homes.values()):
                with contextlib.suppress(OSError):
                    _write(path / "cgroup.procs", os.getpid())

    def words(self) -> tuple[str, ...]:
        """Each limit and its enforcement, for `status`."""
        shown = {
            "memory": f"memory {size(self.limits.memory)}",
            "cpu": f"{self.limits.cpu:g} CPU",
            "pids": f"{self.limits.pids} processes",
        }
        found = []
        for name in CONTROLLERS:
            if not getattr(self.limits, name):
                continue
            how = "cgroup" if name in self._paths else "not enforced: no cgroup can be made"
            if name == "memory" and self._rlimit:
                how = "each process, by rlimit: no cgroup can be made"
            found.append(f"{shown[name]} ({how})")
        return tuple(found)

    def out_of_memory(self) -> str:
        """The reason why processes of the job were killed; "" if it was not its memory limit."""
        path = self._paths.get("memory")
        if path is None:
            return ""
        text = _read(path / "memory.events") or _read(path / "memory.oom_control")
        counts = dict(line.split(None, 1) for line in text.splitlines() if " " in line)
        if int(counts.get("oom_kill", "0")) == 0:
            return ""
        return f"out of memory (limit {size(self.limits.memory)}, peak {size(self.peak())})"

    def peak(self) -> int:
        """Peak memory of the job in bytes; 0 if no group accounts it."""
        path = self._paths.get("memory")
        if path is None:
            return 0
        text = _read(path / "memory.peak") or _read(path / "memory.max_usage_in_bytes")
        return int(text) if text.strip().isdigit() else 0

    def close(self) -> None:
        """Remove the groups; the next sweep removes those not yet empty."""
        for path in set(self._paths.values()):
            with contextlib.suppress(OSError):  # EBUSY
                path.rmdir()
        self._paths.clear()


def v1_home(controller: str) -> Path | None:
    """The directory of our own group of a cgroup v1 controller, if we may create groups in it."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:  # no /proc, or another system
        return None
    own = {name: line.split(":", 2)[2] for line in lines for name in line.split(":")[1].split(",")}
    if controller not in own:
        return None
    for mount in mounts:
        before, _, after = mount.partition(" - ")
        if not after.startswith("cgroup ") or controller not in after.split()[2].split(","):
            continue
        root, point = before.split()[3:5]
        if Path(own[controller]).is_relative_to(root):
            home = Path(point) / Path(own[controller]).relative_to(root)
            return home if os.access(home, os.W_OK) else None
    return None


def _sweep(home: Path) -> None:
    """Remove the empty groups left by killed holders."""
    old = time.time() - LEFT
    with contextlib.suppress(OSError):
        for entry in os.scandir(home):
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):  # EBUSY: in use
                    if entry.stat().st_mtime < old:
                        os.rmdir(entry.path)


def _read(path: Path) -> str:
    try:
        with open(path) as file:
            return file.read(_ENOUGH)
    except OSError:
        return ""


def _write(path: Path, value: object) -> None:
    with open(path, "w") as file:
        file.write(f"{value}\n")


def size(number: int) -> str:
    """Bytes in the largest unit that fits, with one decimal."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
