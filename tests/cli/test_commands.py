"""The command line as a person uses it: every command once, its words and its exit code."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from pathlib import Path

import pytest

from ptyjobs.cli.attach import DETACH, RESTORE
from tests.cli.conftest import Shell
from tests.faults import world

pytestmark = pytest.mark.live


def test_a_detached_job_is_listed_typed_into_waited_for_and_killed(shell: Shell) -> None:
    assert shell.run("run", "-d", "--name", "sh", "--", "bash --norc").stdout == "sh\n"
    assert "running" in shell.run("list").stdout
    assert shell.run("send", "sh", "echo $((6*7))").stdout == "42\n"
    assert "42" in shell.run("screen", "sh").stdout
    assert "42" in shell.run("logs", "sh").stdout
    assert shell.run("wait", "sh").stdout == "waits for input\n"
    assert shell.run("wait", "sh", "--exited", "--timeout", "0.1").returncode == 1
    assert json.loads(shell.run("status", "sh", "--json").stdout)["state"] == "running"
    assert "killed" in shell.run("kill", "sh").stdout
    assert "killed" in shell.run("list").stdout


def test_a_job_that_waits_for_room_goes_on_when_its_output_is_taken_away(shell: Shell) -> None:
    room = {"PTYJOBS_LOG_FULL": "wait", "PTYJOBS_LOG_LIMIT": "65536"}
    shell.run("run", "-d", "--name", "n", "--", "seq 1 60000; read x", **room)
    assert world.eventually(lambda: "waits for room" in shell.run("status", "n").stdout)
    assert shell.run("logs", "n", "--discard").returncode == 2  # it would be shown again
    with shell.reader("logs", "n", "-f", "--discard") as (reader, output):
        for n in range(1, 60001):
            assert output.readline() == b"%d\r\n" % n
        shell.run("send", "n", "over", "--timeout", "5")
        assert output.read() == b"over\r\n"
        assert reader.wait(20) == 0


def test_run_without_a_terminal_streams_and_passes_the_exit_code_on(shell: Shell) -> None:
    done = shell.run("run", "--", "echo one; sleep 0.2; echo two; exit 3")
    assert done.stdout.split() == ["one", "two"]
    assert done.returncode == 3


def test_errors_are_one_line_with_advice_and_a_stable_code(shell: Shell) -> None:
    unknown = shell.run("status", "nope")
    assert unknown.returncode == 3
    assert unknown.stderr.startswith("ptyjobs: No job 'nope'.")
    assert shell.run("frobnicate").returncode == 2
    assert shell.run("--max-jobs", "many", "list").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ("export", "done", "no/x.cast"),
        ("export", "done", "no/x.raw", "--format", "raw"),
        ("screen", "done", "-o", "no/x.svg"),
        ("fixture", "no/x.cast"),
        ("fixture", "."),
        ("record", "-o", "no/x.cast", "--", "echo", "was here"),
        ("web", "--port", "99999"),
    ],
)
def test_a_file_or_port_that_cannot_be_is_told_in_a_sentence(
    shell: Shell, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell.run("run", "-d", "--name", "done", "--", "true")
    refused = shell.run(*words)
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert "no/x" in refused.stderr or words[-1] in refused.stderr or "'no'" in refused.stderr
    assert "was here" not in shell.run("list").stdout  # before it has run, not after


def test_a_recording_that_cannot_be_written_is_kept_as_a_job(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = shell.run("record", "-o", "x.cast", "--", "echo was here; mkdir x.cast")
    assert refused.returncode == 2
    advice = re.search(r"ptyjobs (export \S+) FILE", refused.stderr)
    assert advice is not None
    assert shell.run(*advice[1].split(), "y.cast").returncode == 0
    assert "was here" in (tmp_path / "y.cast").read_text()


def test_the_demo_drives_python(shell: Shell) -> None:
    done = shell.run("demo")
    assert done.returncode == 0
    assert "\n42\n" in done.stdout
    assert "late, and still in one call" in done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_attach_paints_first_passes_typing_through_and_gives_the_terminal_back(
    shell: Shell,
) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    shell.run("send", "sh", "echo earlier words")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "ptyjobs", "attach", "sh"], shell.env)
    seen = b""

    def holds(text: bytes) -> bool:
        nonlocal seen
        while text not in seen:
            try:
                data = os.read(fd, 65536)
            except OSError:  # EIO: the terminal is closed
                return text in seen
            if not data:
                return False
            seen += data
        return True

    assert holds(b"earlier words")
    os.write(fd, b"echo typed $((40+2))\r")
    assert holds(b"typed 42")
    os.write(fd, DETACH)
    assert holds(b"detached from sh")
    assert RESTORE.encode() in seen
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "running" in shell.run("list").stdout
    os.close(fd)


def test_attach_ends_with_its_job_and_its_exit_code(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "ptyjobs", "attach", "sh"], shell.env)
    seen = b""
    while b"bash" not in seen:
        seen += os.read(fd, 65536)
    os.write(fd, b"exit 5\r")
    ended: list[int] = []

    def over() -> bool:
        try:
            os.read(fd, 65536)
        except OSError:  # EIO: the terminal is closed
            ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return bool(ended)

    assert world.eventually(over)
    assert ended == [5]
    os.close(fd)


def test_a_wait_for_one_port_says_which_it_awaits(shell: Shell) -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])"
    shell.run("run", "-d", "--name", "web", "--", f'python3 -u -c "{code}; input()"')
    assert shell.run("wait", "--port", "web").returncode == 0  # JOB after the flag
    port = shell.run("logs", "web", "--text").stdout.split()[0]
    assert shell.run("wait", "web", "--port", port).returncode == 0
    assert shell.run("wait", "--port", port, "web", "--timeout", "30").returncode == 0
    assert shell.run("wait", "web", "--port", "1", "--timeout", "0.1").returncode == 1
    bare = shell.run("wait", "--port", port)
    assert (bare.returncode, bare.stderr.partition("?")[0]) == (2, "ptyjobs: Which job")
    assert shell.run("wait", "web", "--port", "99999").returncode == 2
