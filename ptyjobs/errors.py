"""Error types: each has a stable code, a description and the next step.

Owns the error vocabulary used across all interfaces (socket, tool result, exit code). Never counts
a deadline as an error, nor a program that exits with 1.
"""

from __future__ import annotations

import errno
from enum import Enum

TYPE_CHECKING = False  # known to type checkers; importing `typing` costs holders memory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Hint(Enum):
    """The next step after an error; each front end words it in its own terms.

    `FACTS` lists the names that a wording may use.
    """

    READ_OUTPUT = "read_output"  # the job has ended; its output is kept
    LOOK_FIRST = "look_first"  # the screen differs from the expected one
    START_A_JOB = "start_a_job"  # there are no jobs
    KEY_NAMES = "key_names"  # no such key
    CHECK_THEN_KILL = "check_then_kill"  # the holder does not answer
    CHECK_STATUS = "check_status"  # the same, and it may have ended
    WHOLE_LINE = "whole_line"  # an allow-list takes only whole lines
    OWN_JOB = "own_job"  # refused as input, but may run as a job of its own
    ONE_KEY = "one_key"  # one key at a time, or the program as a job of its own
    INSIST = "insist"  # a secret was not sent: the prompt may not be a prompt for it
    CELL_ORIGIN = "cell_origin"  # a cell that is not on the screen
    NAME_IN_USE = "name_in_use"  # a live job has the name
    HELD = "held"  # a person holds the job


FACTS: dict[Hint, tuple[str, ...]] = {
    Hint.READ_OUTPUT: ("job_id",),
    Hint.LOOK_FIRST: ("job_id",),
    Hint.KEY_NAMES: ("near", "spelling"),  # similar names, may be empty; examples
    Hint.CHECK_STATUS: ("job_id",),
    Hint.NAME_IN_USE: ("job_id",),
    Hint.HELD: ("job_id",),
}


class PtyJobsError(Exception):
    """Base of all errors that a caller may see.

    `code` is stable and machine-readable, `message` describes the failure, `advice` the next step,
    in the terms of the tools and the library. `hint` with `facts` gives the same advice as a value,
    for front ends with other terms.
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        advice: str = "",
        hint: Hint | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.advice = advice
        self.hint = hint
        self.facts: Mapping[str, str] = facts or {}

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} {self.advice}".rstrip() if self.advice else text

    @property
    def message(self) -> str:
        return super().__str__()

    def worded(self, hints: Mapping[Hint, str]) -> str:
        """Message and advice in a front end's terms: its wording of the hint, else `advice`."""
        return f"{self.message} {self.advice_in(hints)}".rstrip()

    def advice_in(self, hints: Mapping[Hint, str]) -> str:
        """The advice in a front end's terms; `hints` has a wording for every hint."""
        if self.hint is None:
            return self.advice
        facts = dict.fromkeys(FACTS.get(self.hint, ()), "")  # an older holder may send fewer
        return hints[self.hint].format_map({**facts, **self.facts}).strip()

    def to_wire(self) -> dict[str, Any]:
        """The error as JSON types; `from_wire` reads it."""
        wire: dict[str, Any] = {
            "code": self.code, "message": self.message, "advice": self.advice,
        }  # fmt: skip
        if self.hint is not None:
            wire |= {"hint": self.hint.value, "facts": dict(self.facts)}
        return wire


class UnknownJob(PtyJobsError):
    """No job has this id."""

    code = "unknown_job"


class JobEnded(PtyJobsError):
    """The job has ended, so it cannot take input."""

    code = "job_ended"


class DuplicateJob(PtyJobsError):
    """A live job already has this name."""

    code = "duplicate_job"


class BadInput(PtyJobsError):
    """A parameter is missing, of the wrong type or out of range."""

    code = "bad_input"


class BadKey(BadInput):
    """A key name that does not exist."""

    code = "bad_key"


class BadPattern(BadInput):
    """A pattern that is not a regular expression, or one too costly to run."""

    code = "bad_pattern"


class BadConfig(PtyJobsError):
    """A setting with an unusable value; the server does not start with it."""

    code = "bad_config"


class Refused(PtyJobsError):
    """Policy or sandbox does not allow it."""

    code = "refused"


class NeedsApproval(Refused):
    """A rule requires the user's approval first; `facts`: the command."""

    code = "needs_approval"


class LimitReached(PtyJobsError):
    """A limit on jobs, descriptors, processes or disk was reached."""

    code = "limit_reached"


class StartFailed(PtyJobsError):
    """The job could not be started (directory, descriptors, memory)."""

    code = "start_failed"


def cannot_start(failure: OSError) -> StartFailed:
    """Describe why a job has no process, no descriptor or no disk space."""
    advice = {
        errno.ENOSPC: "Make room where the state directory is, or name another (PTYJOBS_STATE).",
        errno.EDQUOT: "Make room where the state directory is, or name another (PTYJOBS_STATE).",
        errno.EMFILE: "End jobs or clients, or raise the limit of open files (ulimit -n).",
        errno.ENFILE: "End jobs or clients: the system has no open file left.",
        errno.EAGAIN: "Kill or wait for other jobs, then try again.",
        errno.ENOMEM: "Kill or wait for other jobs, then try again.",
    }.get(failure.errno or 0, "")
    what = failure.strerror or str(failure)
    return StartFailed(f"The job cannot be started: {what}.", advice=advice)


def holder_failed(fault: Exception) -> StartFailed:
    """Describe an error that no rule covers, at the start of a job."""
    what = f"{type(fault).__name__}: {fault}"[:300]
    return StartFailed(f"The job cannot be started: its holder failed ({what}).")


def unforeseen(fault: Exception) -> PtyJobsError:
    """Describe an error of a holder that no rule covers, as after the last descriptor is used."""
    what = f"{type(fault).__name__}: {fault}"[:300]
    return PtyJobsError(
        f"The job's holder failed at this request ({what}).",
        advice="Look with status; what was typed may have arrived.",
    )


class HolderLost(PtyJobsError):
    """The job's holder died or stopped answering."""

    code = "holder_lost"


class Unsupported(PtyJobsError):
    """This platform or build cannot do it; the message names what is missing."""

    code = "unsupported"


class BadRecording(PtyJobsError):
    """An unreadable cast or log; the message names the line and the expected content."""

    code = "bad_recording"


def from_wire(wire: Mapping[str, Any]) -> PtyJobsError:
    """Read `to_wire`: an unknown code gives the base class, an unknown hint is dropped."""
    cls = _BY_CODE.get(wire["code"], PtyJobsError)
    hint = _HINTS.get(wire.get("hint", ""))
    return cls(wire["message"], advice=wire.get("advice", ""), hint=hint, facts=wire.get("facts"))


def _family(cls: type[PtyJobsError]) -> list[type[PtyJobsError]]:
    return [cls, *(each for sub in cls.__subclasses__() for each in _family(sub))]


_BY_CODE = {cls.code: cls for cls in _family(PtyJobsError)}
_HINTS = {hint.value: hint for hint in Hint}
