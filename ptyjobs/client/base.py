"""Common base of both clients: make requests, note answers, read an ended job's directory.

Owns no connection and no event loop. The subtle thing: `ConnectionClosed` is not an error here. A
holder exits after its job has ended; the answer is then built from the job's directory.
"""

from __future__ import annotations

import itertools
import os

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.client import calls, registry
from ptyjobs.client.calls import Call, Ended
from ptyjobs.client.starter import Starter
from ptyjobs.config import Config
from ptyjobs.config.defaults import TAIL_LINES
from ptyjobs.errors import (
    BadInput,
    Hint,
    HolderLost,
)
from ptyjobs.model import (
    PROTOCOL_VERSION,
    Answer,
    JobSpec,
    Page,
    Size,
    Status,
    View,
)
from ptyjobs.requests import (
    FollowRequest,
    HelloRequest,
    InteractRequest,
    RestartRequest,
    StartRequest,
    WaitRequest,
)
from ptyjobs.store.jobdir import JobDir

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from ptyjobs.client.events import EventFeed
    from ptyjobs.client.port_table import PortHolder
    from ptyjobs.input.mouse import MouseAction
    from ptyjobs.protocol import JsonObject
    from ptyjobs.requests import Request
    from ptyjobs.spawn.zygote import Zygote
    from ptyjobs.text.redaction import Redactor

    T = TypeVar("T")


def check_patterns(patterns: Sequence[str]) -> None:
    """Raise BadPattern for an invalid regular expression before anything is sent."""
    if patterns:
        from ptyjobs.text.patterns import compile_patterns  # with pexpect: not for every start

        compile_patterns(patterns)


def seconds(name: str, asked: float | None, usual: float) -> float:
    """A requested time, or the usual one for None; BadInput for NaN and infinity."""
    if asked is None:
        return usual
    if not abs(asked) < float("inf"):
        raise BadInput(f"{name}={asked} is not a time.", advice="Give a number of seconds.")
    return asked


def check_ready(config: Config, ready: str | Sequence[str]) -> tuple[str, ...]:
    """Check readiness conditions before anything is sent: BadInput, BadPattern or Refused."""
    if not ready:
        return ()
    from ptyjobs.client.preparation import policy_of
    from ptyjobs.client.ready_conditions import check_confined, ready_commands

    words = (ready,) if isinstance(ready, str) else tuple(ready)
    commands, policy = ready_commands(words), policy_of(config)
    check_confined(config, words, commands)
    for line in commands if policy is not None else ():
        assert policy is not None
        policy.check(line)
    return words


class Base(Starter):
    """Requests, read positions and masked secrets shared by both clients."""

    _readers = itertools.count(1)

    def __init__(
        self,
        config: Config | None = None,
        *,
        zygote: Zygote | None = None,
        reader: str = "",
        positions: Mapping[str, int] | None = None,
    ) -> None:
        """`reader`: key of the read position that answers continue from; a new one by default.

        `positions`: read positions to start from, as log offsets by job id.
        """
        super().__init__(config, zygote)
        self.reader = reader or f"{os.getpid()}.{next(self._readers)}"
        self.who = ""  # the person or program that asks, for holds and the journal
        self.redactor: Redactor | None = None  # masks secrets in answers
        self._digests: tuple[int, tuple[JsonObject, ...]] = (-1, ())  # secret count, digests
        self._told_ends: set[tuple[str, float]] = set()  # ends recorded in the journal
        # job id -> log offset up to which this reader has read
        self._seen: dict[str, int] = dict(positions or {})

    def position(self, job_id: str) -> int:
        """Log offset up to which this client has been answered; 0 before its first answer."""
        return self._seen.get(job_id, 0)

    def _ended(self, job: JobDir, call: Call[T]) -> T:
        status = self.registry.status(job)
        if not status.state.ended and not os.path.isdir(job.folder):
            raise HolderLost(
                f"Job {job.job_id!r} is gone: its holder has exited and its directory was removed.",
                advice="How it ended is unknown; it may have run.",
                facts={"job_id": job.job_id},
            )
        if not status.state.ended:
            raise HolderLost(
                f"The holder of job {job.job_id!r} does not answer.",
                advice="Try again; `status` shows whether it still runs.",
                hint=Hint.CHECK_STATUS,
                facts={"job_id": job.job_id},
            )
        self._learn(job.secrets())
        result = call.ended(Ended(job, status, self.position(job.job_id), self.redactor))
        self.note_returned(status)
        return result

    def note_returned(self, status: Status) -> None:
        """Record in the journal that a call reported this job's end, so that no event repeats it.

        `list` leaves that to its caller, which may never show the list.
        """
        run = (status.job_id, status.started)
        session = self.config.session
        if not status.state.ended or not session or session != status.session:
            return
        if run not in self._told_ends:
            self._told_ends.add(run)
            self.registry.note_returned(status)

    def _hello(self) -> HelloRequest:
        return HelloRequest(self.reader, self.config.session, PROTOCOL_VERSION, self.who)

    def _learn(self, packed: object) -> None:
        """Mask secrets that were typed into a job in answers, too."""
        if self.redactor is not None and isinstance(packed, list) and packed:
            from ptyjobs.text.secrets import unpack

            self.redactor.add(*unpack(packed))

    def _blind(self, request: Request) -> Request:
        """Add digests of all secrets to a request that matches patterns in the holder.

        The holder must not match text in a secret; otherwise a caller could guess it piece by
        piece.
        """
        if self.redactor is None or not isinstance(
            request, (InteractRequest, WaitRequest, StartRequest)
        ):
            return request
        if not request.until and not getattr(request, "mouse", None):
            return request
        secrets = self.redactor.secrets
        if len(secrets) != self._digests[0]:
            from ptyjobs.text.secrets import digests_of, pack

            packed = pack(digests_of(secrets, salt=os.urandom(16)))
            self._digests = len(secrets), tuple(packed)
        return replace(request, secrets=self._digests[1])

    def _noted(self, job: JobDir, result: T) -> T:
        """Return the result of a call; an answer advances the read position."""
        if isinstance(result, Answer):
            self._stillborn.pop(job.job_id, None)
            if result.fresh.end:
                self._seen[job.job_id] = result.fresh.end
        elif isinstance(result, View) and result.read:
            self._seen[job.job_id] = max(result.read, self._seen.get(job.job_id, 0))
        return result

    def trace(self, job_id: str) -> tuple[int, int]:
        """End offsets of a job's log and events file; they grow with everything that happens.

        Costs two file look-ups, so that many jobs can be watched without a request to their
        holders.
        """
        job = self.registry.find(job_id)
        try:
            events = (job.path / "events").stat().st_size
        except FileNotFoundError:  # no log or events yet
            events = 0
        return job.log.end, events

    def list_trace(self) -> int:
        """Number that changes when a job is created, renamed or removed; one directory stat."""
        try:
            return os.stat(self.registry.folder).st_mtime_ns
        except FileNotFoundError:  # no job yet
            return 0

    def _cached(self, jobs: Sequence[JobDir]) -> dict[str, Status]:
        """Status of each live job whose cached status on disk is current, by id."""
        from ptyjobs.client.files import status_cache

        found = {}
        for job in jobs:
            status = status_cache.read(job, after=self._seen.get(job.job_id, 0))
            if status is not None and registry.is_alive(job):
                found[job.job_id] = status
        return found

    def event_feed(
        self,
        *,
        session: str = "",
        project: str = "",
        kinds: Sequence[str] | None = None,
        follow: bool = True,
        call: bool = False,
    ) -> EventFeed:
        """Event source behind `events`, for the caller's own poll loop; the caller closes it."""
        from ptyjobs.client.events import EventFeed  # with ctypes and hashlib
        from ptyjobs.store.journal import KINDS

        return EventFeed(
            self.registry,
            session=session,
            project=project,
            kinds=KINDS if kinds is None else kinds,
            follow=follow,
            call=call,
            redact=self._redact_of,
        )

    def _redact_of(self, job_id: str, text: str) -> str:
        """Text of that job with secrets masked that a model must not read."""
        from ptyjobs.client.known_secrets import redactor

        if self.redactor is None:
            self.redactor = redactor(self.config)
        self._learn(JobDir(os.path.join(self.registry.folder, job_id)).secrets())
        return self.redactor.redact(text).text

    def ports(self) -> list[PortHolder]:
        """All listening TCP ports: job, directory and git worktree, or the other process."""
        from ptyjobs.client.port_table import table

        return table(self.registry)

    def _restart(
        self, wait: float, grace: float | None, budget: int | None, *, progress: bool
    ) -> Call[Answer]:
        return calls.restart(
            RestartRequest(
                wait=wait,
                grace=seconds("grace", grace, self.config.kill_grace),
                budget=budget or self.config.max_chars,
                progress=progress,
            )
        )

    def _lines(self, lines: int | None) -> int:
        count = TAIL_LINES if lines is None else lines
        if not 1 <= count <= 1000:
            raise BadInput(f"lines={count} is out of range.", advice="Use 1 to 1000.")
        return count

    def _page(
        self, job: JobDir, *, since: int | None, grep: str | None, limit: int, last: bool
    ) -> Page:
        if since is not None and since < 0:
            raise BadInput(f"since={since} is not an offset.", advice="Use 0 or a `next` you got.")
        if grep:
            from ptyjobs.store import grep as search  # with pexpect: not for every start

            return search.grep(
                job.folder, grep, since=since, limit=limit, last=last, redactor=self.redactor
            )
        from ptyjobs.store import views  # loads the terminal engine (30 ms); few callers need it

        spec = job.spec()
        size = spec.size if spec else Size()
        return views.page(job.log, size=size, since=since, limit=limit, last=last)

    def _raw(self, job: JobDir, since: int, limit: int) -> tuple[int, bytes]:
        return job.log.read(since, limit)

    def _start(
        self,
        spec: JobSpec,
        wait: float,
        budget: int | None,
        until: Sequence[str],
        *,
        progress: bool,
    ) -> Call[Answer]:
        return calls.start(
            StartRequest(
                spec,
                wait=wait,
                budget=budget or self.config.max_chars,
                until=tuple(until),
                reader=self.reader,
                who=self.who,
                progress=progress,
            )
        )

    def _interact(
        self,
        *,
        input: str,
        keys: str | Sequence[str],
        raw: bytes,
        shown: str,
        mouse: MouseAction | None,
        enter: bool,
        secret: bool,
        insist: bool,
        approved: bool,
        until: Sequence[str],
        timeout: float | None,
        budget: int | None,
        view: str,
        progress: bool,
    ) -> Call[Answer]:
        return calls.interact(
            InteractRequest(
                input=input,
                keys=(keys,) if isinstance(keys, str) else tuple(keys),
                raw=raw,
                shown=shown,
                enter=enter,
                until=tuple(until),
                timeout=seconds("timeout", timeout, self.config.interact_timeout),
                budget=budget or self.config.max_chars,
                view=view,
                secret=secret,
                insist=insist,
                approved=approved,
                mouse=mouse,
                progress=progress,
            )
        )

    def _wait(
        self,
        until: str,
        patterns: Sequence[str],
        ready: str | Sequence[str],
        timeout: float | None,
        budget: int | None,
        *,
        progress: bool,
        message: str = "",
        offer: str = "",
    ) -> Call[Answer]:
        check_patterns(patterns)
        return calls.wait(
            WaitRequest(
                until,
                until=tuple(patterns),
                service=check_ready(self.config, ready),
                timeout=seconds("timeout", timeout, self.config.wait_timeout),
                budget=budget or self.config.max_chars,
                progress=progress,
                message=message,
                offer=offer,
            )
        )

    def _first_wait(self, wait: float | None, ready: object) -> float:
        """Maximum seconds that a start waits; a service gets longer than a prompt."""
        usual = self.config.wait_timeout if ready else self.config.interact_timeout
        return seconds("wait", wait, usual)


def follow_request(
    since: int | None, input: bool, size: Size | None, name: str, scrollback: int, session: str
) -> FollowRequest:
    """Build the `follow` request."""
    return FollowRequest(
        since,
        input=input,
        rows=size.rows if size else 0,
        cols=size.cols if size else 0,
        name=name,
        scrollback=scrollback,
        session=session,
    )
