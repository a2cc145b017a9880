"""Follow the transitions of jobs: of one session, of a project directory, or of all.

Owns a follower's position in the state directory, its watch on files and on holders that are
killed, and the list of jobs that still run. Never decides when something is reported
(`event_rules`) or how it is worded (`event_lines`).

The subtle thing: all followers of one session share one position. Each follower locks it before it
reports, and drops its held transitions if the position has moved. A transition is thus reported
once, however many followers there are and however often they restart. A call that waits for events
takes precedence over a follower in the background, because the agent waits for the call's answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from pathlib import Path

from ptyjobs._dataclass import TYPE_CHECKING, dataclass, replace
from ptyjobs.client import event_lines
from ptyjobs.client.event_rules import EventRules
from ptyjobs.client.registry import Registry, is_alive
from ptyjobs.errors import BadInput, UnknownJob
from ptyjobs.process.regular import open_regular
from ptyjobs.store.inotify import PAUSE, FileWatch
from ptyjobs.store.jobdir import private_directory
from ptyjobs.store.journal import KINDS, STARTED, Position, Transition

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from ptyjobs.model import Status

YIELD = 0.1  # seconds between polls while a call waits for the same events
OFFERED = 1.0  # seconds between looks at a server that keeps an answer until it is fetched


@dataclass(frozen=True, slots=True)
class Events:
    """Transitions that are reported together, and the line that describes them."""

    line: str
    transitions: tuple[Transition, ...]
    running: tuple[str, ...]  # ids of the followed jobs that still run


class _Cursor:
    """Position shared by all followers of the same scope, in a file locked for changes."""

    def __init__(self, folder: str, key: str) -> None:
        self._path = os.path.join(folder, key)
        self._waiting: int | None = None

    def load(self) -> Position | None:
        try:
            with open(self._path, "rb", opener=open_regular) as file:
                inode, offset = json.loads(file.read())
                return Position(int(inode), int(offset))
        except (FileNotFoundError, ValueError, TypeError, OverflowError, RecursionError):
            return None  # no file yet, cut by a full disk, or written by a job

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def save(self, fd: int, position: Position) -> None:
        data = json.dumps([position.inode, position.offset]).encode().ljust(64)
        os.pwrite(fd, data, 0)

    def wait(self) -> None:
        """Declare that a call waits for these events, until `leave`."""
        fd = os.open(self._path + ".wait", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_SH)
        self._waiting = fd

    def leave(self) -> None:
        if self._waiting is not None:
            os.close(self._waiting)
        self._waiting = None

    def awaited(self) -> bool:
        """True if another call, in this or another process, waits for these events."""
        if self._waiting is not None:
            return False
        try:
            fd = os.open(self._path + ".wait", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False


class EventFeed:
    """One follower, driven by the caller's poll loop: poll `fd` until `due`, then call `look`."""

    def __init__(
        self,
        registry: Registry,
        *,
        session: str = "",
        project: str = "",
        kinds: Sequence[str] = KINDS,
        call: bool = False,
        follow: bool = True,
        redact: Callable[[str, str], str],
    ) -> None:
        """`call`: an agent waits for the answer; followers in the background defer to it.

        `redact` masks secrets in a text, given the job id and the text.
        """
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise BadInput(
                f"{unknown[0][:40]!r} is not an event.", advice=f"There are {', '.join(KINDS)}."
            )
        project = os.path.realpath(project) if project else ""
        if project and not os.path.isdir(project):
            raise BadInput(f"There is no directory {project!r}.", advice="Name a job's directory.")
        self._registry = registry
        self._journal = registry.journal
        self._rules = EventRules(session=session, project=project, kinds=kinds)
        self._follows = follow
        self._redact = redact
        registry.open()
        state = os.path.dirname(registry.folder)
        cursors = os.fspath(private_directory(Path(state, "cursors")))
        private_directory(Path(self._journal.folder))
        key = json.dumps([session, project, sorted(kinds)]).encode()
        self._cursor = _Cursor(cursors, hashlib.sha256(key).hexdigest()[:32])
        if call:
            self._cursor.wait()
        self._files = FileWatch()
        self._files.directory(self._journal.folder)
        self._shared = self._cursor.load()
        self._position = self._shared or (
            self._journal.start() if session or not follow else self._journal.end()
        )
        self._yields_until = 0.0
        for job in registry.all() if follow else ():
            if is_alive(job):
                self._watch_holder(job.job_id)

    @property
    def fd(self) -> int:
        """Descriptor, readable when something may have happened; -1 if only `due` applies."""
        return self._files.fd

    def due(self, now: float) -> float | None:
        """Latest time for the next `look`; None if only `fd` matters."""
        due = self._rules.due
        if due is not None:
            due = max(due, self._yields_until)
        if self._rules.offers:
            due = min(now + OFFERED, due) if due is not None else now + OFFERED
        if self.fd < 0:
            return min(now + PAUSE, due) if due is not None else now + PAUSE
        return due

    def look(self, now: float) -> Events | None:
        """Read new transitions; return the batch to report now, if any."""
        for job_id in self._files.names():
            self._look_at_holder(job_id)
        self._read(now)
        self._look_at_offers(now)
        due = self._rules.due
        if due is None or now < (due if self._follows else now):
            return None
        if self._cursor.awaited():
            self._yields_until = now + YIELD
            return None
        with self._cursor.locked() as fd:
            if self._cursor.load() != self._shared:  # another follower reported them
                self._rules.drop()
                self._shared = self._position = self._cursor.load() or self._position
                self._read(now)
                return None
            batch = self._rules.take(now if self._follows else float("inf"))
            self._cursor.save(fd, self._position)
            self._shared = self._position
        return self._events(batch) if batch else None

    def _read(self, now: float) -> None:
        found, self._position = self._journal.read(self._position)
        for transition in found:
            if transition.kind == STARTED and self._rules.concerns(transition):
                self._watch_holder(transition.job_id)
            self._rules.on_transition(now, transition)

    def _look_at_offers(self, now: float) -> None:
        """Report what was in answers that nothing can fetch any more."""
        if not self._rules.offers:
            return
        from ptyjobs.store.offers import serves

        state = os.path.dirname(self._registry.folder)
        killed = [token for token in self._rules.offers if not serves(state, token)]
        if killed:
            self._read(now)  # the last words of that server
        for token in killed:
            self._rules.withdraw(now, token)

    def _events(self, batch: tuple[Transition, ...]) -> Events:
        batch = tuple(
            replace(one, text=self._redact(one.job_id, one.text)) if one.text else one
            for one in batch
        )
        running = tuple(self.running())
        return Events(event_lines.line(batch, running=running), batch, running)

    def running(self) -> list[str]:
        """Ids of the followed jobs that run, newest first."""
        found = []
        for job in self._registry.all():
            if is_alive(job):
                status = self._registry.status(job)
                if not status.state.ended and self._follows_job(status):
                    found.append(status.job_id)
        return found

    def _follows_job(self, status: Status) -> bool:
        probe = Transition(
            STARTED, status.job_id, status.started, 0.0, session=status.session, cwd=status.cwd
        )
        return self._rules.concerns(probe)

    # -- killed holders

    def _watch_holder(self, job_id: str) -> None:
        folder = os.path.join(self._registry.folder, job_id)
        self._files.closed(os.path.join(folder, "alive"), job_id)
        self._look_at_holder(job_id)  # it may have been killed before the watch was set up

    def _look_at_holder(self, job_id: str) -> None:
        try:
            job = self._registry.find(job_id)
        except UnknownJob:  # removed by `clean`
            return
        if is_alive(job):
            return
        status = job.status()
        if status is not None and not status.state.ended and self._follows_job(status):
            self._registry.note_lost(job, status)

    def close(self) -> None:
        """Close the files; the shared position remains."""
        self._cursor.leave()
        self._files.close()


def follow(
    feed: EventFeed, *, timeout: float | None = None, more: bool = True, reader: int = -1
) -> Generator[Events]:
    """Yield the batches of `feed`; ends after `timeout` seconds, or at once without `more`.

    `reader`: a pipe that the caller writes to; iteration also ends when its read end closes.
    """
    import select

    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    poll = select.poll()
    if reader >= 0:
        poll.register(reader, 0)  # POLLERR is always reported (poll(2))
    try:
        while True:
            now = time.monotonic()
            if (events := feed.look(now)) is not None:
                yield events
                continue
            if not more or now >= deadline:
                return
            due = min(deadline, float("inf") if (at := feed.due(now)) is None else at)
            pause = None if due == float("inf") else max(0.0, due - now) * 1000
            if feed.fd >= 0:
                poll.register(feed.fd, select.POLLIN)
            if reader in (fd for fd, _ in poll.poll(pause)):
                return
    finally:
        feed.close()
