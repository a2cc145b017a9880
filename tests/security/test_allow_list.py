"""Hostile command lines, keys and environments against an allow-list, with real shells."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs
from ptyjobs.errors import BadInput, Refused
from ptyjobs.policy import Policy

LINES = Path(__file__).parents[2] / "fixtures/security/allowlist.jsonl"
POLICY = Policy(("^npm run ", "^git status$", "^ls", "^echo "))
SHELLS = {
    "bash": ["bash", "--norc", "-c"],
    "dash": ["dash", "-c"],
    "zsh": ["zsh", "-f", "-c"],
    "fish": ["fish", "-N", "-c"],
    "busybox": ["busybox", "sh", "-c"],
}


def accepted(mark: Path) -> Iterator[str]:
    for line in LINES.read_text().splitlines():
        command = json.loads(line).replace("{MARK}", str(mark))
        try:
            POLICY.check(command)
        except Refused:
            continue
        yield command


def test_the_lines_are_there() -> None:
    assert len(LINES.read_text().splitlines()) > 100


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.stops("allowed_commands", "commands hidden in a command line")
def test_no_accepted_line_makes_the_mark(shell: str, tmp_path: Path) -> None:
    if not shutil.which(SHELLS[shell][0]):
        pytest.skip(f"no {shell}")
    mark, stubs, work = tmp_path / "mark", tmp_path / "stubs", tmp_path / "work"
    stubs.mkdir()
    work.mkdir()
    (stubs / "npm").write_text("#!/bin/sh\nexit 0\n")
    (stubs / "npm").chmod(0o755)
    env = {"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(work), "TERM": "dumb"}
    for command in accepted(mark):
        if "\0" in command:
            continue
        subprocess.run(
            [*SHELLS[shell], command],
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=20,
            check=False,
        )
        assert not mark.exists(), command


# -- input to a program that runs above a shell

PROGRAMS = {
    "cat": "cat",
    "less": "less /etc/passwd",
    "python": "python3 -i -q",
    "read one key": "bash -c 'stty raw -echo; head -c1 >/dev/null; stty sane'",
}
TRIES: tuple[dict[str, object], ...] = (
    {"input": "\x04touch {MARK}"},
    {"keys": ["C-d", *"touch", "Space", "{MARK}", "Enter"]},
    {"input": "qtouch {MARK}"},
    {"input": "q\ntouch {MARK}"},
    {"input": ":q\ntouch {MARK}"},
    {"input": "\x03touch {MARK}"},
    {"input": "\x1atouch {MARK}"},
    {"input": "\x1ctouch {MARK}"},
    {"input": "exit()\ntouch {MARK}"},
    {"raw": b"\x04touch {MARK}\r"},
    {"raw": b"qtouch {MARK}\n"},
)


@pytest.mark.live
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.stops("allowed_commands", "commands typed ahead for the shell below a program")
def test_nothing_typed_behind_a_program_reaches_its_shell(tmp_path: Path, program: str) -> None:
    command = PROGRAMS[program]
    if not shutil.which(command.split()[0]):
        pytest.skip(f"no {command.split()[0]}")
    mark = tmp_path / "mark"
    environ = {
        "PTYJOBS_STATE": str(tmp_path / "state"),
        "PTYJOBS_ALLOWED_COMMANDS": "^bash ,^cat$,^less ,^python3 -i -q$",
    }
    with Jobs(config.load(environ=environ)) as jobs:
        shell = jobs.execute("bash --norc -i", wait=20).job_id
        for attempt in TRIES:
            filled = {key: _filled(value, mark) for key, value in attempt.items()}
            jobs.interact(shell, input=command, timeout=3)
            with contextlib.suppress(Refused, BadInput):
                jobs.interact(shell, **filled, timeout=0.7)
                jobs.interact(shell, keys=["C-c"], timeout=1)
            assert not mark.exists(), attempt
            jobs.kill(shell, grace=0.2)
            shell = jobs.execute("bash --norc -i", wait=20).job_id


def _filled(value: object, mark: Path) -> object:
    if isinstance(value, str):
        return value.replace("{MARK}", str(mark))
    if isinstance(value, bytes):
        return value.replace(b"{MARK}", os.fsencode(mark))
    assert isinstance(value, list)
    return [char for word in value for char in (mark.name if word == "{MARK}" else [word])]


@pytest.mark.live
@pytest.mark.parametrize("relay", ["script -qc bash /dev/null", "busybox sh"])
@pytest.mark.stops("allowed_commands", "commands typed at a shell below script(1) or busybox")
def test_a_shell_behind_a_relay_is_checked(tmp_path: Path, relay: str) -> None:
    if not shutil.which(relay.split()[0]):
        pytest.skip(f"no {relay.split()[0]}")
    environ = {
        "PTYJOBS_STATE": str(tmp_path / "state"),
        "PTYJOBS_ALLOWED_COMMANDS": "^script ,^busybox sh$",
    }
    with Jobs(config.load(environ=environ)) as jobs:
        job = jobs.execute(relay, wait=10).job_id
        with pytest.raises(Refused):
            jobs.interact(job, input=f"touch {tmp_path}/mark", timeout=5)
    assert not (tmp_path / "mark").exists()
