"""What a client does where a job's holder is of an older version than itself.

Owns the error for what such a holder cannot do, and the wait for a port that it leaves to its
client. The subtle thing: a holder that this client has forked is as new as the client, and one that
it has connected to says its version in the reply to `hello`.
"""

from __future__ import annotations

from ptyjobs._dataclass import replace
from ptyjobs.client import calls
from ptyjobs.client.calls import Call
from ptyjobs.errors import Unsupported
from ptyjobs.model import Answer, Reason, Status
from ptyjobs.requests import WaitRequest

PORT_POLL = 0.2  # seconds between two looks at a job's listening ports


class OlderHolder(Unsupported):
    """The holder does not know this request."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"Job {job_id!r} was started by an older version of ptyjobs, which cannot do this.",
            advice="Start the job again to use it.",
        )


def at_once(call: Call[Answer]) -> Call[Answer]:
    """The same wait, answered at once."""
    assert isinstance(call.request, WaitRequest)
    return calls.wait(replace(call.request, condition="exited", service=(), timeout=0.0))


def with_port(answer: Answer, status: Status) -> Answer:
    """The answer of a wait for a port, by the status that ended the wait."""
    if not status.ports or answer.state.ended:
        return answer
    ports = ", ".join(map(str, status.ports))
    verdict = replace(answer.verdict, reason=Reason.SERVICE_READY, match=f"port {ports}")
    return replace(answer, verdict=verdict)
