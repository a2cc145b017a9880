"""A program that waits as it did when it was idle, though it shows no prompt.

Owns the comparison of its threads, calls and timers with those before the input. Never looks at a
moment alone. The subtle thing: a program that awaits what the input began may sleep in the same
calls; only its timers and its output tell.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.readiness import tuning
from ptyjobs.readiness.prompt_memory import normal
from ptyjobs.readiness.silence import Rule, medium, silent, waits
from ptyjobs.readiness.weighing import Weighing


def editor_is_back(facts: Weighing) -> bool:
    """A line was given to a question in canonical mode, and it waits as at its prompt again.

    A program that sets raw mode for its line editor only has called it.
    """
    probe, base = facts.probe, facts.baseline
    if base is None or not base.canonical or probe.canonical or probe.works:
        return False
    same = (base.pid, base.start) == (probe.pid, probe.start)
    prompts = facts.memory.of(probe.pid)
    return same and any((p.canonical, p.signature) == (False, probe.signature) for p in prompts)


def reader_alone(facts: Weighing) -> bool:
    """A thread blocks reading a line while the main thread sleeps in the same place as before.

    It read the input and waits for more, as `input()` in a thread does.
    """
    probe, base = facts.probe, facts.baseline
    return (
        base is not None
        and not probe.main
        and probe.canonical
        and not probe.wakes
        and not probe.works
        and probe.signature == "read"
        and (base.pid, base.start, base.tid) == (probe.pid, probe.start, probe.tid)
        and bool(probe.place)
        and base.place == probe.place
    )


def began_to_read(facts: Weighing) -> bool:
    """A thread reads a line since Enter; before, the wait was for keys, and in another call.

    False for a thread that always reads, or that handles the terminal while another works: its
    system call is the same as before.
    """
    probe, base = facts.probe, facts.baseline
    return (
        base is not None
        and (base.pid, base.start) == (probe.pid, probe.start)
        and not base.canonical
        and probe.canonical
        and probe.takes > 0
        and base.signature != probe.signature
        and not (probe.works or facts.children_work())
        and (probe.rings in (0.0, base.rings) or probe.rings > tuning.LONG_TIMER)
    )


def rest(facts: Weighing) -> Rule | None:
    """Rule for a program that sleeps as when it was idle; None for another."""
    base = facts.baseline
    if base is None or not _at_rest(facts):
        return None
    wakes = facts.probe.wakes
    pulse = wakes == base.wakes
    if not wakes or (pulse and _stayed_in_the_field(facts)):
        rest = waits(tuning.FIRST, "it sleeps as when it was idle, and only input can wake it")
        return replace(rest, alone=False)
    why = "it sleeps as when it was idle, with a timer"
    long = wakes > tuning.LONG_TIMER
    if pulse:  # it has come once, and nothing was drawn
        return silent(tuning.QUESTION if long else wakes * tuning.LATE_TIMER, why)
    pending = base.due > 0 and abs(facts.probe.due - base.due) <= tuning.SAME_TIMER
    empty = facts.memory.row is not None and not facts.memory.row.strip()
    if pending and empty:
        return medium(tuning.FIRST, why)
    # A promise that was made before may be awaited now; then nothing is printed.
    return silent(tuning.QUESTION, why) if (pending or long) and _printed(facts) else None


def _printed(facts: Weighing) -> bool:
    """A line of output is above the cursor's row, not only the line that was entered.

    If the line was typed at an empty row the two look the same: it counts as output.
    """
    row, above = facts.memory.row, facts.look.above
    if facts.sent is None or facts.sent.lines != 1 or row is None:
        return False
    return bool(above.strip()) and not (row.strip() and normal(above).startswith(normal(row)))


def _at_rest(facts: Weighing) -> bool:
    """Its threads sleep as when it was idle; only input or its timer can wake it.

    It has read the input and waits for more, whatever its screen shows: an event loop that
    prints no prompt for the rest of an expression, a form with a message below its field.
    A pulse is the same each time. Another timer may be the work that the input began (an
    expression that awaits it), even if it is shorter than the garbage collector's timer before,
    unless both end at the same time.
    """
    probe, base = facts.probe, facts.baseline
    return (
        base is not None
        and probe.alone
        and base.alone
        and not 0.0 < probe.wakes <= tuning.TICK
        and not probe.children - probe.lineage
        and not probe.works
        and (base.pid, base.start, base.tid) == (probe.pid, probe.start, probe.tid)
        and (base.signature, base.asleep) == (probe.signature, probe.asleep)
        and base.waits_on == probe.waits_on
    )


def _stayed_in_the_field(facts: Weighing) -> bool:
    """The row is the prompt that was answered, and the answer: it was not accepted."""
    current, row = facts.memory.current, facts.look.before_cursor
    return (
        facts.fresh
        and current is not None
        and bool(current.text.strip())
        and normal(row).startswith(current.text)
    )
