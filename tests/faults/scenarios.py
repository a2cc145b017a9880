"""What servers, holders and clients do to one state directory at the same time.

Each scenario prepares a directory and returns its actors and the check of the outcome. A holder is
played by its own code for the directory (lock, socket, spec, status); there is no child process, so
that an interleaving takes milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

from ptyjobs.client import registry
from ptyjobs.client.registry import Registry, is_alive
from ptyjobs.errors import DuplicateJob, PtyJobsError, UnknownJob
from ptyjobs.holder import home
from ptyjobs.model import Exit, JobSpec, State, Status
from ptyjobs.process import cgroup
from ptyjobs.store.jobdir import JobDir
from tests.faults.interleaving import Actor, Interleaving

Act = Callable[[], object]
Check = Callable[[list[Actor]], None]
NAME = "web"


class FakeListener:
    """The holder's socket: its file alone, because binding means to change the directory."""

    def __init__(self, folder: str) -> None:
        with open(f"{folder}/sock", "w"):
            pass

    def fileno(self) -> int:
        return 0

    def close(self) -> None: ...


class Played:
    """A holder: the parts of `holder.loop` that touch the directory."""

    def __init__(self, job: JobDir, command: str) -> None:
        self.dir, self.command, self.run = job, command, 1
        self.fd = -1
        self.group: Path | None = None  # a directory that looks like its cgroup

    def begin(self) -> None:
        if self.group is not None:
            cgroup.note(self.group, self.dir.folder)
        self.fd = self._lock(self.dir)
        FakeListener(self.dir.folder)
        self.dir.write_spec(self.spec())
        self.dir.write_status(self.status(State.RUNNING))

    def spec(self) -> JobSpec:
        return JobSpec(NAME, ("true",), self.command, cwd="/", env={}, run=self.run)

    def status(self, state: State) -> Status:
        status = Status(job_id=NAME, state=state, command=self.command, cwd="/", started=1.0)
        return replace(status, exit=Exit(code=0), ended=2.0) if state.ended else status

    @staticmethod
    def _lock(job: JobDir) -> int:
        fd = getattr(job, "lock", -1)
        if fd < 0:
            fd = os.open(f"{job.folder}/alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, b"%d" % os.getpid())
        return fd

    def end(self) -> None:
        """As `Holder.on_ended` and `holder_main._live` do."""
        self.dir.write_status(self.status(State.COMPLETED))
        for name in ("sock", "alive"):
            os.unlink(f"{self.dir.folder}/{name}")
        self.close()

    def restart(self) -> None:
        """The next run, as `Holder._next_run` begins it."""
        self.dir.write_status(self.status(State.COMPLETED))
        place = home.succeed(self.dir, self.run)
        self.close()
        self.fd, self.run = place.lock, self.run + 1
        self.dir.write_spec(self.spec())
        self.dir.write_status(self.status(State.RUNNING))

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


class World:
    """One state directory and the holders that are alive in it."""

    def __init__(self, state: Path) -> None:
        self.registry = Registry(state)
        self.registry.open()
        self.holders: list[Played] = []

    def holder(self, job: JobDir, command: str, *, group: bool = False) -> Played:
        held = Played(job, command)
        if group:
            held.group = self.registry.path.parent / f"{cgroup.PREFIX}{command}"
            held.group.mkdir()
            (held.group / "cgroup.procs").touch()
        self.holders.append(held)
        held.begin()
        return held

    def ended(self) -> Played:
        """An ended job, with output."""
        held = self.holder(self.registry.allocate(NAME, program="x"), "old")
        (held.dir.path / f"log.{0:020d}").write_bytes(b"kept output")
        held.end()
        return held

    def start(self, command: str, *, group: bool = False, slow: int = 0) -> str:
        """What a server does for `execute(name=NAME)`; `slow`: operations until its holder runs."""
        try:
            job = self.registry.allocate(NAME, program="x")
        except DuplicateJob:
            return "refused"
        for _ in range(slow):
            os.stat(self.registry.path)
        self.holder(job, command, group=group)
        return command

    def clean(self) -> list[str]:
        """What a server does at its interval, keeping no ended job."""
        return self.registry.clean(retention=0, keep=0, total=0)

    def ended_groups(self) -> list[str]:
        """The commands whose cgroup was ended."""
        files = self.registry.path.parent.glob(f"{cgroup.PREFIX}*/cgroup.kill")
        return [file.parent.name.removeprefix(cgroup.PREFIX) for file in files]

    def list(self) -> list[Status]:
        return [self.registry.status(job) for job in self.registry.all()]

    def find(self) -> str:
        """What `kill` does before it has a connection."""
        try:
            job = self.registry.find(NAME)
        except UnknownJob:
            return "unknown"
        alive = is_alive(job)
        return f"{alive} {self.registry.status(job).state.value}"

    def commands(self) -> list[str]:
        """The command of each directory, in any order."""
        return sorted(spec.command for job in self.registry.all() if (spec := job.spec()))

    def live(self) -> list[str]:
        return sorted(h.command for h in self.holders if h.fd >= 0 and is_alive(h.dir))


def no_errors(actors: Sequence[Actor]) -> None:
    for actor in actors:
        if actor.error is not None:
            raise AssertionError(f"{type(actor.error).__name__}: {actor.error}") from actor.error


def never_lost(*answers: object) -> None:
    """No reader took a live or orderly ended job for one whose holder was killed."""
    for statuses in answers:
        assert isinstance(statuses, list)
        for status in statuses:
            assert status.state is not State.KILLED, status


def two_servers(world: World) -> tuple[list[Act], Check]:
    """Two servers start a job under the name of an ended one, while a client lists."""
    world.ended()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        winners = [a.result for a in actors[:2] if a.result != "refused"]
        assert len(winners) == 1, winners
        spec = JobDir(world.registry.path / NAME).spec()
        assert spec is not None
        assert spec.command == winners[0]
        assert world.commands() == sorted(["old", str(winners[0])])
        logs = [p for p in world.registry.path.glob("*/log.*") if p.stat().st_size]
        assert len(logs) == 1
        never_lost(actors[2].result)

    return [lambda: world.start("one"), lambda: world.start("two"), world.list], check


def clean_against_start(world: World) -> tuple[list[Act], Check]:
    """A clean-up removes ended jobs while a server reuses the name of one."""
    world.ended()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert actors[1].result == "new"
        assert world.live() == ["new"]
        assert is_alive(JobDir(world.registry.path / NAME))
        assert "new" in world.commands()
        never_lost(actors[2].result)

    return [world.clean, lambda: world.start("new"), world.list], check


def clean_against_slow_start(world: World) -> tuple[list[Act], Check]:
    """Two servers clean up while a third starts a job, for longer than any start may take."""

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert actors[0].result == "new"
        assert actors[1].result == actors[2].result == []
        assert world.live() == world.commands() == ["new"]
        never_lost(world.list())

    return [lambda: world.start("new", slow=20), world.clean, world.clean], check


def sweep_against_start(world: World) -> tuple[list[Act], Check]:
    """A server looks for remaining processes while another reuses the name of an ended job."""
    world.holder(world.registry.allocate(NAME, program="x"), "old", group=True).end()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert "new" not in world.ended_groups()
        assert world.live() == ["new"]

    return [world.registry.sweep, lambda: world.start("new", group=True)], check


def sweep_against_restart(world: World) -> tuple[list[Act], Check]:
    """A server looks for remaining processes while a job restarts."""
    held = world.holder(world.registry.allocate(NAME, program="x"), "job", group=True)

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert world.ended_groups() == []
        assert world.live() == ["job"]

    return [held.restart, world.registry.sweep], check


def failed_start_against_start(world: World) -> tuple[list[Act], Check]:
    """A client removes its job that could not start, while another server takes the name."""
    failed = world.registry.allocate(NAME, program="x")
    world.holder(failed, "failed").end()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert actors[1].result == "new"
        assert "new" in world.commands()
        assert world.live() == ["new"]

    return [lambda: world.registry.remove(failed), lambda: world.start("new")], check


def end_against_list(world: World) -> tuple[list[Act], Check]:
    """A job ends while two clients list it."""
    held = world.holder(world.registry.allocate(NAME, program="x"), "job")

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        never_lost(actors[1].result, actors[2].result)
        assert [s.state for s in world.list()] == [State.COMPLETED]

    return [held.end, world.list, world.list], check


def restart_against_kill(world: World) -> tuple[list[Act], Check]:
    """A job restarts while clients look for it by its name and list."""
    held = world.holder(world.registry.allocate(NAME, program="x"), "job")

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert str(actors[1].result).startswith("True "), actors[1].result
        never_lost(actors[2].result)
        assert len(world.registry.all()) == 2

    return [held.restart, world.find, world.list], check


def kill_against_start(world: World) -> tuple[list[Act], Check]:
    """Two clients look for a job by its name while it starts."""

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert actors[0].result == "new"
        for actor in actors[1:]:
            assert actor.result in ("unknown", "False starting", "True starting", "True running")
        assert world.live() == ["new"]

    return [lambda: world.start("new"), world.find, world.find], check


def two_clients_find_it_lost(world: World) -> tuple[list[Act], Check]:
    """The holder was killed; two clients find that, and a third removes what ended."""
    held = world.holder(world.registry.allocate(NAME, program="x"), "job")
    held.dir.write_spec(replace(held.spec(), notify=("exited", "lost")))
    held.close()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        kept = world.registry.journal
        lost = [t for t in kept.read(kept.start())[0] if t.kind == "lost"]
        assert len(lost) == 1, lost
        assert world.registry.all() == []
        assert os.listdir(world.registry.path) == []

    return [world.list, world.list, world.clean], check


def lost_against_start(world: World) -> tuple[list[Act], Check]:
    """The holder was killed; a client finds that while a server reuses the name."""
    world.holder(world.registry.allocate(NAME, program="x"), "job").close()

    def check(actors: list[Actor]) -> None:
        no_errors(actors)
        assert actors[1].result == "new"
        assert world.live() == ["new"]
        assert {s.job_id: s.state for s in world.list()} == {
            NAME: State.RUNNING,
            f"{NAME}.1": State.KILLED,
        }

    return [world.list, lambda: world.start("new"), world.list], check


SCENARIOS: dict[str, Callable[[World], tuple[list[Act], Check]]] = {
    function.__name__: function
    for function in (
        two_servers,
        clean_against_start,
        clean_against_slow_start,
        sweep_against_start,
        sweep_against_restart,
        failed_start_against_start,
        end_against_list,
        restart_against_kill,
        kill_against_start,
        two_clients_find_it_lost,
        lost_against_start,
    )
}


def play(scenario: str, choose: Callable[[int], int]) -> None:
    """One interleaving in a directory of its own; AssertionError if its outcome is wrong."""
    folder = tempfile.mkdtemp(prefix="interleaving-")
    try:
        world = World(Path(folder) / "state")
        acts, check = SCENARIOS[scenario](world)
        try:
            with (
                mock.patch.object(home, "listen", FakeListener),
                mock.patch.object(cgroup, "EMPTYING", 0.0),
                mock.patch.object(registry, "STARTING", 0.0 if "slow" in scenario else 5.0),
            ):
                check(Interleaving(choose).run(acts))
        finally:
            for held in world.holders:
                held.close()
    except PtyJobsError as error:
        raise AssertionError(str(error)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
