"""HTTP and the viewer on the loopback interface, tried by another user of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from ptyjobs.client.host_facts import PrivateSocket
from tests.clients.conftest import SERVER, clean_environment
from tests.clients.test_http import start, stop
from tests.web.harness import serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user"),
]

GET = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
try:
    connection.request("GET", "/")
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException):
    print("closed")
"""
SEND = """
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
try:
    connection.request("POST", "/mcp", "{}", {"Authorization": f"Bearer {sys.argv[3]}"})
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException):
    print("closed")
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_another_user_is_turned_away_even_with_the_token(tmp_path: Path, host: str) -> None:
    """It may have listened on the port while no server ran, and received a client's token."""
    server = start(tmp_path / "state", f"{host}:0")
    try:
        assert server.stderr is not None
        line = server.stderr.readline().decode()
        if "listening on" not in line:
            pytest.skip(f"this machine has no {host}")
        port = line.partition(f"{host}:")[2].partition("/")[0]
        token = (tmp_path / "state/http-token").read_text().strip()
        words = ["/usr/bin/env", "python3", "-c", SEND, host.strip("[]"), port, token]
        for user, status in ((65534, "closed"), (0, "400")):
            done = subprocess.run(words, user=user, cwd="/", capture_output=True, timeout=60)
            assert done.stdout.decode().strip() == status
    finally:
        stop(server)


CLOSE = """
import socket, struct, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.sendall(b"typed blindly")
if sys.argv[2] == "reset":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
sock.close()
"""


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_request_of_another_user_who_has_closed_is_not_read(how: str) -> None:
    """The kernel shows a closed socket as root's, and what it has sent can still be read."""
    with PrivateSocket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = listening.getsockname()
        words = ["/usr/bin/env", "python3", "-c", CLOSE, str(address[1]), how]
        subprocess.run(words, user=65534, cwd="/", timeout=60, check=True)
        with pytest.raises(ConnectionAbortedError):
            listening.accept()
        with socket.create_connection(address) as ours:
            ours.shutdown(socket.SHUT_WR)  # it still reads
            listening.accept()[0].close()


def test_the_viewer_closes_connections_of_another_user(tmp_path: Path) -> None:
    """So they cannot use up the descriptors of a server that serves it."""
    with serving(tmp_path) as url:
        port = url.partition("127.0.0.1:")[2].partition("/")[0]
        words = ["/usr/bin/env", "python3", "-c", GET, port]
        for user, status in ((65534, "closed"), (0, "200")):
            done = subprocess.run(words, user=user, cwd="/", capture_output=True, timeout=60)
            assert done.stdout.decode().strip() == status


def test_a_state_directory_of_another_user_gives_no_token(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(0o777)
    (state / "http-token").write_text("known-to-another-user\n")
    os.chown(state, 65534, 65534)
    done = subprocess.run(
        [*SERVER, "--http", "127.0.0.1:0"],
        env=clean_environment(state),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"belongs to uid 65534" in done.stderr
