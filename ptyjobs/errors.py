"""What can go wrong, as types: each with a stable code, what happened and what to do next.

Owns the error vocabulary that crosses every border (socket, tool result, exit code). A deadline
is not an error; a program that exits with 1 is not an error.
"""

from __future__ import annotations

import errno


class PtyJobsError(Exception):
    """Base of all errors that a caller may see.

    `code` is stable and machine-readable, `str(error)` says what happened, `advice` what to do.
    """

    code = "internal"

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} {self.advice}".rstrip() if self.advice else text

    @property
    def message(self) -> str:
        return super().__str__()


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


class LimitReached(PtyJobsError):
    """A bound on jobs, descriptors, processes or disk was met."""

    code = "limit_reached"


class StartFailed(PtyJobsError):
    """The job could not be started (directory, descriptors, memory)."""

    code = "start_failed"


def cannot_start(failure: OSError) -> StartFailed:
    """Why a job has no process, no descriptor or no room, in words."""
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


class HolderLost(PtyJobsError):
    """The job's holder died or stopped answering."""

    code = "holder_lost"


class Unsupported(PtyJobsError):
    """This platform or build cannot do it; the message names what is missing."""

    code = "unsupported"


class BadRecording(PtyJobsError):
    """A cast or log that cannot be read; the message names the line and what was expected."""

    code = "bad_recording"


def by_code(code: str, message: str, advice: str = "") -> PtyJobsError:
    """The error of that code, as it came over a socket; unknown codes give the base class."""
    pending: list[type[PtyJobsError]] = [PtyJobsError]
    while pending:
        cls = pending.pop()
        if cls.code == code:
            return cls(message, advice=advice)
        pending.extend(cls.__subclasses__())
    return PtyJobsError(message, advice=advice)
