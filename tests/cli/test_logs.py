"""`logs`: raw into a pipe, harmless on a terminal, and line by line while the job runs."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ptyjobs.cli.harmless import Harmless
from tests.cli.conftest import Outer, Shell

RUDE = (
    b"\x1b]2;title\x07plain \x1b[1;31mred\x1b[m\x1b[6n\x1b[2J\x1b[?1049h\x1b]52;c;aGk=\x1b\\"
    b"\x1bP$qm\x1b\\"
    b"\x1b[>4;2m\x1bc\x07end\xc2\x9b5n\ttab\r\n"
)
LEFT = b"plain \x1b[1;31mred\x1b[mend5n\ttab\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_only_text_and_colours_pass_however_it_is_cut(size: int) -> None:
    harmless = Harmless()
    pieces = [RUDE[n : n + size] for n in range(0, len(RUDE), size)]
    assert b"".join(map(harmless.feed, pieces)) == LEFT


@pytest.mark.live
def test_a_pipe_gets_the_bytes_and_a_terminal_what_cannot_harm_it(
    shell: Shell, outer: Outer, tmp_path: Path
) -> None:
    words = r"stty -echo; printf '\033]2;owned\007one \033[32mtwo\033[m\033[6n\n'; exit 0"
    shell.run("run", "-d", "--name", "j", "--", words)
    shell.run("wait", "j", "--exited")
    assert "\x1b]2;owned\x07" in shell.run("logs", "j").stdout
    outer.open("$PTYJOBS logs j; cat -v")
    shown = outer.sees("one two")
    assert "[6n" not in shown
    assert "R" not in shown.replace("PTYJOBS", "")
    assert outer.tmux("display-message", "-p", "-t", "=0:", "#{pane_title}").strip() != "owned"
    both = shell.run("logs", "j", "--raw", "--text")
    assert (both.returncode, "--raw" in both.stderr) == (2, True)


@pytest.mark.live
def test_lines_that_match_come_while_the_job_runs(shell: Shell, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = (
        f"mkfifo {gate}; printf 'a 1\\nb 2\\nb 3\\nb 4'; read x < {gate}; printf ' more\\nc\\nb 5'"
    )
    shell.run("run", "-d", "--name", "j", "--", script)
    shell.run("wait", "j", "--pattern", "b 4")
    with shell.reader("logs", "j", "-f", "--grep", "^b") as (process, out):
        assert [out.readline() for _ in range(2)] == [b"5: b 2\n", b"10: b 3\n"]
        gate.write_text("go\n")
        assert re.sub(rb"\d+: ", b"", out.read()) == b"b 4 more\nb 5\n"
        assert process.wait(timeout=20) == 0
    assert shell.run("logs", "j", "-f", "--grep", "nothing").returncode == 1
    last = shell.run("logs", "j", "-f", "--last", "2").stdout
    assert last.splitlines() == ["b 4 more", "c", "b 5"]
    told = shell.run("logs", "j", "-f", "--json", "--grep", "c").stdout
    assert json.loads(told)["line"] == "c"


@pytest.mark.live
@pytest.mark.parametrize("words", [["logs", "j", "-f"], ["logs", "j", "-f", "--text"]])
def test_a_killed_holder_is_an_error_of_its_followers(
    shell: Shell, status: Callable[[str], dict[str, object]], words: list[str]
) -> None:
    shell.run("run", "-d", "--name", "j", "--", "echo one; printf two; exec sleep 99")
    shell.run("wait", "j", "--pattern", "two")
    holder = status("j")["holder"]
    assert isinstance(holder, int)
    with (
        shell.reader("wait", "j", "--exited") as (waiting, _),
        shell.reader(*words) as (
            following,
            out,
        ),
    ):
        assert out.readline().rstrip() == b"one"
        os.kill(holder, signal.SIGKILL)
        assert out.read().rstrip() == b"two"
        assert following.wait(timeout=20) == 4
        assert waiting.wait(timeout=20) == 4
    for again in (["wait", "j"], ["wait", "j", "--exited", "--json"]):
        assert shell.run(*again).returncode == 4
    lost = "ptyjobs: Lost j: its holder was killed; the exit is unknown.\n"
    assert shell.run(*words).stderr == lost
    assert shell.run("logs", "j").returncode == 0
