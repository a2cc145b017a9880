"""Line editors as byte streams: each reads a line, and the program prints rows and prompts again.

Owns the bytes of each kind. Never judges an answer (see `test_repeated`). `PROMPT` is the prompt of
all of them; a kind prints what libraries of that kind do around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.text.reader import Reader

PROMPT = "db> "


class Editor:
    """A program that reads lines and answers each with rows."""

    canonical = False
    upper: tuple[str, ...] = ()  # rows of the prompt above its last one

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def feed(self, text: str) -> None:
        self.reader.feed(text.encode())

    @property
    def size(self) -> tuple[int, int]:
        return self.reader.screen.size.rows, self.reader.screen.size.cols

    def prompt(self) -> None:
        self.feed("".join(f"{row}\r\n" for row in self.upper) + PROMPT)

    def line(self, text: str) -> None:
        """Echo the typed line key by key, then accept it."""
        self.feed(text + "\r\n")

    def output(self, rows: Sequence[str]) -> None:
        self.feed("".join(f"{row}\r\n" for row in rows))

    def step(self, text: str, rows: Sequence[str]) -> None:
        self.line(text)
        self.output(rows)
        self.prompt()


class Kernel(Editor):
    """The kernel edits lines: Python without readline, dash, a debugger's menu."""

    canonical = True


class Readline(Editor):
    """Bracketed paste around each prompt; the output comes before it is switched on."""

    def prompt(self) -> None:
        self.feed("\x1b[?2004h")
        super().prompt()

    def line(self, text: str) -> None:
        self.feed(text + "\r\n\x1b[?2004l\r")


class Rearmed(Readline):
    """An event loop that switches bracketed paste on again before it runs the line."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.first = True

    def prompt(self) -> None:
        if self.first:
            self.feed("\x1b[?2004h")
        self.first = False
        Editor.prompt(self)

    def line(self, text: str) -> None:
        self.feed(text + "\r\n\x1b[?2004l\r\x1b[?2004h")


class TwoRows(Readline):
    upper = ("[~/work]",)


class TwoRowsRearmed(Rearmed):
    upper = ("[~/work]",)


class RightPrompt(Editor):
    """zsh: an inverse sign for a missing line end, a right prompt, and the mode behind both."""

    right = "12:00"

    def prompt(self) -> None:
        _, cols = self.size
        gap = cols - len(PROMPT) - len(self.right) - 1
        self.feed(f"\x1b[7m%\x1b[0m{' ' * (cols - 1)}\r \r\r\x1b[0m\x1b[J{PROMPT}\x1b[K")
        back = f"\x1b[{gap + len(self.right)}D"
        self.feed(f"\x1b[{gap}C{self.right}{back}\x1b[?2004h")

    def line(self, text: str) -> None:
        self.feed(f"{text}\x1b[?2004l\r\r\n")


class Marked(Editor):
    """A shell that marks its prompts, its output and the end of each command (OSC 133)."""

    def prompt(self) -> None:
        self.feed(f"\x1b]133;D;0\x07\x1b]133;A\x07{PROMPT}\x1b]133;B\x07")

    def line(self, text: str) -> None:
        self.feed(f"{text}\r\n\x1b]133;C\x07")


class OpenRow(Readline):
    """The last row of the output has no line end, and the prompt follows it."""

    def output(self, rows: Sequence[str]) -> None:
        self.feed("\r\n".join(rows) + ("\r\n" if rows and rows[-1] == "..." else ""))


class Linenoise(Editor):
    """The row is written again for each key: carriage return, text, erase, cursor."""

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(f"\r{PROMPT}{text[:n]}\x1b[0K\r\x1b[{len(PROMPT) + n}C")
        self.feed("\r\n")


class Replxx(Editor):
    """Each key erases from the prompt to the end of the screen and writes it again."""

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(f"\x1b[?25l\x1b[1G\x1b[J{PROMPT}{text[:n]}\x1b[?25h")
        self.feed("\r\n")


class Completing(Editor):
    """Rows below the prompt while a line is typed, erased when it is accepted."""

    menu = ("one  two", "three")

    def line(self, text: str) -> None:
        below = "".join(f"\r\n\x1b[K{row}" for row in self.menu)
        for n in range(1, len(text) + 1):
            back = f"\x1b[{len(self.menu)}A\r\x1b[{len(PROMPT) + n}C"
            self.feed(f"\x1b[?25l\r\x1b[J{PROMPT}{text[:n]}{below}{back}\x1b[?25h")
        self.feed(f"\r\x1b[J{PROMPT}{text}\r\n")


class Toolbar(Editor):
    """A status row below the prompt (prompt_toolkit), erased while a command runs."""

    bar = "[F2] Menu"

    def prompt(self) -> None:
        super().prompt()
        self.below(len(PROMPT))

    def below(self, col: int) -> None:
        self.feed(f"\r\n\x1b[7m{self.bar}\x1b[0m\x1b[A\r\x1b[{col}C")

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(f"\x1b[?25l\r\x1b[J{PROMPT}{text[:n]}")
            self.below(len(PROMPT) + n)
            self.feed("\x1b[?25h")
        self.feed(f"\r\x1b[J{PROMPT}{text}\r\n")


class Pinned(Editor):
    """A status row at the bottom of the screen, the prompt directly below the output."""

    def prompt(self) -> None:
        rows, _ = self.size
        if self.reader.screen.cursor_row >= rows - 2:
            self.feed("\r\n\r\n\x1b[2A")
        super().prompt()
        self.feed(f"\x1b7\x1b[{rows};1H\x1b[7mready\x1b[0m\x1b8")

    def line(self, text: str) -> None:
        self.feed(f"{text}\r\n\x1b[J")


class Addressed(Editor):
    """Each key addresses the prompt's row (reedline, nushell)."""

    def line(self, text: str) -> None:
        row = self.reader.screen.cursor_row + 1
        for n in range(1, len(text) + 1):
            self.feed(f"\x1b[?25l\x1b[{row};1H\x1b[J{PROMPT}\x1b7{text[:n]}\x1b8\x1b[{n}C\x1b[?25h")
        self.feed("\r\n")


class AddressedRows(Editor):
    """Every row is addressed, the output too; at the bottom the screen is scrolled by hand."""

    at = 0

    def row(self, text: str) -> None:
        rows, _ = self.size
        if self.at == rows:
            self.feed(f"\x1b[{rows};1H\r\n")
            self.at -= 1
        self.at += 1
        self.feed(f"\x1b[{self.at};1H\x1b[K{text}")

    def prompt(self) -> None:
        self.row(PROMPT)

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(f"\x1b[{self.at};1H\x1b[K{PROMPT}{text[:n]}")

    def output(self, rows: Sequence[str]) -> None:
        for row in rows:
            self.row(row)


class Redrawn(Editor):
    """Prompt, line and output are written again from the prompt's row once the line is accepted."""

    def step(self, text: str, rows: Sequence[str]) -> None:
        up = 0
        self.line(text)
        for count in range(len(rows) + 1):
            back = f"\x1b[{up}A" if up else ""
            shown = "".join(f"\r\n\x1b[K{row}" for row in rows[:count])
            # The line was accepted: the cursor is one row below it.
            self.feed(f"{back}\r" if count else "\x1b[A\r")
            self.feed(f"\x1b[K{PROMPT}{text}{shown}")
            up = count
        self.feed("\r\n")
        self.prompt()


class Repainted(Editor):
    """The transcript is kept by the program, and its end is painted on the whole screen."""

    clear = "\x1b[H\x1b[2J"

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self.rows: list[str] = []

    def paint(self, last: str) -> None:
        rows, _ = self.size
        shown = [*self.rows, last][-rows:]
        self.feed(self.clear + "\r\n".join(shown))

    def prompt(self) -> None:
        self.paint(PROMPT)

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(text[n - 1])
        self.rows.append(PROMPT + text)

    def output(self, rows: Sequence[str]) -> None:
        self.rows += rows


class RowsRepainted(Repainted):
    """The same, each row erased and written, without clearing the screen."""

    def paint(self, last: str) -> None:
        rows, _ = self.size
        shown = [*self.rows, last][-rows:]
        self.feed("\x1b[H" + "\r\n".join(f"{row}\x1b[K" for row in shown))


class Above(Editor):
    """The prompt stays in the last row; output is printed above it in a scroll region."""

    def prompt(self) -> None:
        rows, _ = self.size
        self.feed(f"\x1b[{rows};1H\x1b[K{PROMPT}")

    def line(self, text: str) -> None:
        self.feed(text)

    def step(self, text: str, rows: Sequence[str]) -> None:
        self.line(text)
        height, _ = self.size
        for row in (PROMPT + text, *rows):
            self.feed(f"\x1b7\x1b[1;{height - 1}r\x1b[{height - 1};1H\r\n{row}\x1b[r\x1b8")
        self.prompt()


class Chat(Editor):
    """An input box that new rows push down: the box is erased and painted again (ink)."""

    drawn = False

    def box(self, text: str = "") -> str:
        edge = "-" * 12
        return f"{edge}\r\n> {text}\r\n{edge}\r\n\x1b[2A\r\x1b[{2 + len(text)}C"

    def prompt(self) -> None:
        self.feed(self.box())

    def erase(self) -> str:
        return "\r\x1b[A\x1b[J"

    def line(self, text: str) -> None:
        for n in range(1, len(text) + 1):
            self.feed(self.erase() + self.box(text[:n]))

    def output(self, rows: Sequence[str]) -> None:
        self.feed(self.erase())
        super().output(rows)


EXACT: tuple[Callable[[Reader], Editor], ...] = (
    Kernel, Readline, Rearmed, TwoRows, Linenoise, Replxx, Completing, Toolbar, Pinned, Addressed,
    AddressedRows, Redrawn, Above, RightPrompt, Marked, OpenRow,
)  # fmt: skip
PAINTED: tuple[Callable[[Reader], Editor], ...] = (Repainted, RowsRepainted, Chat, TwoRowsRearmed)
"""Kinds that write rows again which were there before: an answer may hold them too."""
