"""A sandboxed job has no access to other jobs' terminals, our sockets, the network."""

from __future__ import annotations

import ctypes
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.client import prepare
from ptyjobs.config import Config
from ptyjobs.errors import PtyJobsError
from ptyjobs.process import peercred, sandbox

pytestmark = pytest.mark.live

PYTHON = "/usr/bin/python3"  # bwrap hides /tmp, where a virtual environment may be


def confined(tmp_path: Path, kind: str, **settings: object) -> Config:
    facts = sandbox.available()[kind]
    if not facts["available"]:
        pytest.skip(f"{kind}: {facts['why']}")
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    paths = {"state_dir": tmp_path / "state", "working_dir": str(work)}
    return Config(sandbox=kind, **paths, **settings)  # type: ignore[arg-type]


ATTACK = """
import fcntl, glob, os, sys, termios
for path in [sys.argv[1]] + glob.glob("/proc/[0-9]*/fd/[012]"):
    try:
        name = os.path.realpath(path)
        if name != sys.argv[1]: continue
        fd = os.open(path, int(sys.argv[2]) | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError: continue
    print("opened", path)
    for byte in b"echo FORGED\\n":
        fcntl.ioctl(fd, termios.TIOCSTI, bytes([byte]))
print("end")
"""


@pytest.mark.parametrize("flags", [0, 1, 2], ids=["reading", "writing", "both"])
@pytest.mark.parametrize("kind", ["landlock", "bwrap"])
@pytest.mark.stops("landlock", "reading and typing at the terminals of other jobs")
@pytest.mark.stops("bwrap", "reading and typing at the terminals of other jobs")
def test_the_terminal_of_another_job_cannot_be_opened(
    tmp_path: Path, kind: str, flags: int
) -> None:
    config = confined(tmp_path, kind)
    free = Config(state_dir=tmp_path / "free")
    (tmp_path / "work" / "attack.py").write_text(ATTACK)
    with Jobs(free) as victims, Jobs(config) as jobs:
        victims.execute("bash --norc", name="victim")
        terminal = victims.interact("victim", input="tty").fresh.text
        assert terminal.startswith("/dev/pts/")
        words = f"{PYTHON} attack.py {terminal} {flags}"
        answer = jobs.execute(words, wait=30)
        assert answer.fresh.text == "end"
        assert "FORGED" not in victims.tail("victim").text


@pytest.mark.parametrize("kind", ["landlock", "bwrap"])
def test_the_own_terminal_works(tmp_path: Path, kind: str) -> None:
    with Jobs(confined(tmp_path, kind)) as jobs:
        jobs.execute("bash --norc", name="b")
        assert jobs.interact("b", input="echo hello >/dev/tty; stty size").fresh.text == (
            "hello\n40 120"
        )


PEER = """
import socket, sys
sock = socket.socket(socket.AF_UNIX); sock.settimeout(10); sock.connect(sys.argv[1])
try:
    sock.sendall(b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    print("got", len(sock.recv(99)))
except OSError: print("got 0")
"""


@pytest.mark.stops("landlock", "calls over the HTTP unix socket")
def test_the_http_socket_turns_a_sandboxed_job_away(tmp_path: Path) -> None:
    from tests.clients.test_http import start, stop

    config = confined(tmp_path, "landlock")
    (tmp_path / "work" / "peer.py").write_text(PEER)
    path = tmp_path / "private" / "mcp.sock"
    server = start(tmp_path / "served", f"unix:{path}")
    try:
        assert server.stderr is not None
        assert b"listening" in server.stderr.readline()
        words = [sys.executable, str(tmp_path / "work" / "peer.py"), str(path)]
        outside = subprocess.run(words, capture_output=True, text=True, check=True)
        assert outside.stdout.startswith("got ")
        assert outside.stdout != "got 0\n"
        with Jobs(config) as jobs:
            assert jobs.execute(shlex.join(words), wait=30).fresh.text == "got 0"
    finally:
        stop(server)


BELOW = """
import ctypes, subprocess, sys
from ptyjobs.process import peercred, sandbox
assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0
holder = "import subprocess, sys; from ptyjobs.process import sandbox; sandbox.mark_holder();"
holder += "child = subprocess.Popen(['sleep', '60']); print(child.pid, flush=True);"
holder += "input(); child.kill()"
boxed = subprocess.Popen([sys.executable, "-c", holder], stdin=-1, stdout=-1)
inside = int(boxed.stdout.readline())
beside = subprocess.Popen(["sleep", "60"])
print(sandbox.peer_is_sandboxed(inside), sandbox.peer_is_sandboxed(beside.pid))
beside.kill(); boxed.communicate(b"\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no_new_privs is Linux's")
def test_a_server_under_no_new_privs_knows_a_sandboxed_peer(tmp_path: Path) -> None:
    assert ctypes.sizeof(ctypes.c_long) == 8
    done = subprocess.run(
        [sys.executable, "-c", BELOW], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True False\n"


CONNECT = """
import os, socket, sys
sock = socket.socket(socket.AF_UNIX); sock.connect(sys.argv[1])
if os.fork(): os._exit(0)
print("connected", flush=True); sys.stdin.read()
"""


@pytest.mark.stops("landlock", "a connection of ours whose process number is another's by now")
@pytest.mark.parametrize("exits", [True, False])
def test_a_peer_that_has_exited_is_turned_away(
    tmp_path: Path, exits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its child has the connection, and its number may belong to a process outside the sandbox."""
    monkeypatch.setattr(peercred, "peer_is_sandboxed", lambda pid: False)  # that process
    code = CONNECT if exits else CONNECT.replace("if os.fork(): os._exit(0)", "")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        listener.listen()
        words = [sys.executable, "-c", code, str(tmp_path / "sock")]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"connected\n"
        if exits:
            child.wait(30)
        connection, _ = listener.accept()
        with connection:
            if exits and not _tells_of_peers(connection):
                pytest.skip("no SO_PEERPIDFD here (Linux 6.5)")
            assert peercred.same_user(connection) is not exits
        child.communicate()


def _tells_of_peers(connection: socket.socket) -> bool:
    try:
        os.close(connection.getsockopt(socket.SOL_SOCKET, 77))
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return True


NETWORK = """
import os, socket
own = socket.create_server(("127.0.0.1", 0))
socket.create_connection(own.getsockname(), 5)
print("own loopback works")
try: socket.create_connection(("127.0.0.1", int(os.environ["PORT"])), 5); print("reached")
except OSError: print("refused")
"""


@pytest.mark.parametrize(("network", "seen"), [("full", "reached"), ("none", "refused")])
@pytest.mark.leaves("bwrap", "the network, without `sandbox_network=none`")
@pytest.mark.stops("bwrap", "the network, with `sandbox_network=none`")
def test_the_network_of_a_sandbox(tmp_path: Path, network: str, seen: str) -> None:
    config = confined(tmp_path, "bwrap", sandbox_network=network)
    (tmp_path / "work" / "network.py").write_text(NETWORK)
    with socket.create_server(("127.0.0.1", 0)) as listener, Jobs(config) as jobs:
        port = {"PORT": str(listener.getsockname()[1])}
        answer = jobs.execute(f"{PYTHON} network.py", env=port, wait=30)
        assert answer.fresh.text == f"own loopback works\n{seen}"


@pytest.mark.stops("bwrap", "changes of the paths in `sandbox_read_only`")
def test_read_only_paths_of_a_sandbox(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap", sandbox_read_only=(".git",))
    (tmp_path / "work" / ".git").mkdir()
    with Jobs(config) as jobs:
        answer = jobs.execute("touch .git/hook; touch free && ls", wait=30)
    assert "Read-only file system" in answer.fresh.text
    assert answer.fresh.text.endswith("free")


@pytest.mark.parametrize(
    "settings", [{"sandbox_network": "none"}, {"sandbox_read_only": (".git",)}]
)
def test_what_landlock_cannot_do_is_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    config = confined(tmp_path, "landlock", **settings)
    (tmp_path / "work" / ".git").mkdir()
    with Jobs(config) as jobs, pytest.raises(PtyJobsError, match=r"landlock cannot do.*bwrap"):
        jobs.start(prepare(config, command="true"), wait=10)


@pytest.mark.stops("bwrap", "replacing the directory above a read-only path")
def test_the_directory_above_a_read_only_path_cannot_be_replaced(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap", sandbox_read_only=("a/.git/hooks",))
    hooks = tmp_path / "work/a/.git/hooks"
    hooks.mkdir(parents=True)
    line = "mv a b; mv a/.git a/g; mkdir -p a/.git/hooks; touch a/.git/hooks/x; touch a/.git/free"
    with Jobs(config) as jobs:
        jobs.execute(line, wait=30)
    assert (hooks.parent / "free").exists()
    assert not (hooks / "x").exists()


def test_a_read_only_path_that_is_a_link_is_refused(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap", sandbox_read_only=(".git",))
    (tmp_path / "work" / "real").mkdir()
    (tmp_path / "work" / ".git").symlink_to("real")
    with Jobs(config) as jobs, pytest.raises(PtyJobsError, match="symbolic link"):
        jobs.start(prepare(config, command="true"), wait=10)


@pytest.mark.leaves("bwrap", "paths in `sandbox_read_only` that do not exist when a job starts")
def test_a_read_only_path_must_exist(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap", sandbox_read_only=(".git",))
    with Jobs(config) as jobs:
        jobs.execute("mkdir .git", wait=30)
    assert (tmp_path / "work" / ".git").is_dir()
