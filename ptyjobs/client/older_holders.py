"""Compatibility with holders that are older than the client.

Owns the error for a request that such a holder does not support, and the wait for a port on its
behalf. Never talks to a holder. The subtle thing: a holder that this client forked has the client's
version; any other holder sends its version in the reply to `hello`.
"""

from __future__ import annotations

from ptyjobs._dataclass import replace
from ptyjobs.client import calls
from ptyjobs.client.calls import Call
from ptyjobs.errors import Unsupported
from ptyjobs.model import Answer, Reason, Status
from ptyjobs.requests import WaitRequest

PORT_POLL = 0.2  # seconds between polls of a job's listening ports


class OlderHolder(Unsupported):
    """The holder does not support this request."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Job {job_id!r} was started by an older version of ptyjobs, which cannot do this.",
            advice="Start the job again to use it.",
        )


def at_once(call: Call[Answer]) -> Call[Answer]:
    """The same wait with a zero time-out."""
    assert isinstance(call.request, WaitRequest)
    return calls.wait(replace(call.request, condition="exited", service=(), timeout=0.0))


def with_port(answer: Answer, status: Status) -> Answer:
    """Answer of a wait for a port, completed from the status that ended the wait."""
    if not status.ports or answer.state.ended:
        return answer
    ports = ", ".join(map(str, status.ports))
    verdict = replace(answer.verdict, reason=Reason.SERVICE_READY, match=f"port {ports}")
    return replace(answer, verdict=verdict)
