"""Our screen against independent terminals, on output of real programs (law 9).

tmux is asked through a window that prints the recording; @xterm/headless through node, where
`PTYJOBS_TEST_XTERM` names the installed package's folder. Both are skipped where they are absent.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ptyjobs.model import Size
from ptyjobs.recordings import read
from ptyjobs.terminal import Screen
from tests.terminal.material import RECORDINGS

Shown = tuple[list[str], tuple[int, int]]
SIZE = Size(24, 80)

# tmux shows cells of the DEC line drawing set as the letters that were sent.
LETTERS = str.maketrans("┘┐┌└┼─├┤┴┬│", "jklmnqtuvwx")

# Accepted differences, by rows. Invalid UTF-8: both drop it, we show U+FFFD for each byte
# (Unicode's recommended practice), so that a mangled word is not read as a whole one. A joined
# emoji: tmux 3.3 keeps at most 21 bytes of a cell and loses its last part.
TMUX_DIFFERS = {"broken-utf8": (0,), "wide-text": (2,)}
XTERM_DIFFERS = {"broken-utf8": (0,)}


def has_one_size(path: Path) -> bool:
    """Whether a session has the others' size from its start to its end."""
    recording = read(path)
    return recording.size == SIZE and all(moment.code != "r" for moment in recording.moments)


CASTS = (Path(__file__).parents[2] / "fixtures" / "recordings").glob("*.cast")
SESSIONS = [path for path in sorted(CASTS) if has_one_size(path)]


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

    def view(path: Path, size: Size = SIZE) -> tuple[list[str], tuple[int, int]]:
        start, done = folder / f"{path.stem}.start", folder / f"{path.stem}.done"
        rows, cols = str(size.rows), str(size.cols)
        start.unlink(missing_ok=True)
        done.unlink(missing_ok=True)
        wait = f"while [ ! -e '{start}' ]; do sleep 0.02; done"  # until the window has its size
        command = f"stty raw -echo; {wait}; cat '{path}'; : > '{done}'; exec sleep 60"
        run("new-session", "-d", "-s", "s", "-x", cols, "-y", str(size.rows + 1), command)
        run("set", "-g", "status", "off")
        run("resize-window", "-t", "s", "-x", cols, "-y", rows)
        start.touch()
        deadline = time.monotonic() + 10
        while not done.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)  # tmux has no event for "all of it is on the screen"
        shown = run("capture-pane", "-p", "-t", "s").split("\n")[: size.rows]
        where = run("display-message", "-p", "-t", "s", "#{cursor_y} #{cursor_x}").split()
        run("kill-session", "-t", "s")
        cursor = (int(where[0]), min(int(where[1]), size.cols - 1))
        return [row.rstrip() for row in shown], cursor

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


@pytest.mark.live
@pytest.mark.parametrize("share", [1, 2, 3], ids=["a third", "two thirds", "the end"])
@pytest.mark.parametrize("path", SESSIONS, ids=lambda p: p.stem)
def test_sessions_as_tmux_shows_them(path: Path, share: int, tmux, tmp_path: Path) -> None:
    recording = read(path)
    if any(moment.code == "r" for moment in recording.moments):
        pytest.skip("tmux reflows in its own way")
    moments = recording.moments[: len(recording.moments) * share // 3]
    data = b"".join(moment.data for moment in moments if moment.code == "o")
    piece = tmp_path / f"{path.stem}-{share}.bin"
    piece.write_bytes(data)
    screen = Screen(recording.size)
    screen.feed(data)
    rows, cursor = tmux(piece, recording.size)
    mine = screen.text()
    differ = [
        (number, my_row, row)
        for number, (my_row, row) in enumerate(zip(mine, rows, strict=True))
        if my_row.translate(LETTERS) != row.translate(LETTERS)
        and number not in TMUX_DIFFERS.get(path.stem, ())
    ]
    assert not differ
    assert (screen.cursor_row, screen.cursor_col) == cursor


@pytest.fixture(scope="module")
def xterm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shown]:
    """Screens of @xterm/headless for every recording and session, by file name."""
    package = os.environ.get("PTYJOBS_TEST_XTERM", "")
    node = shutil.which("node")
    if not package or node is None:
        pytest.skip("needs node and PTYJOBS_TEST_XTERM=<folder of @xterm/headless>")
    script = Path(__file__).parent / "xterm_headless.js"
    folder = tmp_path_factory.mktemp("sessions")
    files = {path.name: path for path in RECORDINGS}
    for path in SESSIONS:
        files[path.name] = folder / path.name
        files[path.name].write_bytes(read(path).output)
    done = subprocess.run(
        [node, str(script), package, "24", "80", *map(str, files.values())],
        capture_output=True,
        check=True,
    )
    views = json.loads(done.stdout)
    return {
        name: (view["rows"], tuple(view["cursor"])) for name, view in zip(files, views, strict=True)
    }


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: p.stem)
def test_as_xterm_shows_it(path: Path, xterm: dict[str, Shown]) -> None:
    assert ours(path) == xterm[path.name]


@pytest.mark.parametrize("path", SESSIONS, ids=lambda p: p.stem)
def test_sessions_as_xterm_shows_them(path: Path, xterm: dict[str, Shown]) -> None:
    screen = Screen(SIZE)
    screen.feed(read(path).output)
    rows, cursor = xterm[path.name]
    mine = enumerate(screen.text())
    accepted = XTERM_DIFFERS.get(path.stem, ())
    assert not [(n, row, rows[n]) for n, row in mine if row != rows[n] and n not in accepted]
    assert (screen.cursor_row, screen.cursor_col) == cursor
