"""Promises 6, 11, 12, 14 and 16: no disk, no descriptors, many jobs, strangers, odd bytes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs, prepare
from ptyjobs.host import tree, wire
from ptyjobs.host.record import SOCKET
from ptyjobs.model import State
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65534


def client(folder: Path) -> Jobs:
    settings = {"PTYJOBS_STATE": str(folder / "state"), "PTYJOBS_MAX_JOBS": "200"}
    return Jobs(config.load(environ=settings))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(path: Path) -> None:
    """Write until no byte more goes to the disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):  # ENOSPC
        while file.write(bytes(4096)):
            pass


LINES = """
import os, sys, termios
mode = termios.tcgetattr(0); mode[1] &= ~termios.OPOST; mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
at = 0
os.write(1, b"ready> ")
for line in sys.stdin:
    if line.strip() == "end": sys.exit(6)
    for _ in range(int(line)):
        data = b"%015d\\n" % at
        while data: data = data[os.write(1, data):]
        at += 16
    os.write(1, b"ready> ")
"""


@ROOT
def test_a_full_disk_stops_no_job_and_offsets_keep_their_meaning(small_disk: Path) -> None:
    with client(small_disk) as jobs:
        spec = prepare(jobs.config, argv=(sys.executable, "-S", "-u", "-c", LINES), name="w")
        jobs.start(spec, wait=20, name="w")
        ballast = small_disk / "ballast"
        fill(ballast)
        jobs.interact("w", input="50000", timeout=30)
        gaps = jobs.status("w").gaps
        assert gaps
        assert gaps[0][2] == "ENOSPC"
        ballast.unlink()
        jobs.interact("w", input="20000", timeout=30)
        status = jobs.status("w")
        assert status.end == 7 * 3 + 16 * 70_000
        lost = sum(to - start for start, to, _ in status.gaps)
        kept, offset = 0, 0
        while offset < status.end:
            first, data = jobs.raw("w", since=offset)
            assert data
            for at in range(first, first + len(data)):  # each byte stands at its own offset
                prompts = 7 if at < 7 + 16 * 50_000 else 14
                row, column = divmod(at - prompts, 16)
                if 0 <= row < 70_000 and 7 < at < 7 + 16 * 50_000:
                    assert data[at - first] == (b"%015d\n" % (row * 16))[column], at
            kept, offset = kept + len(data), first + len(data)
        assert kept == status.end - lost
        assert "exited with code 6" in str(jobs.interact("w", input="end").verdict.exit)


def test_without_descriptors_a_start_is_refused_in_words_and_works_again(tmp_path: Path) -> None:
    script = f"""
        import os, resource
        from ptyjobs import config
        from ptyjobs.client import Jobs, prepare
        from ptyjobs.errors import PtyJobsError
        settings = config.load(environ={{"PTYJOBS_STATE": {str(tmp_path / "state")!r}}})
        with Jobs(settings) as jobs:
            spec = prepare(settings, command="sleep 1000")
            first = jobs.start(spec)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            used = len(os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 4, hard))
            refused = 0
            for _ in range(20):
                try:
                    jobs.start(spec)
                except (PtyJobsError, OSError) as error:
                    refused += 1
                    assert "open files" in str(error) or "reached" in str(error), repr(error)
            assert refused
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert jobs.start(prepare(settings, command="echo back"), wait=20).fresh.text == "back"
            assert jobs.kill(first.job_id).result == "killed"
            left = [s.job_id for s in jobs.list() if not s.state.ended]
            for job_id in left:
                jobs.kill(job_id)
            assert all(s.state.ended for s in jobs.list())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_hundred_jobs_start_and_end_and_leave_nothing(tmp_path: Path) -> None:
    with client(tmp_path) as jobs:
        spec = prepare(jobs.config, command="exec sleep 1000")
        ids = [jobs.start(spec).job_id for _ in range(100)]
        states = {status.job_id: status for status in jobs.list()}
        assert all(states[job_id].state is State.RUNNING for job_id in ids)
        pids = [pid for s in states.values() for pid in (s.pid, s.holder) if pid]
        assert len(set(pids)) == 200
        for job_id in ids:
            assert jobs.kill(job_id).result == "killed"
        assert world.eventually(lambda: not any(world.running(pid) for pid in pids))
        assert jobs.zygote is not None
        assert world.eventually(lambda: not tree.children(jobs.zygote.pid))


@ROOT
def test_another_user_is_not_answered(tmp_path: Path) -> None:
    ask = wire.encode({"op": "status", "id": 1})
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with client(folder) as jobs:
            jobs.start(prepare(jobs.config, command="sleep 1000"), name="s")
            path = jobs.registry.find("s").path / SOCKET
            for above in (path.parent, path.parent.parent, path.parent.parent.parent):
                above.chmod(0o711)
            path.chmod(0o777)
            assert answered(path, ask, uid=0)
            assert not answered(path, ask, uid=NOBODY)


def answered(path: Path, ask: bytes, *, uid: int) -> bool:
    """Whether a process of that user gets an answer on the socket (it must be able to connect)."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(20)
                sock.connect(str(path))
                code = 1
                sock.sendall(ask)
                code = 0 if sock.recv(1000) else 1
        except (BrokenPipeError, ConnectionResetError):
            pass  # turned away
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code != 2, "it could not connect"
    return code == 0


def test_odd_bytes_are_kept_raw_and_shown_clean(tmp_path: Path) -> None:
    data = b"a\xff\xfe\0b\x1b]52;c;aGk=\x07c\xc3(\x9b31md\xe2\x80\xaee\x07\x08\x7f 4242\n"
    with client(tmp_path) as jobs:
        script = f"import os; os.write(1, {data!r})"
        answer = jobs.start(prepare(jobs.config, argv=(sys.executable, "-c", script)), wait=20)
        assert jobs.raw(answer.job_id)[1] == data.replace(b"\n", b"\r\n")
        assert answer.fresh.text.endswith("4242")
        for text in (answer.fresh.text, jobs.tail(answer.job_id).text):
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text.replace("\n", ""))
            assert "aGk=" not in text
