"""Run the processes of a project's Procfile as jobs.

Owns the mapping between jobs and processes of a directory, kept in job labels, and the start of
several at once. Never parses a file (`procfile` does) and never supervises: a process restarts by
its job's policy. The subtle thing: two worktrees of one project have the same process names. A job
is named after its process if that name is free, otherwise after process and directory.
"""

from __future__ import annotations

import os
import re
import threading

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.client import procfile
from ptyjobs.client.registry import is_alive
from ptyjobs.errors import PtyJobsError
from ptyjobs.model import Answer, Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptyjobs.client.registry import Registry
    from ptyjobs.client.sync import Jobs
    from ptyjobs.model import JobSpec
    from ptyjobs.store.jobdir import JobDir

PROCESS, FILE = "process", "procfile"  # labels of a job that `up` started


@dataclass(frozen=True, slots=True)
class Started:
    """Result for one process: its job, and its answer or the reason why it could not start."""

    process: str
    job_id: str
    answer: Answer | None = None
    error: str = ""

    @property
    def good(self) -> bool:
        """True if it runs, and is ready if it has a readiness condition."""
        if self.answer is None or self.answer.state.ended:
            return False
        return self.answer.service is None or self.answer.service.ready


def jobs_of(registry: Registry, path: str) -> dict[str, JobDir]:
    """Process name → newest job, for the Procfile at `path`."""
    found: dict[str, JobDir] = {}
    for job in registry.all():
        spec = job.spec()
        if spec is None or spec.tags.get(FILE) != path:
            continue
        name = spec.tags.get(PROCESS, "")
        if name not in found or (is_alive(job) and not is_alive(found[name])):
            found[name] = job
    return found


def up(
    jobs: Jobs,
    path: str,
    names: Sequence[str] = (),
    *,
    wait: float = 30.0,
    restart: str = "",
    ready: Sequence[str] = (),
) -> list[Started]:
    """Start all processes that do not run; return when each is ready or waits for input.

    `ready`: readiness conditions of every process; `restart`: the restart policy.
    """
    folder = os.path.dirname(path)
    processes = procfile.choose(procfile.read(path), list(names))
    variables = procfile.environment(folder)
    running = jobs_of(jobs.registry, path)
    started: dict[str, Started] = {}

    def run(process: procfile.Process) -> None:
        job = running.get(process.name)
        name = job.job_id if job is not None else process.name
        try:
            if job is None or not is_alive(job):
                spec = _spec(jobs, process, folder, path, variables, restart=restart, ready=ready)
                name = _free_name(jobs.registry, process.name, folder)
                name = jobs.start(spec, name=name, wait=0.0).job_id
            started[process.name] = Started(process.name, name, _settled(jobs, name, wait))
        except PtyJobsError as error:
            started[process.name] = Started(process.name, name, error=str(error))

    if any(one.name not in running or not is_alive(running[one.name]) for one in processes):
        jobs.warm_up()  # the zygote must not be forked from a process with threads
    threads = [threading.Thread(target=run, args=(process,), daemon=True) for process in processes]
    for thread in threads:  # all at once: the start of one does not delay another
        thread.start()
    for thread in threads:
        thread.join()
    return [started[process.name] for process in processes]


def _settled(jobs: Jobs, job_id: str, wait: float) -> Answer:
    """For a service, wait until it is ready; for any other process, check that it runs."""
    spec = jobs.registry.find(job_id).spec()
    if spec is not None and spec.ready:
        return jobs.wait(job_id, timeout=wait)
    return jobs.wait(job_id, until="exited", timeout=0.0)


def _spec(
    jobs: Jobs,
    process: procfile.Process,
    folder: str,
    path: str,
    variables: dict[str, str],
    *,
    restart: str,
    ready: Sequence[str],
) -> JobSpec:
    from ptyjobs.client.preparation import prepare

    return prepare(
        jobs.config,
        command=process.command,
        name=process.name,
        cwd=folder,
        env=variables,
        lifetime="persistent",
        port=variables.get("PORT", "auto"),
        restart=restart,
        ready=ready,
        labels={PROCESS: process.name, FILE: path},
    )


def _free_name(registry: Registry, process: str, folder: str) -> str:
    """Job id for a process: its own name, or with the directory's name if that is taken."""
    where = re.sub(r"[^A-Za-z0-9._-]", "-", os.path.basename(folder)).strip("-") or "root"
    names = [process, f"{process}-{where}", *(f"{process}-{where}-{n}" for n in range(2, 1000))]
    for name in names:
        name = name.lstrip("._-")[:64] or "job"
        folder_of = os.path.join(registry.folder, name)
        if not os.path.isdir(folder_of):
            return name
        spec = registry.find(name).spec()
        mine = spec is not None and spec.cwd == folder and spec.tags.get(PROCESS) == process
        if mine or not is_alive(registry.find(name)):
            return name
    return ""


def failed(started: Sequence[Started]) -> list[Started]:
    """Processes that do not run or are not ready."""
    return [one for one in started if not one.good]


def words(one: Started) -> str:
    """State of a process in a short phrase."""
    if one.answer is None:
        return one.error
    answer = one.answer
    if answer.verdict.reason is Reason.SERVICE_READY:
        where = f" on {answer.verdict.match}" if answer.verdict.match else ""
        return f"ready{where}"
    if answer.state.ended:
        return str(answer.verdict.exit or answer.state)
    if answer.service is not None and not answer.service.ready:
        return f"not ready: {answer.service.why}"
    return "running"


def living(registry: Registry, path: str, names: Sequence[str] = ()) -> list[JobDir]:
    """Live jobs of a Procfile's processes, in file order; others last."""
    found = jobs_of(registry, path)
    order = [process.name for process in procfile.read(path)]
    if names:
        procfile.choose(procfile.read(path), list(names))
        found = {name: job for name, job in found.items() if name in names}
    ordered = sorted(found, key=lambda name: order.index(name) if name in order else len(order))
    return [found[name] for name in ordered if is_alive(found[name])]
