"""Is the row the prompt of an open block: `...`, `dquote>`, a here-document?

Owns that one question. There is no table of prompts; a program says it (a mark), or its row must
look like the second prompt of the same line editor. Where a program asks a question of its own in
the very place and manner of a second prompt, this cannot tell the two apart (SPEC.md says so).
"""

from __future__ import annotations

from ptyjobs.readiness.evidence import PromptGuess, PromptMemory, Snapshot, normal
from ptyjobs.readiness.facts import Look, Probe, Sent


def continues(
    *,
    probe: Probe,
    look: Look,
    sent: Sent | None,
    memory: PromptMemory,
    before: Snapshot,
    now: Snapshot,
) -> bool:
    """Whether the cursor row continues what was typed after the prompt `memory.current`.

    A shell that marks its second prompt has said so; one that marks the output of every command
    has said so by showing none. Otherwise the row must stand right below the echo of what was
    typed, in the same process and mode, and be of the first prompt's width, or hold no letter, or
    come from a line editor that did not accept the line or that asks again.
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
        # It marks its second prompts, or at least the output of every command; or only its prompts.
        speaks = bool(now.marks_output) and not now.marks_secondary
        return speaks and before.mark in ("A", "B") and _counts(before) == _counts(now)
    if not row.strip():
        return _set_in(row, current, look)
    below = look.above.startswith((current.raw.rstrip() or "\0", row.rstrip()))
    below = below or _renumbered(look.above, current.raw)
    known = memory.known(row, pid=probe.pid)
    if known is not None:  # behind the output of a command it is a first prompt, whatever it was
        return known.continuation and below
    if any(_behind_output(normal(row), prompt.text) for prompt in _firsts(memory, probe.pid)):
        return False
    if "?" in row:
        return False  # it asks a person
    if not below:
        return False
    if before.paste_on and now.paste_on and now.paste_ends == before.paste_ends:
        return True  # its line editor did not accept the line
    if not any(c.isalnum() for c in row):
        return True
    if current.resembles(row):
        return True
    # The line editor asks again, and not as one asks a person.
    return now.paste_on and now.paste_ends > before.paste_ends and row.rstrip()[-1] not in ":])"


def _renumbered(above: str, prompt: str) -> bool:
    """`above` begins with `prompt`, perhaps with another number, depth or sign (irb, pry)."""
    shown = normal(prompt.rstrip())
    body = shown[:-1] if shown and not shown[-1].isalnum() else shown
    return any(c.isdigit() for c in body) and normal(above).startswith(body)


def _firsts(memory: PromptMemory, pid: int) -> list[PromptGuess]:
    """The prompts of that process which were not second ones."""
    return [prompt for prompt in memory.of(pid) if not prompt.continuation]


def _behind_output(row: str, prompt: str) -> bool:
    """A first prompt behind output that had no line end; `>> ` is no `> ` behind a `>`."""
    output = row.removesuffix(prompt)
    return bool(prompt.strip()) and output != row and not set(output) <= set(prompt)


def _set_in(row: str, current: PromptGuess, look: Look) -> bool:
    """No second prompt, but the cursor is set in below the first one (fish, julia)."""
    if current.continuation and not current.text.strip():
        return True
    return look.above.startswith(current.raw.rstrip() or "\0") and len(row) >= len(current.raw)


def _counts(snapshot: Snapshot) -> tuple[int, int, int]:
    return snapshot.marks_prompt, snapshot.marks_output, snapshot.marks_done
