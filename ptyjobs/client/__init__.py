"""Find, start and talk to jobs: the one API that every front end uses.

`AsyncJobs` for asyncio and `Jobs` without it: the same methods, values (ptyjobs.model) and errors
(ptyjobs.errors). Both are imported on first use, so that a synchronous program never pays for
asyncio.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ptyjobs.client.aio import AsyncJobs
    from ptyjobs.client.calls import Killed, WaitResult
    from ptyjobs.client.preparation import prepare
    from ptyjobs.client.sync import Jobs

__all__ = ["AsyncJobs", "Jobs", "Killed", "WaitResult", "prepare"]


_HOMES = {
    "AsyncJobs": "aio", "Jobs": "sync", "Killed": "calls", "WaitResult": "calls",
    "prepare": "preparation",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import each name on first access: a command line needs few of them."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(name)
    import importlib

    return getattr(importlib.import_module(f"ptyjobs.client.{home}"), name)
