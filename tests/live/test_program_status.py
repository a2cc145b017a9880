"""Programs that report their state: used if kernel state is ambiguous, never against it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.mcp import results
from tests.terminal.test_program_status import b64

pytestmark = pytest.mark.live

# A full-screen program that takes keys all the time, and draws while it works.
AGENT = r"""
import os, select, sys, threading, time, tty
if len(sys.argv) > 1:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
tty.setraw(0)
out = lambda text: os.write(1, text.encode())
out("\x1b[?1049h\x1b]7501;state=idle\x1b\\> ")
os.read(0, 100)
out("\x1b]7501;state=working\x1b\\")
end = time.monotonic() + 2
while time.monotonic() < end:
    out("\x1b[2;1H%f" % time.monotonic())
    select.select([0], [], [], 0.5)
out("\x1b]7501;state=blocked:kind=permission:msg=MESSAGE\x1b\\\x1b[3;1HProceed? ")
os.read(0, 100)
out("\x1b]7501;state=done\x1b\\\x1b[4;1Hready ")
os.read(0, 100)
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=str(tmp_path))) as running:
        yield running


@pytest.mark.parametrize("threads", [[], ["another"]])
def test_working_is_no_turn_and_blocked_is_one(jobs: Jobs, threads: list[str]) -> None:
    code = AGENT.replace("MESSAGE", b64("approve Bash: ls"))
    jobs.execute(argv=[sys.executable, "-c", code, *threads], name="agent", wait=20)
    answer = jobs.interact("agent", input="g", enter=False, timeout=30)
    assert answer.verdict.reason.ready
    assert answer.verdict.says == "blocked (permission): approve Bash: ls"
    assert "Proceed?" in answer.fresh.text
    assert 'it says: "blocked (permission): approve Bash: ls"' in results.of_answer(answer).text
    done = jobs.interact("agent", input="y", enter=False, timeout=30)
    assert (done.verdict.reason.ready, done.verdict.says) == (True, "done")


def test_a_file_that_is_printed_fakes_no_more_than_a_note(jobs: Jobs, tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    fake.write_text("\x1b]7501;state=working\x1b\\\x1b]7501;state=blocked:id=x\x1b\\text\n")
    jobs.execute("bash --norc --noprofile -i", name="sh", env={"PS1": "$ "}, wait=20)
    answer = jobs.interact("sh", input=f"cat {fake}", timeout=20)
    assert (answer.fresh.text.strip(), answer.verdict.reason.ready) == ("text", True)
    answer = jobs.interact("sh", input="echo on", timeout=20)
    assert (answer.fresh.text.strip(), answer.verdict.says) == ("on", "")


def test_a_secret_prompt_is_one_whatever_the_program_says(jobs: Jobs) -> None:
    script = r"printf '\033]7501;state=working\033\\'; stty -echo; printf 'Password: '; read x"
    answer = jobs.execute(script, name="a", wait=20)
    assert answer.verdict.reason.value == "password"


# A full-screen program that takes keys all the time, and shows its progress while it works.
INDICATOR = r"""
import os, select, sys, time, tty
tty.setraw(0)
out = lambda text: os.write(1, text.encode())
out("\x1b[?1049h> ")
os.read(0, 100)
out("\x1b]9;4;3\x07\r\n")
for step in range(4):
    select.select([0], [], [], 0.6)
    out("\rstep %d " % step)
out("\x1b]9;4;0\x07result\r\n> ")
os.read(0, 100)
"""


def test_a_progress_indicator_is_no_turn_of_a_program_that_takes_keys(jobs: Jobs) -> None:
    jobs.execute(argv=[sys.executable, "-c", INDICATOR], name="p", wait=20)
    answer = jobs.interact("p", input="g", enter=False, timeout=30)
    assert answer.verdict.reason.ready
    assert "result" in answer.fresh.text


def test_printed_marks_and_progress_fake_no_more_than_a_note(jobs: Jobs, tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    marks = ("9;4;3", "133;C", "133;D;7", "133;A", "133;B", "9;4;1;50")
    fake.write_text("".join(f"\x1b]{mark}\x07" for mark in marks) + "text\n")
    jobs.execute("bash --norc --noprofile -i", name="sh", env={"PS1": "$ "}, wait=20)
    # A prompt is not believed while the kernel shows that a command runs ...
    answer = jobs.interact("sh", input=f"cat {fake}; sleep 1; echo after", timeout=20)
    assert answer.fresh.text.split() == ["text", "after"]
    assert answer.verdict.reason.ready
    # ... nor is work, once the kernel shows that the shell reads.
    answer = jobs.interact("sh", input=f"cat {fake}", timeout=20)
    assert (answer.fresh.text.strip(), answer.verdict.reason.ready) == ("text", True)
    secret = f"cat {fake}; stty -echo; printf 'Password: '; read x; stty echo"
    assert jobs.interact("sh", input=secret, timeout=20).verdict.reason.value == "password"
