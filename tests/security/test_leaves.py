"""What each mechanism leaves: these attempts succeed, and docs/security.md names them."""

from __future__ import annotations

import ctypes
import os
import random
import resource
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.config import Config, load
from ptyjobs.policy import Policy
from ptyjobs.process import landlock
from tests.mcp.live import Server
from tests.security.test_edges import session
from tests.security.test_terminals import PYTHON, confined

pytestmark = pytest.mark.live

SCOPES = 6  # the Landlock ABI that confines abstract sockets and signals


@pytest.mark.leaves("none", "everything that the user may do")
def test_without_a_sandbox_a_job_writes_anywhere(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=tmp_path / "state", working_dir=str(tmp_path))) as jobs:
        jobs.execute(f"touch {tmp_path}/state/made", wait=20)
    assert (tmp_path / "state/made").exists()


@pytest.mark.leaves("landlock", "reading files")
@pytest.mark.leaves("bwrap", "reading files outside /tmp and /run")
@pytest.mark.parametrize("kind", ["landlock", "bwrap"])
def test_a_sandbox_leaves_reading(tmp_path: Path, kind: str) -> None:
    with Jobs(confined(tmp_path, kind)) as jobs:
        text = jobs.execute("head -1 /etc/passwd", wait=20).fresh.text
    assert text == Path("/etc/passwd").read_text().splitlines()[0]


REACHED = """
import os, resource, socket, sys
try:
    sock = socket.socket(socket.AF_UNIX); sock.settimeout(10); sock.connect(sys.argv[1])
    print("unix", sock.recv(9).decode())
except OSError as error: print("unix", error)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.sendto(b"datagram", ("127.0.0.1", int(sys.argv[2])))
try: os.chmod(sys.argv[3], 0o640); print("mode")
except OSError as error: print("mode", error)
try: resource.prlimit(int(sys.argv[5]), resource.RLIMIT_CORE, (0, 0)); print("limit")
except OSError as error: print("limit", error)
try: socket.create_connection(("127.0.0.1", int(sys.argv[4])), 5); print("tcp")
except OSError: print("tcp refused")
"""


@pytest.mark.stops("landlock", "TCP connections")
@pytest.mark.leaves("landlock", "unix sockets with a path, UDP, modes, owners, times of files")
@pytest.mark.leaves("landlock", "limits and priorities of the user's other processes (prlimit(2))")
def test_landlock_leaves_sockets_and_modes(tmp_path: Path) -> None:
    config = confined(tmp_path, "landlock")
    (tmp_path / "work/reached.py").write_text(REACHED)
    file = tmp_path / "file"
    file.touch(0o600)
    unix, udp = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with unix, udp, socket.create_server(("127.0.0.1", 0)) as tcp:
        unix.bind(str(tmp_path / "sock"))
        unix.listen()
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(30)

        def greet() -> None:
            unix.accept()[0].sendall(b"reached")

        threading.Thread(target=greet, daemon=True).start()
        ports = [str(sock.getsockname()[1]) for sock in (udp, tcp)]
        victim = subprocess.Popen(["sleep", "60"])
        words = [PYTHON, "reached.py", str(tmp_path / "sock"), ports[0], str(file), ports[1]]
        try:
            with Jobs(config) as jobs:
                line = shlex.join([*words, str(victim.pid)])
                text = jobs.execute(line, wait=30).fresh.text
            assert resource.prlimit(victim.pid, resource.RLIMIT_CORE) == (0, 0)
        finally:
            victim.kill()
            victim.wait()
        assert text.splitlines() == ["unix reached", "mode", "limit", "tcp refused"]
        assert udp.recv(99) == b"datagram"
        assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.leaves("bwrap", "unix sockets outside /tmp, /run and our state directory")
def test_bwrap_leaves_sockets_in_other_directories(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap")
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"{name}/sock")
        unix.listen()
        line = shlex.join([PYTHON, "-c", f"{code}; print('reached')", f"{name}/sock"])
        with Jobs(config) as jobs:
            assert jobs.execute(line, wait=30).fresh.text == "reached"


@pytest.mark.parametrize(
    ("kind", "network", "seen"),
    [("bwrap", "full", "reached"), ("bwrap", "none", "refused"), ("landlock", "full", "refused")],
)
@pytest.mark.stops("landlock", "abstract unix sockets (Linux 6.12 and later)")
@pytest.mark.leaves("bwrap", "abstract unix sockets, without `sandbox_network=none`")
def test_abstract_sockets_belong_to_the_network(
    tmp_path: Path, kind: str, network: str, seen: str
) -> None:
    if kind == "landlock" and landlock.abi() < SCOPES:
        pytest.skip("this kernel's Landlock has no scopes")
    name = f"ptyjobs-test-{os.getpid()}-{kind}-{network}"
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX)\n"
        "try: s.connect(chr(0) + sys.argv[1]); print('reached')\n"
        "except OSError: print('refused')"
    )
    config = confined(tmp_path, kind, sandbox_network=network)
    with socket.socket(socket.AF_UNIX) as unix, Jobs(config) as jobs:
        unix.bind("\0" + name)
        unix.listen()
        assert jobs.execute(shlex.join([PYTHON, "-c", code, name]), wait=30).fresh.text == seen


SHARED = """
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
at = libc.shmat(int(sys.argv[1]), None, 0)
print("none" if at in (None, ctypes.c_void_p(-1).value) else ctypes.string_at(at, 6).decode())
"""


@pytest.mark.parametrize(("kind", "seen"), [("landlock", "shared"), ("bwrap", "none")])
@pytest.mark.leaves("landlock", "System V shared memory, semaphores and queues of the user")
@pytest.mark.stops("bwrap", "System V shared memory, semaphores and queues of the user")
def test_shared_memory_of_a_sandbox(tmp_path: Path, kind: str, seen: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    number = libc.shmget(0, 4096, 0o600 | 0o1000)  # IPC_PRIVATE, IPC_CREAT
    at = libc.shmat(number, None, 0)
    config = confined(tmp_path, kind)
    (tmp_path / "work/shared.py").write_text(SHARED)
    try:
        ctypes.memmove(at, b"shared", 6)
        with Jobs(config) as jobs:
            text = jobs.execute(f"{PYTHON} shared.py {number}", wait=30).fresh.text
    finally:
        libc.shmctl(number, 0, None)  # IPC_RMID
    assert text == seen


@pytest.mark.parametrize("kind", ["landlock", "bwrap"])
@pytest.mark.leaves("landlock", "set-user-id programs in the working directory, for other users")
@pytest.mark.leaves("bwrap", "set-user-id programs in the working directory, for other users")
def test_a_sandbox_leaves_set_user_id_programs(tmp_path: Path, kind: str) -> None:
    with Jobs(confined(tmp_path, kind)) as jobs:
        jobs.execute("cp /bin/true as-me; chmod 4755 as-me", wait=30)
    assert (tmp_path / "work/as-me").stat().st_mode & stat.S_ISUID


KEYS = """
import ctypes, sys
add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[sys.argv[1]]
call, name = ctypes.CDLL(None).syscall, sys.argv[2].encode()
if len(sys.argv) > 3: print(call(add_key, b"user", name, b"shared", 6, -4) > 0)
key = call(keyctl, 10, -4, b"user", name, 0)  # KEYCTL_SEARCH below the user's keyring
data = ctypes.create_string_buffer(9)
call(keyctl, 11, key, data, 9)  # KEYCTL_READ
print(data.value.decode() or "none")
if len(sys.argv) > 4: call(keyctl, 9, key, -4)  # KEYCTL_UNLINK
"""


@pytest.mark.parametrize("kind", ["landlock", "bwrap"])
@pytest.mark.leaves("landlock", "the user's keys in the kernel (keyctl(1))")
@pytest.mark.leaves("bwrap", "the user's keys in the kernel (keyctl(1))")
def test_a_sandbox_leaves_the_users_keys(tmp_path: Path, kind: str) -> None:
    config = confined(tmp_path, kind)
    (tmp_path / "work/keys.py").write_text(KEYS)
    words = [PYTHON, "keys.py", os.uname().machine, tmp_path.name]

    def outside(*more: str) -> str:
        return subprocess.run(
            [*words, *more], cwd=tmp_path / "work", capture_output=True, text=True, check=True
        ).stdout

    if outside("add") != "True\nshared\n":
        pytest.skip("no keys here: a container may forbid them")
    try:
        with Jobs(config) as jobs:
            assert jobs.execute(shlex.join(words), wait=30).fresh.text == "shared"
    finally:
        outside("add", "unlink")


@pytest.mark.leaves("allowed_commands", "what a command takes from the directory that is chosen")
@pytest.mark.parametrize("command", ["make", "./run"])
def test_an_allowed_command_runs_what_its_directory_holds(tmp_path: Path, command: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "Makefile").write_text("all:\n\t@touch made\n")
    (place / "run").write_text("#!/bin/sh\ntouch made\n")
    (place / "run").chmod(0o755)
    if command == "make" and shutil.which("make") is None:
        pytest.skip("no make here")
    env = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_ALLOWED_COMMANDS": "^make$,^./run$"}
    with Jobs(load(environ=env)) as jobs:
        jobs.execute(command, cwd=str(place), wait=20)
    assert (place / "made").exists()


@pytest.mark.leaves("allowed_commands", "whatever an allowed interpreter, build tool or pager runs")
def test_an_allowed_interpreter_runs_anything(tmp_path: Path) -> None:
    env = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_ALLOWED_COMMANDS": "^python3 "}
    line = f"""python3 -c 'import os; os.system("touch {tmp_path}/made")'"""
    with Jobs(load(environ=env)) as jobs:
        jobs.execute(line, wait=20)
    assert (tmp_path / "made").exists()


@pytest.mark.leaves("env_deny", "variables that the caller gives itself")
def test_the_caller_may_give_a_denied_variable(tmp_path: Path) -> None:
    with Server(tmp_path / "state", env={"PTYJOBS_ENV_DENY": "MY_*", "MY_A": "withheld"}) as server:
        line = 'echo "${MY_A-none} ${MY_B-none}"'
        text = server.text("execute", command=line, env={"MY_B": "given"}, wait=20)
    assert text.endswith("none given")


@pytest.mark.leaves("redact", "secrets that a program has transformed")
def test_a_transformed_secret_is_not_recognised(tmp_path: Path) -> None:
    env = {"PTYJOBS_SECRET_VAULT": "hunter2hunter3"}
    with Server(tmp_path / "state", env=env) as server:
        text = server.text("execute", command="echo 3retnuh2retnuh | rev; echo x3x", wait=20)
        assert "hunter2hunter3" not in text
        text = server.text("execute", command="printf 'hunter2-%s\\n' hunter3", wait=20)
    assert "hunter2-hunter3" in text


@pytest.mark.leaves("redact", "a configured secret to any program that asks without echo")
def test_a_program_that_asks_without_echo_gets_a_configured_secret(tmp_path: Path) -> None:
    """Which program asks is for the caller to know: a false prompt looks like a right one."""
    got = tmp_path / "got"
    code = f"import getpass, pathlib; pathlib.Path({str(got)!r}).write_text(getpass.getpass())"
    with Server(tmp_path / "state", env={"PTYJOBS_SECRET_VAULT": "hunter2hunter3"}) as server:
        server.text("execute", command=shlex.join(["python3", "-c", code]), name="t", wait=20)
        text = server.text("interact", job_id="t", secret="VAULT", timeout=20)
    assert "exited" in text
    assert got.read_text() == "hunter2hunter3"


@pytest.mark.leaves("own processes", "the same for a job of root")
def test_a_job_of_root_reads_our_processes(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("this is about root")
    said = session(tmp_path, "", str(random.randrange(10**8, 10**9)))
    assert "secret" in said["others"]


@pytest.mark.leaves("files", "jobs of the same user, which may read and change them")
def test_a_job_without_a_sandbox_reads_the_logs_of_others(tmp_path: Path) -> None:
    with Jobs(Config(state_dir=tmp_path / "state")) as jobs:
        jobs.execute("echo of another job", name="a", wait=20)
        text = jobs.execute(f"cat {tmp_path}/state/jobs/a/log.*", wait=20).fresh.text
    assert "of another job" in text


def test_the_dangerous_forms_inside_a_program_pass() -> None:
    Policy(block_dangerous=True).check("python3 -c 'import shutil; shutil.rmtree(\"/\")'")


def test_every_mechanism_has_both_rows() -> None:
    from tests.docs import mechanisms

    rows = list(mechanisms.marked())
    kinds = {(mechanism, kind) for mechanism, kind, _, _ in rows}
    full = {(m, k) for m in mechanisms.ORDER for k in ("stops", "leaves")}
    assert full - kinds <= {("none", "stops"), ("floors", "leaves")}
    assert len(rows) == len(set(rows)) > 30
