"""Start jobs: a client's zygote, the name of a new job, and the clean-up after a crash at a start.

Owns the zygote, its replacement after a crash, and the count of crashed starts. Never sends a
request. The subtle thing: a lease is open as long as its zygote object is kept, so dead zygotes are
kept for the holders that they have forked.
"""

from __future__ import annotations

import os
import socket

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.client import registry
from ptyjobs.client.subreaper import Guard
from ptyjobs.config import Config, load
from ptyjobs.errors import BadInput, LimitReached, PtyJobsError, StartFailed, cannot_start
from ptyjobs.model import JobSpec, Lifetime
from ptyjobs.store import runs, search_source
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from ptyjobs.spawn.zygote import Zygote

NEVER_STARTED = ("start_failed", "limit_reached", "refused")  # error codes that leave no job
CONFINING = (
    *("sandbox", "writable", "network", "read_only", "hidden"),
    *("allowed", "block_dangerous", "permissions", "timeout", "memory", "cpu", "pids", "masked"),
)
"""Fields of a JobSpec that the settings of now decide when an ended job is started again."""
BIRTHS = 5  # maximum zygote or holder crashes per start
DYING = 0.1  # seconds between the close of a dying process's sockets and its exit


class Starter:
    """Configuration, registry and zygote of a client."""

    def __init__(self, config: Config | None, zygote: Zygote | None) -> None:
        self.config = load() if config is None else config
        self.registry = registry.Registry(self.config.state_dir)
        self.zygote = zygote
        self._owns_zygote = zygote is None
        self.guard = Guard(self.registry)
        self._retired: list[Zygote] = []  # dead zygotes whose leases live holders still hold
        if zygote is not None:
            self._use(zygote)
        self._stillborn: dict[str, int] = {}  # job id -> consecutive starts lost to a crash

    def _lives(self, name: str) -> bool:
        """True if the job of that name has a live holder."""
        return bool(name) and registry.is_alive(JobDir(os.path.join(self.registry.folder, name)))

    def _has_ended(self, name: str) -> bool:
        """True if the job of that name has ended and its holder will not restart it."""
        job = JobDir(os.path.join(self.registry.folder, name))
        if not name or not os.path.isdir(job.folder):
            return False
        status = self.registry.status(job)
        return status.state.ended and not status.service

    def _same_service(self, name: str, spec: JobSpec) -> bool | None:
        """True if the live job of that name is this service; None while that is unknown."""
        if not name or not spec.ready:
            return False
        job = JobDir(os.path.join(self.registry.folder, name))
        if not registry.is_alive(job):
            born = not os.path.isdir(job.folder) or self.registry.status(job).state.ended
            return False if born else None
        other = job.spec()
        if other is None:
            return None
        return (other.argv, other.cwd, other.ready) == (spec.argv, spec.cwd, spec.ready)

    def _spec_again(self, job: JobDir) -> tuple[JobSpec, tuple[str, ...]]:
        """Spec of an ended job with a new environment, and notes on missing variables.

        Confined by the settings of now, which may be stricter than those of its first start.
        """
        from ptyjobs.client.preparation import again

        old = job.spec()
        if old is None:
            raise StartFailed(f"Job {job.job_id!r} was never started.", advice="Use execute.")
        usual = again(replace(self.config, log_redact=old.masked is not None), old)
        env = {name: usual.env[name] for name in old.env if name in usual.env}
        missing = sorted(old.env.keys() - env.keys() - {"PTYJOBS_JOB", "PTYJOBS_JOB_DIR", "PORT"})
        notes = (f"not kept of its environment: {', '.join(missing)}",) if missing else ()
        confined = {name: getattr(usual, name) for name in CONFINING}
        return replace(old, env=env, **confined), notes

    def _allocate(self, spec: JobSpec, *, name: str) -> tuple[JobDir, JobSpec]:
        if not isinstance(spec, JobSpec):
            raise BadInput(
                f"start takes the JobSpec that prepare() returns, not {type(spec).__name__}.",
                advice="Use execute() for a command line.",
            )
        if self.registry.full(self.config.max_jobs):
            raise LimitReached(
                f"{self.config.max_jobs} jobs run already (max_jobs).",
                advice="Kill one you no longer need, or raise PTYJOBS_MAX_JOBS.",
            )
        from ptyjobs.client import orphans

        try:
            job = self.registry.allocate(name, program=spec.job_id)
        except OSError as failure:  # ENOSPC, EDQUOT, EACCES: cannot create the job's directory
            raise cannot_start(failure) from failure
        try:
            run = runs.last(self.registry.path, job.job_id) + 1
        except OSError as failure:  # EMFILE
            job.release()
            self.registry.remove(job)
            raise cannot_start(failure) from failure
        env = {**spec.env, "PTYJOBS_JOB": job.job_id, orphans.MARK: orphans.name(job.path)}
        return job, replace(spec, job_id=job.job_id, env=env, run=run)

    def _fork_holder(self, job: JobDir, spec: JobSpec) -> socket.socket:
        """Connection to a new holder, which has the lock of the job's directory from then on."""
        connection = None
        try:
            connection = self._ask_zygote(job, spec)
        finally:
            job.release()  # first: its descriptor may be the last that the removal can have
            if connection is None:
                self.registry.remove(job)
        return connection

    def _ask_zygote(self, job: JobDir, spec: JobSpec) -> socket.socket:
        from ptyjobs.spawn import zygote as zygotes  # most clients start nothing

        if self.zygote is None:
            self._use(zygotes.start(share_heap=self.config.share_heap))
        elif not self.zygote.alive():
            self._retired.append(self.zygote)
            self._use(zygotes.start_fresh(share_heap=self.config.share_heap))
        assert self.zygote is not None
        persistent = spec.lifetime is Lifetime.PERSISTENT
        try:
            return self.zygote.fork_holder(
                job.path, persistent=persistent, grace=spec.grace, lock=job.lock
            )
        except PtyJobsError:
            if self.zygote.join(0.5):  # it was just killed: retry with a new zygote
                return self._ask_zygote(job, spec)
            raise

    def _unborn(self, job: JobDir) -> bool:
        """True if the zygote or holder crashed before it started the job.

        A holder writes the spec before it starts anything. The brief wait covers the interval
        between the close of a killed zygote's sockets and its exit. Crashes are counted for each
        name: one crash may meet many starts at once. A directory that another client has removed
        (`retention`) or that a restart has replaced proves nothing: the job may have run.
        """
        if job.spec() is not None or self.zygote is None or not job.still_ours():
            return False
        self.zygote.join(DYING)
        why = job.crash() or self.zygote.last_words()
        self.registry.remove(job)
        count = self._stillborn.pop(job.job_id, 0) + 1
        if count >= BIRTHS:
            raise StartFailed(
                f"The process that starts jobs, or its child, has ended {BIRTHS} times in a row"
                + (f" ({why})." if why else "."),
                advice="Look with ptyjobs doctor; is the installation whole, is there memory?",
            )
        self._stillborn[job.job_id] = count
        return True

    def _use(self, fresh: Zygote) -> None:
        self.zygote = fresh
        self.guard.ours.add(fresh.pid)
        search_source.use(fresh)

    def _warm_up(self) -> None:
        if self.zygote is None:
            from ptyjobs.spawn import zygote as zygotes

            self._use(zygotes.start(share_heap=self.config.share_heap))

    def end_session(self) -> None:
        """Close every lease: holders end their session jobs and exit."""
        for held in (*self._retired, *([self.zygote] if self.zygote else [])):
            held.end_session()
