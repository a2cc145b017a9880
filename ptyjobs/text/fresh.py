"""Fresh text: what a person would say the program printed since the mark.

Owns reading an answer from the screen: where it begins (the mark) and which rows belong to it. The
echo of the input in it (`echo`), the prompt after it (`asked`) and the parts omitted from an answer
over its budget (`budgeted`) have files of their own.
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
from ptyjobs.text import sanitize, untold
from ptyjobs.text.asked import Asked
from ptyjobs.text.bookmark import Mark, TextScreen, mark
from ptyjobs.text.budgeted import HEAD_SHARE, KeptHead, tail_lines, trimmed, whole, with_gap
from ptyjobs.text.changes import (
    CONTEXT,
    Changes,
    changes,
    unchanged,
    unchanged_frame,
    unseen,
)
from ptyjobs.text.echo import typed_lines, without_echo
from ptyjobs.text.rows import Rows

__all__ = ["FreshText", "Mark", "TextScreen", "mark"]


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
        self._asked = Asked(mark, typed, prompts, entered=entered)
        room = int(budget * HEAD_SHARE) + len(typed) * 2 + 2 * mark.cols
        self._head = KeptHead(mark, room=room, scrollback=scrollback)
        self._hole = False
        self._printed: int | None = None

    @property
    def head_full(self) -> bool:
        """True once the head is kept; before, a slice must hold fewer lines than the scrollback."""
        return self._head.full

    def observe(self, screen: TextScreen) -> None:
        """Keep the head of the lines that scrolled off; cheap once it is full. Bounded memory."""
        self._head.observe(screen)

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
        return untold.collect(self._mark, screen, self._asked.typed_at(screen, "", moved=False))

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
            lines = trimmed(lines)
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
            cursor, prompt, tail_text = self._asked.split(screen, cursor, begin)
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
            or (self._head.full and stop - start > self._budget // 8)
        ):
            after = self._head.next
            head = _without(self._head.lines, after - len(self._head.lines), same)
            tail = tail_lines(screen, max(screen.floor_line, after), stop, budget=self._budget)
            lost = max(int(self._hole), stop - len(tail) - after)
        else:
            head = rows.range(start, stop) if stop > start else []
            head, tail = _without(head, start, same), []
        (tail if lost else head).extend(last)
        if not lost and tail:
            head, tail = head + tail, []
        # A form's row is shown whole, including the cells left of the mark.
        form = not prompt_row and self._mark.form and not self._mark.canonical
        form = form and not self._accepted(rows, cursor)
        all_cells = moved or form or (prompt_row and tail_text is None and cursor == start)
        typed = self._asked.typed_at(screen, prompt, moved=all_cells)
        earlier = untold.remaining(self._mark, rows, start=start, same=same)
        head = [*earlier, *begin.above, *without_echo(head, typed)]
        hidden = screen.has_hidden(list(range(max(0, start - screen.first_line), screen.size.rows)))
        fresh = self._composed(head, tail, lost, end)
        bottom = screen.first_line + screen.cursor_row  # a prompt of several rows begins above
        redrawn = not fresh.text and (
            unseen(self._mark, screen, rows, exclude=range(start, bottom + 1))
            or (form and (cursor, screen.cursor_col) != (self._mark.line, self._mark.col))
        )
        return (
            replace(fresh, hidden=hidden, redrawn=redrawn, restyled=self._restyled(screen)),
            prompt,
        )

    def _composed(self, head: Sequence[Line], tail: Sequence[Line], lost: int, end: int) -> Fresh:
        if not lost:
            return whole(head, mark=self._mark, end=end, budget=self._budget, hint=self._hint)
        return with_gap(
            head,
            tail,
            lost=lost,
            printed=self._printed,
            hole=self._hole,
            mark=self._mark,
            end=end,
            budget=self._budget,
            hint=self._hint,
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

    def _accepted(self, rows: Rows, cursor: int) -> bool:
        """The line was entered behind its prompt and left: the rows below it were a toolbar."""
        first = next(iter(typed_lines(self._typed)), "")
        if not (self._entered and first and self._mark.cells_before.strip(" ")):
            return False
        own = rows.texts(self._mark.line, self._mark.line + 1)
        return cursor > self._mark.line and own == [(self._mark.cells_before + first).rstrip(" ")]

    def _same_row(self, screen: TextScreen) -> bool:
        """True if the cursor's row reads as it did at the mark."""
        at = self._mark.line - self._mark.first_line
        return screen.row_text(screen.cursor_row).rstrip(" ") == self._mark.rows[at]

    def _start(self, screen: TextScreen, rows: Rows) -> Changes:
        """Find the start of the answer, and the rows above the mark that belong to it."""
        mark = self._mark
        if self._head.cleared:
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
            own = [Line("")] if cursor == begin.start else []  # in the place of the mark's row
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


def _without(rows: Sequence[Line], first: int, numbers: set[int]) -> list[Line]:
    """`rows`, numbered from `first`, without the rows in `numbers`.

    The first row is blanked, not removed: it is the mark's.
    """
    kept = [row for number, row in enumerate(rows, first) if number not in numbers]
    return [Line(""), *kept] if rows and first in numbers else kept
