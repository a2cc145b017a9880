"""Requests as values: encoding and decoding, from older and newer peers too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptyjobs import protocol, requests
from ptyjobs._dataclass import fields
from ptyjobs.config import Config
from ptyjobs.errors import BadInput
from ptyjobs.input.mouse import MouseAction
from ptyjobs.model import JobSpec, Size
from ptyjobs.requests import (
    InteractRequest,
    KillRequest,
    Request,
    ResizeRequest,
    StartRequest,
    TailRequest,
    WaitRequest,
)

TEXT = st.text(max_size=8)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "str": TEXT,
    "int": st.integers(-(2**40), 2**40),
    "int | None": st.none() | st.integers(0, 2**40),
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "bytes": st.binary(max_size=8),
    "tuple[str, ...]": st.lists(TEXT, max_size=3).map(tuple),
    "Packed | None": st.none() | st.just(({"name": "A", "value": "x"},)),
    "MouseAction | None": st.none()
    | st.builds(MouseAction, st.integers(0, 99), st.integers(0, 99), text=TEXT),
    "JobSpec": st.builds(
        JobSpec, TEXT, st.just(("sh",)), TEXT, TEXT, size=st.builds(Size, st.just(3), st.just(4))
    ),
}
ANY_REQUEST = st.one_of(
    *(
        st.builds(cls, **{one.name: VALUES[cls.__annotations__[one.name]] for one in fields(cls)})
        for cls in requests.OPERATIONS.values()
    )
)


def message_of(request: Request, number: int = 7) -> protocol.JsonObject:
    (message,) = protocol.Decoder().feed(requests.encode(request, number))
    assert isinstance(message, dict)
    return message


@given(request=ANY_REQUEST)
def test_what_is_encoded_is_decoded(request: Request) -> None:
    message = message_of(request)
    assert requests.number_of(message) == 7
    assert requests.decode(message) == request


@given(request=ANY_REQUEST)
def test_members_of_a_newer_client_are_ignored(request: Request) -> None:
    assert requests.decode({**message_of(request), "invented_later": [1]}) == request


@pytest.mark.parametrize(
    "cls", [InteractRequest, WaitRequest, TailRequest, KillRequest, requests.FollowRequest]
)
def test_what_an_older_client_leaves_out_has_its_default(cls: type[Request]) -> None:
    word = cls.__name__.removesuffix("Request").lower()
    assert requests.decode({"op": word, "id": 1}) == cls()  # type: ignore[call-arg]  # all have defaults
    nulls = {name: None for name in requests.members(cls())}  # type: ignore[call-arg]  # as above
    assert requests.decode({"op": word, "id": 1, **nulls}) == cls()  # type: ignore[call-arg]  # as above


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ({"op": "dance"}, "Unknown operation. It speaks protocol version 2; see its `hello`."),
        ({}, "Unknown operation. It speaks protocol version 2; see its `hello`."),
        ({"op": "interact", "timeout": "soon"}, "Bad parameters: could not convert string"),
        ({"op": "interact", "keys": "C-c"}, "Bad parameters: 'C-c' is not a list."),
        ({"op": "interact", "raw": "zz"}, "Bad parameters: non-hexadecimal number"),
        ({"op": "resize", "rows": 3}, "Bad parameters: ResizeRequest misses its value 'cols'."),
        ({"op": "tail", "lines": [1]}, "Bad parameters: int() argument must be"),
    ],
)
def test_a_bad_request_is_named(message: protocol.JsonObject, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        requests.decode(message)
    assert str(caught.value).startswith(complaint)


def test_the_defaults_are_those_of_the_settings() -> None:
    config, spec = Config(), JobSpec("j", ("sh",), "sh", "/")
    assert InteractRequest().timeout == config.interact_timeout
    assert WaitRequest().timeout == config.wait_timeout
    assert KillRequest().grace == config.kill_grace
    budgets = {InteractRequest().budget, WaitRequest().budget, StartRequest(spec).budget}
    assert budgets == {config.max_chars}


def test_enter_follows_a_text_alone() -> None:
    assert InteractRequest("1+1").presses_enter
    assert InteractRequest().presses_enter
    assert not InteractRequest("1+1", enter=False).presses_enter
    assert not InteractRequest("x", keys=("Up",)).presses_enter
    assert not InteractRequest(raw=b"x").presses_enter
    assert not InteractRequest(mouse=MouseAction(1, 1)).presses_enter


def test_a_request_is_frozen() -> None:
    with pytest.raises(AttributeError):
        ResizeRequest(1, 2).rows = 3  # type: ignore[misc]  # that is what is tested
