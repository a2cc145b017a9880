"""The facts of one silence, and the predicates about the program that follow from them.

Owns the predicates that several rules share. Never chooses a silence: see `rules.py`. The subtle
thing: evidence counts only if it came after the send, because programs repeat an old prompt before
they read the input.
"""

from __future__ import annotations

from dataclasses import dataclass

from ptyjobs.readiness import tuning
from ptyjobs.readiness.evidence import Snapshot
from ptyjobs.readiness.facts import Look, Probe, Sent, Wait
from ptyjobs.readiness.prompt_memory import PromptMemory, normal
from ptyjobs.text.prompts import framed


@dataclass(frozen=True, slots=True)
class Weighing:
    """The facts of one silence."""

    probe: Probe
    look: Look
    sent: Sent | None
    baseline: Probe | None  # the probe before the send
    memory: PromptMemory
    before: Snapshot  # evidence before the send
    now: Snapshot

    @property
    def fresh(self) -> bool:
        """True if there was output since the send, or ever if nothing was sent."""
        return self.now.nbytes > (0 if self.sent is None else self.before.nbytes)

    @property
    def marked(self) -> bool:
        """True if the program marked the row as a prompt, now or when it was first shown."""
        if self.now.marks_prompt > self.before.marks_prompt:
            return True
        current = self.memory.current
        same = current is not None and current.raw == self.look.before_cursor
        return same and current is not None and current.marked

    @property
    def interface(self) -> bool:
        """True if a user interface with text fields is shown: it draws them while it works too.

        Line editors ask for pastes as well, but not for focus reports or kitty's keys; shells that
        do mark their prompts.
        """
        near = self.probe.wait is Wait.SOFT
        return near and self.look.fields and self.now.mark not in ("A", "B")

    def marks(self) -> str:
        """Meaning of the marks since the send: "prompt", "busy", "edit" or "" for none."""
        old, new = self.before, self.now
        near = self.probe.wait is Wait.SOFT
        if near and (new.alternate or draws(new, self.probe, self.look)):
            return ""  # full-screen programs set bracketed paste for their own use
        if new.marks_prompt > old.marks_prompt and new.mark in ("A", "B"):
            return "prompt"
        if new.mark == "C":
            return "busy"
        if self.sent is None and (new.mark in ("A", "B") or new.paste_on):
            return "prompt"  # it was there before the send and is still unanswered
        if new.paste_on and new.paste_starts > old.paste_starts:
            return "prompt"
        if new.paste_on and old.paste_on and not new.alternate:
            return "edit"
        return "busy" if new.paste_ends > old.paste_ends else ""

    def editing(self) -> bool:
        """Text was typed without Enter after a prompt that is still in the row."""
        current = self.memory.current
        typed = self.sent is not None and not self.sent.enter
        if not typed or current is None or not current.text:
            return False
        return normal(self.look.before_cursor).startswith(current.text)

    def inside_the_line(self) -> bool:
        """Enter was pressed, but the cursor is still on the typed line."""
        entered = self.sent is not None and self.sent.enter
        return entered and bool(self.look.after_cursor[:1].strip())

    def left_the_line(self) -> bool:
        """Enter was pressed at a prompt, and the cursor is on an empty row without a prompt.

        Line editors that never turn bracketed paste off show nothing else while they work.
        """
        entered = self.sent is not None and self.sent.enter
        prompt = self.memory.current
        return entered and prompt is not None and bool(prompt.text) and not self.look.before_cursor

    def only_echoed(self) -> bool:
        """A line was entered, and only its echo has come: the cursor is on the empty row below."""
        sent = self.sent
        if sent is None or not (sent.enter and sent.text) or self.look.alternate:
            return False
        came = self.now.nbytes - self.before.nbytes
        return 0 < came <= sent.nbytes + sent.lines and not self.look.before_cursor

    def asks(self) -> bool:
        """The cursor is where a prompt leaves it: after a gap, or after a sign that ends prompts.

        Progress and log text leave the cursor directly after their last letter.
        """
        row = self.look.before_cursor
        text = row.rstrip(" ")
        return bool(text) and (0 < len(row) - len(text) <= tuning.GAP or row.endswith(tuning.SIGNS))

    def same_program(self) -> bool:
        """The waiting process is the one whose prompt was answered, so the marks are its own."""
        current = self.memory.current
        return current is not None and (current.pid, current.start) == (
            self.probe.pid,
            self.probe.start,
        )

    def children_work(self) -> bool:
        """It has new children since the send that are neither the waiter nor its ancestors."""
        if self.baseline is None:
            return False
        return bool(self.probe.children - self.baseline.children - self.probe.lineage)

    def answered_a_prompt(self) -> bool:
        """Enter was pressed at a known prompt."""
        current = self.memory.current
        entered = self.sent is not None and self.sent.enter
        return entered and current is not None and bool(current.text.strip())


def draws(now: Snapshot, probe: Probe, look: Look) -> bool:
    """True if the program draws the primary screen and takes keys: its rows are not prompts.

    With pastes on it is a line editor; so it is if it addresses its own row only, and the cursor is
    behind the last text. Rows that are set one by one are no sign: bpython does that. A hidden
    cursor in a row that begins and ends with the edge of a frame is in a picture.
    """
    if not (look.cursor_visible or probe.canonical) and framed(
        look.before_cursor + look.after_cursor
    ):
        return True
    if not now.draws or probe.canonical or now.paste_on or now.mark in ("A", "B"):
        return False
    return now.form or not look.ends or (now.homed and now.addressed != look.row + 1)
