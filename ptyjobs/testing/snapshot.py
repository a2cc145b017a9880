"""Screens as readable text files, and what differs between two of them.

Owns the format, its version and the masks. Never opens a file. The first line names the format,
the second the terminal, then come the rows between bars and only what is not in the default style:

    ptyjobs screen 1
    80x24 cursor 2,4
    |$ ls --color|
    |src  README.md|
    |$ |
    --
    1,0-2 bold fg=blue
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ptyjobs.errors import PtyJobsError
from ptyjobs.testing.picture import Picture, describe

VERSION = 1
_FIRST = re.compile(r"ptyjobs screen ([0-9]+)")
MASK = "\u00b7"
"""Stands for every masked character, so that columns stay."""


class BadSnapshot(PtyJobsError):
    """A snapshot file that this version cannot read."""

    code = "bad_snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot file holds: the terminal's line, rows, and lines of styles."""

    head: str
    rows: tuple[str, ...]
    styles: tuple[str, ...]

    def text(self) -> str:
        """The file."""
        lines = [f"ptyjobs screen {VERSION}", self.head, *(f"|{row}|" for row in self.rows)]
        return "\n".join(lines + (["--", *self.styles] if self.styles else [])) + "\n"


def take(picture: Picture, *, mask: Sequence[str | re.Pattern[str]] = ()) -> Snapshot:
    """The snapshot of a picture; what a pattern of `mask` matches in a row is blanked out.

    Blanks at the right of rows and blank rows at the end are left off, and the styles of rows in
    which something was masked, because what changes in length moves them.
    """
    patterns = [re.compile(m) if isinstance(m, str) else m for m in mask]
    head = [f"{picture.size.cols}x{picture.size.rows}", f"cursor {picture.cursor[0]},"
            f"{picture.cursor[1]}"]  # fmt: skip
    head += [] if picture.modes.cursor_visible else ["hidden"]
    head += ["alternate"] if picture.alternate else []
    head += [f"title {_one_line(picture.title)}"] if picture.title else []
    rows = picture.text.split("\n") if picture.text else []
    masked = {n for n, row in enumerate(rows) if any(p.search(row) for p in patterns)}
    shown = tuple(_masked(row, patterns) for row in rows)
    styles = tuple(
        f"{span.row},{span.col}-{span.col + span.cols - 1} {words}"
        for span in picture.spans()
        if span.row not in masked and (words := describe(span.style))
    )
    return Snapshot(" ".join(head), shown, styles)


def _masked(row: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        row = pattern.sub(lambda match: MASK * len(match[0]), row)
    return row


def _one_line(text: str) -> str:
    return " ".join(text.split())


def parse(text: str) -> Snapshot:
    """The snapshot in a file's text; BadSnapshot names the line that is wrong."""
    lines = text.split("\n")
    first = _FIRST.fullmatch(lines[0]) if lines else None
    if first is None:
        raise BadSnapshot(f"line 1: expected 'ptyjobs screen {VERSION}', found {lines[0]!r}.")
    if int(first[1]) > VERSION:
        raise BadSnapshot(
            f"The snapshot has format {first[1]}, this ptyjobs reads up to {VERSION}.",
            advice="Install a newer ptyjobs, or write it anew with --screen-update.",
        )
    rows: list[str] = []
    for number, line in enumerate(lines[2:], start=3):
        if line == "--":
            return Snapshot(lines[1], tuple(rows), tuple(x for x in lines[number:] if x))
        if line == "" and number == len(lines):
            break
        if len(line) < 2 or line[0] != "|" or line[-1] != "|":
            raise BadSnapshot(f"line {number}: expected a row between bars, found {line!r}.")
        rows.append(line[1:-1])
    return Snapshot(lines[1] if len(lines) > 1 else "", tuple(rows), ())


def difference(expected: Snapshot, actual: Snapshot) -> list[str]:
    """What differs, row by row with a caret under the first difference; empty when nothing does."""
    out: list[str] = []
    if expected.head != actual.head:
        out += ["terminal", f"  expected {expected.head}", f"  actual   {actual.head}"]
    for number, (old, new) in enumerate(zip_longest(expected.rows, actual.rows)):
        if old != new:
            out += [f"row {number}", *_pair(old, new)]
    if not out or expected.rows == actual.rows:
        out += list(_styles(expected.styles, actual.styles))
    return out


def _pair(old: str | None, new: str | None) -> Iterator[str]:
    yield "  expected " + (f"|{old}|" if old is not None else "(no such row)")
    yield "  actual   " + (f"|{new}|" if new is not None else "(no such row)")
    if old is not None and new is not None:
        same = zip_longest(old, new)
        yield " " * (12 + next(n for n, (a, b) in enumerate(same) if a != b)) + "^"


def _styles(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for line in old:
        if line not in new:
            yield f"style expected {line}"
    for line in new:
        if line not in old:
            yield f"style actual   {line}"
