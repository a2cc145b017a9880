"""Input typed to a program that a shell started: the shell must get no part of it unchecked."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from ptyjobs import config
from ptyjobs.client import Jobs
from ptyjobs.errors import BadInput, Refused
from ptyjobs.input.mouse import MouseAction

pytestmark = pytest.mark.live

ALLOWED = "^bash ,^dash$,^sh$,^cat$,^head ,^stty ,^echo ,^sleep ,^python3 -c ,^less "
KEYS = {" ": "Space"}
STRAY = (  # takes a byte in raw mode and ends
    "python3 -c 'import os,tty; tty.setraw(0); os.read(0,1)'; stty sane"
)

Step = dict[str, object]
ATTACKS: dict[str, tuple[Step, ...]] = {
    "a program that reads a part of a line": (
        {"input": "head -c 1"},
        {"input": "xtouch mark"},
    ),
    "a line of which a program will read a part": (
        {"input": "sleep 0.5; head -c 5", "timeout": 0},
        {"input": "echo touch mark"},
    ),
    "two lines, the second read in part": (
        {"input": "dash"},
        {"input": "head -c 5\necho touch mark"},
    ),
    "two calls, the second read in part": (
        {"input": "head -c 5", "timeout": 0},
        {"input": "echo touch mark", "timeout": 0},
    ),
    "the end of input and a line at once": (
        {"input": "cat"},
        {"keys": ["C-d"], "timeout": 0},
        {"input": "touch mark", "timeout": 0},
    ),
    "an interrupt and a line at once": (
        {"input": "cat"},
        {"keys": ["C-c"], "timeout": 0},
        {"input": "touch mark", "timeout": 0},
    ),
    "a printable end of input": (
        {"input": "stty eof q"},
        {"input": "cat"},
        {"input": "qtouch mark"},
    ),
    "a printable interrupt": (
        {"input": "stty intr x"},
        {"input": "cat"},
        {"input": "xtouch mark"},
    ),
    "a printable interrupt at the prompt": (
        {"input": "stty intr x"},
        {"input": "echo x touch mark"},
    ),
    "a printable line killer at the prompt": (
        {"input": "stty kill x"},
        {"input": "echo x touch mark"},
    ),
    "a stripped bit": (
        {"input": "dash"},
        {"input": "stty istrip"},
        {"input": "echo \u020a touch mark"},
    ),
    "a terminal that gives input late": (
        {"input": "dash"},
        {"input": "stty -icanon min 100; cat"},
        *({"keys": [KEYS.get(char, char)], "timeout": 0.05} for char in "touch mark"),
        {"keys": ["Enter"], "timeout": 0.05},
        {"signal": "TERM"},
    ),
    "a part of a key": (
        {"input": STRAY},
        {"keys": ["M->"]},
        {"input": "echo touch mark"},
    ),
    "mouse reports at the prompt": (
        {"input": "echo -e '\\033[?1000h'"},
        {"mouse": MouseAction(ord("H") - 33, ord(">") - 33, button="left", action="press")},
        {"keys": ["Enter"]},
    ),
}


def _do(jobs: Jobs, shell: str, step: Step) -> None:
    step = {"timeout": 20.0, **step}
    if "signal" in step:
        jobs.kill(shell, signal=str(step["signal"]))
    else:
        jobs.interact(shell, **step)  # type: ignore[arg-type]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.stops("allowed_commands", "parts of a line or key that a program leaves to its shell")
def test_no_part_of_an_input_is_left_to_the_shell(tmp_path: Path, attack: str) -> None:
    if not all(map(shutil.which, ("bash", "dash", "stty"))):
        pytest.skip("no bash, dash or stty")
    work = tmp_path / "work"
    work.mkdir()
    environ = {
        "PTYJOBS_STATE": str(tmp_path / "state"),
        "PTYJOBS_ALLOWED_COMMANDS": ALLOWED,
        "PTYJOBS_WORKING_DIR": str(work),
    }
    with Jobs(config.load(environ=environ)) as jobs:
        shell = jobs.execute("bash --norc --noprofile -i", wait=20, cwd=str(work)).job_id
        for step in ATTACKS[attack]:
            with contextlib.suppress(Refused, BadInput):
                _do(jobs, shell, step)
        with contextlib.suppress(Refused):
            jobs.interact(shell, keys=["C-c"], timeout=5)
        left = [entry.name for entry in work.iterdir()]
        shown = jobs.tail(shell)
    assert not left, (left, shown)
