"""Detect continuation prompts: `...`, `dquote>`, a here-document.

Owns that one question. There is no table of prompts: either the program marks the row, or the row
must look like the secondary prompt of the same line editor. If a program asks its own question in
the position and form of a secondary prompt, the two are indistinguishable (see SPEC.md).
"""

from __future__ import annotations

import itertools

from ptyjobs.readiness.evidence import Snapshot
from ptyjobs.readiness.facts import Look, Probe, Sent
from ptyjobs.readiness.prompt_memory import PromptGuess, PromptMemory, normal
from ptyjobs.text.prompts import same_signs
from ptyjobs.text.statements import left_open, spells


def continues(
    *,
    probe: Probe,
    look: Look,
    sent: Sent | None,
    memory: PromptMemory,
    before: Snapshot,
    now: Snapshot,
) -> bool:
    """True if the cursor row continues the input typed after the prompt `memory.current`.

    A shell that marks secondary prompts decides by its mark, and a shell that marks command output
    decides by the absence of a mark. Otherwise the row must be directly below the echo of the
    input, in the same process and mode. The input must leave a bracket or a quotation open, or the
    row must have the first prompt's width, hold no letter, or come from a line editor that did not
    accept the line, or that prompts again in other words.
    """
    if now.marks_secondary > before.marks_secondary:
        return True
    current, row = memory.current, look.before_cursor
    if sent is None or not sent.enter or current is None or look.alternate or not row:
        return False
    if (probe.pid, probe.start) != (current.pid, current.start) and probe.pid:
        return False
    if (probe.canonical, probe.echo) != (current.canonical, current.echo):
        return False
    if current.marked:
        # It marks its secondary prompts, or at least the output of every command; or only its
        # prompts.
        speaks = bool(now.marks_output) and not now.marks_secondary
        return speaks and before.mark in ("A", "B") and _counts(before) == _counts(now)
    if not row.strip():
        return _set_in(row, current, look)
    if spells(sent.typed, (row,)):
        return False
    below = look.above.startswith((current.raw.rstrip() or "\0", row.rstrip()))
    below = below or _renumbered(look.above, current.raw)
    known = memory.known(row, pid=probe.pid)
    if known is not None:  # after command output it is a primary prompt
        return known.continuation and below
    if extends(row, current):
        return False
    unfinished = left_open(sent.typed) and row.rstrip()[-1] != ":"
    firsts = _firsts(memory, probe.pid)
    if not unfinished and any(_behind_output(normal(row), first.text) for first in firsts):
        return False
    if "?" in row:
        return False  # a question to the user
    return below and _prompts_again(row, current, before, now, unfinished=unfinished)


def _prompts_again(
    row: str, current: PromptGuess, before: Snapshot, now: Snapshot, *, unfinished: bool
) -> bool:
    """True if the row below the input is a secondary prompt in its form or by its line editor."""
    if before.paste_on and now.paste_on and now.paste_ends == before.paste_ends:
        return True  # its line editor did not accept the line
    if unfinished or not any(c.isalnum() for c in row):
        return True
    if current.resembles(row):
        return True
    if _moved(row.rstrip(), current.raw.rstrip()):
        return False  # the primary prompt itself has changed: another host, another directory
    # The line editor prompts again, and not with a question to the user or a pre-filled default.
    last = row.rstrip()[-1]
    again = now.paste_on and now.paste_ends > before.paste_ends
    return again and last not in ":])" and not last.isalnum()


def extends(row: str, current: PromptGuess) -> bool:
    """True if `row` is the primary prompt `current` followed by text.

    That text is input not yet accepted: a pre-filled default, or a terminal's answer to a query
    that its program did not read.
    """
    return not current.continuation and bool(current.raw.strip()) and row.startswith(current.raw)


def _moved(row: str, prompt: str) -> bool:
    """True if both begin with the same letters, or end with the same sign of a shell.

    Secondary prompts rarely repeat the letters of the primary one; where they do (psql, php, pry),
    only the signs differ: see `PromptGuess.resembles`.
    """
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(row, prompt, strict=False))
    return any(letter.isalpha() for letter, _ in same) or row[-1:] == prompt[-1:] in set("$#%")


def _renumbered(above: str, prompt: str) -> bool:
    """True if `above` starts with `prompt`, with any number, depth or sign (irb, pry)."""
    shown = normal(prompt.rstrip())
    body = shown[:-1] if shown and not shown[-1].isalnum() else shown
    return any(c.isdigit() for c in body) and normal(above).startswith(body)


def _firsts(memory: PromptMemory, pid: int) -> list[PromptGuess]:
    """The primary prompts of that process."""
    return [prompt for prompt in memory.of(pid) if not prompt.continuation]


def _behind_output(row: str, prompt: str) -> bool:
    """True for a primary prompt after unterminated output; `>> ` is not `> ` after `>`."""
    output = row.removesuffix(prompt)
    return bool(prompt.strip()) and output != row and not same_signs(output, prompt)


def _set_in(row: str, current: PromptGuess, look: Look) -> bool:
    """True if an unprompted cursor is indented below the first prompt (fish, julia)."""
    if current.continuation and not current.text.strip():
        return True
    return look.above.startswith(current.raw.rstrip() or "\0") and len(row) >= len(current.raw)


def _counts(snapshot: Snapshot) -> tuple[int, int, int]:
    return snapshot.marks_prompt, snapshot.marks_output, snapshot.marks_done
