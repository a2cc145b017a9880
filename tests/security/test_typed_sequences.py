"""Generated inputs to a shell and to the programs behind it: no foreign command ever runs.

The law: the file `mark` never appears, because no allowed command makes it. The sequences of a
group run at the same time; `PTYJOBS_TEST_SEQUENCES` is the number of groups (default 12).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ptyjobs import config
from ptyjobs.client import AsyncJobs
from ptyjobs.errors import BadInput, JobEnded, Refused
from ptyjobs.input.mouse import MouseAction

pytestmark = pytest.mark.live

ALLOWED = (
    "^bash --norc -i$,^dash$,^cat,^head ,^stty ,^echo ,^sleep ,^timeout [0-9.]+ (cat|head) ?,"
    "^less text$,^vim -u NONE text$,^python3 -q -i$,^python3 -c ,^zsh -f$,^busybox sh$,^gdb -nx -q$"
)
PROGRAMS = (
    "cat",
    "head -c 1",
    "head -c 5",
    "head -n 1",
    "timeout 0.3 cat",
    "sleep 0.2",
    "sleep 0.2; head -c 5",
    "cat; head -c 5",
    "head -c 5; cat",
    "cat & head -c 5",
    "stty eof q",
    "stty intr x",
    "stty kill x",
    "stty istrip",
    "stty igncr",
    "stty -icanon min 9",
    "stty raw; head -c 1",
    "stty raw; head -c 3; stty sane",
    "stty sane",
    "dash",
    "bash --norc -i",
    "less text",
    "vim -u NONE text",
    "python3 -q -i",
    "python3 -c 'import os,tty; tty.setraw(0); os.read(0,1)'",
    "echo -e '\\033[?1000h'",
    "echo -e '\\033[?2004h'",
    "echo -e '\\033[>1u'",
)
NESTED: tuple[tuple[str, ...], ...] = (  # the ways to a shell below a program, one input a call
    ("python3 -q -i", "import os\n", "os.system('dash')\n"),
    ("python3 -q -i", "import os\n", "os.system('dash; head -c 5')\n"),
    ("python3 -q -i", "import pty\n", "pty.spawn('dash')\n"),
    ("python3 -q -i", "import pty\n", "pty.spawn(['bash','--norc'])\n"),
    ("gdb -nx -q", "shell dash\n"),
    ("gdb -nx -q", "shell busybox sh\n"),
    ("vim -u NONE text", ":!dash\n"),
    ("vim -u NONE text", ":!zsh -f\n"),
    ("vim -u NONE text", ":shell\n"),
    ("vim -u NONE text", ":terminal\n"),
    ("less text", "!dash\n"),
    ("less text", "!busybox sh\n"),
    ("dash", "busybox sh", "zsh -f"),
    ("busybox sh", "bash --norc -i", "cat"),
    ("zsh -f", "dash", "head -c 5"),
)
COMMANDS = ("touch mark", ">mark", ": >mark", "touch mark;", "touch mark &")
BEFORE = (
    *("", "q", "x", ":q", "q\n", "x\n", ":q\n", "exit()\n", "echo ", "echo x ", "echo\n", "1\n"),
    *("\x03", "\x04", "\x1a", "\x1c", "\r", "\t", "echo \u020a ", "echo \xbc", "12345", "1234"),
)
KEYS = (
    *("C-c", "C-d", "C-z", "C-\\", "C-l", "C-r", "C-p", "C-o", "Enter", "Escape", "Up", "Tab"),
    *("q", "x", "1", ">", "M->", "M-.", "M-x", "F5", "Left", "Space"),
)

Step = tuple[str, dict[str, object]]
lines = st.builds(lambda a, b: a + b, st.sampled_from(BEFORE), st.sampled_from(COMMANDS))
waits = st.sampled_from((0.0, 0.0, 0.05, 0.5))
spelled = st.sampled_from(COMMANDS).map(lambda c: [{" ": "Space"}.get(x, x) for x in c] + ["Enter"])


def _step(**values: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries({**values, "timeout": waits}).map(lambda v: ("interact", v))


programs = st.sampled_from(PROGRAMS).map(lambda p: ("interact", {"input": p, "timeout": 1.0}))
steps: st.SearchStrategy[Step] = st.one_of(
    programs,
    _step(input=lines, enter=st.sampled_from((True, True, False))),
    _step(input=st.sampled_from(COMMANDS)),
    _step(raw=lines.map(lambda line: line.encode() + b"\r")),
    _step(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=2)),
    _step(input=lines, keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=2)),
    _step(keys=spelled),
    _step(mouse=st.builds(MouseAction, st.just(39), st.integers(0, 93), action=st.just("press"))),
    st.sampled_from(("INT", "TERM", "STOP", "CONT")).map(lambda s: ("kill", {"signal": s})),
)


def _way(words: tuple[str, ...]) -> list[Step]:
    """Whole lines, and what ends with Enter in single keys, as a program in raw mode takes them.

    The shell has started before anything else is typed: what is typed while an interpreter starts
    it is the interpreter's to give away (see docs/security.md).
    """
    named = {" ": "Space", "\n": "Enter"}
    steps: list[Step] = []
    for word in words:
        if word.endswith("\n"):
            keys = [{"keys": [named.get(char, char)], "timeout": 0.0} for char in word]
            steps += [("interact", one) for one in keys]
            steps.append(("wait", {"timeout": 5.0}))
        else:
            steps.append(("interact", {"input": word, "timeout": 1.0}))
    return steps


keys_of_a_command: st.SearchStrategy[list[Step]] = spelled.map(
    lambda keys: [("interact", {"keys": [key], "timeout": 0.0}) for key in keys]
)
sequences = st.builds(
    lambda first, parts: [*first, *(step for part in parts for step in part)],
    programs.map(lambda step: [step]) | st.sampled_from(NESTED).map(_way),
    st.lists(steps.map(lambda s: [s]) | keys_of_a_command, min_size=1, max_size=5),
)


async def _made(jobs: AsyncJobs, sequence: list[Step], folder: Path) -> list[str]:
    """The files that appear when `sequence` is typed at a shell in `folder`."""
    job = (await jobs.execute("bash --norc -i", cwd=str(folder), wait=20)).job_id
    with contextlib.suppress(JobEnded):
        for call, values in sequence:
            with contextlib.suppress(Refused, BadInput):
                if call == "kill":
                    await jobs.kill(job, **values)  # type: ignore[arg-type]
                elif call == "wait":
                    await jobs.wait(job, **values)  # type: ignore[arg-type]
                else:
                    await jobs.interact(job, **values)  # type: ignore[arg-type]
        with contextlib.suppress(Refused):
            await jobs.interact(job, keys=["Enter"], timeout=0.2)
        await jobs.kill(job, signal="TERM")
        with contextlib.suppress(Refused):
            await jobs.interact(job, keys=["C-c"], timeout=0.5)
    await jobs.kill(job, grace=0.05)
    return sorted({*os.listdir(folder)} - {"text", ".text.swp"})


def _try(group: list[list[Step]], folder: Path) -> None:
    for number in range(len(group)):
        (folder / str(number)).mkdir()
        (folder / str(number) / "text").write_text("some text\n" * 100)
    environ = {"PTYJOBS_STATE": str(folder / "state"), "PTYJOBS_ALLOWED_COMMANDS": ALLOWED}
    asyncio.run(_try_all(group, folder, environ))


async def _try_all(group: list[list[Step]], folder: Path, environ: dict[str, str]) -> None:
    async with AsyncJobs(config.load(environ=environ)) as jobs:
        tasks = [_made(jobs, one, folder / str(n)) for n, one in enumerate(group)]
        for sequence, made in zip(group, await asyncio.gather(*tasks), strict=True):
            assert not made, (made, sequence)


@pytest.mark.stops("allowed_commands", "generated sequences of lines, keys, pastes and signals")
def test_no_sequence_runs_a_foreign_command(tmp_path: Path) -> None:
    if not shutil.which("bash"):
        pytest.skip("no bash")
    count = int(os.environ.get("PTYJOBS_TEST_SEQUENCES", "12"))
    until = time.monotonic() + 2.5 * count

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(group=st.lists(sequences, min_size=8, max_size=8))
    def law(group: list[list[Step]]) -> None:
        if time.monotonic() < until:
            with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
                _try(group, Path(folder))

    law()
