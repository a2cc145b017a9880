"""Targets as they are used: real clients under a pty, against servers that the tests start."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.model import JobSpec
from ptyjobs.process import sandbox
from ptyjobs.targets import EXITED, LOST, NOT_CONNECTED, Target, classify, reaped, resolve

from .conftest import Terminal, free_port, spec, wait_for

pytestmark = pytest.mark.live

Start = Callable[[JobSpec], Terminal]

CHILD = (
    "import os, signal, sys\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGWINCH])\n"
    "print('size', *os.get_terminal_size(), os.environ['TERM'], os.isatty(0), flush=True)\n"
    "print('got', input('name? '), flush=True)\n"
    "signal.sigwait([signal.SIGINT])\n"
    "print('interrupted', flush=True)\n"
    "signal.sigwait([signal.SIGWINCH])\n"
    "print('now', *os.get_terminal_size(), flush=True)\n"
    "sys.exit(7)"
)


def target(text: str) -> Target:
    found = resolve(text)
    assert found is not None
    return found


def python(source: str) -> str:
    return shlex.join(["python3", "-c", source])


def converse(terminal: Terminal) -> None:
    """Prompt, line, Ctrl-C and resize, as with a program on this machine."""
    terminal.until(b"size 120 40 xterm True")
    terminal.until(b"name? ")
    terminal.type("Ada ö\r".encode())
    terminal.until("got Ada ö".encode())
    terminal.type(b"\x03")
    terminal.until(b"interrupted")
    terminal.pty.setwinsize(30, 100)
    terminal.until(b"now 100 30")


def reap(where: Target, run: JobSpec, token: str) -> tuple[int, bool] | None:
    done = subprocess.run(
        where.reap_argv(token), env=run.env, capture_output=True, text=True, timeout=30, check=False
    )
    return reaped(done.stdout)


def test_ssh_is_like_here(sshd: tuple[str, str], terminal: Start) -> None:
    text, path = sshd
    where = target(text)
    run = where.apply(spec(python(CHILD), path=path), token="t1", cwd="/tmp")
    session = terminal(run)
    converse(session)
    end, said = session.end()
    assert end.code == 7, said
    assert classify(where, end, said) == EXITED
    assert reap(where, run, "t1") == (0, False)


def test_ssh_passes_folder_variables_and_quotes(sshd: tuple[str, str], terminal: Start) -> None:
    text, path = sshd
    command = "pwd; echo \"$MINE|$LANG\" 'a  b' $((1+1)); exit 255"
    run = target(text).apply(
        spec(command, path=path, MINE="x 'y' $z"), token="t2", cwd="/usr/lib", env=["MINE"]
    )
    session = terminal(run)
    session.until(b"/usr/lib\r\n")
    session.until(b"x 'y' $z|C.UTF-8 a  b 2\r\n")
    end, said = session.end()
    assert end.code == 255  # the command's own, which ssh also uses for itself
    assert classify(target(text), end, said) == EXITED


def test_ssh_lost_and_never_reached(sshd: tuple[str, str], terminal: Start, tmp_path: Path) -> None:
    text, path = sshd
    where = target(text)
    # The far program sees to it that the server's side of the connection is killed, and stays.
    pid = tmp_path / "pid"
    child = (
        "import os, signal\n"
        "for s in (signal.SIGHUP, signal.SIGTERM):\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        f"open({str(pid)!r}, 'w').write(str(os.getppid()) + ' ' + str(os.getpid()) + chr(10))\n"
        "print('up', flush=True)\n"
        "signal.pause()"
    )
    run = where.apply(spec("exec " + python(child), path=path), token="t3")
    session = terminal(run)
    session.until(b"up")
    parent, leader = map(int, pid.read_text().split())
    os.kill(parent, signal.SIGKILL)
    end, said = session.end()
    assert classify(where, end, said) == LOST, (end, said)
    assert reap(where, run, "t3") == (1, True)
    wait_for("the end of the far program", lambda: not _alive(leader))
    nowhere = target(f"ssh:127.0.0.1:{free_port()}")
    end, said = terminal(nowhere.apply(spec("true", path=path), token="t4")).end()
    assert classify(nowhere, end, said) == NOT_CONNECTED, (end, said)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


CLIENT = """#!/usr/bin/env python3
# Stands in for `kubectl exec`: what it starts is no child of the terminal and outlives it.
import subprocess, sys
words = sys.argv[sys.argv.index("--") + 1:]
done = subprocess.run(words, stdin=subprocess.DEVNULL, start_new_session=True)
sys.exit(done.returncode)
"""


def test_what_a_killed_client_leaves_is_reaped(tmp_path: Path, terminal: Start) -> None:
    """The launcher's mark and the reaping script, with a stand-in for the client only."""
    (tmp_path / "kubectl").write_text(CLIENT)
    (tmp_path / "kubectl").chmod(0o755)
    where = target("kubectl:pod-0/app")
    child = (
        "import os, signal, sys\n"
        "for s in (signal.SIGHUP, signal.SIGTERM):\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "print('up', os.getpid(), flush=True)\n"
        "signal.pause()"
    )
    run = where.apply(spec("exec " + python(child), path=str(tmp_path)), token="tok-5")
    session = terminal(run)
    pids = [int(session.until(b"\r\n").split()[1]) for _ in range(2)]
    os.kill(session.pty.pid, signal.SIGKILL)
    session.pty.wait()
    assert all(map(_alive, pids))
    other = where.apply(spec("sleep 30", path=str(tmp_path)), token="tok-6")
    bystander = terminal(other)
    assert reap(where, run, "tok-5") == (2, True)
    assert not any(map(_alive, pids))
    assert bystander.pty.isalive()
    assert reap(where, run, "tok-5") == (0, False)
    answer = reap(where, other, "tok-6")
    assert answer is not None
    assert answer[1]


@pytest.mark.skipif(
    not sandbox.available()["bwrap"]["available"], reason=sandbox.available()["bwrap"]["why"]
)
def test_sandbox_is_like_here(terminal: Start, tmp_path: Path) -> None:
    base = spec(python(CHILD))
    inside = dataclasses.replace(base, cwd=str(tmp_path))
    run = sandbox.wrap(target("sandbox").apply(inside, token="t"))
    session = terminal(run)
    converse(session)
    end, said = session.end()
    assert end.code == 7, said
    assert classify(target("sandbox"), end, said) == EXITED


def test_slurm_is_like_here(slurm: Path, terminal: Start) -> None:
    where = target("slurm:partition=main,ntasks=1")
    run = where.apply(spec(python(CHILD), SLURM_CONF=str(slurm)), token="t7")
    session = terminal(run)
    converse(session)
    end, said = session.end()
    assert end.code == 7, said
    assert classify(where, end, said) == EXITED


def test_slurm_cancelled_and_refused(slurm: Path, terminal: Start) -> None:
    where = target("slurm")
    run = where.apply(spec("echo up; sleep 60", SLURM_CONF=str(slurm)), token="t8")
    session = terminal(run)
    session.until(b"up")
    subprocess.run(where.reap_argv("t8"), env={**os.environ, **run.env}, check=True, timeout=30)
    end, said = session.end()
    assert classify(where, end, said) == LOST, (end, said)
    nowhere = target("slurm:partition=none")
    end, said = terminal(nowhere.apply(spec("true", SLURM_CONF=str(slurm)), token="t9")).end()
    assert classify(nowhere, end, said) == NOT_CONNECTED, (end, said)
