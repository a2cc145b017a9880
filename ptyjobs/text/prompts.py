"""Find the prompt at the cursor and separate it from the output before it.

Owns the extent of a prompt: its upper rows, the rows that a long one wraps over, and a default at
the right of the cursor. Never decides whether there is a prompt at all (the verdict does). Marks
have precedence: OSC 133, or the place where a line editor enabled bracketed paste. Without marks
the row is compared with the prompts seen before. The subtle thing: a row may be output without a
line end followed by a prompt, or a longer prompt that ends like an earlier one. Output touches the
prompt; words that a prompt gained in front are followed by a blank.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from ptyjobs.terminal import values
from ptyjobs.terminal.style import Colour, Style
from ptyjobs.text.bookmark import Mark, TextScreen
from ptyjobs.text.changes import UPPER_ROWS
from ptyjobs.text.echo import prompt_length
from ptyjobs.text.statements import spells

EARLIER = 16
"""Earlier prompts on the screen and in the scrollback whose upper rows are compared."""

GAP = "  "
"""Blanks before a right prompt; a default is closer to its question."""

FRAME = re.compile("[ \u2500-\u259f|+]")
"""Start of a drawn frame's rows."""


EDGE = "".join(map(chr, range(0x2500, 0x25A0))) + " "
EDGES = re.compile(" *[\u2500-\u259f]")
"""Start of a row with the edge of a drawn box."""


def no_prompt_row(screen: TextScreen) -> bool:
    """True if the visible cursor is inside a drawing, so that its row is no prompt.

    Either there is text at the right of the cursor and none at its left, or its row and the one
    below begin and end with the edge of a box, in the same columns. A prompt with such signs at
    both ends (a line that joins its two rows) has no box below it, and an input box (`│ > │`) has
    its lower edge there and only blanks at the right of the cursor.
    """
    row, col = screen.cursor_row, screen.cursor_col
    if screen.pending_wrap or row + 1 >= screen.size.rows:
        return False
    own, below = screen.row_text(row).rstrip(" "), screen.row_text(row + 1).rstrip(" ")
    if not screen.row_text(row, 0, col).strip(" "):
        right = screen.row_text(row, col).rstrip(" ")
        return bool(right) and not right.startswith(GAP)
    left, under = EDGES.match(own), EDGES.match(below)
    if left is None or under is None or left.end() == len(own):
        return False
    ends = EDGES.match(own[-1]) and EDGES.match(below[-1])
    field = not below.strip(EDGE) and not own[col:-1].strip(" ")
    return bool(ends) and not field and left.end() == under.end() and len(own) == len(below)


def framed(row: str) -> bool:
    """True if the row begins and ends with the edge of a frame."""
    text = row.strip(" ")
    return len(text) > 1 and bool(FRAME.match(text) and FRAME.match(text[-1]))


def logical_row(screen: TextScreen, *, low: int) -> tuple[int, str]:
    """The cursor's row up to the cursor, joined with the rows that wrap into it: line and text."""
    col = screen.size.cols if screen.pending_wrap else screen.cursor_col
    row = screen.cursor_row
    text = screen.row_text(row, 0, col)
    while row and screen.first_line + row > low and screen.wraps(row - 1):
        row -= 1
        text = screen.row_text(row) + text
    return screen.first_line + row, text


def marked_start(
    screen: TextScreen,
    *,
    mark: Mark,
    line: int,
    stop: int,
    prompts: Sequence[str],
    typed: str = "",
) -> tuple[int, int] | None:
    """The first cell of the marked prompt at the cursor, as (line, column).

    Only a mark newer than `mark` on a visible line `line <= n <= stop` counts, and only if no later
    mark starts or ends a command's output. A line editor also shows where it begins: it enables
    bracketed paste. Rows above the cursor's belong to its prompt only if an earlier prompt had the
    same ones, or if `typed`, the input, spells it: a question asked once may have several rows, and
    all of them are news.
    """
    low = max(line, screen.first_line)
    editor: values.ShellMark | None = None
    for candidate in reversed(screen.marks):
        if candidate.order <= mark.order or candidate.kind in ("C", "D"):
            break
        if candidate.kind == "A":
            begin = (candidate.line, candidate.col)
            return begin if low <= candidate.line <= stop else None
        if editor is not None:
            break
        editor = candidate if candidate.kind == "E" else None
    if editor is None or not low <= editor.line < stop <= editor.line + UPPER_ROWS:
        return None
    before = screen.row_text(editor.line - screen.first_line, 0, editor.col)
    if split(before, prompts) is not None:
        return None
    own = screen.row_text(screen.cursor_row, 0, screen.cursor_col)
    rows = [*_rows_from(screen, editor, stop - editor.line), own]
    if not spells(typed, rows) and not _had_upper_rows(screen, mark, editor, stop):
        return None
    return editor.line, editor.col


def _had_upper_rows(screen: TextScreen, mark: Mark, editor: values.ShellMark, stop: int) -> bool:
    """True if an earlier prompt had the same rows above its last one.

    If an event loop enables bracketed paste again before it runs the line, the rows that follow
    are output. They look like a prompt after a command that prints nothing, so two marks
    without output before them prove nothing, unless an earlier prompt was as high.
    """
    height = stop - editor.line
    upper = _rows_from(screen, editor, height)
    earlier = [m for m in screen.marks if m.kind in ("A", "E") and m.order <= mark.order]
    at = mark.line - mark.first_line
    shown = not mark.alternate and at >= height and list(mark.rows[at - height : at]) == upper
    if shown and not (editor.again and earlier and earlier[-1].again):
        return True
    proof = [m for m in earlier[-EARLIER:] if not (editor.again and m.again)]
    if any(_rows_from(screen, m, height) == upper for m in proof):
        return True
    if shown and any(_height(screen, m) == height for m in proof):
        return True
    return _always_below(screen, [*earlier[-EARLIER:], editor], upper)


def _always_below(
    screen: TextScreen, marks: Sequence[values.ShellMark], upper: Sequence[str]
) -> bool:
    """True if the cursor's row came since one of `marks`, never alone, and once below `upper`.

    A prompt set in the session, after commands that print nothing; the last mark is its own. The
    prompt of an event loop that re-arms its line editor came alone at first.
    """
    own = screen.row_text(screen.cursor_row, 0, screen.cursor_col).rstrip(" ")
    since = same = False
    for begin, after in itertools.pairwise(marks):
        if not own or begin.line < screen.floor_line:
            continue
        rows = _rows_from(screen, begin, min(UPPER_ROWS + 1, max(1, after.line - begin.line)))
        at = next((n for n, row in enumerate(rows) if row.startswith(own)), None)
        if at == 0:
            return False
        since = since or at is None
        same = same or (since and at is not None and rows[:at] == list(upper))
    return same


def _height(screen: TextScreen, begin: values.ShellMark) -> int | None:
    """Number of rows between the mark and the first row that begins like the one at the cursor."""
    own = screen.row_text(screen.cursor_row, 0, screen.cursor_col)
    rows = _rows_from(screen, begin, UPPER_ROWS + 1)
    found = (n for n, row in enumerate(rows) if own.strip(" ") and row.startswith(own.rstrip(" ")))
    return next(found, None)


def _rows_from(screen: TextScreen, begin: values.ShellMark, height: int) -> list[str]:
    if begin.line < screen.floor_line:
        return []
    rows = screen.line_range(begin.line, begin.line + height)
    return [
        row.text[begin.col if n == 0 else 0 :].rstrip(" ") for n, row in enumerate(rows)
    ]  # columns are characters: upper rows that follow wide output are not compared


def editor_start(screen: TextScreen, *, after: int, top: int, text: str) -> int | None:
    """The place in `text`, the cursor's logical row, where a line editor began its prompt.

    `top` is the row's first line. None if no editor did, or if it printed
    the prompt before enabling bracketed paste.
    """
    cursor = screen.first_line + screen.cursor_row
    for candidate in reversed(screen.marks):
        if candidate.order <= after or candidate.kind in ("C", "D"):
            return None
        if candidate.kind == "E":
            if not top <= candidate.line <= cursor:
                return None
            rows = range(top - screen.first_line, candidate.line - screen.first_line)
            before = "".join(screen.row_text(row) for row in rows)
            before += screen.row_text(candidate.line - screen.first_line, 0, candidate.col)
            return len(before) if text[len(before) :].strip(" ") else None
    return None


def split(text: str, prompts: Sequence[str]) -> int | None:
    """The index where `text` ends with a prompt like one of `prompts`; None if it does not."""
    # Prefer the longest: a nested program's short prompt also matches the end of the outer one.
    if text in prompts and text.strip(" "):
        return 0
    return min((at for p in prompts if (at := _start(text, p)) is not None), default=None)


def _start(text: str, known: str) -> int | None:
    """The index where `text` ends with a prompt like `known`; None if it does not.

    Like means: equal except for digits; or with the same beginning and the same last character, so
    that a directory in it may change. Words before it that end with a blank belong to it.
    """
    body = known.rstrip(" ")
    if not body:
        return None
    if length := prompt_length(text[::-1], known[::-1]):
        before = text[:-length]
        # `>> ` is a prompt of its own, not output before `> `. Shells pad a row of output without a
        # line end with blanks so that the prompt wraps: more than one blank separates the two.
        joined = _ends_in_one_blank(before) or same_signs(before, known)
        joined = joined or _sentence(before, known)
        return 0 if joined else len(before)
    if not text.rstrip(" ").endswith(body[-1]):
        return None
    for length in range(len(body) - 1, max(2, len(body) // 3 - 1), -1):
        at = text.rfind(body[:length])
        if at >= 0 and any(char.isalnum() for char in body[:length]):
            return 0 if _ends_in_one_blank(text[:at]) else at
    return None


def doubtful(row: str, prompts: Sequence[str]) -> bool:
    """True if `row` may be output without a line end, followed by one of the other `prompts`."""
    return row not in prompts and bool(split(row, prompts))


def numbered(row: str, prompts: Sequence[str]) -> bool:
    """True if `row` is a number without a line end, followed by a shell's known prompt.

    It is no prompt of its own: with its digits generalised, it would hide every later number.
    """
    return any(
        row.endswith(prompt) and row[: -len(prompt)].isdigit()
        for prompt in prompts
        if prompt.rstrip(" ")[-1:] in set("$#%")
    )


def only_echo(before: str, behind: str, typed: str) -> bool:
    """True if a row holds an accepted line only: its echo, which no line end follows.

    `before` are its cells before the typed text: none, or, if the program has gone on with a
    blank, those of earlier such lines. A field that refuses its text leaves the cursor behind it.
    """
    echo = behind.rstrip(" ")
    same = bool(echo) and echo == typed.rstrip(" ")
    return same and (not before.strip(" ") or behind.removeprefix(typed).startswith(" "))


def is_level(before: str, prompt: str) -> bool:
    """True if a number directly before a bare prompt may be the depth of a debugger (`1> `).

    Below other output only: the sole output of a command is its result. Never before the signs of
    shells, whose commands often print a number without a line end.
    """
    sign = prompt.strip(" ")
    return before.isdigit() and not any(c.isalnum() or c in "$#%" for c in sign)


def same_signs(before: str, prompt: str) -> bool:
    """True if `before` has signs of `prompt` only: `>> ` is not `> ` behind the output `>`."""
    return set(before) <= set(prompt) and not any(char.isalnum() for char in before)


def _sentence(before: str, known: str) -> bool:
    """True if the prompt's only sign ends the sentence `before`: a question or a colon."""
    return known.strip(" ") in ("?", ":") and " " in before and any(c.isalpha() for c in before)


def _ends_in_one_blank(text: str) -> bool:
    return text.endswith(" ") and not text.endswith("  ")


def default_right(screen: TextScreen) -> str:
    """The pre-filled text at the right of the cursor.

    Neither a right prompt, which has a gap before it, nor the grey suggestion of a line editor.
    With a hidden cursor the whole row belongs to the question.
    """
    row, col = screen.cursor_row, screen.cursor_col
    text = screen.row_text(row, col).rstrip(" ") if not screen.pending_wrap else ""
    if not text or not screen.modes.cursor_visible:
        return text
    return "" if text.startswith(GAP) or ghost_text(screen, row, col) else text


def ghost_text(screen: TextScreen, row: int, col: int) -> str:
    """The grey text from the first written cell at or after `col`; "" if it is not grey."""
    at, ghost = 0, ""
    for run in screen.runs(row):
        stop = at + len(run.text)
        part = run.text[max(0, col - at) :]
        at = stop
        if not part.strip(" "):
            ghost += part if ghost else ""
        elif ghost or _grey(run.style):
            ghost += part
        else:
            return ""
    return ghost.strip(" ")


def _grey(style: Style) -> bool:
    return style.faint or _is_grey(style.fg)


def _is_grey(colour: Colour) -> bool:
    if isinstance(colour, int):
        return colour == 8 or 234 <= colour <= 250
    return colour is not None and max(colour) - min(colour) <= 24 and 40 <= max(colour) <= 190
