"""A sandboxed job loses its user's rights outside the sandbox; as root and unprivileged."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ptyprocess
import pytest

from ptyjobs.errors import Refused
from ptyjobs.model import JobSpec
from ptyjobs.process import landlock, sandbox

# An interpreter that every user can reach (a private one may be in a home directory).
PYTHON = next(p for p in ("/usr/bin/python3", os.path.realpath(sys.executable)) if Path(p).exists())
PYTHON = os.path.realpath(PYTHON)
NOBODY = 65534

needs = {
    kind: pytest.mark.skipif(not facts["available"], reason=f"{kind}: {facts['why']}")
    for kind, facts in sandbox.available().items()
}
KINDS = [pytest.param(kind, marks=needs[kind]) for kind in ("bwrap", "landlock")]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
USERS = [os.getuid(), pytest.param(NOBODY, marks=as_root)]

ATTEMPTS = """
import json, os, signal, socket, sys
outside, victim, port, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def attempt(name, action):
    try:
        action()
        done[name] = "done"
    except OSError as error:
        done[name] = type(error).__name__
def put(path):
    with open(path, "w") as file:
        file.write("x")
def connect():
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
done = {}
attempt("write inside", lambda: put("made"))
attempt("rename inside", lambda: os.rename("made", "renamed"))
attempt("folder inside", lambda: os.mkdir("folder"))
attempt("link inside", lambda: os.symlink("renamed", "link"))
attempt("read outside", lambda: open(outside + "/kept").read())
attempt("null", lambda: put("/dev/null"))
attempt("write outside", lambda: put(outside + "/made"))
attempt("truncate outside", lambda: os.truncate(outside + "/kept", 0))
attempt("remove outside", lambda: os.remove(outside + "/kept"))
attempt("link out", lambda: os.link("renamed", outside + "/linked"))
attempt("move out", lambda: os.rename("renamed", outside + "/moved"))
attempt("through a link", lambda: (os.symlink(outside + "/made", "trap"), put("trap")))
attempt("signal", lambda: os.kill(victim, signal.SIGTERM))
attempt("connect", connect)
attempt("sysctl", lambda: put("/proc/sys/kernel/ostype"))
attempt("own state", lambda: put(own + "/made"))
print(json.dumps(done))
"""
INSIDE = ["write inside", "rename inside", "folder inside", "link inside", "read outside", "null"]


@dataclasses.dataclass
class Place:
    """A working folder and one outside, both owned by the user that the job runs as."""

    uid: int
    cwd: Path
    outside: Path
    state: Path

    def spec(self, kind: str, *argv: str, **more: object) -> JobSpec:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.cwd)}
        spec = JobSpec(job_id="j", argv=argv, command="", cwd=str(self.cwd), env=env, sandbox=kind)
        return dataclasses.replace(spec, **more)  # type: ignore[arg-type]  # fields by name

    def run(self, spec: JobSpec) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            spec.argv, env=spec.env, cwd=spec.cwd, stdin=subprocess.DEVNULL, text=True,
            capture_output=True, timeout=30, check=False, **self.identity(),
        )  # fmt: skip

    def identity(self) -> dict[str, object]:
        if self.uid == os.getuid():
            return {}
        return {"user": self.uid, "group": self.uid, "extra_groups": []}


@pytest.fixture(params=USERS, ids=lambda uid: f"uid{uid}")
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(sys, "executable", PYTHON)
    # Not below /tmp: every other test's folder is hidden or shared there.
    root = Path(tempfile.mkdtemp(prefix="ptyjobs-sandbox-", dir="/var/tmp"))
    root.chmod(0o755)
    folders = [root / "cwd", root / "outside", root / "state"]
    for folder in folders:
        folder.mkdir()
        (folder / "kept").write_text("kept")
        for path in (folder, folder / "kept"):
            os.chown(path, request.param, request.param if request.param == NOBODY else -1)
    yield Place(request.param, *folders)
    shutil.rmtree(root)


@pytest.fixture
def victim(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], **place.identity())  # type: ignore[call-overload]
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.stops("landlock", "changes outside the working directory")
@pytest.mark.stops("bwrap", "changes outside the working directory")
def test_only_the_working_folder_can_be_changed(
    kind: str, place: Place, victim: subprocess.Popen[bytes]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        argv = (PYTHON, "-c", ATTEMPTS, str(place.outside), str(victim.pid), port, str(place.state))
        plain = place.run(place.spec("none", *argv))
        free = json.loads(plain.stdout)
        (place.outside / "kept").write_text("kept")
        os.chown(place.outside / "kept", place.uid, -1)
        for left in ("made", "linked", "moved"):
            (place.outside / left).unlink(missing_ok=True)
        for left in ("trap", "link", "folder"):
            path = place.cwd / left
            path.rmdir() if left == "folder" else path.unlink()
        (place.state / "made").unlink()
        victim.wait()  # the unsandboxed run has killed it
        second = subprocess.Popen(["sleep", "60"], **place.identity())  # type: ignore[call-overload]
        try:
            argv = (*argv[:4], str(second.pid), *argv[5:])
            spec = sandbox.wrap(place.spec(kind, *argv), hidden=[str(place.state)])
            result = place.run(spec)
            done = json.loads(result.stdout)
            assert second.poll() is None
        finally:
            second.kill()
            second.wait()
    assert all(free[name] == "done" for name in free if name != "sysctl"), plain.stdout
    assert [done[name] for name in INSIDE] == ["done"] * len(INSIDE), done
    facts = sandbox.available()[kind]
    refused = {"write outside", "truncate outside", "remove outside", "move out", "link out"}
    refused |= {"through a link", "sysctl", "signal"}
    if kind == "landlock":
        refused |= {"own state"}
        refused |= {"connect"} if "TCP connections" in facts["contains"] else set()
        refused -= set() if "signals to other processes" in facts["contains"] else {"signal"}
    assert {name for name, how in done.items() if how != "done"} >= refused, done
    assert sorted(p.name for p in place.outside.iterdir()) == ["kept"]
    assert (place.outside / "kept").read_text() == "kept"
    assert not (place.state / "made").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_terminal_works_inside(kind: str, place: Place) -> None:
    child = (
        "import os, signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "tty = os.ttyname(0)\n"
        "print(os.isatty(0), os.path.exists(tty), open('/dev/tty').isatty(), flush=True)\n"
        "print('got', input('name? '), flush=True)\n"
        "signal.sigwait([signal.SIGINT])\n"
        "print('interrupted', flush=True)\n"
        "raise SystemExit(7)"
    )
    spec = sandbox.wrap(place.spec(kind, PYTHON, "-c", child))

    def become() -> None:
        if place.uid != os.getuid():
            os.fchown(0, place.uid, -1)
            os.setgroups([])
            os.setgid(place.uid)
            os.setuid(place.uid)

    terminal = ptyprocess.PtyProcess.spawn(
        list(spec.argv), cwd=spec.cwd, env=spec.env, preexec_fn=become
    )
    seen = b""

    def read_until(wanted: bytes) -> None:
        nonlocal seen
        while wanted not in seen:
            seen += terminal.read(1024)

    try:
        read_until(b"name? ")
        assert b"True True True" in seen
        terminal.write(b"Ada\r")
        read_until(b"got Ada")
        terminal.write(b"\x03")
        read_until(b"interrupted")
        assert terminal.wait() == 7
    finally:
        terminal.close(force=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.stops("landlock", "code of the job that runs before the sandbox")
@pytest.mark.stops("bwrap", "code of the job that runs before the sandbox")
def test_nothing_of_the_job_is_loaded_outside(kind: str, place: Place) -> None:
    """LD_PRELOAD and a folder full of misleading modules reach the program, not the wrapper."""
    for name in ("ctypes", "struct", "landlock", "sitecustomize"):
        (place.cwd / f"{name}.py").write_text("import os; os.write(2, b'LOADED OUTSIDE')")
    spec = place.spec(kind, "/usr/bin/env")
    env = {**spec.env, "LD_PRELOAD": "/no/such.so", "PYTHONPATH": str(place.cwd), "MINE": "1"}
    wrapped = sandbox.wrap(dataclasses.replace(spec, env=env))
    assert "LD_PRELOAD" not in wrapped.env
    assert wrapped.argv[0].startswith("/")  # not looked up in the job's PATH
    result = place.run(wrapped)
    assert "LOADED OUTSIDE" not in result.stderr
    # Printed by the dynamic loader of each program inside: ours, and bwrap's, started by env(1).
    assert result.stderr.count("cannot be preloaded") == (2 if kind == "bwrap" else 1)
    assert {"LD_PRELOAD=/no/such.so", "MINE=1"} <= set(result.stdout.splitlines())


@needs["bwrap"]
@pytest.mark.stops("bwrap", "processes that outlive their job")
def test_bwrap_takes_everything_with_it(place: Place) -> None:
    child = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "print('up', os.getpid(), flush=True)\n"
        "time.sleep(60)"
    )
    spec = sandbox.wrap(place.spec("bwrap", PYTHON, "-c", child))
    process = subprocess.Popen(
        spec.argv, cwd=spec.cwd, env=spec.env, stdout=subprocess.PIPE, **place.identity()
    )  # type: ignore[call-overload]
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline().startswith(b"up ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout.read() == b""  # the pipe closes when the last one has exited
    process.stdout.close()


@needs["bwrap"]
def test_bwrap_leaves_polite_signals_to_the_program(place: Place) -> None:
    child = (
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        "print('up', flush=True)\n"
        "signal.sigwait([signal.SIGTERM])\n"
        "print('tidied', flush=True)\n"
        "raise SystemExit(5)"
    )
    spec = sandbox.wrap(place.spec("bwrap", PYTHON, "-c", child))
    process = subprocess.Popen(
        spec.argv, cwd=spec.cwd, env=spec.env, stdout=subprocess.PIPE, text=True,
        start_new_session=True, **place.identity(),
    )  # type: ignore[call-overload]  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGTERM)  # as a kill of the whole tree does
    assert process.stdout.readline() == "tidied\n"
    assert process.wait(timeout=10) == 5
    process.stdout.close()


@needs["bwrap"]
@pytest.mark.stops("bwrap", "capabilities; the files of /tmp")
def test_bwrap_has_its_own_tmp_and_no_capability(place: Place) -> None:
    mark = Path(tempfile.mkstemp(prefix="ptyjobs-mark-")[1])
    try:
        child = (
            "import os\n"
            f"print(os.path.exists({str(mark)!r}))\n"
            "open('/tmp/mine', 'w').close()\n"
            "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('CapEff')])\n"
            "print(len([d for d in os.listdir('/proc') if d.isdigit()]))\n"
        )
        result = place.run(sandbox.wrap(place.spec("bwrap", PYTHON, "-c", child)))
    finally:
        mark.unlink()
    assert result.stdout.split() == ["False", "['0000000000000000']", "2"], result
    assert not os.path.exists("/tmp/mine")


@needs["landlock"]
def test_landlock_scratch_is_the_temporary_folder(place: Place) -> None:
    scratch = place.state / "scratch"
    scratch.mkdir()
    os.chown(scratch, place.uid, -1)
    child = "import tempfile; print(tempfile.mkdtemp())"
    spec = sandbox.wrap(place.spec("landlock", PYTHON, "-c", child), scratch=str(scratch))
    assert place.run(spec).stdout.startswith(str(scratch))


@needs["landlock"]
@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["/no/such/program"], 127, "not found"),
        (["/etc"], 126, "Permission denied"),
    ],
)
def test_landlock_says_why_nothing_ran(argv: list[str], code: int, said: str, place: Place) -> None:
    result = place.run(sandbox.wrap(place.spec("landlock", *argv)))
    assert (result.returncode, said in result.stderr) == (code, True)


@needs["landlock"]
def test_landlock_starts_nothing_when_a_rule_fails(place: Place) -> None:
    shim = [PYTHON, "-I", "-S", landlock.__file__]
    for words in (["/no/such/folder", "--", "echo", "ran"], ["/tmp", "echo", "ran"], ["--"]):
        result = place.run(place.spec("none", *shim, *words))
        assert result.returncode == 126
        assert "ran" not in result.stdout


@needs["landlock"]
def test_a_sandboxed_peer_is_recognised(place: Place) -> None:
    argv = sandbox.wrap(place.spec("landlock", "sleep", "60"))
    process = subprocess.Popen(argv.argv, cwd=argv.cwd, env=argv.env)
    try:
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{process.pid}/exe") == PYTHON and time.monotonic() < deadline:
            os.sched_yield()
        assert sandbox.peer_is_sandboxed(process.pid)
        assert not sandbox.peer_is_sandboxed(os.getpid())
    finally:
        process.kill()
        process.wait()
    assert sandbox.peer_is_sandboxed(process.pid)  # gone: no stranger gets the benefit


@pytest.mark.parametrize("kind", ["bwrap", "landlock"])
@pytest.mark.parametrize("cwd", ["/", "/etc", "/proc", "/usr/lib", "/no/such/folder", "/dev/shm"])
def test_folders_that_would_contain_nothing(
    kind: str, cwd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, available=True)
    with pytest.raises(Refused):
        sandbox.wrap(JobSpec(job_id="j", argv=("true",), command="", cwd=cwd, sandbox=kind))


@pytest.mark.parametrize("kind", ["bwrap", "landlock", "chroot", ""])
def test_what_is_missing_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, available=False)
    with pytest.raises(Refused, match=r"not available here: missing|There is no sandbox"):
        sandbox.wrap(JobSpec(job_id="j", argv=("true",), command="", cwd="/var/tmp", sandbox=kind))
    spec = JobSpec(job_id="j", argv=("true",), command="", cwd="/")
    assert sandbox.wrap(spec) is spec


@pytest.mark.stops("landlock", "changes of our state and code")
@pytest.mark.stops("bwrap", "changes of our state and code")
def test_own_state_and_own_code_stay_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend(monkeypatch, available=True)
    state = tmp_path / "state"
    state.mkdir()
    package = Path(sandbox.__file__).resolve().parents[1]
    for cwd, hidden in ((tmp_path, [str(state)]), (package.parent, [])):
        spec = JobSpec(job_id="j", argv=("true",), command="", cwd=str(cwd), sandbox="landlock")
        with pytest.raises(Refused, match="cannot exclude"):
            sandbox.wrap(spec, hidden=hidden)
        argv = sandbox.wrap(dataclasses.replace(spec, sandbox="bwrap"), hidden=hidden).argv
        covered = str(state) if hidden else str(package)
        assert argv.index(covered) > argv.index(str(cwd.resolve()))
    spec = JobSpec(job_id="j", argv=("true",), command="", cwd=str(state), sandbox="bwrap")
    with pytest.raises(Refused, match="may not change"):
        sandbox.wrap(spec, hidden=[str(tmp_path)])


def _pretend(monkeypatch: pytest.MonkeyPatch, *, available: bool) -> None:
    facts = {"available": available, "why": "" if available else "missing"}
    monkeypatch.setattr(sandbox, "available", lambda: {"bwrap": facts, "landlock": facts})
