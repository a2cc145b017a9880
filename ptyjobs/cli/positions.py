"""User-given moments of a job: a log offset (`1234`) or a time (`3.5s`, `2m`)."""

from __future__ import annotations

import re

from ptyjobs.client.files import JobDir
from ptyjobs.errors import BadInput

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MOMENT = re.compile(r"(?:(?P<offset>\d+)|(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>ms|s|m|h))\Z")


def moment(word: str) -> tuple[int | None, float | None]:
    """Parse to (log offset, None) or (None, seconds since the start); raises BadInput."""
    match = _MOMENT.match(word.strip())
    if match is None:
        raise BadInput(
            f"{word!r} is not an offset or a time.",
            advice="A log offset such as 1234, or a time such as 3.5s.",
        )
    if match["offset"]:
        return int(match["offset"]), None
    return None, float(match["number"]) * _UNITS[match["unit"]]


def offset_at(job: JobDir, word: str) -> int:
    """The log offset of a moment; later output starts there."""
    offset, seconds = moment(word)
    if offset is not None:
        return offset
    assert seconds is not None
    reached = job.log.floor
    for event in job.events():
        if event.time > seconds:
            break
        reached = max(reached, event.offset)
    return reached
