"""The environment of a job: what of ours it gets, what is withheld, what is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase


def child_env(
    base: Mapping[str, str],
    *,
    extra: Mapping[str, str],
    allow: Sequence[str],
    deny: Sequence[str],
    term: str,
    rows: int,
    cols: int,
    job_id: str,
) -> dict[str, str]:
    """The child's whole environment; `allow` and `deny` are glob patterns on names."""
    kept = {
        name: value
        for name, value in base.items()
        if (not allow or any(fnmatchcase(name, pattern) for pattern in allow))
        and not any(fnmatchcase(name, pattern) for pattern in deny)
        and name not in ("COLUMNS", "LINES")
        and not name.startswith("PTYJOBS_")
    }
    return {**kept, "TERM": term, **extra, "PTYJOBS_JOB": job_id}
