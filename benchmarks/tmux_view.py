"""tmux's view of a growing stream of bytes, as an independent oracle for screens.

Owns a private tmux server with one window that copies a FIFO to its terminal.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from ptyjobs.model import Size

LETTERS = str.maketrans("┘┐┌└┼─├┤┴┬│·°±≤≥π≠£◆▒", "jklmnqtuvwx~fgyz{|}`a")
"""tmux shows the DEC line drawing set as the letters that were sent."""

PATIENCE = 1.5  # seconds until tmux has drawn what it was sent


class TmuxView:
    """Feed it with `feed`; `shows` is true once tmux shows the same rows."""

    def __init__(self, size: Size) -> None:
        self._folder = tempfile.mkdtemp(prefix="tmux-view")
        env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE")}
        self._env = env | {"LC_ALL": "C.UTF-8", "TMUX_TMPDIR": self._folder}
        self._rows = size.rows
        self.fed = 0  # bytes of the log that tmux was sent
        fifo = Path(self._folder) / "bytes"
        os.mkfifo(fifo)
        command = f"stty raw -echo; exec cat '{fifo}'"
        where = ("-x", str(size.cols), "-y", str(size.rows + 1))
        self._run("new-session", "-d", "-s", "s", *where, command)
        self._run("set", "-g", "status", "off")
        self._run("resize-window", "-t", "s", "-x", str(size.cols), "-y", str(size.rows))
        self._fifo = os.open(fifo, os.O_WRONLY)

    def feed(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._fifo, data) :]

    def shows(self, rows: list[str]) -> bool:
        """Poll until tmux shows `rows`; False after `PATIENCE`. tmux has no event for it."""
        wanted = [row.rstrip().translate(LETTERS) for row in rows]
        end = time.monotonic() + PATIENCE
        while True:
            out = self._run("capture-pane", "-p", "-t", "s").split("\n")[: self._rows]
            if [row.rstrip().translate(LETTERS) for row in out] == wanted:
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.05)

    def close(self) -> None:
        os.close(self._fifo)
        self._run("kill-server")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, *args: str) -> str:
        command = ["tmux", "-u", "-f", "/dev/null", "-L", "view", *args]
        done = subprocess.run(
            command, env=self._env, capture_output=True, encoding="utf-8", check=False, timeout=20
        )
        return done.stdout
