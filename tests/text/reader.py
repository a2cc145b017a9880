"""A reader of a screen, as the holder serves one: marks, late text, fresh text, earlier prompts.

Owns the order of the calls that `holder.input_queue` and `holder.waiter` make. Never decides when
an answer is due: the test does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from ptyjobs.model import Size
from ptyjobs.terminal import Screen
from ptyjobs.text.fresh import FreshText, Mark, mark
from ptyjobs.text.late import between, standing

WORD = re.compile(r"(?<!\d)\d{4}w\.")
"""A word that a generated stream prints once: `7100w.`."""


@dataclass(frozen=True)
class Row:
    """A row at an answer: its words, and True if it was written since the answer before."""

    words: tuple[str, ...]
    written: bool


@dataclass(frozen=True)
class Reply:
    """One reply, and the screen before and after it."""

    late: str
    text: str
    prompt: str
    redrawn: bool
    alternate: bool
    typed: str
    before: dict[int, Row]
    after: dict[int, Row]
    screens: tuple[list[str], list[str]] = field(repr=False, default=([], []))
    right: str = ""  # a right prompt

    @property
    def whole(self) -> str:
        return "\n".join((self.late, self.text, self.prompt))


class Reader:
    """A terminal and its one reader."""

    def __init__(self, size: Size) -> None:
        self.screen = Screen(size)
        self.prompts: list[str] = []
        self.offset = 0
        self.seen: Mark | None = None
        self.typed = ""
        self.late = ""
        self.rows: dict[int, Row] = {}
        self.lines: list[str] = []
        self.replies: list[Reply] = []
        self.begin()

    def begin(self, *, typed: str = "", echo: bool = False, canonical: bool = False) -> None:
        """Type: the answer begins here. Without `typed`, a wait from the last answer."""
        self.late = ""
        now = mark(self.screen, offset=self.offset, echo=echo, canonical=canonical)
        if self.seen is not None and self.seen.offset < now.offset:
            self.late = between(self.seen, self.screen, end=self.offset, prompts=self.prompts[:8])
        if now.alternate and self.seen is not None:
            now = replace(now, untold=FreshText(self.seen).untold(self.screen))
        self.mark = now
        self._fresh(typed)

    def wait(self) -> None:
        """Wait without an input: the answer begins at the last one."""
        self.late = ""
        self.mark = self.seen or self.mark
        self._fresh("")

    def _fresh(self, typed: str) -> None:
        self.typed = typed
        prompts = self.prompts[:8]
        self.text = FreshText(self.mark, typed=typed, entered=bool(typed), prompts=prompts)

    def feed(self, data: bytes) -> None:
        self.offset += len(data)
        self.screen.feed(data)
        self.text.observe(self.screen)

    def resize(self, size: Size) -> None:
        self.screen.resize(size)

    def answer(self, *, ready: bool) -> Reply:
        """The program waits (`ready`), or a time-out is reported."""
        fresh, prompt = self.text.finish(self.screen, prompt_row=ready, end=self.offset)
        late = standing(self.late, self.mark, self.screen, fresh=fresh.text)
        before, lines = self.rows, self.lines
        self.rows, self.lines = self._rows(), self.screen.text()
        reply = Reply(
            late,
            fresh.text,
            prompt,
            fresh.redrawn,
            self.screen.alternate,
            self.typed,
            before,
            self.rows,
            (lines, self.lines),
            self.screen.row_text(self.screen.cursor_row, self.screen.cursor_col) if ready else "",
        )
        self.replies.append(reply)
        if prompt.strip():
            self.prompts.insert(0, prompt)
        now = mark(self.screen, offset=self.offset, echo=False, canonical=False)
        self.seen = replace(now, untold=self.text.untold(self.screen))
        return reply

    def _rows(self) -> dict[int, Row]:
        """The primary screen with its scrollback, by line number."""
        screen = self.screen
        if screen.alternate:
            return self.rows
        since = self.seen.generation if self.seen else -1
        written = {screen.first_line + n for n in screen.written_rows(since)}
        stop = screen.first_line + screen.size.rows
        lines = screen.line_range(screen.floor_line, stop)
        found: dict[int, Row] = {}
        joined = ""
        start = screen.floor_line
        for number, line in enumerate(lines, screen.floor_line):
            joined += line.text
            if line.wrapped:
                continue
            words = tuple(WORD.findall(joined))
            if words:
                found[start] = Row(words, any(n in written for n in range(start, number + 1)))
            joined, start = "", number + 1
        return found
