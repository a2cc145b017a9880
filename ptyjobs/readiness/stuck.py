"""A busy program whose state only the user can end: stopped, or polling its terminal.

Owns these rules. Never judges a wait. The subtle thing: a poller looks like any other loop that
computes and sleeps; that it took the input is the best evidence.
"""

from __future__ import annotations

from ptyjobs.model import Confidence, Reason
from ptyjobs.readiness import tuning
from ptyjobs.readiness.candidate import Busy, Loop
from ptyjobs.readiness.confirmation import Confirmation
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.readiness.silence import Rule
from ptyjobs.readiness.situation import Situation


def stuck(
    now: float,
    situation: Situation,
    probe: Probe,
    busy: Busy,
    confirmation: Confirmation,
    *,
    sending: bool,
) -> Rule | None:
    """The rule that ends the wait, or None; `sending`: not all of the input was written."""
    quiet = now - max(confirmation.output, busy.since)
    if probe.stopped and quiet > tuning.STOPPED:
        return Rule(0, Reason.QUIET, Confidence.HIGH, f"{probe.doing}; SIGCONT resumes it")
    if probe.blocked and quiet > tuning.STOPPED:
        why = f"{probe.doing}: its terminal is stopped, C-q resumes it"
        return Rule(0, Reason.QUIET, Confidence.HIGH, why)
    if busy.loop is None or sending:
        return None
    return _polling(now, situation, probe, busy.loop, confirmation)


def _polling(
    now: float, situation: Situation, probe: Probe, loop: Loop, confirmation: Confirmation
) -> Rule | None:
    """It never blocks on its terminal, but polls it between its other work."""
    took, base = _took_between(situation, probe), situation.baseline
    sleeps = base is not None and base.polling and probe.polling and not probe.canonical
    if not (loop.polls(probe) or (took and sleeps)):
        return None  # it took the key and sleeps as before: no new proof of polling is needed
    if probe.canonical and not took:
        return None
    quiet = now - max(confirmation.output, loop.since)
    if situation.evidence.snapshot().alternate:  # it may draw all the time
        quiet = now - loop.since
    if quiet <= (tuning.ASIDE if took and not probe.canonical else tuning.POLLING):
        return None
    why = f"{probe.doing}, and looks at its terminal between"
    if took or now - confirmation.output <= tuning.TICK:
        return Rule(0, Reason.WAITING_FOR_INPUT, Confidence.MEDIUM, why)
    return Rule(0, Reason.QUIET, Confidence.LOW, why)


def _took_between(situation: Situation, probe: Probe) -> bool:
    """It read the input, though it was not blocked on its terminal before."""
    base, sent = situation.baseline, situation.sent
    if base is None or sent is None or not sent.nbytes or base.wait is not Wait.BUSY:
        return False
    same = (base.pid, base.start) == (probe.pid, probe.start) and not base.unread
    return same and (sent.enter or not probe.canonical)


def unfinished(
    now: float, situation: Situation, probe: Probe, confirmation: Confirmation, *, start: float
) -> bool:
    """It polls, but has not drawn its screen yet, or has not accepted the typed line.

    A line editor that spins on the clock to show a matching bracket looks as if it polls:
    Enter was pressed, and the cursor is still inside the line. `start`: when the wait began.
    """
    look, sent, base = confirmation.current, situation.sent, situation.baseline
    silence = now - max(confirmation.output, start)
    if look is None or not (probe.running or probe.polling) or silence > tuning.BLANK:
        return False
    if sent is None or (base is not None and base.pid != probe.pid):
        return look.blank  # of a program that starts; a key may leave an empty screen empty
    facts = situation.weigh(probe, look)
    if facts.only_echoed() and facts.memory.of(probe.pid):
        return silence <= tuning.FAR_BLANK  # a client that polls its connection, too
    if look.alternate or not sent.enter or not probe.running:
        return False
    return bool(look.after_cursor[:1].strip())
