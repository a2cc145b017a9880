"""Prompts that appear for the first time, and output that looks like one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config

pytestmark = pytest.mark.live

NESTED = """
import shlex
import sys
prompts = ["> "]
def ask(prompt):
    sys.stdout.write(prompt)
    sys.stdout.flush()
    return sys.stdin.readline().rstrip("\\n")
while prompts:
    line = ask(prompts[-1])
    word, _, rest = line.partition(" ")
    while line.count("{") > line.count("}"):
        line += ask("cont> ")
    if word == "use":
        prompts.append(rest + "> ")
    elif word == "prompt":
        prompts[-1] = rest + " "
    elif word == "say":
        sys.stdout.write(rest)
    elif word == "show":
        print("one")
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Config(state_dir=tmp_path / "state")) as client:
        yield client


def test_nested_prompts_and_output_without_a_line_end(jobs: Jobs, tmp_path: Path) -> None:
    program = tmp_path / "nested.py"
    program.write_text(NESTED)
    jobs.execute(f"{sys.executable} {program}", name="j")
    steps = [
        ("f {", "", "cont> ", True),
        ("g {", "", "cont> ", True),
        ("}", "", "cont> ", True),
        ("}", "", "> ", False),
        ("say hi", "hi", "> ", False),
        ("say hi", "hi", "> ", False),
        ("show", "one", "> ", False),
        ("say hi", "hi", "> ", False),
        ("say hello", "hello", "> ", False),
        ("say help", "help", "> ", False),
        ("use shop", "shop", "> ", False),  # may be output
        ("show", "one", "shop> ", False),
        ("use shop", "", "shop> ", False),
        ("say shop", "shop", "shop> ", False),
        ("prompt pp>", "", "pp> ", False),
        ("show", "one", "pp> ", False),
    ]
    for typed, text, prompt, continuation in steps:
        answer = jobs.interact("j", input=typed)
        shown = (answer.fresh.text, answer.verdict.prompt, answer.verdict.continuation)
        assert shown == (text, prompt, continuation), typed


def test_status_quotes_the_prompt_as_the_answer_did(jobs: Jobs) -> None:
    jobs.execute("env PS1='main# ' bash --norc", name="j")
    jobs.interact("j", input="true")
    assert jobs.interact("j", input="printf hi").verdict.prompt == "main# "
    waiting = jobs.status("j").waiting
    assert waiting is not None
    assert waiting.prompt == "main# "


def test_a_prompt_that_is_set_by_the_input_is_a_first_prompt(jobs: Jobs) -> None:
    jobs.execute("dash", name="j", env={"ENV": ""})
    for typed, text, prompt in (
        ("PS1='> '", "", "> "),
        ("printf dev", "dev", "> "),
        ("printf dev", "dev", "> "),
        ("PS1='dev> '", "", "dev> "),
        ("echo x", "x", "dev> "),
    ):
        answer = jobs.interact("j", input=typed)
        shown = (answer.fresh.text, answer.verdict.prompt, answer.verdict.continuation)
        assert shown == (text, prompt, False), typed


def test_a_known_prompt_comes_behind_an_answered_question_and_its_key(jobs: Jobs) -> None:
    jobs.execute("env PS1='main# ' bash --norc", name="j")
    jobs.interact("j", input="true")
    asked = jobs.interact("j", input="read -n1 -p 'Sure? [y/N] ' r")
    assert asked.verdict.prompt == "Sure? [y/N] "
    answer = jobs.interact("j", input="y", enter=False)
    assert (answer.fresh.text, answer.verdict.prompt) == ("", "main# ")
    answer = jobs.interact("j", input="echo $r")
    assert (answer.fresh.text, answer.verdict.prompt) == ("y", "main# ")


SAME_ROW = """
import os, tty
tty.setraw(0)
line = b""
while True:
    key = os.read(0, 1)
    os.write(1, b" " if key == b"\\r" else key)
    line += b" " if key == b"\\r" else key
    if line.endswith(b"; "):
        os.write(1, b"ok\\r\\n")
        line = b""
"""


def test_an_accepted_line_that_no_line_end_follows_is_no_prompt(jobs: Jobs) -> None:
    jobs.execute(f"{sys.executable} -c {shlex.quote(SAME_ROW)}", name="j")
    for typed, text, prompt in (
        ("one", "", ""),
        ("two", "", ""),
        ("3 ;", "ok", ""),
        ("one", "", ""),
    ):
        answer = jobs.interact("j", input=typed)
        assert (answer.fresh.text.strip(), answer.verdict.prompt) == (text, prompt), typed
    waiting = jobs.status("j").waiting
    assert waiting is not None
    assert waiting.prompt == ""
    answer = jobs.interact("j", input="key", enter=False)
    assert answer.verdict.prompt == "one key", "it is still being typed"


PLAYING_FIELD = """
import os, select, tty
tty.setraw(0)
r, w = os.pipe()
os.write(1, b"\\x1b[?25l+----+\\r\\n|    |\\r\\n+====+\\r")
while select.select([0, r], [], [], 60)[0]:
    key = os.read(0, 9)
    os.write(1, b"\\x1b[A\\x1b[2C" + key + b"\\x1b[B\\r")
    if key == b"?":
        os.write(1, b"\\r\\nSure? (y/n)")
"""


def test_a_row_of_a_picture_with_a_hidden_cursor_is_no_prompt(jobs: Jobs) -> None:
    command = f"{sys.executable} -c {shlex.quote(PLAYING_FIELD)}"
    answer = jobs.execute(command, name="j")
    assert (answer.fresh.text, answer.verdict.prompt) == ("+----+\n|    |\n+====+", "")
    answer = jobs.interact("j", input="x", enter=False)
    assert "| x  |" in answer.fresh.text
    assert answer.verdict.prompt == ""
    waiting = jobs.status("j").waiting
    assert waiting is not None
    assert waiting.prompt == ""
    asked = jobs.interact("j", input="?", enter=False)
    assert asked.verdict.prompt == "Sure? (y/n)", "a question may hide the cursor"
