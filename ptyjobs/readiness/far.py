"""Required silence of a program that can be judged only by its output.

Owns the table for programs that run across a network or may not be inspected. Never ends a
wait. The subtle thing: a mode that is set again may lie before the answer, so only a prompt or
silence decides.
"""

from __future__ import annotations

from ptyjobs.readiness import tuning
from ptyjobs.readiness.facts import Wait
from ptyjobs.readiness.silence import Rule, medium, silent
from ptyjobs.readiness.weighing import Weighing


def far(facts: Weighing, marks: str) -> Rule:
    """Rule for a program that can be judged only by its screen."""
    text = facts.look.before_cursor.rstrip()
    if _sends_lines(facts) and not text:
        return _sent_line(facts)
    if marks == "busy":
        if facts.fresh and facts.asks() and text.endswith(tuning.SIGNS):
            return medium(tuning.QUESTION, "silent after what looks like a question of a command")
        return silent(tuning.FAR_BLANK, "silent, though its marks say that it works")
    if _retrying(facts):
        return silent(tuning.RETRY, "silent after a password")
    if facts.look.alternate and (text or not facts.answered_a_prompt()):
        return medium(tuning.FAR_SHAPE, "a full-screen program, silent")
    entered = facts.sent is not None and facts.sent.enter
    if marks == "edit" and entered and not facts.fresh:  # its line editor shows Enter at once
        return silent(tuning.QUESTION, "silent since Enter")
    if marks == "edit" or facts.editing():
        return medium(tuning.FAR_SHAPE, "still in the same line")
    if facts.fresh and facts.asks():
        # A word and a blank may be output that goes on: "0 " of a Lisp's print.
        patience = tuning.QUESTION if text[-1].isalnum() else tuning.FAR_SHAPE
        return medium(patience, "silent after what looks like a question")
    if not facts.memory:
        return silent(tuning.FAR_FIRST if facts.fresh else tuning.QUESTION, "silent")
    if not text:
        return silent(tuning.FAR_BLANK, "silent, its prompt is not shown")
    return silent(tuning.QUESTION, "silent, with text that is no known prompt")


def mark_left_behind(facts: Weighing) -> bool:
    """True if the only mark is bracketed paste, and a line feed followed it, after a prompt.

    rlwrap sets the mode again before its program has read the line.
    """
    marked = facts.now.marks_prompt > facts.before.marks_prompt
    return not marked and facts.now.paste_left and facts.answered_a_prompt()


def _sends_lines(facts: Weighing) -> bool:
    """A line was typed to a network client that leaves its editing to the kernel, and has
    never shown a prompt (telnet, netcat).

    It takes input at any time, and the marks are of the shell that started it. The first line
    does not count: `ssh host make` looks the same, but is given no line.
    """
    probe, base, sent = facts.probe, facts.baseline, facts.sent
    if base is None or sent is None or not sent.enter or facts.look.alternate:
        return False
    lines = probe.wait is Wait.OPAQUE and probe.canonical and probe.echo
    same = (base.wait, base.pid, base.start) == (probe.wait, probe.pid, probe.start)
    return lines and same and not facts.memory.of(probe.pid)


def _sent_line(facts: Weighing) -> Rule:
    """Rule for such a client: more patience if nothing but the echo has come since Enter."""
    assert facts.sent is not None
    came = facts.now.nbytes - facts.before.nbytes
    if came <= facts.sent.nbytes + facts.sent.lines:
        return silent(tuning.FAR_BLANK, "silent since its line was sent")
    return silent(tuning.QUESTION, "silent")


def _retrying(facts: Weighing) -> bool:
    base = facts.baseline
    return facts.probe.foreign and base is not None and base.canonical and not base.echo
