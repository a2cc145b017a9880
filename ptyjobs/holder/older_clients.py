"""Translate answers for clients of an older protocol version.

Owns the list of values that each version cannot read. Never decides anything: the answer is the
same, with the nearest older value; the current reason goes into its `why`.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.model import Answer, Reason

_VERSION_1 = {Reason.SERVICE_READY: Reason.QUIET, Reason.SERVICE_FAILED: Reason.TIMEOUT}


def readable(answer: Answer, *, protocol: int) -> Answer:
    """Return the answer in values that this protocol version defines."""
    reason = _VERSION_1.get(answer.verdict.reason) if protocol < 2 else None
    if reason is None:
        return answer
    return replace(answer, verdict=replace(answer.verdict, reason=reason))
