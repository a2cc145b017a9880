"""One session that uses every operation of the holder's protocol, for clients of any version.

Run by a person with the version to record first on the path, never by the tests:

    PYTHONPATH=CHECKOUT python tests/compat/session.py COMMIT

It writes `fixtures/wire/COMMIT.json`: every frame of the session in both directions, the
values that the client of that version decoded, and the job's files. `test_wire.py` plays it to
today's client and holder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptyjobs import protocol
from ptyjobs.client import AsyncJobs, Jobs
from ptyjobs.config import Config, load
from ptyjobs.errors import PtyJobsError
from ptyjobs.json_values import to_json
from ptyjobs.model import JobSpec, Size

FOLDER = Path(__file__).parents[2] / "fixtures" / "wire"
NAME = "recorded"
SCRIPT = """
printf 'name? '; read name; echo "hello $name"
stty -echo; printf 'pin: '; read pin; stty echo; echo; echo "${#pin} digits"
while read line; do echo "got $line"; done
"""
SPEC = JobSpec(
    job_id=NAME,
    argv=("/bin/sh", "-c", SCRIPT),
    command="sh",
    cwd="/",
    size=Size(6, 60),
    env={"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
)


def session(jobs: Jobs, *, click: Any) -> Iterator[Any]:
    """The calls, each with its result; `click` is a mouse action in the client's own type."""
    yield jobs.start(SPEC, name=NAME, wait=20)
    yield jobs.interact(NAME, input="bob", timeout=20)
    yield jobs.interact(NAME, input="1234", secret=True, timeout=20)
    yield jobs.interact(NAME, input="one", until=[r"got (\w+)"], timeout=20, budget=900)
    yield jobs.interact(NAME, input="", enter=False, timeout=0.2)
    yield jobs.interact(NAME, raw=b"two\r", shown="two", timeout=20)
    yield jobs.interact(NAME, keys=["C-u", "Enter"], view="screen", timeout=20)
    yield _refused(jobs, keys=["NoSuchKey"])
    yield _refused(jobs, mouse=click)
    yield _refused(jobs, until=["("])
    yield jobs.wait(NAME, timeout=20)
    yield jobs.wait(NAME, until="quiet", timeout=20)
    yield jobs.wait(NAME, until="exited", timeout=0.1)
    yield jobs.wait(NAME, until="pattern", patterns=["never"], timeout=0.1)
    yield jobs.tail(NAME, lines=20)
    yield jobs.repaint(NAME, scrollback=5)[0]
    yield jobs.resize(NAME, Size(7, 61)).size
    yield jobs.mark(NAME, "here")
    yield jobs.discard(NAME, before=0)
    yield jobs.status(NAME).state
    yield asyncio.run(_cancelled(jobs.config))
    yield _followed(jobs)
    yield jobs.kill(NAME, signal="WINCH").result
    yield jobs.kill(NAME).result


async def _cancelled(config: Config) -> str:
    """Another client cancels its wait, and requests the status on the same connection."""
    jobs = AsyncJobs(config)
    wait = getattr(jobs, "wait_many", jobs.wait)  # one method for both at first
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wait([NAME], until="exited", timeout=20), 0.2)
    status = await jobs.status(NAME)
    await jobs.close()
    return str(status.state)


def _refused(jobs: Jobs, **params: Any) -> str:
    try:
        jobs.interact(NAME, timeout=20, **params)
    except PtyJobsError as error:
        return f"{error.code}: {error}"
    raise AssertionError(f"{params} was accepted")


def _followed(jobs: Jobs) -> list[object]:
    follow = jobs.follow(NAME, input=True, size=Size(5, 50), name="me")
    seen: list[object] = []
    for event in iter(lambda: follow.receive(timeout=20), None):
        if isinstance(event, protocol.Data):
            if b"got typed" in event.data:
                break
        elif "event" in event:  # not the reply to `resize`
            seen.append(event["event"])
        if event == {"event": "resize", "size": {"rows": 4, "cols": 40}}:
            follow.send(b"typed\r")
        elif seen == ["repaint"]:
            follow.resize(Size(4, 40))
    follow.close()
    return seen


def plain(frame: protocol.Message) -> dict[str, Any]:
    """A frame as JSON types."""
    if isinstance(frame, protocol.Data):
        return {"offset": frame.offset, "bytes": frame.data.hex()}
    return dict(frame)


def frame_of(plain_frame: dict[str, Any]) -> protocol.Message:
    """The frame that `plain` wrote."""
    if "bytes" in plain_frame:
        return protocol.Data(plain_frame["offset"], bytes.fromhex(plain_frame["bytes"]))
    return plain_frame


def record(commit: str) -> None:
    frames: list[dict[str, Any]] = []
    connections: dict[int, int] = {}
    encode, data_frame, feed = protocol.encode, protocol.data_frame, protocol.Decoder.feed

    def sent(message: protocol.Message) -> bytes:
        frames.append({"from": "client", "frame": plain(message)})
        return encode(message)

    def keys(offset: int, data: bytes) -> bytes:
        frames.append({"from": "client", "frame": plain(protocol.Data(offset, data))})
        return data_frame(offset, data)

    def received(decoder: protocol.Decoder, data: bytes) -> list[protocol.Message]:
        number = connections.setdefault(id(decoder), len(connections))
        messages = list(feed(decoder, data))
        frames.extend({"from": "holder", "on": number, "frame": plain(one)} for one in messages)
        return messages

    with tempfile.TemporaryDirectory() as state:
        with Jobs(load(environ={"PTYJOBS_STATE": state})) as jobs:
            jobs.warm_up()  # the zygote, and so the holder, is not recorded
            protocol.encode, protocol.data_frame = sent, keys
            protocol.Decoder.feed = received  # type: ignore[method-assign,assignment]  # it listens in
            click = {"row": 1, "col": 1}
            results = [to_json(result) for result in session(jobs, click=click)]
            directory = jobs.registry.find(NAME).path
        files = {
            file.name: file.read_bytes().decode("latin-1").rstrip(" ")
            for file in sorted(directory.iterdir())
            if file.is_file() and file.name not in ("alive", "cgroup")  # of that machine
        }
        for number, one in enumerate(frames):
            if one["from"] == "client":
                one["on"] = _connection(frames, number)
        text = json.dumps(
            {"commit": commit, "frames": frames, "results": results, "files": files}, indent=1
        )
        text = text.replace(os.path.realpath(state), "/state").replace(state, "/state")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{commit}.json").write_text(text + "\n")


def _connection(frames: list[dict[str, Any]], number: int) -> int:
    """The connection of a client's frame: its reply's, else the previous frame's.

    A reused id belongs to another connection.
    """
    frame = frames[number]["frame"]
    for one in frames[number + 1 :]:
        if "id" in frame and one["frame"].get("id") == frame["id"]:
            if one["from"] == "holder":
                return int(one["on"])
            break
    return next(int(one["on"]) for one in frames[number - 1 :: -1] if one["from"] == "client")


if __name__ == "__main__":
    record(sys.argv[1])
