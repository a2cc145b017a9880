"""Other terminals behind one interface, for `benchmarks.conformance`: feed bytes, read cells.

Each class is one independent engine; engines that are not installed are skipped:

* `XtermJs`: @xterm/headless from npm, in the folder PTYJOBS_TEST_XTERM, run by node;
* `Tmux`: a window of a private tmux server;
* `Xterm`: the program itself on DISPLAY; it prints each look (`CSI i`);
* `Libvterm`: the shared library, named by PTYJOBS_TEST_LIBVTERM or found by the loader;
* `Ghostty`, `Avt`, `ParTerm`: pyghostty, pyavt and par-term-emu-core-rust from PyPI.

If an engine returns rows as text, `cells` splits them by wcwidth.
"""

from __future__ import annotations

import atexit
import base64
import codecs
import ctypes
import ctypes.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from wcwidth import wcwidth

from ptyjobs.model import Size
from ptyjobs.terminal import Screen


class View(NamedTuple):
    """Visible state: cells by row (the right half of a wide character is ""), and the cursor."""

    cells: list[list[str]]
    cursor: tuple[int, int] | None


class Engine(Protocol):
    """One terminal."""

    def start(self, size: Size) -> None:
        """A fresh terminal. Raises where the engine is not installed."""

    def feed(self, data: bytes) -> bytes:
        """Feed output; returns the terminal's replies."""

    def resize(self, size: Size) -> None: ...

    def view(self) -> View: ...


def cells(text: str, columns: int) -> list[str]:
    """A row's text cut into cells: `columns` of them, or as many as it takes for 0."""
    out: list[str] = []
    for char in text:
        width = wcwidth(char)
        if width > 0:
            out += [char, ""][:width]
        elif out:
            out[-2 if out[-1] == "" and len(out) > 1 else -1] += char
    return (out + [" "] * (columns - len(out)))[: columns or None]


class Ours:
    def start(self, size: Size) -> None:
        self.screen = Screen(size)

    def feed(self, data: bytes) -> bytes:
        self.screen.refill_replies(1e9)
        return self.screen.feed(data)

    def resize(self, size: Size) -> None:
        self.screen.resize(size)

    def view(self) -> View:
        screen = self.screen
        rows = [list(row.cells(screen.columns)[0]) for row in screen._rows]  # as they are now
        return View(rows, (screen.cursor_row, screen.cursor_col))


class XtermJs:
    SCRIPT = """
const { Terminal } = require(process.argv[1]);
let term, replies = '';
const steps = {
  start([rows, cols]) {
    if (term) term.dispose();
    term = new Terminal({ rows, cols, scrollback: 1000, allowProposedApi: true,
      logLevel: 'off', windowOptions: { getWinSizeChars: true, getWinSizePixels: true } });
    term.onData((data) => { replies += data; });
  },
  resize([rows, cols]) { term.resize(cols, rows); },
  feed(data) { return new Promise((done) => term.write(Buffer.from(data, 'base64'), done)); },
  view() {
    const buffer = term.buffer.active;
    const cell = (line, x) => {
      const one = line && line.getCell(x);
      return !one ? ' ' : one.getWidth() === 0 ? '' : one.getChars() || ' ';
    };
    const cells = [];
    for (let y = 0; y < term.rows; y++) {
      const line = buffer.getLine(buffer.baseY + y);
      cells.push(Array.from({ length: term.cols }, (_, x) => cell(line, x)));
    }
    return { cells, cursor: [buffer.cursorY, buffer.cursorX] };
  },
};
(async () => {
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const [step, given] = JSON.parse(line);
    const result = await steps[step](given);
    process.stdout.write(JSON.stringify({ result, replies }) + '\\n');
    replies = '';
  }
})();
"""

    def __init__(self) -> None:
        package = os.environ["PTYJOBS_TEST_XTERM"]
        self.node = subprocess.Popen(
            ["node", "-e", self.SCRIPT, package], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def _do(self, step: str, given: object) -> Any:
        assert self.node.stdin is not None
        assert self.node.stdout is not None
        self.node.stdin.write(json.dumps([step, given]).encode() + b"\n")
        self.node.stdin.flush()
        return json.loads(self.node.stdout.readline())

    def start(self, size: Size) -> None:
        self._do("start", [size.rows, size.cols])

    def feed(self, data: bytes) -> bytes:
        answer = self._do("feed", base64.b64encode(data).decode())
        return str(answer["replies"]).encode()

    def resize(self, size: Size) -> None:
        self._do("resize", [size.rows, size.cols])

    def view(self) -> View:
        view = self._do("view", None)["result"]
        return View(view["cells"], tuple(view["cursor"]))


# --- programs with a terminal of their own ------------------------------------------------------

RELAY = """
import os, re, socket, sys, termios, tty
tty.setraw(0)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link = link.makefile("rwb")
while True:
    size = int(link.readline() or sys.exit())
    data = link.read(size)
    view = memoryview(data + b"\\x1b[5n")  # its answer says that all before it was taken
    while view:
        view = view[os.write(1, view):]
    replies, left = b"", 1 + len(re.findall(rb"\\x1b\\[5n", data))
    while len(re.findall(rb"(?:\\x1b\\[|\\x9b|\\xc2\\x9b)0n", replies)) < left:
        replies += os.read(0, 65536)
    replies = re.sub(rb"(?:\\x1b\\[|\\x9b|\\xc2\\x9b)0n$", b"", replies)
    link.write(b"%d\\n%s" % (len(replies), replies))
    link.flush()
"""


class Windowed:
    """A terminal that runs programs: a relay prints the fed bytes and waits for their end.

    A DSR reply marks the end, so sequences that change the DSR reply are not measured reliably.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.folder / "socket"))
        self.listening.listen()
        self.listening.settimeout(10)

    @property
    def relay(self) -> list[str]:
        return [sys.executable, "-S", "-c", RELAY, str(self.folder / "socket")]

    def meet(self) -> None:
        link, _ = self.listening.accept()
        link.settimeout(60)
        self.link = link.makefile("rwb")

    def feed(self, data: bytes) -> bytes:
        self.link.write(b"%d\n%s" % (len(data), data))
        self.link.flush()
        return self.link.read(int(self.link.readline()))


class Tmux(Windowed):
    # Inside SO and SI capture-pane gives the letters of the line drawing set.
    DRAWN = str.maketrans("`afgjklmnopqrstuvwxyz{|}~", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·")

    def __init__(self) -> None:
        super().__init__()
        binary = shutil.which("tmux")
        if binary is None:
            raise FileNotFoundError("tmux")
        self.base = [binary, "-u", "-f", "/dev/null", "-S", str(self.folder / "tmux")]
        self.env = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"LC_ALL": "C.UTF-8"}
        atexit.register(self.run, "kill-server")
        self.run("new-session", "-d", "-s", "s", "-x", "80", "-y", "50", "sleep 100000")
        self.run("set", "-g", "status", "off")

    def run(self, *args: str) -> str:
        done = subprocess.run(
            [*self.base, *args], env=self.env, capture_output=True, encoding="utf-8", timeout=20
        )
        return done.stdout

    def start(self, size: Size) -> None:
        self.size = size
        self.run("new-window", "-d", "-k", "-t", "s:7", "sleep 1000")
        self.resize(size)
        self.run("respawn-pane", "-k", "-t", "s:7", *self.relay)
        self.meet()

    def resize(self, size: Size) -> None:
        self.size = size
        self.run("resize-window", "-t", "s:7", "-x", str(size.cols), "-y", str(size.rows))

    def view(self) -> View:
        text = self.run("capture-pane", "-p", "-e", "-t", "s:7")
        text = re.sub("\x0e([^\x0f]*)\x0f?", lambda m: m[1].translate(self.DRAWN), text)
        text = re.sub("\x1b\\[[0-9;:]*m|\x1b\\]8;[^\x1b]*\x1b\\\\", "", text)
        rows = (text.split("\n") + [""] * self.size.rows)[: self.size.rows]
        y, x = self.run("display-message", "-p", "-t", "s:7", "#{cursor_y} #{cursor_x}").split()
        return View([cells(row, self.size.cols) for row in rows], (int(y), int(x)))


class Xterm(Windowed):
    def __init__(self) -> None:
        super().__init__()
        if shutil.which("xterm") is None or not os.environ.get("DISPLAY"):
            raise FileNotFoundError("xterm")
        self.window: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def start(self, size: Size) -> None:
        try:
            self._open(size)
        except TimeoutError:  # occasionally one does not start
            self._open(size)

    def _open(self, size: Size) -> None:
        self.size = size
        self.close()
        page = self.folder / "page"
        settings = {
            "printerCommand": f"cat > {page}.part; mv {page}.part {page}",
            "printAttributes": "0",
            "printerAutoClose": "true",
            "printerNewLine": "false",
            "printerFormFeed": "false",
            "allowWindowOps": "true",
            "disallowedWindowOps": "",
        }
        given = [word for key, value in settings.items() for word in ("-xrm", f"*{key}: {value}")]
        self.window = subprocess.Popen(
            ["xterm", "-u8", "-fn", "fixed", "-geometry", f"{size.cols}x{size.rows}", *given,
             "-e", *self.relay],
            env=os.environ | {"LC_ALL": "C.UTF-8"}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.meet()

    def close(self) -> None:
        if self.window is not None:
            self.window.terminate()
            self.window.wait()

    def resize(self, size: Size) -> None:
        self.size = size
        self.feed(b"\x1b[8;%d;%dt" % (size.rows, size.cols))

    def view(self) -> View:
        origin = b"?6;1$" in self.feed(b"\x1b[?6$p")
        found = re.search(rb"(\d+);(\d+)R", self.feed(b"\x1b[6n"))
        page = self.folder / "page"
        self.feed(b"\x1b[?19h\x1b[i\x1b[?19l")  # DECPEX: the whole screen, not the region
        while not page.exists():
            time.sleep(0.005)
        text = page.read_text("utf-8", "replace")
        page.unlink()
        columns = self.size.cols
        rows = []
        for line in text.replace("\f", "").replace("\uffff", "").replace("\r", "").split("\n"):
            joined = cells(line, 0)  # it prints soft-wrapped rows as one line
            pieces = [joined[at : at + columns] for at in range(0, len(joined), columns)] or [[]]
            rows += [piece + [" "] * (columns - len(piece)) for piece in pieces]
        rows = (rows + [[" "] * columns] * self.size.rows)[: self.size.rows]
        cursor = (int(found[1]) - 1, int(found[2]) - 1) if found and not origin else None
        return View(rows, cursor)


# --- libraries ----------------------------------------------------------------------------------


class Libvterm:
    class _Rect(ctypes.Structure):
        _fields_ = [(name, ctypes.c_int) for name in ("top", "bottom", "left", "right")]

    class _Pos(ctypes.Structure):
        _fields_ = [("row", ctypes.c_int), ("col", ctypes.c_int)]

    def __init__(self) -> None:
        name = os.environ.get("PTYJOBS_TEST_LIBVTERM") or ctypes.util.find_library("vterm")
        if not name:
            raise FileNotFoundError("libvterm")
        lib = self.lib = ctypes.CDLL(name)
        for function in ("vterm_new", "vterm_obtain_screen", "vterm_obtain_state"):
            getattr(lib, function).restype = ctypes.c_void_p
        for function in ("vterm_input_write", "vterm_output_read", "vterm_screen_get_text"):
            getattr(lib, function).restype = ctypes.c_size_t
        self.term = ctypes.c_void_p()

    def start(self, size: Size) -> None:
        lib, self.size = self.lib, size
        if self.term:
            lib.vterm_free(self.term)
        self.term = ctypes.c_void_p(lib.vterm_new(size.rows, size.cols))
        lib.vterm_set_utf8(self.term, 1)
        self.state = ctypes.c_void_p(lib.vterm_obtain_state(self.term))
        self.screen = ctypes.c_void_p(lib.vterm_obtain_screen(self.term))
        lib.vterm_screen_enable_altscreen(self.screen, 1)
        lib.vterm_screen_reset(self.screen, 1)

    def feed(self, data: bytes) -> bytes:
        self.lib.vterm_input_write(self.term, data, ctypes.c_size_t(len(data)))
        answer = ctypes.create_string_buffer(65536)
        got = self.lib.vterm_output_read(self.term, answer, ctypes.c_size_t(len(answer)))
        return answer.raw[:got]

    def resize(self, size: Size) -> None:
        self.size = size
        self.lib.vterm_set_size(self.term, size.rows, size.cols)

    def view(self) -> View:
        buffer = ctypes.create_string_buffer(65536)
        rows = []
        for row in range(self.size.rows):
            rect = self._Rect(row, row + 1, 0, self.size.cols)
            got = self.lib.vterm_screen_get_text(
                self.screen, buffer, ctypes.c_size_t(len(buffer)), rect
            )
            rows.append(cells(buffer.raw[:got].decode("utf-8", "replace"), self.size.cols))
        at = self._Pos()
        self.lib.vterm_state_get_cursorpos(self.state, ctypes.byref(at))
        return View(rows, (at.row, at.col))


class Ghostty:
    def __init__(self) -> None:
        from pyghostty import Terminal

        self.make = Terminal
        self.term: Any = None

    def start(self, size: Size) -> None:
        if self.term is not None:
            self.term.close()
        self.size, self.replies = size, b""
        self.term = self.make(cols=size.cols, rows=size.rows)
        self.term.on_reply(self._reply)

    def _reply(self, data: bytes) -> None:
        self.replies += data

    def feed(self, data: bytes) -> bytes:
        self.term.feed(data)
        replies, self.replies = self.replies, b""
        return replies

    def resize(self, size: Size) -> None:
        self.size = size
        self.term.resize(size.cols, size.rows)

    def view(self) -> View:
        rows = (self.term.text().split("\n") + [""] * self.size.rows)[: self.size.rows]
        x, y = self.term.cursor
        return View([cells(row, self.size.cols) for row in rows], (y, x))


class Avt:
    def __init__(self) -> None:
        import avt

        self.make = avt.Vt

    def start(self, size: Size) -> None:
        self.size = size
        self.term = self.make(size.cols, size.rows)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> bytes:
        self.term.feed_str(self.decoder.decode(data))
        return b""

    def resize(self, size: Size) -> None:
        self.size = size
        self.term.resize(size.cols, size.rows)

    def view(self) -> View:
        rows = [cells(line.text, self.size.cols) for line in self.term.view()]
        at = self.term.cursor
        return View(rows, (at.row, at.col))


class ParTerm:
    def __init__(self) -> None:
        from par_term_emu_core_rust import Terminal

        self.make = Terminal

    def start(self, size: Size) -> None:
        self.size = size
        self.term = self.make(size.cols, size.rows)

    def feed(self, data: bytes) -> bytes:
        self.term.process(data)
        return bytes(self.term.drain_responses())

    def resize(self, size: Size) -> None:
        self.size = size
        self.term.resize(size.cols, size.rows)

    def view(self) -> View:
        rows = [self.term.get_line(row) or "" for row in range(self.size.rows)]
        x, y = self.term.cursor_position()
        return View([cells(row, self.size.cols) for row in rows], (y, x))


OTHERS: dict[str, type[Engine]] = {
    "xterm.js": XtermJs, "tmux": Tmux, "xterm": Xterm, "libvterm": Libvterm,
    "ghostty": Ghostty, "avt": Avt, "par-term": ParTerm,
}  # fmt: skip
