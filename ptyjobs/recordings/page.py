"""Export a recording as one self-contained HTML page that plays it, without network access.

Owns the frames: the screen's contents after each burst of output, rows stored once, and the lines
that scrolled past between two frames, so that a search finds them. The player is `player.html` in
this directory. The subtle thing: the page's size depends on the visible changes, not on the bytes
printed: heavy output yields at most `RATE` frames per second and `MOST` in all.

The data is JSON, deflated and in base64, which a page can hold in a script element unescaped:

    {"title", "command", "rows", "cols", "duration", "exit", "marks": [[seconds, label]],
     "inputs": [[seconds, text]], "styles": [css], "texts": [[[text, style], ...]],
     "frames": [[seconds, [cursor row, column] or null, [row, text, ...], [lines], [rows, cols]]]}
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from importlib import resources
from typing import Any

from ptyjobs.recordings.recording import INPUT, MARKER, OUTPUT, RESIZE, Moment, Recording
from ptyjobs.render.ansi import pieces
from ptyjobs.render.html import css_of
from ptyjobs.terminal import Screen
from ptyjobs.terminal.colours import DARK, look
from ptyjobs.text.sanitize import scrub

RATE = 30.0  # frames per second
MOST = 20_000  # frames per page
PASSED = 2000  # lines between two frames kept for the search
CHUNK = 4096  # bytes drawn at once: fewer lines than the scrollback holds, so that few pass unseen


def html_page(recording: Recording, *, title: str = "", input: bool = False) -> str:
    """The page. `input`: show typed input as marks on the timeline."""
    data = json.dumps(described(recording, title=title, input=input), separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(data.encode("utf-8", "replace"), 9)).decode()
    template = resources.files("ptyjobs.recordings").joinpath("player.html").read_text("utf-8")
    name = title or recording.title or "terminal"
    words = name.replace("&", "&amp;").replace("<", "&lt;")
    # The data first: base64 holds no "PAGE-TITLE", and a title may hold "PAGE-DATA".
    return template.replace("PAGE-DATA", packed, 1).replace("PAGE-TITLE", words, 1)


def described(recording: Recording, *, title: str = "", input: bool = False) -> dict[str, Any]:
    """The player's data, as plain JSON types."""
    frames = _Frames(recording)
    listed = list(frames)
    marks = [[round(m.time, 3), m.text] for m in recording.moments if m.code == MARKER]
    inputs = [
        [round(m.time, 3), scrub(m.data.decode("utf-8", "replace"))]
        for m in recording.moments
        if m.code == INPUT and m.data
    ]
    ended = recording.exit
    return {
        "title": title or recording.title,
        "command": recording.command,
        "rows": recording.size.rows,
        "cols": recording.size.cols,
        "duration": round(recording.duration, 3),
        "exit": str(ended) if ended is not None else "",
        "marks": marks,
        "inputs": inputs if input else [],
        "styles": list(frames.styles),
        "texts": frames.texts,
        "frames": listed,
    }


class _Frames:
    """The frames of a recording, and the numbered styles and rows that they refer to."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._screen = Screen(recording.size)
        self._rows: list[int] = []  # rows of the last frame
        self._numbers: dict[str, int] = {}
        self._passed: list[str] = []
        self._line = 0  # lines up to here are in a frame
        self.styles: dict[str, int] = {"": 0}
        self.texts: list[list[list[Any]]] = []

    def __iter__(self) -> Iterator[list[Any]]:
        pause = max(1.0 / RATE, self._recording.duration / MOST)
        size, due, dirty = self._recording.size, 0.0, False
        last = 0.0
        for moment in self._recording.moments:
            if dirty and moment.time - due >= pause:
                yield self._frame(last, None)
                dirty = False
            if moment.code == RESIZE:
                if dirty:
                    yield self._frame(last, None)
                self._screen.resize(moment.size)
                size = moment.size
                self._rows, dirty = [], False
                yield self._frame(moment.time, [size.rows, size.cols])
            elif moment.code == OUTPUT:
                due = due if dirty else moment.time
                dirty = True
                self._draw(moment)
            last = moment.time
        if dirty or not self._rows:
            yield self._frame(last, None)

    def _draw(self, moment: Moment) -> None:
        screen = self._screen
        for at in range(0, len(moment.data), CHUNK):
            screen.feed(moment.data[at : at + CHUNK])
            first = max(self._line, screen.floor_line)
            if screen.first_line > first and not screen.alternate:
                lines = screen.line_range(first, screen.first_line)
                self._passed += [line.text for line in lines if line.text]
                del self._passed[:-PASSED]
            self._line = max(self._line, screen.first_line)

    def _frame(self, time: float, size: list[int] | None) -> list[Any]:
        screen = self._screen
        rows = [self._number(row) for row in range(screen.size.rows)]
        old = self._rows if len(self._rows) == len(rows) else [-1] * len(rows)
        changed = [n for row in range(len(rows)) if rows[row] != old[row] for n in (row, rows[row])]
        self._rows = rows
        cursor = [screen.cursor_row, screen.cursor_col] if screen.modes.cursor_visible else None
        passed, self._passed = self._passed, []
        frame: list[Any] = [round(time, 3), cursor, changed, passed, size]
        while len(frame) > 3 and not frame[-1]:
            frame.pop()
        return frame

    def _number(self, row: int) -> int:
        """The number of a row's text; equal rows share one."""
        reverse = self._screen.modes.reverse_video
        text: list[list[Any]] = []
        for piece in pieces(self._screen.runs(row)):
            css = css_of(piece, look(piece.style, DARK, reverse_video=reverse), DARK)
            style = self.styles.setdefault(css, len(self.styles))
            if text and text[-1][1] == style and not css.startswith("display"):
                text[-1][0] += piece.text
            else:
                text.append([piece.text, style])
        if text and text[-1][1] == 0:
            text[-1][0] = text[-1][0].rstrip(" ")
        key = json.dumps(text)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.texts)
            self.texts.append(text)
        return number
