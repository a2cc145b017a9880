"""Answers in the words that a client of an older version knows.

Owns what each version of the protocol cannot read. Never decides anything: the same answer with
the nearest older words, and the reason of today in its `why`.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.model import Answer, Reason

_VERSION_1 = {Reason.SERVICE_READY: Reason.QUIET, Reason.SERVICE_FAILED: Reason.TIMEOUT}


def readable(answer: Answer, *, protocol: int) -> Answer:
    """The answer for a client that speaks this version."""
    reason = _VERSION_1.get(answer.verdict.reason) if protocol < 2 else None
    if reason is None:
        return answer
    return replace(answer, verdict=replace(answer.verdict, reason=reason))
