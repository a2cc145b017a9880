"""A test double of the client: scripted answers, recorded calls."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from ptyjobs.errors import UnknownJob
from ptyjobs.model import (
    Answer,
    Exit,
    Fresh,
    Page,
    Reason,
    Size,
    State,
    Status,
    Verdict,
    View,
)
from ptyjobs.text.redaction import Redactor


def answer(job_id: str = "py", text: str = "2", **changes: Any) -> Answer:
    """An answer of a job that waits at a Python prompt."""
    verdict = Verdict(Reason.WAITING_FOR_INPUT, waited=0.003, prompt=">>> ")
    return Answer(
        job_id,
        changes.pop("state", State.RUNNING),
        changes.pop("verdict", verdict),
        changes.pop("fresh", Fresh(text, offset=10, end=1840)),
        **changes,
    )


class FakeJobs:
    """The async client's methods over a dictionary of jobs; `calls` records the calls."""

    def __init__(self) -> None:
        self.redactor: Redactor | None = None
        self.who = ""
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.jobs: dict[str, Status] = {
            "py": Status("py", State.RUNNING, "python3 -i", "/tmp", pid=7, started=100.0, end=1840)
        }
        self.busy = 0
        self.most_busy = 0
        self.delay = 0.0
        self.answer = answer()
        self.cancelled = 0
        self.closed = False
        self._news = asyncio.Event()  # of a call

    async def called(self, count: int) -> None:
        """Return when that many calls about jobs have come."""
        while len(self.calls) < count:
            self._news.clear()
            await self._news.wait()

    def _check(self, job_id: str) -> None:
        self._news.set()
        if job_id not in self.jobs:
            raise UnknownJob(f"No job {job_id!r}.", advice=f"There are: {', '.join(self.jobs)}.")

    def list_trace(self) -> int:
        return len(self.jobs)

    async def interact(self, job_id: str, **options: Any) -> Answer:
        self.calls.append(("interact", (job_id,), options))
        self._check(job_id)
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            if options.get("on_progress"):
                options["on_progress"]("building 1/3")
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.busy -= 1
        return self.answer

    async def wait_many(self, job_ids: Any, **options: Any) -> Any:
        self.calls.append(("wait_many", (tuple(job_ids),), options))
        for job_id in job_ids:
            self._check(job_id)
        await asyncio.sleep(self.delay)
        return SimpleNamespace(answers=(self.answer,), met=("py",), timed_out=False)

    async def tail(self, job_id: str, **options: Any) -> View:
        self.calls.append(("tail", (job_id,), options))
        self._check(job_id)
        return View("line one\nline two", Size(), (1, 4), end=1840)

    async def output(self, job_id: str, **options: Any) -> Page:
        self.calls.append(("output", (job_id,), options))
        self._check(job_id)
        return Page("all of it", 0, 9, 9, 0)

    async def status(self, job_id: str) -> Status:
        self.calls.append(("status", (job_id,), {}))
        self._check(job_id)
        return self.jobs[job_id]

    async def resize(self, job_id: str, size: Size) -> Status:
        self._check(job_id)
        return self.jobs[job_id]

    def trace(self, job_id: str) -> tuple[int, int]:
        self._check(job_id)
        return self.jobs[job_id].end, 0

    async def list(self, *, detail: bool = False, brief: bool = False) -> list[Status]:
        self.calls.append(("list", (), {"detail": detail}))
        return list(self.jobs.values())

    def note_returned(self, status: Status) -> None:
        """The journal is tested with real jobs."""

    async def kill(self, job_id: str, **options: Any) -> Any:
        self.calls.append(("kill", (job_id,), options))
        self._check(job_id)
        status = Status("py", State.KILLED, "python3 -i", "/tmp", exit=Exit(signal=15))
        return SimpleNamespace(result="killed", processes=2, status=status, forced=(), words="")

    async def close(self) -> None:
        self.closed = True
