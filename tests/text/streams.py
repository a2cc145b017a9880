"""Generated sessions: a program that prints, redraws, clears and asks, and a reader of its replies.

Owns the bytes of each action. Every printed word is new, so a reply can be checked word by word.
Never decides what a reply must hold (see `test_complete`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ptyjobs.model import Size
from tests.text.reader import Reader


@dataclass
class Session:
    """A reader and the words printed so far."""

    reader: Reader
    count: int = 0
    asked: bool = False  # the program waits at a prompt
    open: bool = False  # a call waits for its answer
    trace: list[str] = field(default_factory=list)

    def word(self) -> str:
        self.count += 1
        return f"{self.count:04d}"[::-1] + "w."  # no two of them begin alike

    def words(self, number: int) -> list[str]:
        return [self.word() for _ in range(number)]

    def feed(self, text: str) -> None:
        self.trace.append(repr(text))
        self.reader.feed(text.encode())

    @property
    def column(self) -> int:
        return self.reader.screen.cursor_col

    def fresh_row(self) -> None:
        if self.column or self.reader.screen.pending_wrap:
            self.feed("\r\n")


def lines(s: Session, n: int) -> None:
    s.feed("".join(f"{word}\r\n" for word in s.words(1 + n % 7)))


def flood(s: Session, n: int) -> None:
    s.feed("".join(f"{word}\r\n" for word in s.words(12 + n)))


def partial(s: Session, n: int) -> None:
    s.feed(s.word() + " " * (n % 2))


def line_end(s: Session, n: int) -> None:
    s.feed("\r\n")


def blank(s: Session, n: int) -> None:
    s.feed("\r\n" * (1 + n % 3))


def progress(s: Session, n: int) -> None:
    """Frames of a progress bar in one row; the last one remains."""
    s.feed("".join(f"\r{word} {n}%\x1b[K" for word in s.words(2 + n % 3)))
    if n % 2:
        s.feed("\r\n")


def wrapped(s: Session, n: int) -> None:
    s.feed(" ".join(s.words(4 + n % 12)) + "\r\n")


def redraw(s: Session, n: int) -> None:
    """Overwrite one row above and come back."""
    s.feed(f"\x1b7\x1b[{1 + n % 5}A\r\x1b[K{s.word()}\x1b8")


def repaint(s: Session, n: int) -> None:
    """Repaint the rows above, one of them with another text, as menus and forms do."""
    screen = s.reader.screen
    height = min(2 + n % 5, screen.cursor_row)
    if not height:
        return
    s.fresh_row()
    rows = screen.text()[screen.cursor_row - height : screen.cursor_row]
    rows[n % len(rows)] = s.word()
    s.feed(f"\x1b[{len(rows)}A\r" + "".join(f"\x1b[K{row}\r\n" for row in rows))


def form(s: Session, n: int) -> None:
    """Draw a box with a field, and put the cursor into the field."""
    s.fresh_row()
    rows = s.words(3 + n % 3)
    s.feed("\r\n".join(rows) + f"\x1b[{len(rows) - 2}A\r> ")


def below(s: Session, n: int) -> None:
    """Leave a form: the cursor goes behind the last row with text."""
    used = [i for i, row in enumerate(s.reader.screen.text()) if row]
    last = used[-1] if used else 0
    s.feed(f"\x1b[{last + 1};1H\r\n" if last >= s.reader.screen.cursor_row else "\r\n")


def clear(s: Session, n: int) -> None:
    s.feed("\x1b[H\x1b[2J" + ("\x1b[3J" if n % 2 else "") + s.word() + "\r\n")


def region(s: Session, n: int) -> None:
    """Print above a status row, as package managers do."""
    rows = s.reader.screen.size.rows
    top = 1 + n % 2
    text = "".join(f"\r\n{word}" for word in s.words(1 + n % 4))
    s.feed(f"\x1b[{rows};1H\x1b[K{s.word()}\x1b[{top};{rows - 1}r\x1b[{rows - 1};1H{text}")
    s.feed(f"\x1b[r\x1b[{rows - 1};1H\r\n\x1b[K")


def insert(s: Session, n: int) -> None:
    """Insert or delete a row above the cursor."""
    act = f"\x1b[L{s.word()}" if n % 2 else "\x1b[M"
    s.feed(f"\x1b7\x1b[{1 + n % 4}A\r{act}\x1b8")


def full_screen(s: Session, n: int) -> None:
    if s.reader.screen.alternate:
        s.feed("\x1b[?1049l" + ("\r\x1b[K" if n % 2 else ""))
    else:
        s.feed("\x1b[?1049h\x1b[H" + "\r\n".join(s.words(1 + n % 4)))


def home(s: Session, n: int) -> None:
    """Address rows directly, as a screen program on the primary screen does."""
    rows = s.reader.screen.size.rows
    s.feed("".join(f"\x1b[{1 + (n + 2 * i) % rows};1H\x1b[K{w}" for i, w in enumerate(s.words(2))))


def prompt(s: Session, n: int) -> None:
    s.fresh_row()
    s.feed("\x1b[K$ ")
    answer(s, ready=True)


def question(s: Session, n: int) -> None:
    s.feed("\x1b[K" + s.word() + "? ")
    answer(s, ready=True)


def timed_out(s: Session, n: int) -> None:
    answer(s, ready=False)


def answer(s: Session, *, ready: bool) -> None:
    if not s.open:
        s.trace.append("wait")
        s.reader.wait()
    s.trace.append(f"answer ready={ready}")
    s.reader.answer(ready=ready)
    s.open, s.asked = False, ready


def type_line(s: Session, n: int) -> None:
    """Type a line; the kernel or the program echoes it."""
    if s.open:
        return
    kernel = bool(n % 2)
    text = " ".join(f"t{s.count}{i}y" for i in range(1 + n % 3))
    s.trace.append(f"type {text!r} kernel={kernel}")
    s.reader.begin(typed=text, echo=kernel, canonical=kernel)
    s.open = True
    if not s.reader.screen.alternate:
        s.feed(text + "\r\n")


def press(s: Session, n: int) -> None:
    """Press a key that is not echoed."""
    if s.open:
        return
    s.trace.append("key")
    s.reader.begin()
    s.open = True


def resize(s: Session, n: int) -> None:
    size = s.reader.screen.size
    new = Size(size.rows + n % 3 - 1, size.cols)
    s.trace.append(f"resize {new}")
    s.reader.resize(new)


ACTIONS: dict[str, Callable[[Session, int], None]] = {
    f.__name__: f
    for f in (
        lines, flood, partial, line_end, blank, progress, wrapped, redraw, repaint, form, below,
        clear, region, insert, full_screen, home, prompt, question, timed_out, type_line, press,
        resize,
    )
}  # fmt: skip


def play(plan: list[tuple[str, int]], *, size: Size) -> Session:
    """Run a plan; it ends with an answer."""
    session = Session(Reader(size))
    session.open = True
    for name, number in plan:
        ACTIONS[name](session, number)
    answer(session, ready=False)
    return session
