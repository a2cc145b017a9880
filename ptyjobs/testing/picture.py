"""A test's view of a screen: text, cells, cursor, and checks with clear messages.

Owns `Picture`, a frozen copy of a terminal, and the messages of failing checks. Rows and columns
count from 0. Never changes a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ptyjobs.model import Size
from ptyjobs.terminal import Screen
from ptyjobs.terminal.pyte_cells import colour_name
from ptyjobs.terminal.style import DEFAULT, Style
from ptyjobs.terminal.values import Modes, Run
from ptyjobs.terminal.widths import WIDTH

__tracebackhide__ = True  # a failing check is shown where the test makes it

FLAGS = ("bold", "faint", "italic", "blink", "reverse", "conceal", "strike", "overline")
STYLES = (*FLAGS, "underline", "fg", "bg", "underline_color", "link")
"""Parameters of `check_style`."""
REPR = 160  # characters of the screen in a repr
_UNDERLINES = ("", "underline", "underline=double", "underline=curly", "underline=dotted",
               "underline=dashed")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring cells of one style: `cols` cells from `col` of `row`."""

    row: int
    col: int
    cols: int
    text: str
    style: Style


@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A terminal's visible screen. `cursor` is (row, column)."""

    size: Size
    cursor: tuple[int, int]
    row_runs: tuple[tuple[Run, ...], ...]
    modes: Modes
    alternate: bool = False
    title: str = ""

    @classmethod
    def of(cls, screen: Screen) -> Picture:
        """A copy of the current state of `screen`."""
        return cls(
            size=screen.size,
            cursor=(screen.cursor_row, screen.cursor_col),
            row_runs=tuple(tuple(screen.runs(row)) for row in range(screen.size.rows)),
            modes=screen.modes,
            alternate=screen.alternate,
            title=screen.title,
        )

    # The attributes that the renderers of `render.ansi` read.
    @property
    def cursor_row(self) -> int:
        return self.cursor[0]

    @property
    def cursor_col(self) -> int:
        return self.cursor[1]

    def runs(self, row: int) -> Sequence[Run]:
        return self.row_runs[row]

    # --- reading ------------------------------------------------------------------------------

    @property
    def rows(self) -> tuple[str, ...]:
        """The text of every row, without trailing blanks."""
        return tuple("".join(run.text for run in runs).rstrip(" ") for runs in self.row_runs)

    @property
    def text(self) -> str:
        """All rows, without trailing blank ones."""
        return "\n".join(self.rows).rstrip("\n")

    def __repr__(self) -> str:
        """Short, because assertions print it: the size, the cursor and the visible text."""
        rows, cols = self.size.rows, self.size.cols
        shown = self.text if len(self.text) <= REPR else f"{self.text[:REPR]}..."
        return f"<screen of {rows} rows, {cols} columns, cursor {_at(self.cursor)}: {shown!r}>"

    def __contains__(self, text: str) -> bool:
        return text in self.searched

    @property
    def searched(self) -> str:
        """The rows as in `rows`, then with their blanks, so that `"Name: "` matches as well."""
        whole = ("".join(run.text for run in runs) for runs in self.row_runs)
        return "\n".join((*self.rows, "", *whole))

    def find(self, text: str, *, row: int | None = None) -> tuple[int, int] | None:
        """Row and column of the first occurrence of `text`, or None (row as in check_text)."""
        row = self._row(row)
        for number, line in enumerate(self.rows):
            at = line.find(text) if row in (None, number) else -1
            if at >= 0:
                return number, sum(max(0, WIDTH[char]) for char in line[:at])
        return None

    def spans(self) -> Iterator[Span]:
        """The cells that are not in the default style."""
        for row, runs in enumerate(self.row_runs):
            col = 0
            for run in runs:
                cols = sum(max(0, WIDTH[char]) for char in run.text)
                if run.style != DEFAULT:
                    yield Span(row, col, cols, run.text, run.style)
                col += cols

    def style_at(self, row: int, col: int) -> Style:
        """The style of one cell."""
        for span in self.spans():
            if span.row == row and span.col <= col < span.col + span.cols:
                return span.style
        return DEFAULT

    # --- checks -------------------------------------------------------------------------------

    def check_text(self, text: str | re.Pattern[str], *, row: int | None = None) -> None:
        """Fail unless `text` (or a match of a pattern) is shown, in `row` if given.

        A negative row counts from the last row that is not blank.
        """
        __tracebackhide__ = True
        row = self._row(row)
        where = self.searched if row is None else "".join(run.text for run in self.row_runs[row])
        found = text.search(where) if isinstance(text, re.Pattern) else text in where
        if not found:
            wanted = text.pattern if isinstance(text, re.Pattern) else text
            place = "on the screen" if row is None else f"in row {row}"
            self.fail(f"expected {wanted!r} {place}")

    def check_no_text(self, text: str) -> None:
        """Fail if `text` is shown anywhere."""
        __tracebackhide__ = True
        at = self.find(text)
        if at is not None:
            self.fail(f"did not expect {text!r}, which is in row {at[0]}, column {at[1]}")

    def check_cursor(self, row: int, col: int, *, visible: bool | None = None) -> None:
        """Fail unless the cursor is there, and shown or hidden as requested."""
        __tracebackhide__ = True
        if self.cursor != (row, col):
            self.fail(f"expected the cursor at {row},{col}, it is at {_at(self.cursor)}")
        if visible is not None and visible != self.modes.cursor_visible:
            self.fail(f"expected the cursor to be {'shown' if visible else 'hidden'}")

    def check_style(self, text: str, *, row: int | None = None, **wanted: object) -> None:
        """Fail unless `text` is shown in a style that includes everything `wanted`.

        For instance `bold=True, fg="red", bg=None, underline=1`; a colour is a name, a palette
        number, or `"#rrggbb"`.
        """
        __tracebackhide__ = True
        for name in wanted.keys() - set(STYLES):
            raise TypeError(
                f"check_style() has no parameter {name!r}; it takes {', '.join(STYLES)}"
            )
        at = self.find(text, row=row)
        if at is None:
            self.fail(f"expected {text!r} {'on the screen' if row is None else f'in row {row}'}")
        style = self.style_at(*at)
        for name, value in wanted.items():
            actual = getattr(style, name)
            colour = name in ("fg", "bg", "underline_color") and actual is not None
            if value != actual and not (colour and value == _colour(actual)):
                self.fail(
                    f"expected {text!r} with {name}={value!r}, "
                    f"it is shown in: {describe(style) or 'the default style'}"
                )

    def _row(self, row: int | None) -> int | None:
        """A row number, negative ones counted from the last row that is not blank."""
        return row if row is None or row >= 0 else row + len(self.text.split("\n"))

    def fail(self, why: str) -> NoReturn:
        """Fail with `why` and the whole screen."""
        __tracebackhide__ = True
        raise AssertionError(f"{why}\n{framed(self)}")


def _at(place: tuple[int, int]) -> str:
    return f"{place[0]},{place[1]}"


def describe(style: Style) -> str:
    """A style as text: `bold fg=red bg=#102030`."""
    words = [name for name in FLAGS if getattr(style, name)]
    if style.underline:
        words.append(_UNDERLINES[style.underline])
    for name in ("fg", "bg", "underline_color"):
        colour = getattr(style, name)
        if colour is not None:
            words.append(f"{name}={_colour(colour)}")
    return " ".join(words + ([f"link={style.link}"] if style.link else []))


def _colour(colour: int | tuple[int, int, int]) -> str:
    if isinstance(colour, tuple):
        return "#{:02x}{:02x}{:02x}".format(*colour)
    return colour_name(colour) if colour < 16 else str(colour)


def framed(picture: Picture) -> str:
    """The rows between bars, with row numbers and the cursor position."""
    rows = picture.text.split("\n")
    lines = [f"{number:3}|{text}|" for number, text in enumerate(rows)]
    more = picture.size.rows - len(rows)
    if more > 0:
        lines.append(f"   ({more} blank rows)")
    size, hidden = picture.size, "" if picture.modes.cursor_visible else " (hidden)"
    head = f"{size.rows} rows, {size.cols} columns, cursor {_at(picture.cursor)}{hidden}"
    return "\n".join((head, *lines))
