"""Screens as readable text files, and the differences between two of them.

Owns the format, its version and the masks. Never opens a file. The first line names the format,
the second the terminal (rows x columns), then come the rows between bars, and below them the
parts that vary from run to run and the styles other than the default:

    ptyjobs screen 2
    24x80 cursor 2,4
    |$ date; ls --color|
    |········|
    |src  README.md|
    |$ |
    --
    1,0-7 varies
    2,0-2 bold fg=blue

A varying part matches any text of any length. Format 1 had columns before rows; it is still read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from ptyjobs.errors import PtyJobsError
from ptyjobs.testing.picture import Picture, describe

VERSION = 2
_FIRST = re.compile(r"ptyjobs screen ([0-9]+)")
_VARIES = re.compile(r"(\d+),(\d+)-(\d+) varies")
MASK = "\u00b7"
"""Stands for every masked character, so that columns stay."""


class BadSnapshot(PtyJobsError):
    """A snapshot file that this version cannot read."""

    code = "bad_snapshot"


class Span(NamedTuple):
    """Columns `start` to `stop` (not included) of a row's text."""

    row: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Contents of a snapshot file: the terminal's line, rows, varying parts, and style lines."""

    head: str
    rows: tuple[str, ...]
    styles: tuple[str, ...]
    varies: tuple[Span, ...] = ()

    def text(self) -> str:
        """The text of the file."""
        lines = [f"ptyjobs screen {VERSION}", self.head, *(f"|{row}|" for row in self.rows)]
        more = [f"{row},{start}-{stop - 1} varies" for row, start, stop in self.varies]
        more += self.styles
        return "\n".join(lines + (["--", *more] if more else [])) + "\n"

    def pattern(self, row: int) -> re.Pattern[str] | None:
        """A pattern that matches a row with varying parts; None for another row."""
        spans = [span for span in self.varies if span.row == row]
        if not spans or row >= len(self.rows):
            return None
        parts, at, text = [], 0, self.rows[row]
        for span in spans:
            parts += [re.escape(text[at : span.start]), ".*"]
            at = span.stop
        return re.compile("".join((*parts, re.escape(text[at:]))))


def take(
    picture: Picture, *, mask: Sequence[str | re.Pattern[str]] = (), varies: Sequence[Span] = ()
) -> Snapshot:
    """The snapshot of a picture.

    Text that matches a pattern of `mask` is blanked out; `varies` are the parts of rows that may be
    any text. Trailing blanks and trailing blank rows are omitted, and so are the styles of rows
    with masked or varying parts, because a change of length moves them.
    """
    patterns = [re.compile(m) if isinstance(m, str) else m for m in mask]
    size = picture.size
    head = [f"{size.rows}x{size.cols}", f"cursor {picture.cursor[0]},{picture.cursor[1]}"]
    head += [] if picture.modes.cursor_visible else ["hidden"]
    head += ["alternate"] if picture.alternate else []
    head += [f"title {_one_line(picture.title)}"] if picture.title else []
    rows = picture.text.split("\n") if picture.text else []
    masked = {n for n, row in enumerate(rows) if any(p.search(row) for p in patterns)}
    masked |= {span.row for span in varies}
    for span in varies:
        text = rows[span.row]
        covered = MASK * (min(span.stop, len(text)) - span.start)
        rows[span.row] = text[: span.start] + covered + text[span.stop :]
    shown = tuple(_masked(row, patterns) for row in rows)
    styles = tuple(
        f"{span.row},{span.col}-{span.col + span.cols - 1} {words}"
        for span in picture.spans()
        if span.row not in masked and (words := describe(span.style))
    )
    return Snapshot(" ".join(head), shown, styles, tuple(varies))


def _masked(row: str, patterns: Sequence[re.Pattern[str]]) -> str:
    for pattern in patterns:
        row = pattern.sub(lambda match: MASK * len(match[0]), row)
    return row


def _one_line(text: str) -> str:
    return " ".join(text.split())


def parse(text: str) -> Snapshot:
    """Parse a file's text; BadSnapshot names the invalid line."""
    lines = text.split("\n")
    first = _FIRST.fullmatch(lines[0]) if lines else None
    if first is None:
        raise BadSnapshot(f"line 1: expected 'ptyjobs screen {VERSION}', found {lines[0]!r}.")
    if int(first[1]) > VERSION:
        raise BadSnapshot(
            f"The snapshot has format {first[1]}, this ptyjobs reads up to {VERSION}.",
            advice="Install a newer ptyjobs, or write it anew with --screen-update.",
        )
    head = lines[1] if len(lines) > 1 else ""
    if first[1] == "1":
        head = re.sub(r"^(\d+)x(\d+)", r"\2x\1", head)
    rows: list[str] = []
    for number, line in enumerate(lines[2:], start=3):
        if line == "--":
            more = [x for x in lines[number:] if x]
            varies = tuple(Span(int(m[1]), int(m[2]), int(m[3]) + 1) for x in more
                           if (m := _VARIES.fullmatch(x)))  # fmt: skip
            styles = tuple(x for x in more if not _VARIES.fullmatch(x))
            return Snapshot(head, tuple(rows), styles, varies)
        if line == "" and number == len(lines):
            break
        if len(line) < 2 or line[0] != "|" or line[-1] != "|":
            raise BadSnapshot(f"line {number}: expected a row between bars, found {line!r}.")
        rows.append(line[1:-1])
    return Snapshot(head, tuple(rows), ())


def carry(expected: Snapshot, actual: Snapshot) -> Snapshot:
    """`actual` as the new expected screen, with the varying parts of `expected` that still fit."""
    rows, spans = list(actual.rows), list(actual.varies)
    for row in sorted({span.row for span in expected.varies}):
        pattern = expected.pattern(row)
        if row < len(rows) and pattern and pattern.fullmatch(rows[row]):
            rows[row] = expected.rows[row]
            spans += [span for span in expected.varies if span.row == row]
    kept = {span.row for span in spans}
    styles = tuple(line for line in actual.styles if int(line.partition(",")[0]) not in kept)
    return Snapshot(actual.head, tuple(rows), styles, tuple(sorted(set(spans))))


def difference(expected: Snapshot, actual: Snapshot) -> list[str]:
    """Differences row by row, with a caret under the first one; empty if there are none."""
    actual = carry(expected, actual)
    out: list[str] = []
    if _head(expected) != _head(actual):
        out += ["terminal", f"  expected {expected.head}", f"  actual   {actual.head}"]
    for number, (old, new) in enumerate(zip_longest(expected.rows, actual.rows)):
        if old != new:
            out += [f"row {number}", *_pair(old, new)]
    if not out or expected.rows == actual.rows:
        out += list(_styles(expected.styles, actual.styles))
    return out


def _head(snapshot: Snapshot) -> str:
    """The terminal's line; without the cursor's column in a row with varying parts."""
    match = re.search(r" cursor (\d+),", snapshot.head)
    if match and any(span.row == int(match[1]) for span in snapshot.varies):
        return re.sub(r"( cursor \d+),\d+", r"\1", snapshot.head)
    return snapshot.head


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
