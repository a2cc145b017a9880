"""ptyjobs: interactive jobs under a real terminal, for agents and people.

`Jobs` and `AsyncJobs` are the Python API (ptyjobs.client), imported on first use.
"""

from __future__ import annotations

__version__ = "0.2.0"
__all__ = ["AsyncJobs", "Jobs", "prepare"]

TYPE_CHECKING = False  # as typing's, without the import that every holder would pay for
if TYPE_CHECKING:
    from ptyjobs.client import AsyncJobs, Jobs, prepare


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ptyjobs' has no attribute {name!r}")
    from ptyjobs import client

    return getattr(client, name)
