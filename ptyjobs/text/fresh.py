"""Fresh text: what a person would say the program printed since the mark.

Owns reading an answer from the screen: where it begins (the mark), the echo of the input in it
(`echo`), where the prompt after it begins, and the parts omitted from an answer over its budget.
Never sees raw output: the screen has already folded progress bars, redraws and colours.

The subtle things:

* A mark is a cell with an absolute line number, so it stays valid when its line scrolls away. Only
  clearing the screen or changing its width moves it; then the current contents are the answer.
* Long output drops off the scrollback before the answer is due. `observe` is called after each
  folded slice and keeps the head; dropped lines are counted by their line numbers.
* Output without a line end shares the prompt's row: the prompt is recognised from the last mark.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ptyjobs._dataclass import replace
from ptyjobs.model import Fresh
from ptyjobs.terminal.screen import SCROLLBACK
from ptyjobs.terminal.values import Line
from ptyjobs.terminal.widths import WIDTH
from ptyjobs.text import sanitize, untold
from ptyjobs.text.bookmark import Mark, TextScreen, mark, text_below
from ptyjobs.text.changes import (
    CONTEXT,
    Changes,
    changes,
    unchanged,
    unchanged_frame,
    unseen,
)
from ptyjobs.text.echo import Typed, typed_lines, without_echo
from ptyjobs.text.prompts import (
    FRAME,
    default_right,
    doubtful,
    editor_start,
    ghost_text,
    is_level,
    logical_row,
    marked_start,
    no_prompt_row,
    numbered,
    split,
)
from ptyjobs.text.rows import Rows
from ptyjobs.text.statements import left_open, spells

__all__ = ["FreshText", "Mark", "TextScreen", "mark"]

HEAD_SHARE = 0.5
MAX_STEP = 4096
"""Lines taken from the screen per step while the head is kept."""

TAIL_STEP = 512
"""Lines taken per step from the end, until they suffice."""

MAX_CLEARED = 2048
"""Maximum lines in a slice that also clears the scrollback. More in one step means that they were
skipped unseen, and lines that are merely lost must never be reported as cleared."""


class FreshText:
    """The answer that grows since `mark`: `observe` after each folded slice, then `finish`.

    `typed` is the text that was sent (several lines with their line feeds), "" for keys;
    `entered`: Enter was pressed last. `budget`
    is in characters; `hint` is added to the line that reports the omission. `view`: `auto` gives
    the lines, or the screen while the alternate one is shown; `screen` the visible rows; `rows`
    only the rows changed since `since` (a screen's generation, by default the mark's). `prompts`
    are the prompts that the program has waited at before: they separate a prompt from output on
    its row. `scrollback` is the screen's.
    """

    def __init__(
        self,
        mark: Mark,
        *,
        typed: str = "",
        entered: bool = False,
        budget: int = 100_000,
        view: str = "auto",
        hint: str = "",
        since: int | None = None,
        prompts: Sequence[str] = (),
        scrollback: int = SCROLLBACK,
    ) -> None:
        self._mark = mark
        self._typed = typed
        self._entered = entered
        self._budget = budget
        self._view = view
        self._hint = hint
        self._since = mark.generation if since is None else since
        own = "" if mark.wrapped else mark.cells_before  # else only the end of a prompt
        mine = () if numbered(own, prompts) else (own,)
        self._doubtful = doubtful(own, prompts)  # the own one
        self._prompts = tuple(dict.fromkeys((*mine, *prompts)))
        self._head: list[Line] = []
        self._head_chars = 0
        self._next = mark.line  # the first line that is not in the head
        self._seen = (mark.floor_line, mark.first_line)
        self._scrollback = scrollback
        self._cleared = False
        self._hole = False
        self._printed: int | None = None

    @property
    def head_full(self) -> bool:
        """True once the head is kept; before, a slice must hold fewer lines than the scrollback."""
        return self._head_chars >= self._room

    @property
    def _room(self) -> int:
        return int(self._budget * HEAD_SHARE) + len(self._typed) * 2 + 2 * self._mark.cols

    def observe(self, screen: TextScreen) -> None:
        """Keep the head of the lines that scrolled off; cheap once it is full. Bounded memory."""
        floor, first = screen.floor_line, screen.first_line
        moved = floor > self._seen[0] and first - floor < self._scrollback
        if moved and first - self._seen[1] <= MAX_CLEARED:
            self._cleared = True  # only erasing the scrollback makes it shorter
            self._head.clear()
            self._head_chars = 0
            self._next = floor
        self._seen = (floor, first)
        while not self.head_full and floor <= self._next < first:
            stop = min(first, self._next + MAX_STEP)
            for line in screen.line_range(self._next, stop):
                self._head.append(line)
                self._head_chars += len(line.text) + 1
                self._next += 1
                if self.head_full:
                    break

    def finish(
        self,
        screen: TextScreen,
        *,
        prompt_row: bool,
        end: int,
        exited: bool = False,
        newlines: int | None = None,
        hole: bool = False,
    ) -> tuple[Fresh, str]:
        """The fresh text, and the prompt: the cursor's row up to the cursor if `prompt_row`.

        `end` is the log offset of the verdict; `exited` rules out a prompt.
        `newlines`: line feeds logged by the job so far, to count lines that no row shows any more.
        `hole`: bytes since the mark are missing from the log.
        """
        self._hole = hole
        before = self._mark.newlines if self._mark.offset else 0
        if newlines is not None and before is not None:
            self._printed = newlines - before
        self.observe(screen)
        prompt_row = prompt_row and not exited
        if self._view != "auto" or (screen.alternate and not exited):
            return self._shown(screen, prompt_row=prompt_row, end=end)
        if screen.alternate:
            return self._shown(screen, prompt_row=False, end=end)
        return self._lines(screen, prompt_row=prompt_row, end=end)

    def untold(self, screen: TextScreen) -> tuple[tuple[int, Line], ...]:
        """Lines printed on the primary screen that this answer does not show (`Mark.untold`)."""
        if not screen.alternate:
            return ()
        return untold.collect(self._mark, screen, self._typed_at(screen, "", moved=False))

    # --- the screen itself --------------------------------------------------------------------

    def _shown(self, screen: TextScreen, *, prompt_row: bool, end: int) -> tuple[Fresh, str]:
        rows = screen.text()
        numbers = list(range(len(rows)))
        name = "screen"
        if self._view == "rows":
            name = "rows"
            numbers = [n for n in screen.changed_rows(self._since) if n < len(rows)]
        lines = [rows[n] for n in numbers]
        if name == "screen":  # changed rows are listed by number: an emptied row is news too
            lines = _trimmed(lines)
        prompt = screen.row_text(screen.cursor_row, 0, screen.cursor_col) if prompt_row else ""
        cut = sanitize.budget("\n".join(lines), self._budget, hint=self._hint)
        fresh = Fresh(
            text=cut.text,
            offset=self._mark.offset,
            end=end,
            view=name,
            rows=tuple(numbers) if name == "rows" else (),
            lines=len(lines),
            omitted_lines=cut.omitted_lines,
            omitted_chars=cut.omitted_chars,
            hidden=screen.has_hidden(numbers),
            restyled=self._restyled(screen),
        )
        return fresh, prompt

    # --- the lines since the mark -------------------------------------------------------------

    def _lines(self, screen: TextScreen, *, prompt_row: bool, end: int) -> tuple[Fresh, str]:
        rows = Rows(screen, self._mark)
        begin = self._start(screen, rows)
        start, moved = begin.start, begin.moved
        cursor = screen.first_line + screen.cursor_row
        prompt, tail_text = "", None
        if prompt_row:
            cursor, prompt, tail_text = self._split_prompt(screen, cursor, begin)
        same = self._unchanged(screen, rows)
        last = self._last_rows(screen, rows, cursor, begin, tail_text, same=same)
        stop = cursor
        frame, same_below = unchanged_frame(self._mark, screen, start)
        if same_below:  # a box that new rows only pushed down is no news
            stop = max(start, cursor - frame)
            last = last[:1] if tail_text is not None or not self._same_row(screen) else []
        lost = 0
        if (
            self._hole
            or screen.floor_line > start
            or (self.head_full and stop - start > self._budget // 8)
        ):
            head = _without(self._head, self._next - len(self._head), same)
            tail = self._tail(screen, max(screen.floor_line, self._next), stop)
            lost = max(int(self._hole), stop - len(tail) - self._next)
        else:
            head = rows.range(start, stop) if stop > start else []
            head, tail = _without(head, start, same), []
        (tail if lost else head).extend(last)
        if not lost and tail:
            head, tail = head + tail, []
        # A form's row is shown whole, including the cells left of the mark.
        form = not prompt_row and self._mark.form and not self._mark.canonical
        whole = moved or form or (prompt_row and tail_text is None and cursor == start)
        typed = self._typed_at(screen, prompt, moved=whole)
        earlier = untold.remaining(self._mark, rows, start=start, same=same)
        head = [*earlier, *begin.above, *without_echo(head, typed)]
        hidden = screen.has_hidden(list(range(max(0, start - screen.first_line), screen.size.rows)))
        fresh = self._compose(_joined(head), _joined(tail), lost, end)
        bottom = screen.first_line + screen.cursor_row  # a prompt of several rows begins above
        redrawn = not fresh.text and (
            unseen(self._mark, screen, rows, but=range(start, bottom + 1))
            or (form and (cursor, screen.cursor_col) != (self._mark.line, self._mark.col))
        )
        return (
            replace(fresh, hidden=hidden, redrawn=redrawn, restyled=self._restyled(screen)),
            prompt,
        )

    def _restyled(self, screen: TextScreen) -> bool:
        """True if the screen reads as it did at the mark, in other styles."""
        mark = self._mark
        return mark.alternate == screen.alternate and screen.restyled(mark.faces)

    def _unchanged(self, screen: TextScreen, rows: Rows) -> set[int]:
        """Lines with text that are no news; above the mark, only those far from a changed one."""
        mark = self._mark
        same = unchanged(mark, screen, rows)
        lines = {n for n in same if mark.rows[n - mark.first_line]}
        if mark.alternate:
            return lines
        changed = [n for n in range(mark.first_line, mark.line + CONTEXT) if n not in same]
        near = {n + step for n in changed for step in range(-CONTEXT, CONTEXT + 1)}
        return {n for n in lines if n >= mark.line or n not in near}

    def _same_row(self, screen: TextScreen) -> bool:
        """True if the cursor's row reads as it did at the mark."""
        at = self._mark.line - self._mark.first_line
        return screen.row_text(screen.cursor_row).rstrip(" ") == self._mark.rows[at]

    def _tail(self, screen: TextScreen, floor: int, stop: int) -> list[Line]:
        """As many of the lines before `stop` as fit the second half of the budget."""
        room = self._budget - int(self._budget * HEAD_SHARE)
        out: list[Line] = []
        at, chars = stop, 0
        while at > floor and chars <= room:
            step = screen.line_range(max(floor, at - TAIL_STEP), at)
            if not step:
                break
            out[:0] = step
            at -= len(step)
            chars += sum(len(line.text) + 1 for line in step)
        return out

    def _start(self, screen: TextScreen, rows: Rows) -> Changes:
        """Find the start of the answer, and the rows above the mark that belong to it."""
        mark = self._mark
        if self._cleared:
            return Changes(screen.floor_line, moved=True)
        if screen.size.cols != mark.cols:
            return Changes(self._after_reflow(screen), moved=False)
        return changes(mark, screen, rows, typed_lines(self._typed))

    def _after_reflow(self, screen: TextScreen) -> int:
        """The mark's line after a width change: the nearest row that still shows its prompt."""
        line = min(
            max(self._mark.line, screen.floor_line), screen.first_line + screen.size.rows - 1
        )
        first = next(iter(typed_lines(self._typed)), "")
        wanted = (self._mark.cells_before + first)[: screen.size.cols - 1].rstrip(" ")
        if not wanted:
            return line
        low = max(screen.floor_line, line - 2 * screen.size.rows)
        around = screen.line_range(low, line + 2 * screen.size.rows)
        found = [low + n for n, row in enumerate(around) if row.text.startswith(wanted)]
        return min(found, key=lambda number: abs(number - line), default=line)

    def _split_prompt(
        self, screen: TextScreen, cursor: int, begin: Changes
    ) -> tuple[int, str, str | None]:
        """The line where the prompt begins, the prompt, and the output before it on its row.

        The last is None if there is no prompt: the cursor is inside a painted form.
        """
        mark, start, moved = self._mark, begin.start, begin.moved
        top, text = logical_row(screen, low=start)
        below = text_below(screen)
        if below and screen.modes.cursor_visible and no_prompt_row(screen):
            return cursor, "", None
        if (
            top == mark.line
            and not (moved or mark.alternate)
            and text.startswith(mark.cells_before)
        ):
            # Still on the mark's row: nothing was printed on it.
            if (below and begin.above) or self._parked(screen, below):
                return cursor, self._drawn(screen, text), None
            behind = text[len(mark.cells_before) :]
            if not self._typed and len(behind) > 1 and behind in self._prompts:
                return top, behind, ""  # the program has left its question without a line end
            right = default_right(screen)
            same = not mark.cells_before or right == mark.cells_after
            return top, text + right if same else text, ""
        first = start if moved else start + 1
        marked = marked_start(
            screen,
            mark=mark,
            line=first,
            stop=cursor,
            prompts=self._prompts,
            typed=self._typed,
        )
        if marked is not None and marked[0] < cursor:
            return self._rows_of_prompt(screen, marked, cursor, text)
        if top < first:
            top, text = logical_row(screen, low=first)
        at = marked[1] if marked else editor_start(screen, after=mark.order, top=top, text=text)
        known = self._known(screen, top, text, begin)
        if known and top > first and is_level(text[:known], text[known:]):
            known = 0
        if below:
            painted = any(n > screen.cursor_row for n in screen.written_rows(mark.generation))
            if self._parked(screen, below) or (
                at is None and known != 0 and (mark.form or painted)
            ):
                return cursor, self._drawn(screen, text), None
        at = at if at is not None else known or 0
        return top, text[at:] + default_right(screen), text[:at]

    def _known(self, screen: TextScreen, top: int, text: str, begin: Changes) -> int | None:
        """The index where `text`, the row of line `top`, ends with a known prompt, else None.

        Directly below the echo, text before a known prompt belongs to a new one if the input is
        unfinished or spells it; and a row that reads like the last one may be output again.
        """
        known = split(text, self._prompts)
        if spells(self._typed, (text,)):
            return known and 0
        if known == 0 and self._doubtful:
            others = [prompt for prompt in self._prompts if prompt != self._mark.cells_before]
            output = text[: split(text, others) or 0]
            again = text != self._mark.cells_before
            again = again or (output.strip() in self._typed and not output.isdigit())
            if output and again and self._silent(screen, top, text, begin):
                return len(output)
        if known and left_open(self._typed) and self._silent(screen, top, text, begin):
            return 0
        return known

    def _silent(self, screen: TextScreen, top: int, prompt: str, begin: Changes) -> bool:
        """True if there is only the echo above line `top`."""
        rows = screen.line_range(begin.start, top)
        left = without_echo(rows, self._typed_at(screen, prompt, moved=begin.moved))
        return not any(row.text.strip(" ") for row in left)

    @staticmethod
    def _rows_of_prompt(
        screen: TextScreen, marked: tuple[int, int], cursor: int, text: str
    ) -> tuple[int, str, str]:
        """A prompt of several rows: the status shows the last row with text."""
        line, at = marked
        before = screen.row_text(line - screen.first_line, 0, at)
        # A prompt that ends with a line end leaves the cursor's row empty: use the row above it.
        rows = [row.text for row in screen.line_range(line, cursor)]
        rows[0] = rows[0][len(before) :]
        shown = next((row for row in (text, *reversed(rows)) if row.strip(" ")), text)
        return line, shown, before

    @staticmethod
    def _parked(screen: TextScreen, below: bool) -> bool:
        """A hidden cursor inside a form: its row is part of the picture and no prompt."""
        return below and not screen.modes.cursor_visible

    def _drawn(self, screen: TextScreen, text: str) -> str:
        """The prompt inside a form: none if the cursor is hidden or the row belongs to a frame."""
        return "" if self._parked(screen, below=True) or FRAME.match(text) else text

    def _last_rows(
        self,
        screen: TextScreen,
        rows: Rows,
        cursor: int,
        begin: Changes,
        before_prompt: str | None,
        *,
        same: set[int],
    ) -> list[Line]:
        """The part of the answer on the cursor's row and on the rows below it.

        `same`: the lines that are no news.
        """
        if before_prompt is None:
            own = rows.range(cursor, cursor + 1)
        elif cursor == begin.start and not begin.moved:
            # Keys on the prompt's row: the program's answer is the completion list below it.
            own = [Line(screen.row_text(cursor - screen.first_line, 0, self._mark.col))]
        else:
            own = [Line(before_prompt)] if before_prompt.strip(" ") else []
        if before_prompt is None and cursor in same and not begin.above:
            own = []
        first = rows.first + screen.cursor_row + 1
        under = rows.range(first, rows.stop)
        below = [row for number, row in enumerate(under, first) if number not in same]
        refused = self._entered and self._mark.form and cursor == self._mark.line
        return own + self._news(below, again=refused)

    def _news(self, below: list[Line], *, again: bool) -> list[Line]:
        """Non-blank rows below the cursor that were not there before.

        The blank gap above a toolbar at the bottom of the screen is dropped. `again`: Enter has
        left the cursor in its field, so what was written below it is the answer, even if it was
        there before (a field that refuses its text with the same words).
        """
        shown = [
            Line(row.text, row.wrapped and bool(after.text.strip(" ")))
            for row, after in itertools.pairwise([*below, Line("")])
            if row.text.strip(" ")
        ]
        if not shown:
            return []
        before = {row for row in self._mark.rows if row} - {
            line.text.rstrip(" ") for _, line in self._mark.untold
        }
        new = any(row.text.rstrip(" ") not in before for row in shown)
        return shown if again or new else []

    def _typed_at(self, screen: TextScreen, prompt: str, *, moved: bool) -> Typed:
        mark = self._mark
        secret = mark.canonical and not mark.echo
        lines = () if secret else typed_lines(self._typed)
        return Typed(
            lines=lines,
            prompt="" if moved else mark.cells_before,
            after=mark.cells_after,
            ghost=self._ghost(screen, lines) if not moved else "",
            col=0 if moved else mark.col,
            cols=screen.size.cols,
            kernel=mark.canonical and mark.echo,
            end_prompt=prompt,
            prompts=self._prompts,
            moved=moved,
        )

    def _ghost(self, screen: TextScreen, lines: Sequence[str]) -> str:
        """The grey suggestion that a line editor left after the typed line."""
        row = self._mark.line - screen.first_line
        if not lines or self._mark.canonical or not 0 <= row < screen.size.rows:
            return ""
        return ghost_text(screen, row, min(self._mark.col + len(lines[0]), screen.size.cols))

    def _compose(self, head: list[str], tail: list[str], lost: int, end: int) -> Fresh:
        mark = self._mark
        if not lost:
            lines = _trimmed(head)
            cut = sanitize.budget(
                "\n".join(lines), self._budget, head_share=HEAD_SHARE, hint=self._hint
            )
            return Fresh(
                text=cut.text,
                offset=mark.offset,
                end=end,
                lines=len(lines),
                omitted_lines=cut.omitted_lines,
                omitted_chars=cut.omitted_chars,
            )
        head, tail = _trimmed(head), _trimmed(tail)
        room = int(self._budget * HEAD_SHARE)
        above = sanitize.head("\n".join(head), room)
        below = sanitize.tail("\n".join(tail), self._budget - room)
        shown = sum(part.count("\n") + 1 for part in (above, below) if part)
        total = max(shown, self._all_lines(len(head) + lost + len(tail)))
        # Lines dropped unseen are counted by line number; their bytes are known from the log.
        size = max(0, end - mark.offset - len(above.encode()) - len(below.encode()))
        middle = sanitize.gap(0 if total > shown else size, total - shown, self._hint)
        text = "\n".join(part for part in (above, middle, below) if part)
        return Fresh(
            text=text,
            offset=mark.offset,
            end=end,
            lines=total,
            omitted_lines=total - shown,
            omitted_chars=size,
        )

    def _all_lines(self, rows: int) -> int:
        """Lines of the whole answer: line feeds, or rows if fewer (a line may wrap)."""
        if self._printed is None:
            return rows
        return self._printed if self._hole else min(rows, self._printed + 1)


def _without(rows: Sequence[Line], first: int, numbers: set[int]) -> list[Line]:
    """The rows, of which the first has number `first`, without those of `numbers`.

    The first row is blanked, not removed: it is the mark's.
    """
    kept = [row for number, row in enumerate(rows, first) if number not in numbers]
    return [Line(""), *kept] if rows and first in numbers else kept


def _joined(rows: Sequence[Line]) -> list[str]:
    """Logical lines: soft-wrapped rows joined, trailing blanks removed."""
    out: list[str] = []
    open_line = ""
    for row in rows:
        # A wide character that did not fit left a blank in the last column. A printed space looks
        # the same there and is lost, which is far rarer.
        if open_line.endswith(" ") and row.text and WIDTH[row.text[0]] == 2:
            open_line = open_line[:-1]
        open_line += row.text
        if not row.wrapped:
            out.append(open_line.rstrip(" "))
            open_line = ""
    if open_line:
        out.append(open_line.rstrip(" "))
    return out


def _trimmed(lines: list[str]) -> list[str]:
    """Without the blank lines at both ends."""
    start, stop = 0, len(lines)
    while start < stop and not lines[start].strip():
        start += 1
    while stop > start and not lines[stop - 1].strip():
        stop -= 1
    return [line.rstrip() for line in lines[start:stop]]
