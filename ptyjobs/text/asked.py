"""The input of an answer, and the prompt at its end.

Owns separating the prompt at the cursor from output on its row, by the typed text and the prompts
seen before, and the facts that find the echo (`Typed`). Never decides that a program waits. The
subtle thing: the same row may be a new prompt, or output without a line end followed by a known
prompt, so the typed line decides where the screen does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ptyjobs.text.bookmark import Mark, TextScreen, text_below
from ptyjobs.text.changes import Changes
from ptyjobs.text.echo import Typed, prompt_length, repeated, typed_lines, without_echo
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
    only_echo,
    split,
)
from ptyjobs.text.statements import left_open, spells

_SIGNS = re.compile(r"[^\w\s][^\w]* ")
"""A continuation prompt without letters and digits."""


class Asked:
    """The mark, the text typed there ("" for keys), and the prompts shown before, newest first.

    `entered`: Enter was pressed last.
    """

    def __init__(
        self, mark: Mark, typed: str, prompts: Sequence[str], *, entered: bool = False
    ) -> None:
        self.mark = mark
        self.typed = typed
        self.entered = entered
        self.unknown = mark.cells_before not in prompts  # what stands before the typed text
        own = "" if mark.wrapped else mark.cells_before  # else only the end of a prompt
        mine = () if numbered(own, prompts) else (own,)
        self.prompts = tuple(dict.fromkeys((*mine, *prompts)))
        self.doubtful = doubtful(own, prompts)  # the own one

    def typed_at(self, screen: TextScreen, prompt: str, *, moved: bool) -> Typed:
        mark = self.mark
        secret = mark.canonical and not mark.echo
        lines = () if secret else typed_lines(self.typed)
        return Typed(
            lines=lines,
            prompt="" if moved else mark.cells_before,
            after=mark.cells_after,
            ghost=self._ghost(screen, lines) if not moved else "",
            col=0 if moved else mark.col,
            cols=screen.size.cols,
            kernel=mark.canonical and mark.echo,
            end_prompt=prompt,
            prompts=self.prompts,
            moved=moved,
        )

    def _ghost(self, screen: TextScreen, lines: Sequence[str]) -> str:
        """The grey suggestion that a line editor left after the typed line."""
        row = self.mark.line - screen.first_line
        if not lines or self.mark.canonical or not 0 <= row < screen.size.rows:
            return ""
        return ghost_text(screen, row, min(self.mark.col + len(lines[0]), screen.size.cols))

    def split(self, screen: TextScreen, cursor: int, begin: Changes) -> tuple[int, str, str | None]:
        """The line where the prompt begins, the prompt, and the output before it on its row.

        The last is None if there is no prompt: the cursor is inside a painted form.
        """
        mark, start, moved = self.mark, begin.start, begin.moved
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
            if self.entered and only_echo(mark.cells_before, behind, self.typed) and self.unknown:
                return top, "", ""
            after = behind.removeprefix(self.typed)  # "" for keys
            if (after != behind or not self.typed) and len(after) > 1 and after in self.prompts:
                return top, after, ""  # the program has left its question without a line end
            right = default_right(screen)
            same = not mark.cells_before or right == mark.cells_after
            return top, text + right if same else text, ""
        first = start if moved else start + 1
        marked = marked_start(
            screen,
            mark=mark,
            line=first,
            stop=cursor,
            prompts=self.prompts,
            typed=self.typed,
        )
        if marked is not None and marked[0] < cursor:
            return self._rows_of_prompt(screen, marked, cursor, text)
        if top < first:
            top, text = logical_row(screen, low=first)
        text = text[self._ahead(text) :]
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
        known = split(text, self.prompts)
        if spells(self.typed, (text,)):
            return known and 0
        if known == 0 and self.doubtful:
            others = [prompt for prompt in self.prompts if prompt != self.mark.cells_before]
            output = text[: split(text, others) or 0]
            again = text != self.mark.cells_before
            again = again or (output.strip() in self.typed and not output.isdigit())
            if output and again and self._silent(screen, top, text, begin):
                return len(output)
        if known and left_open(self.typed) and self._silent(screen, top, text, begin):
            return 0
        return known

    def _ahead(self, text: str) -> int:
        """The length of the prompts before a known one that lines typed ahead have answered."""
        if not (self.mark.canonical and self.mark.echo):
            return 0
        lines = len(typed_lines(self.typed)) - bool(self.mark.cells_before.strip(" "))
        bare, _ = repeated(text, lines)
        if bare and text[bare:] in self.prompts:
            return bare
        if lines < 1:
            return 0
        for known in self.prompts:  # or the row of such an answer: then the next one fits
            behind = prompt_length(text[::-1], known[::-1])
            before = text[: len(text) - behind] if behind else ""
            signs = before[: len(before) // lines]  # of a continuation prompt, once for each line
            equal = 0 < len(before) == prompt_length(before, text[len(before) :])
            if equal or (signs * lines == before and _SIGNS.fullmatch(signs)):
                return len(before)
        return 0

    def _silent(self, screen: TextScreen, top: int, prompt: str, begin: Changes) -> bool:
        """True if there is only the echo above line `top`."""
        rows = screen.line_range(begin.start, top)
        left = without_echo(rows, self.typed_at(screen, prompt, moved=begin.moved))
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
