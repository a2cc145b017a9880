"""Limits: no descriptors, no processes, many jobs, other users, odd bytes."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from ptyjobs import config, protocol
from ptyjobs.client import Jobs, prepare
from ptyjobs.model import State
from ptyjobs.process import tree
from ptyjobs.store.jobdir import SOCKET
from tests.faults import world

pytestmark = [pytest.mark.live, pytest.mark.fault]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65534


def client(folder: Path) -> Jobs:
    settings = {"PTYJOBS_STATE": str(folder / "state"), "PTYJOBS_MAX_JOBS": "200"}
    return Jobs(config.load(environ=settings))


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


NO_PROCESSES = """
    import os, resource, sys
    from ptyjobs import config
    from ptyjobs.client import Jobs, prepare
    from ptyjobs.errors import StartFailed
    from ptyjobs.process import tree
    settings = config.load(environ={"PTYJOBS_STATE": sys.argv[1]})
    with Jobs(settings) as jobs:
        jobs.start(prepare(settings, command="cat"), name="old", wait=20)
        usual = resource.getrlimit(resource.RLIMIT_NPROC)
        def limit(processes):
            zygote = jobs.zygote.pid
            for pid in (zygote, *tree.children(zygote)):  # the holder forked ahead is one of them
                resource.prlimit(pid, resource.RLIMIT_NPROC, (processes, usual[1]))
        # None for a holder; then, where nobody else runs as this user (client, zygote, the old job
        # and its holder do), one for the holder and none for its job.
        for processes in (1, *([5] if sys.argv[2] == "alone" else [])):
            limit(processes)
            for _ in range(3):
                try:
                    jobs.start(prepare(settings, command="echo never"), wait=20)
                except StartFailed as error:
                    assert "Resource temporarily unavailable" in str(error), str(error)
                    assert "other jobs" in str(error) or processes > 1, str(error)
                else:
                    raise AssertionError("it was started")
        limit(usual[0])
        assert [s.job_id for s in jobs.list()] == ["old"]
        assert jobs.start(prepare(settings, command="echo back"), wait=20).fresh.text == "back"
        assert jobs.interact("old", input="here").fresh.text == "here"
"""


def test_without_processes_a_start_is_refused_in_words_and_works_again(tmp_path: Path) -> None:
    alone = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix="limit-") as state:
        account: dict[str, int | list[int]] = {}
        if alone:  # root is above the limit, so an unused account
            uid = 60_000 + os.getpid() % 5_000
            os.chown(state, uid, uid)
            account = {"user": uid, "group": uid, "extra_groups": []}
        script = "import ptyjobs\nprint('here')\n" + textwrap.dedent(NO_PROCESSES)
        try:
            done = subprocess.run(  # type: ignore[call-overload]  # three of its arguments by name
                [sys.executable, "-c", script, state, "alone" if alone else ""],
                capture_output=True,
                text=True,
                check=False,
                **account,
            )
        except PermissionError:
            pytest.skip("this Python cannot be read by another user")
        if alone and "here" not in done.stdout:
            pytest.skip("these packages cannot be read by another user")
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
        assert world.eventually(lambda: len(tree.children(jobs.zygote.pid)) == 1)  # the spare


@ROOT
def test_another_user_is_not_answered(tmp_path: Path) -> None:
    ask = protocol.encode({"op": "status", "id": 1})
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
    """True if a process of that user gets an answer on the socket (it must be able to connect)."""
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


STARTED_WITH = r"""
import os, re
print(sorted(map(int, os.listdir("/proc/self/fd")))[:-1], end=" ")  # the last one lists them
text = open("/proc/self/status").read()
blocked, ignored = (int(re.search(f"{n}:\\s+(\\w+)", text)[1], 16) for n in ("SigBlk", "SigIgn"))
print(blocked, ignored & 0x7fffffff)  # beyond 31 are those that the C library keeps for itself
"""


def test_a_job_gets_three_descriptors_and_default_signals(tmp_path: Path) -> None:
    """For a first zygote and a restarted one, which inherited its own across an exec."""
    with client(tmp_path) as jobs:
        spec = prepare(jobs.config, argv=(sys.executable, "-S", "-c", STARTED_WITH))
        wanted = f"[0, 1, 2] 0 {1 << 12 | 1 << 24}"  # Python itself ignores SIGPIPE and SIGXFSZ
        for _ in range(2):
            assert jobs.start(spec, wait=20).fresh.text == wanted
            assert jobs.zygote is not None
            os.kill(jobs.zygote.pid, signal.SIGKILL)
            assert jobs.zygote.join(20)
        separate = dataclasses.replace(spec, stderr="separate")
        assert jobs.start(separate, wait=20).fresh.text == wanted
