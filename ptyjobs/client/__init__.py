"""Find, start and talk to jobs: the one API that every front uses.

`AsyncJobs` for asyncio, `Jobs` without: the same methods, the same values (ptyjobs.model), the same
errors (ptyjobs.errors). They are imported on first use, so that a synchronous program never pays
for asyncio.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptyjobs.client.calls import Killed, WaitResult
from ptyjobs.client.prepare import prepare

if TYPE_CHECKING:
    from ptyjobs.client.aio import AsyncJobs
    from ptyjobs.client.sync import Jobs

__all__ = ["AsyncJobs", "Jobs", "Killed", "WaitResult", "prepare"]


def __getattr__(name: str) -> Any:
    if name == "AsyncJobs":
        from ptyjobs.client.aio import AsyncJobs

        return AsyncJobs
    if name == "Jobs":
        from ptyjobs.client.sync import Jobs

        return Jobs
    raise AttributeError(name)
