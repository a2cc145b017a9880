"""Re-exports of job-file readers, so that front ends import only the client.

Each name is imported on first use: a command line needs few of them.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.holder import status_cache
    from ptyjobs.process.regular import open_regular
    from ptyjobs.store import views
    from ptyjobs.store.audit import Entry
    from ptyjobs.store.audit import read as read_journal
    from ptyjobs.store.jobdir import JobDir, LogEvent, check_job_id, private_directory
    from ptyjobs.store.log import LogReader
    from ptyjobs.store.masking import mask_job
    from ptyjobs.store.offers import Offers
    from ptyjobs.store.waits import StoredWait, WaitStore

__all__ = [
    "Entry",
    "JobDir",
    "LogEvent",
    "LogReader",
    "Offers",
    "StoredWait",
    "WaitStore",
    "check_job_id",
    "mask_job",
    "open_regular",
    "private_directory",
    "read_journal",
    "status_cache",
    "views",
]

_MODULES = {"views": "ptyjobs.store.views", "status_cache": "ptyjobs.holder.status_cache"}
_HOMES = {
    "Entry": "ptyjobs.store.audit",
    "JobDir": "ptyjobs.store.jobdir",
    "LogEvent": "ptyjobs.store.jobdir",
    "Offers": "ptyjobs.store.offers",
    "LogReader": "ptyjobs.store.log",
    "StoredWait": "ptyjobs.store.waits",
    "WaitStore": "ptyjobs.store.waits",
    "check_job_id": "ptyjobs.store.jobdir",
    "open_regular": "ptyjobs.process.regular",
    "private_directory": "ptyjobs.store.jobdir",
}


def __getattr__(name: str) -> object:
    import importlib

    if name == "mask_job":
        return importlib.import_module("ptyjobs.store.masking").mask_job
    if name == "read_journal":
        return importlib.import_module("ptyjobs.store.audit").read
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(name)
