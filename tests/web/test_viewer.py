"""The viewer: who gets in, that no byte is lost or comes twice, and the page in a real browser."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

websockets = pytest.importorskip("websockets", reason="the extra [web] is not installed")

from websockets.asyncio.client import ClientConnection, connect  # noqa: E402
from websockets.exceptions import InvalidStatus  # noqa: E402

from ptyjobs.client import AsyncJobs, prepare  # noqa: E402
from ptyjobs.config import Config  # noqa: E402
from ptyjobs.model import Size  # noqa: E402
from ptyjobs.store import views  # noqa: E402
from ptyjobs.terminal import Screen  # noqa: E402
from ptyjobs.web import assets, timeline  # noqa: E402
from ptyjobs.web.server import PROTOCOL, TOKEN_PREFIX, Viewer, running  # noqa: E402
from tests.web.browser import Browser, program  # noqa: E402

pytestmark = pytest.mark.live
Act = Callable[[Viewer], Coroutine[Any, Any, None]]


def with_viewer(tmp_path: Path, act: Act, *, write: bool = False) -> None:
    """Run `act` beside a viewer over a fresh state directory."""

    async def main() -> None:
        jobs = AsyncJobs(Config(state_dir=tmp_path / "state"))
        try:
            async with running(viewer := Viewer(jobs, write=write)):
                await act(viewer)
        finally:
            await jobs.close()

    asyncio.run(main())


async def started(viewer: Viewer, command: str, *, name: str = "j", **more: Any) -> str:
    spec = prepare(viewer.jobs.config, command=command, name=name, **more)
    return (await viewer.jobs.start(spec, name=name, wait=10)).job_id


@asynccontextmanager
async def joined(viewer: Viewer, path: str, **more: Any) -> AsyncIterator[ClientConnection]:
    protocols = [PROTOCOL, TOKEN_PREFIX + viewer.token]
    url = f"ws://127.0.0.1:{viewer.port}/ws/{path}"
    async with connect(url, subprotocols=protocols, compression=None, **more) as socket:
        yield socket


class Watched:
    """What one browser was sent of a job."""

    def __init__(self) -> None:
        self.data = b""
        self.offset = 0
        self.told: list[dict[str, Any]] = []
        self.rebuild = False

    async def take(self, socket: ClientConnection, *, until: str = "exit", size: int = -1) -> None:
        async for message in socket:
            if isinstance(message, bytes):
                if self.rebuild:
                    self.rebuild = False
                else:
                    self.data += message
                    self.offset += len(message)
                if 0 <= size <= len(self.data):
                    return
                continue
            told = json.loads(message)
            self.told.append(told)
            if told["type"] in ("repaint", "offset"):
                self.offset = told["offset"]
                self.rebuild = told["type"] == "repaint"
            if told["type"] == until:
                return


def get(viewer: Viewer, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


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
        async with connect(url, subprotocols=right, origin=origin) as socket:
            assert json.loads(await socket.recv())["jobs"][0]["job_id"] == "j"

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

    with_viewer(tmp_path, act)


def test_what_is_vendored_is_what_its_list_says() -> None:
    found = assets.vendored()
    assert len(found) == 9
    assert all(found.values())
    assert sum(name.startswith("LICENSE") for name in found) == 4
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


# --- the page in a real browser -------------------------------------------------------------------


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not program():
        pytest.skip("no Chromium is installed")
    found = Browser()
    yield found
    found.close()


def server(tmp_path: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ptyjobs", "web", *flags],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(tmp_path: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ptyjobs", *words],
        env={**os.environ, "PTYJOBS_STATE": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


SCREEN = (
    "[...Array(ptyjobsTerminal.rows).keys()].map(n => ptyjobsTerminal.buffer.active.getLine("
    "ptyjobsTerminal.buffer.active.viewportY + n).translateToString(true)).join('\\n')"
)


def test_the_page_shows_joins_types_and_replays(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "bash --norc")
    run(tmp_path, "run", "-d", "--name", "old", "--", "echo seen; exit 5")
    viewer = server(tmp_path, "--write")
    try:
        assert viewer.stdout is not None
        url = viewer.stdout.readline().strip()
        browser.go(url)
        browser.wait("document.querySelectorAll('.card').length === 2")
        assert "token" not in browser.run("location.href")
        order = "[...document.querySelectorAll('.card')].map(card => card.dataset.job)"
        assert browser.run(order) == ["sh", "old"]  # what runs comes first, though it is older
        browser.wait("document.querySelector('[data-job=old] pre').textContent.includes('seen')")
        assert "code 5" in browser.run("document.querySelector('[data-job=old] time').textContent")

        browser.run("location.hash = '#/job/sh'")
        browser.wait("document.getElementById('state').textContent.includes('you can type')")
        browser.wait(f"{SCREEN}.includes('$') || {SCREEN}.includes('#')")
        whole = "(s => s.scrollHeight <= s.clientHeight)(document.getElementById('stage'))"
        browser.wait(f"ptyjobsTerminal.rows === 40 && {whole}")  # the last row can be seen
        browser.run("ptyjobsTerminal.focus()")
        browser.type("echo from $((40+2)) browsers")
        browser.press("Enter", 13)
        browser.wait(f"{SCREEN}.includes('from 42 browsers')")
        assert "from 42 browsers" in run(tmp_path, "screen", "sh")

        run(tmp_path, "send", "sh", "exit 3")
        browser.wait("document.getElementById('state').textContent.includes('code 3')")
        browser.run("location.hash = '#/replay/sh'")
        browser.wait(f"{SCREEN}.includes('from 42 browsers')")
        browser.run("document.getElementById('time').value = 0")
        browser.run("document.getElementById('time').oninput()")
        browser.wait(f"!{SCREEN}.includes('from 42')")
        browser.run("document.getElementById('speed').value = '16'")
        browser.run("document.getElementById('play').click()")
        browser.wait(f"{SCREEN}.includes('from 42 browsers')")
        browser.run("location.hash = '#/job/nobody'")
        browser.wait("document.getElementById('state').textContent.includes('nobody')")
    finally:
        viewer.terminate()
        viewer.wait(10)
        assert viewer.stdout is not None
        viewer.stdout.close()
        run(tmp_path, "kill", "sh")


def test_the_page_says_so_while_it_is_not_connected(tmp_path: Path, browser: Browser) -> None:
    run(tmp_path, "run", "-d", "--name", "sh", "--", "bash --norc")
    viewer = server(tmp_path, "--write")
    try:
        assert viewer.stdout is not None
        browser.go(viewer.stdout.readline().strip())
        browser.wait("document.querySelectorAll('.card').length === 1")
        browser.run("location.hash = '#/job/sh'")
        browser.wait("document.getElementById('state').textContent.includes('you can type')")
        viewer.terminate()
        browser.wait("document.getElementById('state').textContent === 'not connected'")
        assert browser.run("ptyjobsTerminal.options.disableStdin")
    finally:
        viewer.terminate()
        viewer.wait(10)
        assert viewer.stdout is not None
        viewer.stdout.close()
        run(tmp_path, "kill", "sh")


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
