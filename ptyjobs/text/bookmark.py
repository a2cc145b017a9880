"""The screen cell where an answer begins.

Owns `Mark`, taken when input is sent, and the protocol of a screen that fresh text reads. Never
reads an answer. The subtle thing: the line number is absolute, so the mark keeps its place while
output scrolls; the visible rows are kept so that rows redrawn in place can be found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from ptyjobs.model import Size
from ptyjobs.terminal import values
from ptyjobs.terminal.row import Row
from ptyjobs.terminal.values import Line, Modes, Run


class TextScreen(Protocol):
    """The part of `Screen` that fresh text reads."""

    @property
    def size(self) -> Size: ...
    @property
    def cursor_row(self) -> int: ...
    @property
    def cursor_col(self) -> int: ...
    @property
    def pending_wrap(self) -> bool: ...
    @property
    def alternate(self) -> bool: ...
    @property
    def generation(self) -> int: ...
    @property
    def first_line(self) -> int: ...
    @property
    def floor_line(self) -> int: ...
    @property
    def marks(self) -> Sequence[values.ShellMark]: ...
    @property
    def modes(self) -> Modes: ...
    def line_range(self, start: int, stop: int) -> list[Line]: ...
    def text(self, start: int = 0) -> list[str]: ...
    def row_text(self, row: int, start: int = 0, stop: int | None = None) -> str: ...
    def wraps(self, row: int) -> bool: ...
    def runs(self, row: int) -> list[Run]: ...
    def changed_rows(self, since: int) -> list[int]: ...
    def written_rows(self, since: int) -> list[int]: ...
    def faces(self) -> tuple[Row, ...]: ...
    def restyled(self, before: Sequence[Row]) -> bool: ...
    def has_hidden(self, rows: list[int] | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """State of the terminal when input was sent; fresh text begins here.

    `line`, `first_line` and `floor_line` are absolute line numbers on the primary screen (of the
    cursor, of row 0, of the oldest kept line); `rows` are the texts of the visible primary rows.
    `alternate`: taken on the alternate screen; then `line` is the first free primary line. `order`
    is the order of the last OSC 133 mark. `form`: there was text below the cursor's row, as in a
    menu. `wrapped`: the row above wraps into the mark's row.
    `newlines`: line feeds logged by the job up to here, None if unknown. `looks`: the rows with
    their styles, kept where a form or a hidden cursor may show a selection by style alone; `faces`:
    a cheap copy of the active screen's rows, kept there and on the alternate screen.
    `untold`: lines of the primary screen, with their numbers, that no answer has shown because a
    full-screen program came before it was due.
    """

    line: int = 0
    col: int = 0
    alternate: bool = False
    offset: int = 0
    generation: int = 0
    cells_before: str = ""
    cells_after: str = ""
    echo: bool = True
    canonical: bool = True
    cols: int = 80
    first_line: int = 0
    floor_line: int = 0
    order: int = -1
    wrapped: bool = False
    form: bool = False
    newlines: int | None = None
    rows: tuple[str, ...] = field(default=(), repr=False)
    untold: tuple[tuple[int, Line], ...] = ()
    looks: tuple[tuple[Run, ...], ...] = field(default=(), repr=False)
    faces: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def above(self) -> tuple[str, ...]:
        """The rows above the mark's line."""
        return self.rows[: self.line - self.first_line]


def mark(
    screen: TextScreen, *, offset: int, echo: bool, canonical: bool, newlines: int | None = None
) -> Mark:
    """Take a mark: `offset` is the log's end, `echo` and `canonical` are termios flags."""
    first = screen.first_line
    common = partial(
        Mark,
        alternate=screen.alternate,
        offset=offset,
        newlines=newlines,
        generation=screen.generation,
        echo=echo,
        canonical=canonical,
        cols=screen.size.cols,
        first_line=first,
        floor_line=screen.floor_line,
    )
    if screen.alternate:
        lines = screen.line_range(first, first + screen.size.rows)
        texts = tuple(line.text.rstrip(" ") for line in lines)
        used = [n for n, text in enumerate(texts) if text]
        free = first + (used[-1] + 1 if used else 0)
        return common(line=free, rows=texts, faces=screen.faces())
    row = screen.cursor_row
    form = text_below(screen)
    selects = form or not screen.modes.cursor_visible
    # With a wrap pending, the cursor is past all cells of its row.
    col = screen.size.cols if screen.pending_wrap else screen.cursor_col
    return common(
        line=first + row,
        col=col,
        cells_before=screen.row_text(row, 0, col),
        cells_after=screen.row_text(row, col).rstrip(" "),
        order=screen.marks[-1].order if screen.marks else -1,
        wrapped=row > 0 and screen.wraps(row - 1),
        form=form,
        rows=tuple(screen.text()),
        looks=looks(screen) if selects else (),
        faces=screen.faces() if selects else (),
    )


def looks(screen: TextScreen) -> tuple[tuple[Run, ...], ...]:
    """The visible rows with their styles."""
    return tuple(tuple(screen.runs(row)) for row in range(screen.size.rows))


def text_below(screen: TextScreen) -> bool:
    """True if there is text below the cursor's row: the cursor is inside a painted form."""
    return any(screen.text(screen.cursor_row + 1))
