"""A holder that fails at a request answers it, and goes on with the others."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ptyjobs import protocol, requests
from ptyjobs.holder import operations
from ptyjobs.holder.input_queue import InputQueue, QueuedInput
from ptyjobs.holder.loop import Holder
from ptyjobs.holder.waiter import Ask, Waiter
from ptyjobs.model import PROTOCOL_VERSION, Reason, Tier, Verdict
from ptyjobs.process.fair_share import SharedPage
from ptyjobs.requests import (
    DiscardRequest,
    FollowRequest,
    HelloRequest,
    InteractRequest,
    MarkRequest,
    RepaintRequest,
    ResizeRequest,
    StatusRequest,
    TailRequest,
    WaitRequest,
)


def fails(*_: object, **__: object) -> Any:
    raise OSError(24, "Too many open files")


@pytest.fixture
def holder() -> Iterator[Holder]:
    """One without a job, in this process."""
    one = Holder(SharedPage(), lease=-1, tier=Tier.EVIDENCE)
    one.begin()
    yield one
    one._poll.close()


def replies(sock: socket.socket) -> dict[int, dict[str, Any]]:
    sock.setblocking(False)
    found: dict[int, dict[str, Any]] = {}
    for message in protocol.Decoder().feed(sock.recv(1 << 16)):
        assert isinstance(message, dict)
        found[requests.number_of(message)] = message
    return found


def test_the_requests_behind_one_that_failed_are_performed(
    holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "status", fails)
    ours, theirs = socket.socketpair()
    with ours:
        holder.adopt(theirs)
        ours.sendall(requests.encode(StatusRequest(), 1) + requests.encode(HelloRequest(), 2))
        holder.turn([(theirs.fileno(), 1)])
        found = replies(ours)
        holder.close()
    assert "Too many open files" in found[1]["error"]["message"]
    assert "ok" in found[2]
    assert any("Too many open files" in error for error in holder.job.errors.values())


def test_a_request_before_the_start_is_refused_by_rule_not_by_a_fault(holder: Holder) -> None:
    """Another client's connection may be read before the one that carries the start."""
    early = [
        InteractRequest("rm -rf x"),
        WaitRequest(),
        TailRequest(),
        RepaintRequest(),
        ResizeRequest(24, 80),
        MarkRequest("here"),
        DiscardRequest(1),
        FollowRequest(),
    ]
    ours, theirs = socket.socketpair()
    with ours:
        holder.adopt(theirs)
        for number, request in enumerate(early):
            ours.sendall(requests.encode(request, number))
        ours.sendall(requests.encode(StatusRequest(), len(early)))
        holder.turn([(theirs.fileno(), 1)])
        found = replies(ours)
        holder.close()
    for number in range(len(early)):
        assert "has not started yet" in found[number]["error"]["message"], early[number]
    status = found[len(early)]["ok"]["status"]  # type: ignore[index]
    assert (status["state"], status["job_id"], status["end"]) == ("starting", "", 0)
    assert not holder.job.errors
    assert not holder.job.input.queue


class Listener:
    """A peer that keeps what is sent to it."""

    def __init__(self) -> None:
        self.number = 1
        self.sent: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


def guarded(act: Any, *args: object) -> Exception | None:
    try:
        act(*args)
    except Exception as error:
        return error
    return None


def queue() -> InputQueue:
    job: Any = SimpleNamespace(ending=False, errors={}, input=SimpleNamespace(drop=lambda _: 0))
    kept: Any = lambda answer, *_: answer  # noqa: E731
    return InputQueue(job, type_=fails, with_people=kept, guard=guarded, answered=kept)


def test_a_queued_input_that_cannot_be_typed_is_answered() -> None:
    peer: Any = Listener()
    inputs = queue()
    inputs._inputs.append(QueuedInput(peer, 7, InteractRequest("x"), ()))
    inputs.on_time(1.0)
    assert [message["id"] for message in peer.sent] == [7]
    assert "Too many open files" in peer.sent[0]["error"]["message"]


def test_an_answered_wait_is_freed_at_once(holder: Holder) -> None:
    """Otherwise thousands of objects stay until the collector runs, each on pages of its own."""
    peer: Any = Listener()
    peer.reader = peer.session = peer.who = ""
    peer.protocol = PROTOCOL_VERSION
    gc.disable()
    try:
        holder.service.inputs.wait(peer, 7, Ask(timeout=10.0, person=True))
        assert holder.service.inputs.on_person(Verdict(Reason.PERSON))
        left = [one for one in gc.get_objects() if isinstance(one, Waiter)]
    finally:
        gc.enable()
    assert [message["id"] for message in peer.sent] == [7]
    assert "ok" in peer.sent[0]
    assert not left


def test_a_wait_whose_step_fails_is_retried_with_pauses_and_ends_at_its_deadline() -> None:
    inputs = queue()
    told: list[object] = []
    waiter = Waiter.__new__(Waiter)
    waiter.job, waiter.owner, waiter.done, waiter.due = inputs._job, 1, False, 1.0
    waiter._deadline, waiter._reply, waiter.watch = (
        2.0,
        lambda outcome, _: told.append(outcome),
        None,
    )
    waiter.settle = SimpleNamespace(step=fails)  # type: ignore[assignment]
    inputs._waiters.append(waiter)
    inputs.on_time(1.0)
    assert waiter.due > 1.0
    assert not told
    inputs.on_time(2.0)
    assert "Too many open files" in str(told)
    assert not len(inputs)
