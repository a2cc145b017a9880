"""The current state of all jobs, read once for all browsers.

Owns the rows of the list, their order (live jobs first, then the newest), and the thumbnails. Never
talks to a browser. The subtle thing is the cost: while a browser watches, the directory of jobs is
scanned every `INTERVAL`. An ended job is read once and cached until its directory changes, so
thousands cost one stat each. For a live job the record on disk is used if it is current; otherwise
its holder is queried, at most once a second. A holder that does not answer delays only its own row.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ptyjobs.client.files import JobDir, status_cache, views
from ptyjobs.client.registry import is_alive
from ptyjobs.errors import PtyJobsError
from ptyjobs.terminal import Screen
from ptyjobs.web.picture import picture
from ptyjobs.web.rows import Row, row

if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs
    from ptyjobs.model import Status

INTERVAL = 0.4  # seconds between two scans of the directory
SHARE = 0.2  # maximum share of one core for the scans; a huge directory is scanned less often
BUSY_PAUSE, QUIET_PAUSE = 1.0, 5.0  # seconds between two queries to one holder
KEPT_PICTURES = 300
REACH = 512 << 10  # bytes folded for the thumbnail of an ended job

Identity = tuple[int, int]


@dataclass(slots=True)
class Entry:
    """Cached facts of one job's directory."""

    identity: Identity  # inode and time of last change of the directory
    status: Status
    trace: tuple[int, ...]
    quiet: bool = False  # the record on disk is current
    asked: float = float("-inf")  # monotonic time of the last query
    answered: float = 0.0  # and of its answer
    answer: Status | None = None
    cpu: int | None = None  # per cent, from two answers
    heard: float | None = None
    silent: bool = False
    question: asyncio.Task[None] | None = None


class Catalogue:
    """The jobs of one state directory."""

    def __init__(self, jobs: AsyncJobs) -> None:
        self._jobs = jobs
        self._entries: dict[str, Entry] = {}
        self._rows: dict[str, Row] = {}
        self._order: list[str] = []
        self.loaded = False  # all jobs have been read once
        self._watchers: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._pictures: dict[tuple[str, tuple[int, ...]], str] = {}

    # --- reading ------------------------------------------------------------------------------

    def row(self, job_id: str) -> Row | None:
        return self._rows.get(job_id)

    def select(self, words: Sequence[str], *, ended: bool) -> list[Row]:
        """The rows that contain all the words (lower case), in order; `ended`: also ended jobs."""
        rows = (self._rows[job_id] for job_id in self._order)
        return [
            found
            for found in rows
            if (ended or not found.ended) and all(word in found.text for word in words)
        ]

    def refresh(self, job_id: str) -> None:
        """Query the job's holder at the next scan: something changed without output."""
        if (entry := self._entries.get(job_id)) is not None:
            entry.asked = float("-inf")

    def count(self) -> tuple[int, int]:
        """The number of live jobs, and of all jobs."""
        return sum(not found.ended for found in self._rows.values()), len(self._rows)

    async def picture(self, job_id: str) -> str | None:
        """The job's screen for a card, as JSON; None if it is not available."""
        found = self._rows.get(job_id)
        if found is None:
            return None
        key = (job_id, found.trace)
        drawn = self._pictures.pop(key, None)
        if drawn is None:
            try:
                drawn = json.dumps(picture(job_id, await self._screen(found)))
            except PtyJobsError:  # deleted, or its holder does not answer at the moment
                return None
        self._pictures[key] = drawn  # keeps the most recently used last
        while len(self._pictures) > KEPT_PICTURES:
            del self._pictures[next(iter(self._pictures))]
        return drawn

    async def _screen(self, found: Row) -> Screen:
        job_id = found.facts["job_id"]
        if found.ended:
            job = self._jobs.registry.find(job_id)
            return await asyncio.to_thread(views.screen_at, job, reach=REACH)
        size, data = await self._jobs.repaint(job_id)
        screen = Screen(size)
        screen.feed(data)
        return screen

    # --- scanning -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def watched(self, changed: asyncio.Event) -> Iterator[None]:
        """Watch for changes in this context, and set `changed` at each."""
        self._watchers.add(changed)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        changed.set()
        try:
            yield
        finally:
            self._watchers.discard(changed)
            if not self._watchers:
                self.close()

    async def load(self) -> None:
        """Read all jobs once, so that the first browser need not wait for it."""
        if not self.loaded:
            await self._round()

    def close(self) -> None:
        for entry in self._entries.values():
            if entry.question is not None:
                entry.question.cancel()
                entry.question = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            begun = time.monotonic()
            await self._round()
            spent = time.monotonic() - begun
            await asyncio.sleep(max(INTERVAL, spent / SHARE))

    async def _round(self) -> None:
        entries = await asyncio.to_thread(self._scan, self._entries)
        for gone in self._entries.keys() - entries.keys():
            if (question := self._entries[gone].question) is not None:
                question.cancel()
        self._entries = entries
        now = time.monotonic()
        for job_id, entry in entries.items():
            if entry.status.state.ended or entry.question is not None:
                continue
            pause = QUIET_PAUSE if entry.quiet and entry.answer is not None else BUSY_PAUSE
            if now - entry.asked >= pause:
                entry.asked = now
                entry.question = asyncio.create_task(self._ask(job_id, entry))
        self._renew()

    def _scan(self, known: dict[str, Entry]) -> dict[str, Entry]:
        """Every job's entry; runs in a thread and changes only live entries of `known`."""
        found: dict[str, Entry] = {}
        for name, identity in _directories(self._jobs.registry.folder):
            entry = known.get(name)
            if entry is not None and entry.identity == identity and entry.status.state.ended:
                found[name] = entry
                continue
            job = JobDir(os.path.join(self._jobs.registry.folder, name))
            try:
                status = self._jobs.registry.status(job)
                trace = (identity[0], *self._jobs.trace(name))
            except (PtyJobsError, OSError):  # deleted concurrently
                continue
            if entry is None or entry.identity[0] != identity[0]:
                entry = Entry(identity, status, trace)
            entry.identity, entry.status, entry.trace = identity, status, trace
            if not status.state.ended:
                seen = status_cache.read(job) if is_alive(job) else None
                entry.quiet = seen is not None
                if seen is not None:
                    entry.status = _with_turn(entry.answer or seen, seen)
                elif entry.answer is not None:
                    entry.status = entry.answer
                _hear(entry)
            found[name] = entry
        return found

    async def _ask(self, job_id: str, entry: Entry) -> None:
        """Query the holder for all figures."""
        try:
            status = await self._jobs.status(job_id)
        except PtyJobsError:  # it is stopped, or has just exited
            entry.silent = True
        else:
            now = time.monotonic()
            if entry.answer is not None:
                spent = max(0.0, status.cpu - entry.answer.cpu)
                entry.cpu = round(100 * spent / max(0.1, now - entry.answered))
            entry.answer, entry.answered, entry.silent = status, now, False
            if not status.state.ended:
                entry.status = status
                _hear(entry)
        finally:
            entry.question = None
        self._renew()

    def _renew(self) -> None:
        """Rebuild the rows, and notify the watchers if one has changed."""
        rows = {}
        for job_id, entry in self._entries.items():
            old = self._rows.get(job_id)
            if old is not None and old.ended and old.trace == entry.trace:
                rows[job_id] = old
                continue
            made = row(
                entry.status, trace=entry.trace, cpu=entry.cpu, heard=entry.heard,
                silent=entry.silent and not entry.status.state.ended,
            )  # fmt: skip
            rows[job_id] = old if old == made else made
        order = sorted(rows, key=lambda job_id: _place(rows[job_id]))
        changed = order != self._order or any(rows[j] is not self._rows.get(j) for j in rows)
        self._rows, self._order = rows, order
        changed |= not self.loaded
        self.loaded = True
        if changed:
            for watcher in self._watchers:
                watcher.set()


def _directories(folder: str) -> Iterator[tuple[str, Identity]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:  # no job yet
        return
    with entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(FileNotFoundError):  # deleted concurrently
                info = entry.stat(follow_symlinks=False)
                yield entry.name, (info.st_ino, info.st_mtime_ns)


def _with_turn(status: Status, seen: Status) -> Status:
    """`status` updated with the current values of a brief query."""
    return replace(
        status,
        state=seen.state, waiting=seen.waiting, doing=seen.doing, output_age=seen.output_age,
        progress=seen.progress, title=seen.title, last_line=seen.last_line, size=seen.size,
        end=seen.end, service=seen.service, attached=seen.attached, stalled=False,
    )  # fmt: skip


def _hear(entry: Entry) -> None:
    """Note the time of the last output; two scans of the same moment differ by milliseconds."""
    age = entry.status.output_age
    if age is None:
        return
    heard = time.time() - age
    if entry.heard is None or abs(heard - entry.heard) > 1.0:
        entry.heard = round(heard, 1)


def _place(found: Row) -> tuple[bool, float, str]:
    """Sort key: live jobs first, then the newest."""
    return found.ended, -found.facts["started"], found.facts["job_id"]
