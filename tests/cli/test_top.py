"""The dashboard in a real terminal (tmux's)."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ptyjobs.cli.commands import top
from ptyjobs.model import Listening, Size, State, Status
from tests.cli.conftest import Outer, Shell
from tests.faults import world

pytestmark = pytest.mark.live


def test_top_shows_selects_attaches_and_ends(
    shell: Shell, outer: Outer, status: Callable[[str], dict[str, object]]
) -> None:
    shell.run("run", "-d", "--name", "py", "--", "python3 -q -i")
    server = "python3 -u -m http.server --bind 127.0.0.1 0"
    shell.run("run", "-d", "--name", "web", "--", server)
    shell.run("wait", "web", "--port")
    outer.open("echo before; $PTYJOBS top", rows=20, cols=150)
    found = status("web")["listening"]
    assert isinstance(found, list)
    owner = f"{found[0]['address']} ({found[0]['pid']} python3)"
    outer.sees("2 running", "py", "waits at >>>", "web", "Serving HTTP", "LISTENS", owner)
    outer.type("Down", "Enter")
    outer.sees("py: C-\\ detaches", unless="2 running")
    outer.type("40+2", "Enter")
    outer.sees("42")
    outer.type("C-\\")
    outer.sees("2 running")
    outer.type("s")
    outer.sees("command    python3 -q -i")
    outer.tmux("resize-window", "-t", "=0:", "-x", "100", "-y", "12")
    outer.sees("2 running", "q quit", f" {found[0]['port']} ", unless=owner)
    outer.type("x")
    outer.sees("End py and all that it started? y/n")
    outer.type("y")
    outer.sees("py was ended", "1 running")
    assert world.eventually(lambda: status("py")["state"] == "killed")
    outer.type("q")
    shown = outer.sees("[detached from py", "left:0", unless="running")
    assert shown.index("[detached") < shown.index("left:0")


def test_top_without_a_terminal_says_what_to_use(shell: Shell) -> None:
    done = shell.run("top")
    assert done.returncode == 2
    assert "ptyjobs list" in done.stderr
    assert shell.run("top", "--json").stdout == "[]\n"


def test_top_on_a_dumb_terminal_says_what_to_use(shell: Shell, outer: Outer) -> None:
    outer.open("TERM=dumb $PTYJOBS top", cols=120)
    outer.sees("Use ptyjobs list --watch", "left:2")


def board(ids: tuple[str, ...]) -> tuple[top.Board, list[str]]:
    """A dashboard on these jobs, and the jobs that it ended."""
    ended: list[str] = []
    made = object.__new__(top.Board)
    made._jobs = SimpleNamespace(kill=ended.append)  # type: ignore[assignment]  # a double
    made._found = [Status(job_id, State.RUNNING, "cat", "/") for job_id in ids]
    made._selected, made._doomed, made._details, made._all = ids[0], "", False, False
    made._look = lambda: None  # type: ignore[method-assign]  # no jobs to look at
    return made, ended


@pytest.mark.parametrize("answer", sorted({*top.KEYS, b"n", b"N", b" "} - {b"y", b"Y"}))
def test_a_key_that_answers_the_question_does_nothing_else(answer: bytes) -> None:
    made, ended = board(("a", "b", "c"))
    made._on_key(b"j")
    made._on_key(b"x")
    assert made._doomed == "b"
    assert made._on_key(answer) == (False, None)
    assert (made._selected, made._doomed, made._details, ended) == ("b", "", False, [])
    made._on_key(b"x")
    made._on_key(b"y")
    assert ended == ["b"]


def test_k_moves_as_in_vi_and_asks_nothing() -> None:
    made, _ = board(("a", "b"))
    made._on_key(b"j")
    made._on_key(b"k")
    assert (made._selected, made._doomed) == ("a", "")


def test_addresses_have_protocol_and_owner_where_there_is_room() -> None:
    made, _ = board(("a",))
    made._load, made.notice = {}, ""
    sockets = (
        Listening("tcp", "[::]:3000", 3000, 31, "node"),
        Listening("udp", "127.0.0.1:53", 53, 32, "dns\x1b[m"),
        Listening("unix", "unix:/run/x"),
    )
    made._found = [Status("a", State.RUNNING, "cat", "/", ports=(3000,), listening=sockets)]
    shown = made._row(made._found[0], 0.0, wide=True)
    assert shown[7].startswith("[::]:3000 (31 node), 127.0.0.1:53/udp (32 dns")
    assert shown[7].endswith(", unix:/run/x")
    assert "\x1b" not in shown[7]
    assert made._row(made._found[0], 0.0, wide=False)[7] == "3000"
    wide, narrow = (made.lines(Size(24, cols), now=0.0)[2] for cols in (160, 80))
    assert "[::]:3000 (31 node), 127.0.0.1:53/udp" in wide
    assert " 3000 " in narrow
