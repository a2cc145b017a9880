"""Requests from a client to a holder: one frozen value for each operation of the protocol.

Owns the members of a request on the wire, their types and their defaults (SPEC.md "The holder's
protocol"): `encode` builds the frame on the client's side, `decode` the value on the holder's side.
Never acts on a job. The subtle thing: a holder outlives the client that started it, so either side
may be older than the other. A missing or null member has its default; an unknown member is ignored.
"""

from __future__ import annotations

from ptyjobs import protocol
from ptyjobs._dataclass import TYPE_CHECKING, dataclass, fields
from ptyjobs.config.defaults import (
    INTERACT_TIMEOUT,
    KILL_GRACE,
    MAX_CHARS,
    TAIL_LINES,
    WAIT_TIMEOUT,
)
from ptyjobs.errors import BadInput
from ptyjobs.input.mouse import MouseAction
from ptyjobs.json_values import from_json, to_json
from ptyjobs.model import PROTOCOL_VERSION, JobSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


Packed = tuple["Any", ...]  # secrets as `text.secrets.pack` makes them


@dataclass(frozen=True, slots=True)
class HelloRequest:
    """Introduce a client; `reader`: key of the read position that its answers continue from.

    `session`: the agent's session that its answers go to. `protocol`: the client's protocol
    version; clients of version 1 omit it. `who`: name of the person or program, for holds and the
    journal.
    """

    reader: str = ""
    session: str = ""
    protocol: int = 1
    who: str = ""


@dataclass(frozen=True, slots=True)
class StartRequest:
    """Start the job; with `wait` above 0 seconds, answered when it is first ready, else at once."""

    spec: JobSpec
    wait: float = 0.0
    budget: int = MAX_CHARS
    until: tuple[str, ...] = ()
    reader: str = ""
    who: str = ""
    progress: bool = False
    secrets: Packed | None = None


@dataclass(frozen=True, slots=True)
class RestartRequest:
    """End the run and begin another with the same spec; answered like a start."""

    wait: float = 0.0
    grace: float = KILL_GRACE
    budget: int = MAX_CHARS
    progress: bool = False


@dataclass(frozen=True, slots=True)
class InteractRequest:
    """Type, then wait for readiness, the job's end or one of the patterns in `until`."""

    input: str = ""
    keys: tuple[str, ...] = ()
    raw: bytes = b""
    shown: str = ""  # the text that `raw` types, for its echo
    enter: bool = True
    until: tuple[str, ...] = ()
    timeout: float = INTERACT_TIMEOUT
    budget: int = MAX_CHARS
    view: str = "auto"
    secret: bool = False
    insist: bool = False  # type the secret at any prompt
    approved: bool = False  # the user has approved input for which a rule requires a question
    mouse: MouseAction | None = None
    progress: bool = False
    secrets: Packed | None = None  # digests of secrets that neither `until` nor the mouse may find

    @property
    def presses_enter(self) -> bool:
        """True if Enter follows the text: not after keys, raw bytes or a mouse action."""
        return self.enter and not (self.keys or self.raw or self.mouse)


@dataclass(frozen=True, slots=True)
class WaitRequest:
    """Wait for a condition: ready, exited, pattern (one of `until`), port, quiet or person.

    `service`: conditions of a service (config.ready_syntax) for this wait. `message`: the request
    to a person; without one, `person` waits for a release. `offer`: token of an answer that its
    reader fetches later (store.offers); "" if the reply itself reaches the reader.
    """

    condition: str = "ready"  # "for" on the wire
    until: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    timeout: float = WAIT_TIMEOUT
    budget: int = MAX_CHARS
    progress: bool = False
    secrets: Packed | None = None
    message: str = ""
    offer: str = ""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """Exclusive input for the person `by`, while a connection of theirs or `session` lives."""

    by: str
    session: int = 0  # pid of the session leader of their terminal


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """End the hold; answers an open request for a person with "done"."""

    by: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class DoneRequest:
    """A person answers an open request: done, or declined."""

    by: str = ""
    message: str = ""
    declined: bool = False


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Drop the waiting request with this id."""

    request: int


@dataclass(frozen=True, slots=True)
class TailRequest:
    """The rendered current view."""

    lines: int = TAIL_LINES


@dataclass(frozen=True, slots=True)
class RepaintRequest:
    """Bytes that rebuild the screen, with `scrollback` lines above it."""

    scrollback: int = 0


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Full status; `brief` omits figures that need /proc."""

    brief: bool = False


@dataclass(frozen=True, slots=True)
class ResizeRequest:
    """Change the job's own size."""

    rows: int
    cols: int


@dataclass(frozen=True, slots=True)
class KillRequest:
    """End the whole tree, or send one signal to the foreground process group."""

    signal: str = ""
    grace: float = KILL_GRACE


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """Write a marker into the recording."""

    label: str = ""


@dataclass(frozen=True, slots=True)
class DiscardRequest:
    """Discard the oldest output below this offset."""

    before: int


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """Stream the output: from offset `since`, or after a repaint with `scrollback` lines."""

    since: int | None = None
    input: bool = False  # the follower's bytes are typed
    rows: int = 0  # size of the follower's terminal; 0: it has none
    cols: int = 0
    name: str = ""
    scrollback: int = 0
    session: str = ""


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """Set the new size of a follower's terminal."""

    rows: int
    cols: int


Request = (
    HelloRequest
    | StartRequest
    | RestartRequest
    | InteractRequest
    | WaitRequest
    | CancelRequest
    | HoldRequest
    | ReleaseRequest
    | DoneRequest
    | TailRequest
    | RepaintRequest
    | StatusRequest
    | ResizeRequest
    | KillRequest
    | MarkRequest
    | DiscardRequest
    | FollowRequest
    | WindowRequest
)
OPERATIONS: dict[str, type[Request]] = {
    cls.__name__.removesuffix("Request").lower(): cls for cls in Request.__args__
}
"""The word of each operation on the wire."""

_WORDS = {cls: word for word, cls in OPERATIONS.items()}
_WIRE_NAMES = {"condition": "for"}  # members whose wire name is a Python keyword


def version_of(request: Request) -> int:
    """The protocol version that a holder must support to understand a request.

    Version 2 added holds, restarts, secrets typed on the caller's insistence, and waits for a port,
    a person and the conditions of a service. It also added `approved`, which needs no support: jobs
    of version 1 have no rules that ask the user.
    """
    match request:
        case HoldRequest() | ReleaseRequest() | DoneRequest() | RestartRequest():
            return 2
        case InteractRequest(secret=True, insist=True):
            return 2
        case WaitRequest(condition="port" | "person"):
            return 2
        case WaitRequest(service=service) if service:
            return 2
    return 1


def encode(request: Request, number: int) -> bytes:
    """The frame of a request; its reply carries the same `number`."""
    return protocol.encode({"op": _WORDS[type(request)], "id": number, **members(request)})


def members(request: Request) -> dict[str, object]:
    """The members of a request as JSON types, omitting empty defaults."""
    return {
        member.wire_name: value if member.write is None else member.write(value)
        for member in _MEMBERS[type(request)].values()
        if (value := getattr(request, member.name)) != member.empty
    }


def number_of(message: Mapping[str, object]) -> int:
    """The id of a request; 0 if it is missing or not a number."""
    number = message.get("id")
    return number if isinstance(number, int) else 0


def decode(message: Mapping[str, object]) -> Request:
    """The request in a JSON frame; raises BadInput if the frame is not a valid request."""
    cls = OPERATIONS.get(str(message.get("op")))
    if cls is None:
        raise BadInput(
            "Unknown operation.",
            advice=f"It speaks protocol version {PROTOCOL_VERSION}; see its `hello`.",
        )
    known = _MEMBERS[cls]
    values: dict[str, Any] = {}  # as returned by each field's reader
    try:
        for wire_name, value in message.items():
            if value is not None and (member := known.get(wire_name)) is not None:
                values[member.name] = member.read(value)
        return cls(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"Bad parameters: {error}.") from None


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is not a list")
    return tuple(map(str, value))


_READERS: dict[str, Callable[..., object]] = {
    "str": str,
    "int": int,
    "int | None": int,
    "float": float,
    "bool": bool,
    "bytes": lambda value: bytes.fromhex(str(value)),
    "tuple[str, ...]": _words,
    "JobSpec": lambda value: from_json(JobSpec, value),
    "Packed | None": tuple,
    "MouseAction | None": lambda value: from_json(MouseAction, value),
}
"""Decoders of members, by the annotation of the field."""
_WRITERS: dict[str, Callable[..., object]] = {
    "bytes": bytes.hex, "JobSpec": to_json, "Packed | None": to_json, "MouseAction | None": to_json,
}  # fmt: skip
"""Encoders of members whose type JSON does not have."""
_EMPTY = (None, False, "", (), b"")
_NEVER = object()


@dataclass(frozen=True, slots=True)
class Member:
    """One field on the wire; `empty`: the default that is omitted."""

    name: str
    wire_name: str
    read: Callable[..., object]
    write: Callable[..., object] | None
    empty: object


def _member(cls: type[Request], name: str, default: object) -> Member:
    kind = cls.__annotations__[name]
    left_out = any(type(default) is type(empty) and default == empty for empty in _EMPTY)
    return Member(
        name,
        _WIRE_NAMES.get(name, name),
        _READERS[kind],
        _WRITERS.get(kind),
        default if left_out else _NEVER,
    )


_MEMBERS = {
    cls: {
        member.wire_name: member
        for member in (_member(cls, one.name, one.default) for one in fields(cls))
    }
    for cls in OPERATIONS.values()
}
"""The members of each request, by their names on the wire."""
