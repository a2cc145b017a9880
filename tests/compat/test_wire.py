"""A holder outlives the client that started it: recorded sessions of earlier versions.

`fixtures/wire` holds sessions that `session.py` recorded. Each is played to today's client by a
holder that gives the recorded replies, and to a holder of today by a client that sends the recorded
frames.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ptyjobs import protocol, requests
from ptyjobs.client import Jobs
from ptyjobs.client.connect import connect
from ptyjobs.config import load
from ptyjobs.errors import JobEnded
from ptyjobs.input.mouse import MouseAction
from ptyjobs.json_values import to_json
from ptyjobs.model import JobSpec, Size
from ptyjobs.store.jobdir import JobDir
from tests.compat import session

pytestmark = pytest.mark.live

RECORDINGS = sorted(session.FOLDER.glob("*.json"))
PATIENCE = 30.0  # seconds until a peer that is silent fails the test
VOLATILE = {"reader", "id", "spec", "request"}


def recording(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


class RecordedHolder:
    """Answers any client on any connection with the replies of a recorded session, in order."""

    def __init__(self, frames: list[dict[str, Any]]) -> None:
        self._frames = frames
        self.asked: list[tuple[dict[str, Any], dict[str, Any]]] = []  # recorded, sent
        self._numbers: dict[tuple[int, int], int] = {}  # connection, recorded id → id that was sent
        self._sockets: dict[int, tuple[socket.socket, protocol.Decoder]] = {}
        self._poll = select.poll()

    def serve(self, first: socket.socket, listening: socket.socket) -> None:
        """Until every recorded frame was sent."""
        self._poll.register(listening, select.POLLIN)
        self._adopt(first)
        while self._frames and (events := self._poll.poll(PATIENCE * 1000)):
            for fd, _ in events:
                if fd == listening.fileno():
                    self._adopt(listening.accept()[0])
                else:
                    self._read(fd)
        for sock, _ in self._sockets.values():
            sock.close()

    def _adopt(self, sock: socket.socket) -> None:
        self._sockets[sock.fileno()] = sock, protocol.Decoder()
        self._poll.register(sock, select.POLLIN)

    def _read(self, fd: int) -> None:
        sock, decoder = self._sockets[fd]
        data = sock.recv(1 << 20)
        if not data:
            self._poll.unregister(fd)
        for message in decoder.feed(data):
            self._answer(sock, session.plain(message))

    def _answer(self, sock: socket.socket, sent: dict[str, Any]) -> None:
        asked = self._frames.pop(0)
        assert asked["from"] == "client"
        self.asked.append((asked["frame"], sent))
        if "id" in asked["frame"]:
            self._numbers[asked["on"], asked["frame"]["id"]] = sent["id"]
        while self._frames and self._frames[0]["from"] == "holder":
            reply = self._frames.pop(0)
            frame = dict(reply["frame"])
            if "id" in frame:
                frame["id"] = self._numbers[reply["on"], frame["id"]]
            sock.sendall(protocol.encode(session.frame_of(frame)))


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(load(environ={"PTYJOBS_STATE": str(tmp_path / "state")})) as client:
        yield client


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_this_client_understands_a_holder_of_an_earlier_version(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    recorded = recording(path)
    holder = RecordedHolder(recorded["frames"])
    ours, theirs = socket.socketpair()
    threads: list[threading.Thread] = []

    def fork_holder(job: JobDir, spec: JobSpec) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(job.path / "sock"))
        listening.listen()
        job.write_spec(spec)
        threads.append(threading.Thread(target=holder.serve, args=(theirs, listening)))
        threads[0].start()
        return ours

    monkeypatch.setattr(jobs, "_fork_holder", fork_holder)
    results = [to_json(r) for r in session.session(jobs, click=MouseAction(1, 1))]
    threads[0].join(PATIENCE)
    for ours_now, before in zip(results, recorded["results"], strict=True):
        assert_holds(ours_now, before)
    for before, sent in holder.asked:
        if "op" in before:
            assert before["op"] == sent["op"]
            assert_same_request(before, sent)
        else:
            assert before == sent
    sent_by_id = [sent for _, sent in holder.asked if sent.get("op") == "wait"]
    (cancelled,) = [sent["request"] for _, sent in holder.asked if sent.get("op") == "cancel"]
    assert cancelled == sent_by_id[-1]["id"]


def assert_same_request(before: dict[str, Any], sent: dict[str, Any]) -> None:
    """The fields that the earlier holder reads keep their earlier meaning."""
    for name in before.keys() - VOLATILE:
        expected, value = before[name], sent.get(name)
        if name == "mouse" and expected is not None:
            assert_holds(value, expected)
        else:
            assert (value or None) == (expected or None), (sent["op"], name)


def assert_holds(value: Any, expected: Any, path: str = "") -> None:
    """`value` is `expected`, where objects may have further members."""
    if isinstance(expected, dict):
        for name, member in expected.items():
            assert name in value, f"{path}.{name} is missing"
            assert_holds(value[name], member, f"{path}.{name}")
    else:
        assert value == expected, path


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_holder_of_this_version_understands_an_earlier_client(jobs: Jobs, path: Path) -> None:
    frames = recording(path)["frames"]
    job = jobs.registry.allocate(session.NAME, program="")
    jobs.warm_up()
    assert jobs.zygote is not None
    sockets = {0: jobs.zygote.fork_holder(job.path, persistent=False, grace=1.0, lock=job.lock)}
    job.release()
    decoders = {0: protocol.Decoder()}
    came: dict[int, list[dict[str, Any]]] = {0: []}
    for number, one in enumerate(frames):
        on, frame = one["on"], one["frame"]
        if one["from"] == "client":
            if on not in sockets:
                sockets[on], decoders[on], came[on] = connect(job), protocol.Decoder(), []
            frame = session.frame_of(frame)
            sockets[on].sendall(protocol.encode(frame))
            continue
        if "bytes" in frame:  # output comes in pieces of any size
            expected = b"got typed"
            if any("bytes" in later["frame"] for later in frames[number + 1 :]):
                continue
            while expected not in b"".join(
                bytes.fromhex(m["bytes"]) for m in came[on] if "bytes" in m
            ):
                receive(sockets[on], decoders[on], came[on], only="bytes")
            continue
        kind = "id" if "id" in frame else "event"
        reply = first(sockets[on], decoders[on], came[on], kind, frame[kind])
        assert_replies_alike(reply, frame)
    for sock in sockets.values():
        sock.close()


def first(
    sock: socket.socket,
    decoder: protocol.Decoder,
    came: list[dict[str, Any]],
    kind: str,
    value: object,
) -> dict[str, Any]:
    """The first message whose `kind` member is `value`."""
    while True:
        for message in came:
            if message.get(kind) == value:
                came.remove(message)
                return message
        receive(sock, decoder, came)


def receive(
    sock: socket.socket, decoder: protocol.Decoder, came: list[dict[str, Any]], only: str = ""
) -> None:
    sock.settimeout(PATIENCE)
    data = sock.recv(1 << 20)
    assert data, "the holder closed the connection"
    came.extend(
        message for message in map(session.plain, decoder.feed(data)) if not only or only in message
    )


STABLE = {
    "code", "state", "reason", "text", "prompt", "match", "pattern", "view", "size", "cursor",
    "result", "event", "cancelled", "signal", "cause",
}  # fmt: skip
"""Members whose value is the same in every run of the session."""


def assert_replies_alike(now: Any, before: Any, path: str = "") -> None:
    """Every member of the earlier reply is there, of the same kind and where stable equal."""
    if isinstance(before, dict):
        assert isinstance(now, dict), path
        for name, member in before.items():
            assert name in now, f"{path}.{name} is missing"
            if name in STABLE and not isinstance(member, dict):
                assert now[name] == member, f"{path}.{name}"
            else:
                assert_replies_alike(now[name], member, f"{path}.{name}")
    elif before is not None and now is not None:
        numbers = (int, float)
        same = isinstance(now, type(before)) or (
            isinstance(now, numbers) and isinstance(before, numbers)
        )
        assert same, f"{path}: {now!r}, before {before!r}"


def test_a_client_of_version_1_is_answered_in_words_that_it_knows(jobs: Jobs) -> None:
    jobs.execute("echo up; exec sleep 1000", name="s", ready="up", wait=20)
    job = jobs.registry.find("s")
    reasons = set()
    for hello in ({"reader": "old"}, {"reader": "new", "protocol": 2}):
        decoder, came = protocol.Decoder(), []
        with connect(job) as sock:
            sock.sendall(protocol.encode({"op": "hello", "id": 0, **hello}))
            sock.sendall(protocol.encode({"op": "wait", "id": 1, "for": "ready", "timeout": 20}))
            reply = first(sock, decoder, came, "id", 1)
        reasons.add((hello["reader"], reply["ok"]["answer"]["verdict"]["reason"]))
    assert reasons == {("old", "quiet"), ("new", "ready")}


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_files_of_an_earlier_version_are_read(jobs: Jobs, path: Path) -> None:
    recorded = recording(path)
    job = jobs.registry.allocate(session.NAME, program="")
    job.release()
    directory = job.path
    for name, text in recorded["files"].items():
        (directory / name).write_bytes(text.encode("latin-1"))
    status = jobs.status(session.NAME)
    assert_holds(to_json(status), json.loads(recorded["files"]["status.json"]))
    assert jobs.tail(session.NAME).text.endswith("got two\n\ngot\ntyped\ngot typed")
    assert jobs.output(session.NAME, grep="hello").text == "11: hello bob"
    answer = jobs.wait(session.NAME, until="exited")
    assert answer.verdict.exit == status.exit
    assert answer.fresh.text.startswith("name? bob\nhello bob\npin:\n4 digits")
    with pytest.raises(JobEnded):
        jobs.interact(session.NAME, input="x")


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_an_earlier_version_finds_its_files_in_a_new_job(jobs: Jobs, path: Path) -> None:
    files = recording(path)["files"]
    jobs.start(session.SPEC, name=session.NAME, wait=20)
    jobs.resize(session.NAME, Size(7, 61))
    jobs.mark(session.NAME, "here")
    jobs.kill(session.NAME)
    directory = jobs.registry.find(session.NAME).path
    assert files.keys() <= {file.name for file in directory.iterdir()}
    for name in ("spec.json", "status.json"):
        now = json.loads((directory / name).read_text())
        assert json.loads(files[name]).keys() <= now.keys(), name
    codes = {json.loads(line)[2] for line in (directory / "events").read_text().splitlines()}
    assert codes == {"r", "o", "m", "x"}


def test_requests_that_no_session_holds_have_their_meaning() -> None:
    """`status` of the command line, and the ones of a connection's first versions."""
    assert requests.decode({"op": "status", "id": 1, "brief": True}) == requests.StatusRequest(True)
    assert requests.decode({"op": "start", "spec": to_json(session.SPEC), "wait": 0.0}) == (
        requests.StartRequest(session.SPEC)
    )
