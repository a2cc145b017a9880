"""Attach, from a real terminal (tmux's): the person's view, and the state after they detach."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.client import Jobs
from ptyjobs.config import Config
from ptyjobs.model import Size
from tests.cli.conftest import Outer, Shell
from tests.faults import world

pytestmark = pytest.mark.live
Ask = Callable[[str], dict[str, object]]


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_a_pager_is_joined_in_the_middle(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "pager", "--", "seq 1 500 | less")
    shell.run("send", "pager", "--key", "Space", "--timeout", "5")
    outer.open("$PTYJOBS attach pager", rows=10, cols=40)
    outer.sees(":")
    outer.type("G")
    outer.sees("500", "(END)")
    outer.type("q")
    outer.sees("[pager has exited with code 0]", "left:0")


def attached_pid(outer: Outer) -> int:
    """The attach client below the terminal's shell."""
    found: list[int] = []

    def look() -> bool:
        words = subprocess.run(
            ["pgrep", "-P", str(outer.pid())], capture_output=True, text=True, check=False
        )
        found[:] = [int(word) for word in words.stdout.split()]
        return bool(found)

    assert world.eventually(look)
    return found[0]


def modes(outer: Outer) -> str:
    """The modes of the person's terminal, as stty has them."""
    tty = outer.tmux("display-message", "-p", "-t", "=0:", "#{pane_tty}").strip()
    return subprocess.run(["stty", "-a", "-F", tty], capture_output=True, text=True).stdout


def test_the_hint_is_shown_once_and_gone_with_the_first_key(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    outer.open("$PTYJOBS attach py")
    outer.sees(">>>", "py: C-\\ detaches")
    outer.type("6*7", "Enter")
    shown = outer.sees("42", unless="detaches")
    assert shown.count("6*7") == 1
    outer.type("C-\\")
    outer.sees("[detached from py; it goes on: ptyjobs attach py]", "left:0")


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
def test_a_full_screen_program_looks_right_follows_the_size_and_leaves_no_trace(
    shell: Shell, outer: Outer, status: Ask
) -> None:
    shell.run("run", "-d", "--name", "vi", "--", "vim -n -u NONE -N --not-a-term")
    outer.open("echo before; $PTYJOBS attach vi", rows=20, cols=70)
    outer.sees("~")
    outer.type("ihello", "Escape")
    outer.sees("hello", unless="detaches")
    assert status("vi")["size"] == {"rows": 20, "cols": 70}
    assert status("vi")["attached"] == 1
    outer.tmux("resize-window", "-t", "=0:", "-x", "60", "-y", "15")
    assert world.eventually(lambda: status("vi")["size"] == {"rows": 15, "cols": 60})
    outer.type("C-\\")
    outer.sees("left:0", unless="~")
    assert "before" in outer.screen(history=100)
    assert status("vi")["size"] == {"rows": 40, "cols": 120}
    assert "-icanon" not in modes(outer)
    assert re.search(r"(?<!-)\becho\b", modes(outer))


def test_a_smaller_terminal_shows_the_part_around_the_cursor(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    shell.run("send", "sh", "PS1='$ '; clear; seq 100 135")
    outer.open("$PTYJOBS attach -r sh", rows=8, cols=20)
    shown = outer.sees("135", "$")
    assert "100" not in shown.split()
    shell.run("send", "sh", "printf '%060d|end' 7")
    outer.sees("|end")


def test_two_people_see_and_type(shell: Shell, outer: Outer, status: Ask) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    outer.open("$PTYJOBS attach py", rows=30, cols=100)
    outer.sees(">>>")
    outer.open("$PTYJOBS attach py", rows=16, cols=50, name="1")
    outer.sees(">>>", name="1")
    assert world.eventually(lambda: status("py")["attached"] == 2)
    outer.type("'first' + 'ly'", "Enter")
    outer.sees("firstly", name="1")
    outer.type("'second' + 'ly'", "Enter", name="1")
    outer.sees("secondly")
    outer.type("C-\\", name="1")
    outer.sees("left:0", name="1")
    assert world.eventually(lambda: status("py")["size"] == {"rows": 30, "cols": 100})


def test_a_watcher_follows_the_size_that_an_agent_sets(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--rows", "24", "--cols", "80", "--", "bash --norc")
    shell.run("send", "sh", "PS1='$ '; clear")
    outer.open("$PTYJOBS attach -r sh")
    outer.sees("$")
    with Jobs(Config(state_dir=str(shell.state))) as jobs:
        jobs.resize("sh", Size(10, 40))
    shell.run("send", "sh", "printf '%050d|end' 7")
    assert f"{'0' * 40}\n0000000007|end" in outer.sees("|end")


def test_a_killed_holder_is_said_and_the_terminal_is_restored(
    shell: Shell, outer: Outer, status: Ask
) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    outer.open("$PTYJOBS attach py")
    outer.sees(">>>")
    holder = status("py")["holder"]
    assert isinstance(holder, int)
    os.kill(holder, signal.SIGKILL)
    outer.sees("ptyjobs: Lost py: its holder was killed", "left:4")
    assert "-icanon" not in modes(outer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal_and_leaves_the_job(
    shell: Shell, outer: Outer, status: Ask, number: int
) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("$PTYJOBS attach sh")
    outer.sees("detaches")
    os.kill(attached_pid(outer), number)
    outer.sees(f"left:{128 + number}")
    assert "-icanon" not in modes(outer)
    assert status("sh")["state"] == "running"


def test_a_suspended_client_comes_back_with_a_whole_screen(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    outer.open("set -m; $PTYJOBS attach py; fg")
    outer.sees(">>>", "detaches")
    outer.type("'be' + 'fore'", "Enter")
    outer.sees("before", unless="detaches")
    os.kill(attached_pid(outer), signal.SIGTSTP)
    outer.sees("before", ">>>")
    outer.type("'af' + 'ter'", "Enter")
    outer.sees("before", "after")
    outer.type("C-\\")
    outer.sees("left:0")


def test_what_is_typed_at_a_prompt_without_echo_is_recorded_nowhere(
    shell: Shell, outer: Outer
) -> None:
    code = "import getpass; print(len(getpass.getpass('word: ')))"
    shell.run("run", "-d", "--name", "ask", "--", "sh", "-c", f'python3 -c "{code}"; cat')
    outer.open("$PTYJOBS attach ask")
    outer.sees("word:")
    outer.type("xyzzy-plugh-9", "Enter")
    outer.sees("13")
    held = [path for path in shell.state.rglob("*") if path.is_file()]
    assert held
    assert not [path for path in held if b"plugh" in path.read_bytes()]


def test_an_ended_job_shows_its_last_screen_and_its_exit(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "done", "--", "echo last words; exit 3")
    shell.run("wait", "done", "--exited")
    outer.open("$PTYJOBS attach done")
    outer.sees("last words", "[done has exited with code 3]", "left:3")


def test_the_end_rings_and_passes_the_code_on(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("script -qc \"$PTYJOBS attach sh\" log.$$; grep -ac 'ptyjobs: sh has' log.$$")
    outer.sees("detaches")
    outer.type("exit 5", "Enter")
    outer.sees("[sh has exited with code 5]", "\n1\n")


def test_a_dumb_terminal_gets_lines_without_sequences(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    shell.run("send", "sh", "PS1='$ '; printf '\\e[31mred\\e[m\\n'")
    outer.open("TERM=dumb $PTYJOBS attach sh")
    outer.sees("red")
    outer.type("printf '\\e[32mgr''een\\e[m\\n'", "Enter")
    assert "[32mgreen" not in outer.sees("\ngreen\n")
    outer.type("C-\\")
    outer.sees("left:0")


def test_a_locale_without_utf8_ends_nothing(shell: Shell, outer: Outer) -> None:
    shell.run(
        "run", "-d", "--name", "sh", "--", "printf 'na\\303\\257ve \\342\\234\\223\\n'; exit 1"
    )
    shell.run("wait", "sh", "--exited")
    outer.open("LC_ALL=POSIX PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 $PTYJOBS attach sh")
    outer.sees("ve", "[sh has exited with code 1]", "left:1")


def test_another_detach_key(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    outer.open("$PTYJOBS attach --detach-key C-] sh")
    outer.sees("sh: C-] detaches", unless="holds")  # the same key by default
    outer.type("C-]")
    outer.sees("left:0")
    assert shell.run("attach", "sh").returncode == 2  # no terminal


def test_run_attached_stays_after_leaving_and_ends_with_its_terminal(
    shell: Shell, outer: Outer, status: Ask
) -> None:
    outer.open("$PTYJOBS run --name sh -- bash --norc")
    outer.sees("detaches")
    outer.type("C-\\")
    outer.sees("left:0")
    assert status("sh")["state"] == "running"
    outer.open("$PTYJOBS run --name other -- bash --norc", name="1")
    outer.sees("detaches", name="1")
    outer.tmux("kill-session", "-t", "1")
    assert world.eventually(lambda: status("other")["state"] == "killed")


def test_a_short_command_stays_readable_and_shows_no_hint(shell: Shell, outer: Outer) -> None:
    outer.open("seq 3; $PTYJOBS run -- 'echo one; printf two'")
    shown = outer.sees("left:0").splitlines()
    at = shown.index("one")
    assert shown[at + 1 : at + 4] == ["two", "[echo-1 has exited with code 0]", "left:0"]
    assert "detaches" not in outer.screen(history=100)
    assert "3" in outer.screen(history=100).splitlines()


def test_a_job_that_ends_under_the_hint_leaves_none(
    shell: Shell, outer: Outer, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    outer.open(f"$PTYJOBS run -- 'echo out; read x < {gate}; seq 5'")
    outer.sees("out", "echo-1: C-\\ detaches")
    gate.write_text("go\n")
    shown = outer.sees("[echo-1 has exited with code 0]", "left:0")
    assert "detaches" not in shown
    assert [line for line in shown.splitlines() if line][:6] == ["out", *"12345"]


def test_who_leaves_while_the_hint_stands_takes_it_along(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    shell.run("send", "py", "6*7")
    outer.open("$PTYJOBS attach py")
    outer.sees("py: C-\\ detaches")
    outer.type("C-\\")
    shown = outer.sees("left:0", "42")
    assert "C-\\ detaches" not in shown


def test_the_prompt_comes_back_below_what_the_job_shows(shell: Shell, outer: Outer) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    outer.open("$PTYJOBS attach py; echo next")
    outer.sees("detaches")
    outer.type("6*7", "Enter")
    outer.sees("42")
    outer.type("C-\\")
    shown = outer.sees("left:0").splitlines()
    at = shown.index("42")
    assert shown[at + 1].rstrip() == ">>>"
    assert shown[at + 2].startswith("[detached from py")
    assert shown[at + 3] == "next"


def test_a_job_cannot_be_attached_from_inside_itself(shell: Shell) -> None:
    shell.run("run", "-d", "--name", "sh", "--", "bash --norc")
    command = f"PTYJOBS_STATE={shell.state} {sys.executable} -m ptyjobs attach sh; echo code:$?"
    answer = shell.run("send", "sh", command, "--timeout", "20").stdout
    assert "This terminal is inside job sh already." in answer
    assert "code:1" in answer
