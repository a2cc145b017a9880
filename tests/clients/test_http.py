"""HTTP: only for those with the token, from this machine, or through a private socket."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import SERVER, clean_environment

pytestmark = pytest.mark.live

INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "0"},
        },
    }
)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def post(connection: http.client.HTTPConnection, **headers: str) -> tuple[int, str]:
    base = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/mcp", INITIALIZE, {**base, **more})
    response = connection.getresponse()
    body = response.read(4000).decode() if response.status != 200 else response.read1(4000).decode()
    connection.close()
    return response.status, body


def start(state: Path, address: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*SERVER, "--http", address], env=clean_environment(state), stderr=subprocess.PIPE
    )


def stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    server.wait(10)
    assert server.stderr is not None
    server.stderr.close()


@pytest.fixture(scope="module")
def tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    state = tmp_path_factory.mktemp("http") / "state"
    server = start(state, "127.0.0.1:0")
    assert server.stderr is not None
    line = server.stderr.readline().decode()
    assert "listening on http://127.0.0.1:" in line
    yield int(line.partition("127.0.0.1:")[2].partition("/")[0]), state
    stop(server)


def test_the_token_is_private_and_needed(tcp: tuple[int, Path]) -> None:
    port, state = tcp
    token_file = state / "http-token"
    assert token_file.stat().st_mode & 0o777 == 0o600
    token = token_file.read_text().strip()
    assert post(http.client.HTTPConnection("127.0.0.1", port))[0] == 401
    wrong = post(http.client.HTTPConnection("127.0.0.1", port), Authorization="Bearer x")
    assert wrong[0] == 401
    status, body = post(
        http.client.HTTPConnection("127.0.0.1", port), Authorization=f"Bearer {token}"
    )
    assert status == 200
    assert '"serverInfo"' in body


def test_other_hosts_and_origins_are_refused(tcp: tuple[int, Path]) -> None:
    port, state = tcp
    token = f"Bearer {(state / 'http-token').read_text().strip()}"
    for headers, status in (
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": f"http://127.0.0.1:{port}"}, 200),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        assert post(connection, Authorization=token, **headers)[0] == status, headers


def test_a_private_unix_socket_needs_no_token(tmp_path: Path) -> None:
    path = tmp_path / "private" / "mcp.sock"
    server = start(tmp_path / "state", f"unix:{path}")
    assert server.stderr is not None
    server.stderr.readline()  # it listens
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert post(UnixConnection(str(path)))[0] == 200
    stop(server)
    assert not path.exists()


@pytest.mark.parametrize(
    ("address", "words"),
    [("0.0.0.0:0", "only 127.0.0.1"), ("unix:{open}/s", "must be yours and mode 0700")],
)
def test_what_others_could_reach_is_refused(tmp_path: Path, address: str, words: str) -> None:
    shared = tmp_path / "open"
    shared.mkdir()
    os.chmod(shared, 0o755)
    done = subprocess.run(
        [*SERVER, "--http", address.format(open=shared)],
        env=clean_environment(tmp_path / "state"),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr


def test_a_unix_socket_replaces_only_one_that_nobody_listens_at(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    notes, path = folder / "notes", folder / "sock"
    notes.write_text("mine")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    first = start(tmp_path / "first", f"unix:{path}")
    assert first.stderr is not None
    try:
        assert b"listening" in first.stderr.readline()
        for place, why in (
            (notes, b"that exists and is no socket"),
            (path, b"another server listens there"),
            (folder / ("x" * 200), b"AF_UNIX path too long"),
            (notes / "below", b"notes is no directory"),
        ):
            other = start(tmp_path / "other", f"unix:{place}")
            assert other.wait(20) == 2
            assert other.stderr is not None
            said = other.stderr.read()
            other.stderr.close()
            assert why in said
            assert b"Traceback" not in said
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        assert notes.read_text() == "mine"
    finally:
        stop(first)
    assert not path.exists()


def test_a_server_leaves_the_socket_of_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "private" / "sock"
    first = start(tmp_path / "first", f"unix:{path}")
    try:
        assert first.stderr is not None
        assert b"listening" in first.stderr.readline()
        path.unlink()
        with socket.socket(socket.AF_UNIX) as another:
            another.bind(str(path))
    finally:
        stop(first)
    assert path.exists()
