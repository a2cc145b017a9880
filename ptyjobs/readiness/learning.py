"""Learn the prompt at the end of a wait.

Owns which cursor rows are learned as prompts. Never decides that a program waits. The subtle thing:
a row that the program drew, or that holds what was typed, looks like a prompt and is none.
"""

from __future__ import annotations

from ptyjobs.model import Confidence, Reason
from ptyjobs.readiness import tuning
from ptyjobs.readiness.continuation import extends
from ptyjobs.readiness.prompt_memory import PromptGuess, normal
from ptyjobs.readiness.silence import Rule
from ptyjobs.readiness.situation import Situation
from ptyjobs.readiness.weighing import Weighing
from ptyjobs.text.prompts import numbered, only_echo, split
from ptyjobs.text.statements import spells


def learn(
    situation: Situation, weighing: Weighing, rule: Rule, *, continuation: bool, drawn: bool
) -> None:
    """Remember the cursor row if it is a prompt; `drawn`: the program draws a screen."""
    probe, look, memory = weighing.probe, weighing.look, situation.memory
    sure = rule.reason in (Reason.WAITING_FOR_INPUT, Reason.PROMPT) and not look.alternate
    if not _learns(situation, weighing, rule, sure=sure) or drawn:
        return
    blanks = len(look.before_cursor) - len(look.before_cursor.rstrip(" "))
    if weighing.editing() or not (blanks <= tuning.GAP or continuation):
        return
    memory.learn(
        PromptGuess(
            text=normal(look.before_cursor),
            raw=look.before_cursor,
            pid=probe.pid,
            start=probe.start,
            group=probe.group,
            canonical=probe.canonical,
            echo=probe.echo,
            signature=probe.signature,
            continuation=continuation,
            sure=sure,
            marked=weighing.marked,
            wrapped=look.wrapped,
            doubtful=not continuation and _doubtful(situation, look.before_cursor),
        )
    )


def _learns(situation: Situation, weighing: Weighing, rule: Rule, *, sure: bool) -> bool:
    """True unless the row is the echo of the input, or a known prompt with more in it."""
    probe, row, memory = weighing.probe, weighing.look.before_cursor, situation.memory
    if not (sure or (rule.confidence is Confidence.MEDIUM and weighing.asks())):
        return False
    typed = situation.sent is not None and not situation.sent.enter
    if (typed and memory.known(row) is None) or _echo(situation, row):
        return False
    current = memory.current
    if current is not None and current.raw != row:
        same = (probe.pid, probe.start) == (current.pid, current.start)
        if same and extends(row, current):
            return False
    return not numbered(row, memory.shown())


def _echo(situation: Situation, row: str) -> bool:
    """True if the row is the accepted line alone, without a line end."""
    memory, sent, base = situation.memory, situation.sent, situation.baseline
    before = memory.row
    if sent is None or not sent.enter or base is None or base.canonical or before is None:
        return False
    same = row.startswith(before) and before not in memory.shown()
    return same and only_echo(before, row[len(before) :], sent.typed)


def _doubtful(situation: Situation, row: str) -> bool:
    """True if the cursor's row may be an earlier prompt behind output without a line end.

    It is a prompt if the input spelled it, or if it came again after another input.
    """
    memory, sent = situation.memory, situation.sent
    at = split(row, memory.shown())
    if not at or sent is None or spells(sent.typed, (row,)):
        return False
    again = memory.current is not None and memory.current.raw == row
    return not again or row[:at].strip() in sent.typed
