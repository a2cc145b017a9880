"""Find and remove the echo of typed text in the rows after a mark.

Owns the matching of typed text against rows, from the cell where the cursor was when it was sent.
Never searches the output for the text: output that equals the input stays. The subtle things:

* The kernel echoes at the cursor, a line editor repaints the prompt's row: both leave the same
  cells, so only the final rows are compared. A long line continues over several rows, with or
  without soft-wrap flags; pyrepl ends such rows with a backslash, fish and pyrepl indent the rows
  of a block.
* Several lines meet continuation prompts (`... `, `   ...> `), or are read one by one with output
  and whole prompts between them.
* Text typed ahead, while no process reads, is echoed by the kernel at once and again by the line
  editor after its next prompt. Then the second echo follows a known prompt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ptyjobs.terminal.values import Line
from ptyjobs.terminal.widths import WIDTH

MAX_PREFIX = 40
"""Longest continuation prompt that is recognised, in characters."""
_NUMBERS = re.compile("([0-9]+)")


@dataclass(frozen=True, slots=True)
class Typed:
    """The typed text, and the state of the terminal when it was sent (see `text.Mark`)."""

    lines: tuple[str, ...]
    prompt: str  # the cells left of the cursor
    after: str  # the cells right of the cursor (a right prompt, a default)
    col: int
    cols: int
    kernel: bool  # the kernel echoes: ECHO and ICANON were on
    end_prompt: str = ""  # the prompt that the program waits at now, if any
    prompts: tuple[str, ...] = ()  # all prompts shown before, including continuation prompts
    moved: bool = False  # the screen was cleared or repainted: the mark's row no longer exists
    ghost: str = ""  # a suggestion that the line editor shows after the typed line

    def left_over(self, rest: str) -> bool:
        """True if `rest`, the text after the echo, was there before or is a suggestion.

        Typing over a default leaves the end of the default visible.
        """
        first = self.lines[0] if self.lines else ""
        covered = after_cells(self.after, _cells(first))
        return rest.strip() in ("", self.after.strip(), covered.strip(), self.ghost)


@dataclass(slots=True)
class _Match:
    """`row`: the first row that is no echo; `rest`: text after the echo on its last row."""

    row: int = 0
    rest: str = ""
    lines: int = 0
    prefixes: list[str] = field(default_factory=list)


def typed_lines(text: str) -> tuple[str, ...]:
    """The lines of a text as they were typed; none if it consists of keys and Enter only.

    Several lines with a final line end yield an empty last one: the Enter that closes a block.
    """
    if not re.search(r"[^\x00-\x20\x7f]", text):
        return ()
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(lines[:-1] if len(lines) == 2 and not lines[1] else lines)


def without_echo(rows: Sequence[Line], typed: Typed) -> list[Line]:
    """The rows without the echo of `typed`; `rows[0]` is the row of the mark, whole.

    Rows keep their order and their soft-wrap flags. Cells left of the mark are removed with it.
    """
    if not rows:
        return []
    first = Line(after_cells(rows[0].text, typed.col), rows[0].wrapped)
    match = None if typed.moved else _at_mark(rows, first.text, typed)
    if match is None:
        kept = [first, *rows[1:]]
        match = _Match()
        start = 1 if typed.prompt.strip() else 0
    else:
        rest = "" if typed.left_over(match.rest) else match.rest
        last = rows[match.row - 1] if 0 < match.row <= len(rows) else first
        # A program that reads single keys printed the rest after the echo.
        kept = ([Line(rest, last.wrapped)] if rest.strip() else []) + list(rows[match.row :])
        kept = _without_again(kept, typed)
        start = 0
    return _without_later(kept, start, match, typed)


def _without_again(rows: list[Line], typed: Typed) -> list[Line]:
    """The rows without the line that is shown again below help for it, without the key (`?`).

    Below a list of completions the line may be longer than what was typed before the Tab.
    """
    line, key = typed.lines[0][:-1], typed.lines[0][-1:]
    if len(typed.lines) > 1 or key.isalnum() or not (line.strip() and typed.prompt.strip()):
        return rows
    again = (typed.prompt + line.partition("\t")[0]).rstrip(" ")
    for at, row in enumerate(rows):
        if row.text.rstrip(" ") == again or (key == "\t" and row.text.startswith(again)):
            return rows[:at] + rows[_below(rows, at) :]
    return rows


def after_cells(text: str, cells: int) -> str:
    """`text` without its first `cells` cells."""
    if text.isascii():
        return text[cells:]
    seen = 0
    for at, char in enumerate(text):
        if seen >= cells and WIDTH[char] > 0:
            return text[at:]
        seen += max(0, WIDTH[char])
    return ""


def _cells(text: str) -> int:
    return len(text) if text.isascii() else sum(max(0, WIDTH[c]) for c in text)


def _at_mark(rows: Sequence[Line], first: str, typed: Typed) -> _Match | None:
    """Match the echo that begins at the mark: as many contiguous lines of it as are visible."""
    if not typed.lines:
        return None
    found = _flow(rows, 0, first, typed.lines[0], typed.cols) or _drawn_anew(rows, typed)
    if found is None:
        return _masked(first, typed) or _scrolled(rows, typed) or _edited(rows, first, typed)
    match = _Match(*found, lines=1, prefixes=[p for p in typed.prompts if p.strip()])
    for line in typed.lines[1:]:
        if not typed.left_over(match.rest) or match.row > len(rows):
            break
        following = _continuation(rows, match, line, typed)
        if following is None:
            break
        match.row, match.rest = following
        match.lines += 1
    return match


def _flow(rows: Sequence[Line], at: int, text: str, line: str, cols: int) -> tuple[int, str] | None:
    """Follow one typed line from `text` (the end of row `at`) over the rows that it fills.

    Returns the next row and the rest of the last one, or None if a row differs. If the rows end
    first, all of them are echo: the program has not read the rest yet.
    """
    done = 0
    while True:
        done, used = _advance(line, done, text)
        if done == len(line) and line.endswith("\t"):  # the rest is its completion
            return _below(rows, at), ""
        if done == len(line):
            return at + 1, text[used:]
        rest = text[used:]
        if rest.strip() not in ("", "\\") or (rest.strip() and _cells(rows[at].text) < cols - 2):
            return None
        if not line[done:].strip():
            return at + 1, ""
        full = rows[at].wrapped or _cells(rows[at].text) >= cols - 2
        if at + 1 >= len(rows):
            return at + 1, ""
        if not full:
            return None
        at += 1
        text = _without_margin(rows[at].text, line[done : done + 8])


def _drawn_anew(rows: Sequence[Line], typed: Typed) -> tuple[int, str] | None:
    """The whole typed line after an earlier prompt that was not left of the cursor before.

    After a list of completions, or a signal key, a line editor draws its prompt only with the next
    key; it may leave the end of the kernel's `^C`.
    """
    row, line = rows[0].text, typed.lines[0]
    if typed.kernel or (typed.prompt.strip() and row.startswith(typed.prompt)):
        return None
    before = typed.prompt + typed.after
    for prompt in typed.prompts:
        if length := prompt_length(row, prompt):
            found = _flow(rows, 0, row[length:], line, typed.cols)
            left = after_cells(before, _cells(row[:length] + line)).strip()
            if found is not None and found[1].strip() in ("", left):
                return found[0], ""
    return None


def _below(rows: Sequence[Line], at: int) -> int:
    """The row below the line that row `at` belongs to."""
    while at + 1 < len(rows) and rows[at].wrapped:
        at += 1
    return at + 1


def _without_margin(text: str, start: str) -> str:
    """A row of a wrapped line without what an editor puts before it (blanks, `⋮ `)."""
    at = 0 if text.startswith(start) else text.find(start, 1, MAX_PREFIX + len(start))
    return text[at:] if at > 0 and not re.search(r"\w", text[:at]) else text


def _advance(line: str, done: int, text: str) -> tuple[int, int]:
    """Length of the common part of `line[done:]` and `text`: characters consumed of each."""
    used = 0
    while done < len(line):
        char = line[done]
        if used < len(text) and text[used] == char:
            used += 1
        elif char == "\t" and text[used : used + 1] == " ":
            stop = min(used + 8, len(text))
            while used < stop and text[used] == " ":
                used += 1
        elif char < " " or char == "\x7f":
            shown = "^" + chr(ord(char) ^ 0x40)  # ECHOCTL
            used += 2 if text.startswith(shown, used) else 0
        else:
            break
        done += 1
    return done, used


def _masked(first: str, typed: Typed) -> _Match | None:
    """One mask character per typed character, as programs show a password read key by key."""
    text, line = first.rstrip(" "), typed.lines[0]
    if typed.kernel or len(text) != len(line) or len(set(text)) != 1:
        return None
    return None if text[0].isalnum() else _Match(1, "", 1)


def _scrolled(rows: Sequence[Line], typed: Typed) -> _Match | None:
    """The end of a line wider than the terminal, after the marker of an editor that scrolls it."""
    text, line = rows[0].text.rstrip(" "), typed.lines[0].rstrip(" ")
    if typed.kernel or rows[0].wrapped or _cells(typed.prompt + line) < typed.cols - 1:
        return None
    longest = max(
        (n for n in range(len(text) + 1) if line.endswith(text[len(text) - n :])), default=0
    )
    shown, mark = longest, text[: len(text) - longest]
    marked = len(mark) <= len(typed.prompt) + 2 and mark[-1:] and not mark[-1].isalnum()
    return _Match(1, "", 1) if shown >= typed.cols // 4 and marked else None


def _indented(rows: Sequence[Line], typed: Typed) -> _Match | None:
    """The row of an editor that changed the indentation, and perhaps the prompt's depth with it."""
    line, text = typed.lines[0].strip(" "), rows[0].text.rstrip(" ")
    if not line or not text.endswith(line):
        return None
    if typed.prompt and not typed.prompt.strip(" ") and text.strip(" ") == line:
        return _Match(1, "", 1)  # in a block: the cursor was set in
    before, prompt = text[: len(text) - len(line)].rstrip(" "), typed.prompt.rstrip(" ")
    same = _NUMBERS.sub("0", before)[:-1] == _NUMBERS.sub("0", prompt)[:-1]
    return _Match(1, "", 1) if before and same and before[-1:] not in " " else None


def _edited(rows: Sequence[Line], first: str, typed: Typed) -> _Match | None:
    """The row of a line editor that changed what was typed (an abbreviation, a closed bracket)."""
    line = typed.lines[0]
    if typed.kernel:
        return None
    if (indented := _indented(rows, typed)) is not None:
        return indented
    if not (typed.prompt.strip() and rows[0].text.startswith(typed.prompt)):
        return None
    done, used = _advance(line, 0, first)
    rest = first[used:]
    if done == len(line) - 1 and not line[-1].isalnum() and len(rest.strip(" ")) > 1:
        return _Match(1, rest, 1)  # a key, not shown, whose answer is beside the line
    if done >= 3 and done * 2 >= len(line):
        return _Match(_below(rows, 0), "", 1)
    # A line editor that takes ASCII only (libedit in a program that sets no locale).
    found = _flow(rows, 0, first, line.encode("ascii", "ignore").decode(), typed.cols)
    return _Match(found[0], "", 1) if found and not found[1].strip() else None


def _continuation(
    rows: Sequence[Line], match: _Match, line: str, typed: Typed
) -> tuple[int, str] | None:
    """The next typed line on the next row, after a known prompt, a prompt-like prefix or none."""
    if match.row >= len(rows):
        return match.row + 1, ""
    text = rows[match.row].text
    for prefix in sorted({*match.prefixes, ""}, key=len, reverse=True):
        if not line.strip():
            if text.rstrip() == (prefix + line).rstrip():
                return match.row + 1, ""
            continue
        if text.startswith(prefix):
            found = _flow(rows, match.row, text[len(prefix) :], line, typed.cols)
            if found is not None and (found[0] > match.row + 1 or not found[1].strip()):
                return found
    return _new_prefix(rows, match, line, typed)


def _new_prefix(
    rows: Sequence[Line], match: _Match, line: str, typed: Typed
) -> tuple[int, str] | None:
    """A continuation prompt not seen before: short, and not a word that runs into the text."""
    text = rows[match.row].text
    start = line[: max(1, typed.cols // 2)].split("\t")[0]
    at = text.find(start, 1, MAX_PREFIX + len(start)) if line.strip() else -1
    while at > 0:
        prefix = text[:at]
        found = _flow(rows, match.row, text[at:], line, typed.cols)
        if found is not None and not found[1].strip() and not prefix.rstrip()[-1:].isalnum():
            match.prefixes.append(prefix)
            return found
        at = text.find(start, at + 1, MAX_PREFIX + len(start))
    if not line.strip() and 0 < len(text.rstrip()) <= 6 and not re.search(r"\w", text):
        # A blank line typed at a continuation prompt leaves only the prompt, such as `...`.
        if match.lines == 1 or not match.prefixes:
            match.prefixes.append(text)
        return match.row + 1, ""
    return None


def _without_later(kept: list[Line], start: int, match: _Match, typed: Typed) -> list[Line]:
    """Drop echoes that came after the mark: after later prompts, or bare from the kernel."""
    pending = list(typed.lines[match.lines :])
    prompts = {p for p in (typed.prompt, typed.end_prompt, *match.prefixes) if p.strip()}
    another = _NUMBERS.sub("0", typed.prompt) != _NUMBERS.sub("0", typed.end_prompt)
    if typed.lines and typed.end_prompt.strip() and another:
        pending = list(typed.lines)  # perhaps typed ahead: then the editor echoes every line again
    bare = 0  # prompts that may precede output because their line was typed ahead
    if typed.kernel and typed.end_prompt.strip():
        bare = len(typed.lines) - bool(typed.prompt.strip())
    if not pending and not bare:
        return kept
    known = sorted(prompts, key=len, reverse=True)
    must_come = list(typed.lines[match.lines :]) if typed.kernel and not typed.moved else []
    out: list[Line] = kept[:start]
    at = start
    while at < len(kept):
        text = kept[at].text
        stop = _prompt_end(text, known)
        if stop and pending:
            found = _behind(kept, at, text[stop:], pending, typed.cols)
            if found is not None:
                at, used = found
                del pending[:used]
                continue
        if must_come and must_come[0].strip() and text.rstrip() == must_come[0].rstrip():
            must_come.pop(0)  # the kernel has echoed it somewhere: this is the first such row
            at += 1
            continue
        if not stop and at == start:
            stop, number = repeated(text, bare)
            if stop:
                bare -= number
                if text[stop:].strip():
                    out.append(Line(text[stop:], kept[at].wrapped))
                at += 1
                continue
        if stop and bare > 0:
            while bare > 0 and (stop := _prompt_end(text, known)):
                bare -= 1
                text = text[stop:]
            if text.strip():
                out.append(Line(text, kept[at].wrapped))
            at += 1
            continue
        out.append(kept[at])
        at += 1
    return out


_BARE = re.compile(r"( {0,8}[^\w\s]{1,6} |\w[^\n]{0,30}?[>:$#%\])] )")
"""A prompt at the start of a row, as short as possible: symbols, or words with a sign behind."""


def repeated(text: str, times: int) -> tuple[int, int]:
    """The prompt that `text` begins with several times: where the last one ends, and their number.

    A continuation prompt not seen before, for lines that were typed ahead of it: symbols, `times`
    times (`> `, `   ...: `), or words with a sign behind, at least twice (`more> `); else (0, 0).
    """
    shown = text + " "
    match = _BARE.match(shown) if times > 1 else None
    if match is None:
        return 0, 0
    least = 2 if match[1][0].isalnum() else times
    found = next((n for n in range(times, least - 1, -1) if shown.startswith(match[1] * n)), 0)
    return min(found * len(match[1]), len(text)), found


def prompt_length(text: str, prompt: str) -> int:
    """The length of the prompt like `prompt`, but for numbers (`In [7]: `), at the start of `text`.

    0 if there is none. Compares parts: a regular expression would have to be compiled for each
    prompt.
    """
    at = 0
    for number, part in enumerate(_NUMBERS.split(prompt)):
        if number % 2 == 0:
            if not text.startswith(part, at):
                return 0
            at += len(part)
        elif (match := _NUMBERS.match(text, at)) is not None:
            at = match.end()
        else:
            return 0
    return at


def _prompt_end(text: str, known: Sequence[str]) -> int:
    """The end of the prompt that `text` begins with; 0 if there is none."""
    for prompt in known:
        # Rows have no trailing blanks, even where a prompt is alone on its row.
        if length := prompt_length(text + " " * MAX_PREFIX, prompt):
            return min(length, len(text))
    return 0


def _behind(
    rows: Sequence[Line], at: int, text: str, pending: list[str], cols: int
) -> tuple[int, int] | None:
    """Match the next pending line after a prompt: the row after it, and pending lines used up."""
    for skip, line in enumerate(pending):
        if not line.strip():
            if not text.strip():
                return at + 1, skip + 1
            continue
        if not text.strip() and not rows[at].wrapped:
            return None  # output that looks like a prompt, or an empty prompt
        found = _flow(rows, at, text, line, cols)
        if found is not None and not found[1].strip():
            return found[0], skip + 1
        break
    return None
