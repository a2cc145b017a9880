"""No name that a program or a directory gives itself reaches a person's terminal as a sequence."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load
from tests.faults import world

pytestmark = pytest.mark.live

EVIL = "\x1b]0;pwn\x07"
SEQUENCE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xae\x8b]")
NAMED = r"""
import ctypes, signal, socket, sys, time
ctypes.CDLL(None).prctl(15, b"\x1b]0;pwn\x07", 0, 0, 0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
own = socket.create_server(("127.0.0.1", 0))
print("up", flush=True)
while True: time.sleep(1000)
"""
COMMANDS = (
    ["list"], ["status", "evil"], ["ports"], ["ports", "--all"],
    ["send", "evil", "x", "--timeout", "0.5"], ["wait", "evil", "--timeout", "0.2"], ["audit"],
    ["logs", EVIL], ["status", EVIL], ["attach", EVIL], [EVIL], [f"--{EVIL}"],
    ["run", "--cwd", EVIL, "true"], ["kill", "--grace", "0.2", "evil"], ["list"],
    ["status", "evil"],
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="process names are set by prctl")
@pytest.mark.stops("attach and commands", "control sequences in names of programs and directories")
def test_no_command_prints_a_control_sequence_of_a_name(tmp_path: Path) -> None:
    place = tmp_path / f"place{EVIL}"
    place.mkdir()
    (tmp_path / "named.py").write_text(NAMED)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PTYJOBS")}
    env = {**kept, "PTYJOBS_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}

    def ptyjobs(*words: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "ptyjobs", *words],
            cwd=place, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    line = f"exec {sys.executable} {tmp_path}/named.py '{EVIL}'"
    try:
        ptyjobs("run", "-d", "--name", "evil", line)
        ptyjobs("wait", "evil", "up", "--timeout", "20")
        shown = {" ".join(words): ptyjobs(*words) for words in COMMANDS}
    finally:
        ptyjobs("kill", "--grace", "0", "evil")
    assert b"SIGKILL was needed" in shown["kill --grace 0.2 evil"]
    assert b"still busy" in shown["send evil x --timeout 0.5"]
    wrong = {words: text for words, text in shown.items() if SEQUENCE.search(text)}
    assert not wrong


@pytest.mark.leaves("attach and commands", "what `logs` writes to a file or pipe: the raw output")
def test_logs_to_a_file_are_the_raw_output(tmp_path: Path) -> None:
    env = {**os.environ, "PTYJOBS_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    words = [sys.executable, "-m", "ptyjobs"]
    line = r"printf '\033]0;title\007end\n'"
    subprocess.run([*words, "run", "-d", "--name", "t", line], env=env, check=True, timeout=60)
    subprocess.run([*words, "wait", "t"], env=env, check=False, timeout=60, capture_output=True)
    done = subprocess.run(
        [*words, "logs", "t"], env=env, capture_output=True, timeout=60, check=True
    )
    assert b"\x1b]0;title\x07" in done.stdout


@pytest.mark.leaves("attach and commands", "titles, clipboard and queries of the job you look at")
@pytest.mark.parametrize("words", [("attach", "t"), ("play", "t")])
def test_attach_and_play_pass_what_the_program_writes(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    """As if the program ran in the person's own terminal."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PTYJOBS")}
    env = {**kept, "PTYJOBS_STATE": str(tmp_path / "state"), "HOME": str(tmp_path)}
    own = [sys.executable, "-m", "ptyjobs"]
    line = r"read go; printf '\033]52;c;eA==\007end\n'; cat"
    subprocess.run([*own, "run", "-d", "--name", "t", line], env=env, check=True, timeout=60)
    try:
        if words[0] == "play":
            subprocess.run([*own, "send", "t", "go"], env=env, check=True, timeout=60)
        shown = _in_a_terminal([*own, *words], env=env, typed=b"go\r", until=b"end\r")
    finally:
        subprocess.run([*own, "kill", "t"], env=env, check=True, timeout=60)
    assert b"\x1b]52;c;eA==\x07" in shown


def _in_a_terminal(words: list[str], *, env: dict[str, str], typed: bytes, until: bytes) -> bytes:
    """What `words` write to a terminal; `typed` is typed when they have written something."""
    master, slave = os.openpty()
    with subprocess.Popen(words, env=env, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown, limit = b"", time.monotonic() + 60
        try:
            while until not in shown and time.monotonic() < limit:
                if select.select([master], [], [], 0.1)[0]:
                    if not shown:
                        os.write(master, typed)
                    shown += os.read(master, 65536)
        finally:
            process.kill()
            os.close(master)
    return shown


MESSAGE = f"log in{EVIL}\0\x9b31m\r\n\u202enow \ud800 $(touch made)"


@pytest.mark.stops("attach and commands", "control sequences in an agent's message to a person")
def test_the_notifying_command_gets_one_line_of_text(tmp_path: Path) -> None:
    note = tmp_path / "note"
    line = f'printf %s "$PTYJOBS_MESSAGE" > {note}.part; mv {note}.part {note}'
    settings = {"PTYJOBS_STATE": str(tmp_path / "state"), "PTYJOBS_NOTIFY_COMMAND": line}
    with Jobs(load(environ=settings)) as jobs:
        jobs.execute("cat", name="t", wait=20)
        jobs.wait("t", until="person", message=MESSAGE, timeout=0)
        assert world.eventually(note.exists)
    data = note.read_bytes()
    assert data.startswith(b"log in\\u{1b}]0;pwn")
    assert data.endswith(b" $(touch made)")
    assert not SEQUENCE.search(data)
    assert b"\n" not in data
    data.decode()
