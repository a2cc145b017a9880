"""Newer requests to a holder of version 1: the client checks ports itself, the others are refused.

The holder's replies come from the recorded session.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import AsyncJobs, Jobs, protocol
from ptyjobs.client.older_holders import OlderHolder
from ptyjobs.config import Config, load
from ptyjobs.model import Reason
from ptyjobs.text.redaction import Redactor
from tests.compat import session

pytestmark = pytest.mark.live

RECORDED = json.loads((session.FOLDER / "74df2c8.json").read_text())
REPLIES = {
    next(iter(one["frame"]["ok"])): one["frame"]["ok"]
    for one in RECORDED["frames"]
    if one["from"] == "holder" and one["frame"].get("ok")
}
LISTENS_AFTER = 3  # requests for the status


class OlderHolder1:
    """Version 1 for every connection: `hello`, `status`, `wait`; others end the test."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self._looks = 0
        self._lock = os.open(folder / "alive", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / "sock"))
        self._listening.listen()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        serving = []
        while True:
            sock, _ = self._listening.accept()
            if sock.recv(1, socket.MSG_PEEK) == b"":  # `close` has connected
                break
            serving.append(threading.Thread(target=self._serve, args=(sock,)))
            serving[-1].start()
        for thread in serving:
            thread.join()

    def _serve(self, sock: socket.socket) -> None:
        decoder = protocol.Decoder()
        with sock:
            while data := sock.recv(1 << 16):
                for request in map(session.plain, decoder.feed(data)):
                    reply = {"id": request["id"], "ok": self._answer(request)}
                    sock.sendall(protocol.encode(reply))

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        match request["op"]:
            case "hello":
                return {"protocol": 1, "holder": 1, "state": "running"}
            case "status":
                self._looks += 1
                ports = [8080] if self._looks >= LISTENS_AFTER else []
                return {"status": {**REPLIES["status"]["status"], "ports": ports, "exit": None,
                                   "state": "running"}}  # fmt: skip
            case "wait" | "interact":
                return dict(REPLIES["answer"])
        raise AssertionError(request)

    def close(self, folder: Path) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(folder / "sock"))
        self._thread.join()
        self._listening.close()
        os.close(self._lock)


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})


@pytest.fixture
def holder(settings: Config) -> Iterator[OlderHolder1]:
    job = Jobs(settings).registry.allocate(session.NAME, program="")
    job.release()
    folder = job.path
    for name, text in RECORDED["files"].items():
        (folder / name).write_bytes(text.encode("latin-1"))
    made = OlderHolder1(folder)
    yield made
    made.close(folder)


def one(settings: Config) -> Any:
    with Jobs(settings) as jobs:
        return jobs.wait(session.NAME, until="port", timeout=20)


def several(settings: Config) -> Any:
    with Jobs(settings) as jobs:
        result = jobs.wait_many([session.NAME], until="port", timeout=20)
    assert result.met == (session.NAME,)
    return result.answers[0]


def by_loop(settings: Config) -> Any:
    async def looped() -> Any:
        async with AsyncJobs(settings) as jobs:
            result = await jobs.wait_many([session.NAME], until="port", timeout=20)
        assert result.met == (session.NAME,)
        return result.answers[0]

    return asyncio.run(looped())


@pytest.mark.parametrize("wait", [one, several, by_loop])
def test_a_port_is_looked_for(
    settings: Config, holder: OlderHolder1, wait: Callable[[Config], Any]
) -> None:
    verdict = wait(settings).verdict
    assert (verdict.reason, verdict.match) == (Reason.SERVICE_READY, "port 8080")
    words = [request["op"] for request in holder.asked]
    assert words == ["hello", *["status"] * LISTENS_AFTER, "wait"]
    assert holder.asked[-1]["for"] == "exited"


def test_conditions_of_a_service_are_refused(settings: Config, holder: OlderHolder1) -> None:
    async def looped() -> None:
        async with AsyncJobs(settings) as jobs:
            await jobs.wait(session.NAME, ready="port:8080")

    with Jobs(settings) as jobs:
        with pytest.raises(OlderHolder, match="started by an older version"):
            jobs.wait(session.NAME, ready="port:8080")
        with pytest.raises(OlderHolder):
            jobs.wait_many([session.NAME], ready="port:8080")
    with pytest.raises(OlderHolder):
        asyncio.run(looped())
    assert {request["op"] for request in holder.asked} == {"hello"}


def newer_requests(jobs: Any) -> list[Callable[[], Any]]:
    return [
        lambda: jobs.restart(session.NAME),
        lambda: jobs.interact(session.NAME, input="x", secret=True, insist=True),
        lambda: jobs.hold(session.NAME, by="ann"),
        lambda: jobs.wait(session.NAME, until="person", message="sign in"),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_request_that_it_would_misunderstand_is_refused(
    settings: Config, holder: OlderHolder1, number: int
) -> None:
    async def looped() -> None:
        async with AsyncJobs(settings) as jobs:
            await newer_requests(jobs)[number]()

    with Jobs(settings) as jobs, pytest.raises(OlderHolder, match="started by an older version"):
        newer_requests(jobs)[number]()
    with pytest.raises(OlderHolder):
        asyncio.run(looped())
    assert {request["op"] for request in holder.asked} == {"hello"}


def test_input_that_the_user_approved_is_typed(settings: Config, holder: OlderHolder1) -> None:
    """Its job has no rule that asks; a secret at a password prompt needs no newer holder either."""
    with Jobs(settings) as jobs:
        jobs.interact(session.NAME, input="make install", approved=True)
        jobs.interact(session.NAME, input="hunter2", secret=True)
    words = [request["op"] for request in holder.asked]
    assert words == ["hello", "interact", "interact"]


def test_output_is_read_though_it_keeps_no_secrets(settings: Config, holder: OlderHolder1) -> None:
    async def looped() -> str:
        async with AsyncJobs(settings) as jobs:
            jobs.redactor = Redactor()
            return (await jobs.output(session.NAME)).text

    assert "hello bob" in asyncio.run(looped())
    assert {request["op"] for request in holder.asked} == {"hello"}
