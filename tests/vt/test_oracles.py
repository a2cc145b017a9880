"""Our screen against independent terminals, on what real programs wrote (law 9).

tmux is asked through a window that prints the recording; @xterm/headless through node, where
`PTYJOBS_XTERM` names the installed package's folder. Both are skipped where they are absent.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ptyjobs.core.vt import Screen
from ptyjobs.model import Size
from tests.vt.material import RECORDINGS

SIZE = Size(24, 80)

# tmux shows cells of the DEC line drawing set as the letters that were sent.
LETTERS = str.maketrans("┘┐┌└┼─├┤┴┬│", "jklmnqtuvwx")


def ours(path: Path) -> tuple[list[str], tuple[int, int]]:
    screen = Screen(SIZE)
    screen.feed(path.read_bytes())
    return screen.text(), (screen.cursor_row, screen.cursor_col)


def test_recordings_are_there() -> None:
    assert len(RECORDINGS) >= 20


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_recordings_use_nothing_unknown(path: Path) -> None:
    screen = Screen(SIZE)
    screen.feed(path.read_bytes())
    assert screen.errors == 0
    assert not [shape for shape in screen.unknown if not shape.startswith("mode")]


@pytest.fixture(scope="module")
def tmux(tmp_path_factory: pytest.TempPathFactory):
    """A function that gives tmux's view of a file, from a private server."""
    binary = shutil.which("tmux")
    if binary is None:
        pytest.skip("tmux is not installed")
    folder = tmp_path_factory.mktemp("tmux")
    env = {k: v for k, v in os.environ.items() if k != "TMUX"}
    env |= {"LC_ALL": "C.UTF-8", "TMUX_TMPDIR": str(folder)}

    def run(*args: str) -> str:
        done = subprocess.run(
            [binary, "-u", "-f", "/dev/null", "-L", "oracle", *args],
            env=env,
            capture_output=True,
            encoding="utf-8",
            timeout=20,
        )
        return done.stdout

    def view(path: Path) -> tuple[list[str], tuple[int, int]]:
        start, done = folder / f"{path.stem}.start", folder / f"{path.stem}.done"
        wait = f"while [ ! -e '{start}' ]; do sleep 0.02; done"  # until the window has its size
        command = f"stty raw -echo; {wait}; cat '{path}'; : > '{done}'; exec sleep 60"
        run("new-session", "-d", "-s", "s", "-x", "80", "-y", "25", command)
        run("set", "-g", "status", "off")
        run("resize-window", "-t", "s", "-x", "80", "-y", "24")
        start.touch()
        deadline = time.monotonic() + 10
        while not done.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # tmux has no event for "all of it is on the screen"
        rows = run("capture-pane", "-p", "-t", "s").split("\n")[:24]
        where = run("display-message", "-p", "-t", "s", "#{cursor_y} #{cursor_x}").split()
        run("kill-session", "-t", "s")
        return [row.rstrip() for row in rows], (int(where[0]), min(int(where[1]), 79))

    # A server without sessions ends, and could end under the next session's start.
    run("new-session", "-d", "-s", "keep", "exec sleep 600")
    yield view
    run("kill-server")


@pytest.mark.live
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_as_tmux_shows_it(path: Path, tmux) -> None:
    rows, cursor = tmux(path)
    mine, my_cursor = ours(path)
    assert [row.translate(LETTERS) for row in mine] == [row.translate(LETTERS) for row in rows]
    assert my_cursor == cursor


@pytest.fixture(scope="module")
def xterm() -> dict[str, tuple[list[str], tuple[int, int]]]:
    package = os.environ.get("PTYJOBS_XTERM", "")
    node = shutil.which("node")
    if not package or node is None:
        pytest.skip("needs node and PTYJOBS_XTERM=<folder of @xterm/headless>")
    script = Path(__file__).parent / "xterm_headless.js"
    files = [str(path) for path in RECORDINGS]
    done = subprocess.run(
        [node, str(script), package, "24", "80", *files], capture_output=True, check=True
    )
    views = json.loads(done.stdout)
    return {
        path.stem: (view["rows"], tuple(view["cursor"]))
        for path, view in zip(RECORDINGS, views, strict=True)
    }


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_as_xterm_shows_it(path: Path, xterm) -> None:
    assert ours(path) == xterm[path.stem]
