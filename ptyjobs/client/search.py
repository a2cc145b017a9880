"""Search all jobs, ended ones included, for one pattern.

Owns the order (newest first), the limits and the selection of jobs. Searches in a separate process,
as `store.grep` does and for the same reason; one process serves all jobs. A command that does
nothing else searches in its own process. Never changes a job.
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.errors import BadInput
from ptyjobs.json_values import from_json, to_json
from ptyjobs.model import JobSpec, Lifetime, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ptyjobs.client.registry import Registry
    from ptyjobs.store.jobdir import JobDir

MOST_LINES = 200  # matching lines per job
KEYS = ("project", "name", "state", "lifetime", "target")


@dataclass(frozen=True, slots=True)
class Match:
    """One line of one job's output."""

    job_id: str
    run: int
    line: int  # from 1, counted from the oldest output kept
    offset: int  # log offset where the line begins
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """Matching lines, newest job first; `more`: further lines match."""

    found: tuple[Match, ...]
    jobs: int = 0  # number of jobs searched
    more: bool = False


def project_of(directory: str) -> str:
    """Project of a directory: its git worktree, else the directory itself."""
    from ptyjobs.process.port_owner import git_worktree

    return git_worktree(directory)[0] or os.path.abspath(directory)


def conditions(words: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE arguments of `--where`; BadInput names the valid keys."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in KEYS or not equals:
            raise BadInput(
                f"--where {word!r} is not a condition.", advice=f"KEY=VALUE with {', '.join(KEYS)}."
            )
        _check_value(key, value)
        found[key] = project_of(value) if key == "project" else value
    return found


def _check_value(key: str, value: str) -> None:
    """Raise BadInput for a state or lifetime that no job can have."""
    from fnmatch import fnmatchcase

    if key not in ("state", "lifetime"):
        return
    known = [one.value for one in (State if key == "state" else Lifetime)]
    if not (value in known if key == "state" else any(fnmatchcase(one, value) for one in known)):
        raise BadInput(f"--where: no {key} is {value!r}.", advice=f"Known: {', '.join(known)}.")


def labels_of(words: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE arguments of `--label`; NAME alone matches every value."""
    return {word.partition("=")[0]: word.partition("=")[2] for word in words}


def selected(
    registry: Registry, *, where: Mapping[str, str], labels: Mapping[str, str]
) -> list[JobDir]:
    """Jobs that meet all conditions, newest first."""
    jobs = registry.all()
    if not where and not labels:
        return jobs
    return [job for job in jobs if _meets(registry, job, where, labels)]


def _meets(
    registry: Registry, job: JobDir, where: Mapping[str, str], labels: Mapping[str, str]
) -> bool:
    from fnmatch import fnmatchcase

    spec = job.spec()
    if spec is None:
        return False
    for name, value in labels.items():
        if name not in spec.tags or (value and spec.tags[name] != value):
            return False
    for key, value in where.items():
        if key == "project":
            fits = project_of(spec.cwd) == value
        elif key == "state":
            fits = registry.status(job).state.value == value
        else:
            fits = fnmatchcase(_field(spec, job, key), value)
        if not fits:
            return False
    return True


def _field(spec: JobSpec, job: JobDir, key: str) -> str:
    return {"name": job.job_id, "lifetime": spec.lifetime.value, "target": spec.target}[key]


def grep(jobs: Iterable[JobDir], pattern: str, *, limit: int, here: bool = False) -> Matches:
    """Matching lines of these jobs, at most `limit` characters.

    `here`: in the main thread of this process, which has nothing else to do meanwhile.
    """
    from ptyjobs.store import search_process
    from ptyjobs.text.patterns import compile_patterns

    (compiled,) = compile_patterns([pattern])
    specs = [(job, job.spec()) for job in jobs]
    request = {
        "pattern": pattern,
        "limit": limit,
        "jobs": [[job.folder, spec.run if spec else 1] for job, spec in specs],
    }
    if here:
        return _search(request, compiled)
    return from_json(Matches, search_process.answer(_searched, request))


def _searched(request: dict[str, Any]) -> dict[str, Any]:
    """The search of `grep` in its process."""
    from ptyjobs.text.patterns import compile_patterns

    (pattern,) = compile_patterns([request["pattern"]])
    found: dict[str, Any] = to_json(_search(request, pattern))
    return found


def _search(asked: Mapping[str, Any], pattern: Any) -> Matches:
    from ptyjobs.store import grep as one_log
    from ptyjobs.store import search_process
    from ptyjobs.store.log import LogReader

    found: list[Match] = []
    used = count = 0
    more = False
    for folder, run in asked["jobs"]:
        if not search_process.owned() or used >= asked["limit"]:
            more = True
            break
        count += 1
        log = LogReader(folder)
        left = asked["limit"] - used
        page = one_log.search(
            log, pattern, since=None, limit=left, last=True, bound=one_log._bounded
        )
        lines = page.text.split("\n") if page.text else []
        more |= page.more or len(lines) > MOST_LINES
        lines = lines[-MOST_LINES:]
        offsets = [int(line.partition(": ")[0]) for line in lines]
        numbers = _line_numbers(log, offsets)
        for line, offset in zip(reversed(lines), reversed(offsets), strict=True):
            text = line.partition(": ")[2]
            found.append(Match(os.path.basename(folder), run, numbers[offset], offset, text))
            used += len(text) + 32
    return Matches(tuple(found), count, more)


def _line_numbers(log: Any, offsets: list[int]) -> dict[int, int]:
    """Line numbers for these ascending offsets of line starts."""
    found: dict[int, int] = {}
    at, number = log.floor, 1
    for offset in offsets:
        while at < offset:
            first, data = log.read(at, min(1 << 20, offset - at))
            if not data:
                break
            number += data.count(b"\n")
            at = first + len(data)
        found[offset] = number
    return found
