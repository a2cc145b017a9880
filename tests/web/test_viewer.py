"""The viewer's server: access control; no byte is lost or sent twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ptyjobs.model import Size
from ptyjobs.store import views
from ptyjobs.store.jobdir import JobDir
from ptyjobs.terminal import Screen
from ptyjobs.web import assets, download, timeline
from ptyjobs.web.feed import BURST
from ptyjobs.web.server import PROTOCOL, TOKEN_HEADER, TOKEN_PREFIX, Viewer
from tests.web.harness import Watched, get, joined, run, server, started, with_viewer

pytestmark = pytest.mark.live


# --- who gets in ----------------------------------------------------------------------------------


def test_only_who_has_the_token_and_comes_from_our_page_gets_in(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "cat")
        url = f"ws://127.0.0.1:{viewer.port}/ws/jobs"
        right = [PROTOCOL, TOKEN_PREFIX + viewer.token]
        origin = f"http://127.0.0.1:{viewer.port}"
        for protocols, more, status in (
            ([PROTOCOL], {}, 401),
            ([PROTOCOL, TOKEN_PREFIX + "guess"], {}, 401),
            (right, {"origin": "http://evil.example"}, 403),
            (right, {"origin": "null"}, 403),
            (right, {"additional_headers": {"Host": "evil.example"}}, 421),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(url, subprotocols=protocols, **more):
                    pass
            assert refused.value.response.status_code == status
        for headers, status in (
            ({}, 401),
            ({TOKEN_HEADER: "guess"}, 401),
            ({TOKEN_HEADER: viewer.token, "Origin": "http://evil.example"}, 403),
            ({TOKEN_HEADER: viewer.token, "Host": "evil.example"}, 421),
            ({TOKEN_HEADER: viewer.token}, 200),
        ):
            assert (await asyncio.to_thread(get, viewer, "/session", **headers))[0] == status
        async with connect(url, subprotocols=right, origin=origin) as socket:
            while not (rows := json.loads(await socket.recv())["rows"]):
                pass
            assert rows[0]["job_id"] == "j"

    with_viewer(tmp_path, act)


def test_files_are_served_with_a_strict_policy_and_nothing_else(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        ask = lambda path, **headers: asyncio.to_thread(get, viewer, path, **headers)  # noqa: E731
        status, headers, body = await ask("/")
        assert (status, b"<title>ptyjobs</title>" in body) == (200, True)
        assert viewer.token.encode() not in body
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (await ask("/", Host="evil.example"))[0] == 421
        for path in (
            "/../pyproject.toml",
            "/static/../assets.py",
            "/viewer",
            "/vendor/VENDOR.toml",
        ):
            assert (await ask(path))[0] == 404
        reader, writer = await asyncio.open_connection("127.0.0.1", viewer.port)
        writer.write(f"GET http://[::1/ HTTP/1.1\r\nHost: localhost:{viewer.port}\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()  # no URL
        writer.close()

    with_viewer(tmp_path, act)


def test_what_is_vendored_is_what_its_list_says() -> None:
    found = assets.vendored()
    assert len(found) == 7
    assert all(found.values())
    assert sum(name.startswith("LICENSE") for name in found) == 3
    assert all(assets.asset(path) for path in assets.NAMES)


# --- a live job -----------------------------------------------------------------------------------


def test_a_cut_connection_goes_on_at_its_offset_without_loss_or_repetition(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        lines = "for i in $(seq 1 400); do echo line $i $RANDOM; sleep 0.002; done"
        await started(viewer, f"read go; {lines}")
        watched = Watched()
        async with joined(viewer, "job/j") as socket:
            await watched.take(socket, until="repaint")
            begin = watched.offset
            await viewer.jobs.interact("j", input="", timeout=0)
            await watched.take(socket, size=500)
        for _ in range(3):
            size = len(watched.data) + 700
            async with joined(viewer, f"job/j?since={watched.offset}") as socket:
                await watched.take(socket, size=size)
        async with joined(viewer, f"job/j?since={watched.offset}") as socket:
            await watched.take(socket)
        log = viewer.jobs.registry.find("j").log
        whole = log.read(begin, 1 << 20)[1]
        assert hashlib.sha256(watched.data).digest() == hashlib.sha256(whole).digest()
        assert watched.told[-1]["status"]["exit"]["code"] == 0

    with_viewer(tmp_path, act)


def test_a_browser_is_sent_the_lines_above_the_screen(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "seq 1 300; cat", name="live", rows=10)
        await started(viewer, "seq 1 300", name="over", rows=10)
        await viewer.jobs.wait("over", until="exited")
        for job_id in ("live", "over"):
            async with joined(viewer, f"job/{job_id}") as socket:
                while json.loads(await socket.recv())["type"] != "repaint":
                    pass
                shown = Screen(Size(10, 120))
                shown.feed(await socket.recv())
            lines = [line.text for line in shown.line_range(shown.floor_line, shown.first_line)]
            assert lines == [str(n) for n in range(1, 292)]

    with_viewer(tmp_path, act)


def test_a_browser_far_behind_gets_the_screen_instead_of_the_flood(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "read go; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo end")
        async with joined(viewer, "job/j", max_queue=1) as socket:
            watched = Watched()
            await watched.take(socket, until="repaint")
            await viewer.jobs.interact("j", input="", timeout=0)
            await viewer.jobs.wait("j", until="exited", timeout=60)
            await watched.take(socket)
        assert len(watched.data) < 30_000_000
        assert any(told["type"] == "skipped" for told in watched.told)
        async with joined(viewer, f"job/j?since={watched.offset}") as socket:
            await Watched().take(socket)

    with_viewer(tmp_path, act)


def test_during_a_flood_a_browser_is_sent_screens_and_no_bytes_between(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "trap : INT; read go; yes 'a line of a flood'; cat")
        async with joined(viewer, "job/j") as socket:
            watched = Watched()
            await watched.take(socket, until="repaint")
            await viewer.jobs.interact("j", input="", timeout=0)
            await watched.take(socket, until="repaint")
            before = len(watched.data)
            for _ in range(8):
                await watched.take(socket, until="repaint")
            # A flood that was stopped for a moment by a busy machine is sent as it is.
            assert len(watched.data) - before < 8 * BURST / 2
            await viewer.jobs.kill("j", signal="INT")
            shown = Screen(Size(24, 80))
            async for message in socket:  # quiet again: the screen with the lines above it
                if isinstance(message, bytes) and len(message) > 50_000:
                    shown.feed(message)
                    break
            assert shown.first_line - shown.floor_line > 1000

    with_viewer(tmp_path, act)


@pytest.mark.parametrize("write", [False, True])
def test_typing_needs_write(tmp_path: Path, write: bool) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "cat")
        async with joined(viewer, "job/j") as socket:
            watched = Watched()
            await watched.take(socket, until="repaint")
            await socket.send(b"typed\r")
            await socket.send(json.dumps({"rows": 20, "cols": 60}))
            await socket.send("rubbish")
            if not write:
                await watched.take(socket, until="readonly")
                text = (await viewer.jobs.tail("j")).text
                assert "typed" not in text
            else:
                await watched.take(socket, size=len("typed\r\ntyped\r\n"))
                assert b"typed\r\ntyped" in watched.data
                assert (await viewer.jobs.status("j")).size.cols == 60

    with_viewer(tmp_path, act, write=write)


def test_two_people_type_at_once(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "cat")
        async with joined(viewer, "job/j") as one, joined(viewer, "job/j") as two:
            first, second = Watched(), Watched()
            await first.take(one, until="repaint")
            await second.take(two, until="repaint")
            await one.send(b"from one\r")
            await first.take(one, size=20)
            await two.send(b"from two\r")
            await second.take(two, size=40)
            assert b"from one" in second.data
            assert b"from two" in second.data

    with_viewer(tmp_path, act, write=True)


def test_a_browser_follows_the_size_that_an_agent_sets(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "cat")
        async with joined(viewer, "job/j") as socket:
            watched = Watched()
            await watched.take(socket, until="repaint")
            await viewer.jobs.resize("j", Size(10, 40))
            await watched.take(socket, until="size")
        assert (watched.told[-1]["rows"], watched.told[-1]["cols"]) == (10, 40)

    with_viewer(tmp_path, act)


def test_an_ended_and_an_unknown_job(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "echo over; exit 3")
        await viewer.jobs.wait("j", until="exited")
        watched = Watched()
        async with joined(viewer, "job/j") as socket:
            await watched.take(socket)
        assert [told["type"] for told in watched.told] == ["size", "repaint", "exit"]
        assert watched.told[-1]["status"]["exit"]["code"] == 3
        async with joined(viewer, "job/none") as socket:
            told = json.loads(await socket.recv())
        assert (told["type"], told["code"]) == ("error", "unknown_job")

    with_viewer(tmp_path, act)


# --- the past -------------------------------------------------------------------------------------


def test_seeking_shows_the_screen_of_that_time_and_playing_gives_every_byte(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "bash --norc", rows=10, cols=40)
        for line in ("echo one", "sleep 0.3; echo two", "seq 1 3000", "exit"):
            await viewer.jobs.interact("j", input=line)
        job = viewer.jobs.registry.find("j")
        async with joined(viewer, "replay/j") as socket:
            assert json.loads(await socket.recv())["row"]["command"] == "bash --norc"
            line = json.loads(await socket.recv())
            assert [label for _, label in line["marks"]][:3] == [
                "echo one", "sleep 0.3; echo two", "seq 1 3000"
            ]  # fmt: skip
            for share in (0.0, 0.3, 0.7, 1.0):
                time = line["duration"] * share
                await socket.send(json.dumps({"seek": time}))
                told, data = json.loads(await socket.recv()), await socket.recv()
                shown = Screen(views.screen_at(job, time=time).size)
                shown.feed(data)
                assert shown.text() == views.screen_at(job, time=time).text()
                assert (told["rows"], told["cols"]) == (10, 40)
            played, following = b"", -1.0
            while following is not None:
                await socket.send(json.dumps({"from": following}))
                told, data = json.loads(await socket.recv()), await socket.recv()
                assert sum(item[1] for item in told["items"]) == len(data)
                played += data
                following = told["next"]
            assert played == job.log.read(0, 1 << 20)[1]

    with_viewer(tmp_path, act)


def test_the_last_output_of_a_live_job_is_in_its_replay(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "bash --norc", rows=10, cols=40)
        await viewer.jobs.interact("j", input="echo a; echo b")
        job = viewer.jobs.registry.find("j")
        whole = job.log.read(0, 1 << 20)[1]
        lines = (job.path / "events").read_text().splitlines()
        kept = [line for line in lines if json.loads(line)[1] < len(whole)]
        (job.path / "events").write_text("\n".join(kept) + "\n")  # its last entry is not written
        _, data = timeline.screen(job, timeline.described(job)["duration"])
        shown = Screen(Size(10, 40))
        shown.feed(data)
        assert shown.text() == views.screen_at(job).text()
        assert timeline.events(job, -1.0)[1] == whole

    with_viewer(tmp_path, act)


def test_a_long_log_is_sought_without_being_sent(tmp_path: Path) -> None:
    async def act(viewer: Viewer) -> None:
        await started(viewer, "yes 0123456789abcdef | head -c 60000000; echo the end")
        await viewer.jobs.wait("j", until="exited", timeout=60)
        job = viewer.jobs.registry.find("j")
        _, data = timeline.screen(job, timeline.described(job)["duration"])
        assert b"the end" in data
        assert len(data) < 100_000
        async with joined(viewer, "job/j") as socket:
            watched = Watched()
            await watched.take(socket)
        assert watched.data == b""

    with_viewer(tmp_path, act)


def test_a_port_that_is_taken_and_a_missing_extra_are_told(tmp_path: Path) -> None:
    viewer = server(tmp_path)
    assert viewer.stdout is not None
    port = viewer.stdout.readline().split(":")[2].split("/")[0]
    try:
        with pytest.raises(subprocess.CalledProcessError) as taken:
            run(tmp_path, "web", "--port", port)
        assert f"Port {port} cannot be used" in taken.value.stderr
    finally:
        viewer.terminate()
        viewer.wait(10)
        viewer.stdout.close()
    code = "import sys; sys.modules['websockets'] = None\nfrom ptyjobs.cli.main import main\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "sys.exit(main(['web']))"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'ptyjobs[web]'" in done.stderr


# --- saving ---------------------------------------------------------------------------------------


def test_one_file_is_made_at_a_time_and_none_for_a_page_that_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go, made = threading.Event(), threading.Event(), []

    def write(job: JobDir, out: BinaryIO) -> str:
        made.append(job.job_id)
        began.set()
        assert len(made) > 1 or go.wait(60)
        return ""

    monkeypatch.setitem(download.FILES, "text", (".txt", "text/plain", write))

    async def act(viewer: Viewer) -> None:
        await started(viewer, "cat")
        url = f"ws://127.0.0.1:{viewer.port}/ws/file/j?kind=text"
        words = [PROTOCOL, TOKEN_PREFIX + viewer.token]
        async with connect(url, subprotocols=words) as first:
            assert await asyncio.to_thread(began.wait, 60)
            async with connect(url, subprotocols=words) as second:
                async with connect(url, subprotocols=words):
                    pass
                assert len(made) == 1
                go.set()
                for page in (first, second):
                    assert json.loads(await page.recv())["type"] == "file"
                    assert json.loads(await page.recv())["type"] == "whole"
        async with connect(url, subprotocols=words) as last:
            assert json.loads(await last.recv())["type"] == "file"
        assert len(made) == 3

    with_viewer(tmp_path, act)
