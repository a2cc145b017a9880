"""Required silence for each kind of evidence.

Owns the table of evidence for everything but a *hard* wait: a program that accepts input while it
may still work, a program across a network (`far.py`), a program that may not be inspected. Never
ends a wait: `settle.py` does. The subtle thing: the first line that fits decides, so an exception
stands before its rule.
"""

from __future__ import annotations

from dataclasses import replace

from ptyjobs.model import Confidence, Reason, Tier
from ptyjobs.readiness import far, idle, tuning
from ptyjobs.readiness.facts import Wait
from ptyjobs.readiness.silence import Rule, medium, password, silent, waits
from ptyjobs.readiness.weighing import Weighing


def required(facts: Weighing) -> Rule:
    """The first matching line of the table."""
    near = facts.probe.wait is Wait.SOFT
    if facts.interface and not facts.look.alternate:
        field = waits(tuning.STILL, "a text field is shown, and nothing is animated")
        return replace(field, alone=False)
    mark = tuning.MARK if near else tuning.MARK_FAR
    marks = facts.marks()
    seen = near and facts.probe.tier is Tier.FULL
    behind = _set_again(facts) if seen else far.mark_left_behind(facts)
    if marks == "prompt" and not behind:
        if not seen and not facts.look.before_cursor and facts.answered_a_prompt():
            mark = tuning.SHAPE  # its prompt is not drawn yet
        return Rule(mark, Reason.PROMPT, Confidence.HIGH, "it marked its prompt")
    secret = password(facts.probe, confidence=Confidence.HIGH)
    if secret is not None:
        return replace(secret, settle=tuning.SHAPE)
    if marks == "edit" and facts.inside_the_line():
        return waits(tuning.BLINK, "its cursor stands in the line that was entered")
    text = facts.look.before_cursor
    prompt = facts.memory.known(text) if text.strip() else None
    known = prompt is not None and prompt.known and not facts.inside_the_line()
    if facts.fresh and known and not (near and facts.look.alternate):
        if facts.look.alternate:  # tmux draws its status line before it echoes the input
            mark = tuning.SHAPE
        if near and facts.sent is not None and not facts.sent.enter:
            mark = max(mark, _started_timer(facts))  # a list that is filtered by the line
        return Rule(mark, Reason.PROMPT, Confidence.HIGH, "its known prompt is shown")
    return _near(facts, marks) if near else far.far(facts, marks)


def _near(facts: Weighing, marks: str) -> Rule:
    """Rule for a program that the kernel shows accepting input."""
    probe, look = facts.probe, facts.look
    if probe.strong:
        return waits(tuning.MARK, "it reads its terminal alone")
    if facts.sent is not None and facts.sent.escape:
        return waits(_escape(facts), "a lone ESC, which may begin a key")
    if look.blank:
        return silent(tuning.BLANK, "its screen is empty")
    if _only_signalled(facts):
        return waits(tuning.SIGNALLED, "nothing but the echo of its signal key is shown")
    working = facts.children_work()
    if facts.now.draws and facts.only_echoed():
        return silent(tuning.FAR_BLANK, "silent since its line was sent")
    if look.alternate or facts.now.draws:
        paint = tuning.ALONE if _sleeps(facts) else tuning.PAINT + _started_timer(facts)
        paint = max(paint, _frames(facts))
        screen = waits(
            max(tuning.ASIDE, paint) if working else paint,
            "a full-screen program that takes keys",
        )
        return replace(screen, alone=False)  # it may load data in another thread
    if marks == "busy" and facts.same_program():
        seen = probe.tier is Tier.FULL  # else it may poll something else
        if facts.asks() and (seen or look.before_cursor.rstrip().endswith(tuning.SIGNS)):
            return waits(tuning.ASIDE, "it accepts input after a question of a command")
        if idle.began_to_read(facts):
            return medium(tuning.QUESTION, "a thread of it has begun to read a line")
        patience = tuning.WORKING if look.before_cursor.strip() else tuning.BLANK
        return silent(patience, "its marks say that it works")
    if (marks == "edit" and not facts.left_the_line()) or facts.editing():
        return waits(max(tuning.EDIT, _frames(facts)), "still in the same line")
    # A debugger that has started its program; a gap alone follows "Installing..." too.
    if working and facts.fresh and look.before_cursor.rstrip().endswith(tuning.SIGNS):
        return waits(tuning.ASIDE, "it asks while a child of it works")
    if working:
        return silent(tuning.WORKING, "a child of it works")
    rule = _shown(facts)
    if 0.0 < probe.wakes <= tuning.TICK:  # its timer is about to fire: a spinner
        rule = replace(rule, settle=max(rule.settle, tuning.TICK + tuning.PAINT), ticks=True)
    return replace(rule, settle=max(rule.settle, _frames(facts)))


def _frames(facts: Weighing) -> float:
    """Silence that shows that a thread with a frame clock draws no animation, else 0.

    Such a renderer (bubbletea's 60 frames a second) rings whether or not a spinner turns, and
    each of its messages may still be handled by another thread. A slower timer that was there
    before may show as a short one: what is left of it.
    """
    probe, base = facts.probe, facts.baseline
    slow = base is not None and base.rings > tuning.CLOCK and base.pid == probe.pid
    drawing = 0.0 < probe.rings <= tuning.CLOCK and not (slow or probe.canonical)
    return tuning.STILL if drawing else 0.0


def _sleeps(facts: Weighing) -> bool:
    """It has drawn, and now its only thread waits for the terminal alone for a long time.

    Until then only a signal can make it draw again.
    """
    probe = facts.probe
    alone = probe.timed and probe.wakes > tuning.TICK and not probe.relayed
    one = not probe.threaded and probe.tier is Tier.FULL
    return alone and one and facts.sent is not None and facts.fresh


def _started_timer(facts: Weighing) -> float:
    """Time of a short timer that the input started: the program draws more when it rings.

    If a slow timer ran before (a look at a file each half second), its remaining time may look
    the same, so only a shorter timer is awaited.
    """
    base, wakes = facts.baseline, facts.probe.wakes
    if base is None or base.wait not in (Wait.HARD, Wait.SOFT):
        return 0.0
    most = 0.0 if 0.0 < base.wakes <= tuning.TICK else tuning.HINT if base.wakes else tuning.TICK
    return wakes * tuning.LATE_TIMER if 0.0 < wakes <= most else 0.0


def _shown(facts: Weighing) -> Rule:
    """Rule by the screen, when input is accepted and neither marks nor children decide."""
    probe, look = facts.probe, facts.look
    text = look.before_cursor.rstrip()
    prompts = facts.memory.of(probe.pid)
    if not prompts:
        if facts.sent is None and facts.fresh and not look.before_cursor and _unplaced(facts):
            return replace(waits(tuning.BANNER, "it accepts input at an empty row"), alone=False)
        first = waits(tuning.PAINT if facts.fresh else tuning.FIRST, "it accepts input")
        return replace(first, alone=False)
    if not look.cursor_visible:
        return waits(tuning.FIRST, "it accepts keys and hides the cursor")
    placed = facts.fresh and facts.now.put and not probe.canonical
    if placed and not text and look.after_cursor.strip():
        return waits(tuning.SHAPE, "it accepts input, and has put its cursor before a row")
    if not text and look.before_cursor and facts.fresh:
        return waits(tuning.SHAPE, "it accepts input, the cursor is set in")
    mode = probe.canonical, probe.echo
    if not text and probe.echo and all(mode != (p.canonical, p.echo) for p in prompts):
        entered = facts.sent is not None and facts.sent.enter  # else no command was given
        if not entered and probe.alone and not (probe.wakes or probe.works):
            return waits(tuning.FIRST, "it reads a line, though its line editor does not")
        patience = tuning.WORKING if entered else tuning.QUESTION
        return silent(patience, "it accepts input, and not by its line editor")
    if not text and idle.reader_alone(facts):
        return waits(tuning.ASIDE, "a thread of it reads a line, and the rest sleeps as before")
    if not text and idle.editor_is_back(facts):
        return silent(tuning.QUESTION, "its line editor waits again, without a prompt")
    rest = idle.rest(facts)
    if not text or not facts.fresh:
        empty = silent(tuning.BLANK, "it accepts input, where it showed a prompt before")
        return rest or empty
    current = facts.memory.current
    shaped = facts.asks() or (current is not None and current.resembles(look.before_cursor))
    if not probe.canonical and facts.now.put:
        return waits(tuning.SHAPE, "it accepts input, and has put its cursor in a line")
    if any(p.signature == probe.signature for p in prompts) and shaped:
        return waits(tuning.SHAPE, "it accepts input after a question")
    if rest is not None:
        return rest
    if any(p.signature == probe.signature for p in prompts):
        return silent(tuning.QUESTION, "it accepts input, its prompt is not shown")
    return silent(tuning.WORKING, "it accepts input but waits for something else too")


def _set_again(facts: Weighing) -> bool:
    """True if the only mark is bracketed paste, set again at once, and no prompt is drawn yet.

    An event loop re-arms its line editor as soon as it has the line, and then runs it. A line
    editor that is called for a line of input is set up first (JLine: cursor keys, keypad).
    """
    marked = facts.now.marks_prompt > facts.before.marks_prompt
    return not marked and facts.now.paste_again and facts.left_the_line()


def _only_signalled(facts: Weighing) -> bool:
    """The row ends with the kernel's echo of a signal key; the program has printed nothing.

    Its handler may run in another thread, while the reading thread still waits.
    """
    signal = facts.sent is not None and facts.sent.signal
    return signal and facts.look.before_cursor.endswith(("^C", "^\\"))


def _unplaced(facts: Weighing) -> bool:
    """The cursor is shown where the last text left it."""
    return facts.look.cursor_visible and (facts.probe.canonical or not facts.now.put)


def _escape(facts: Weighing) -> float:
    """Time allowed for the rest of a key: the program's own time-out if it has just started."""
    own = facts.probe.returns or facts.probe.wakes
    before = facts.baseline and (facts.baseline.returns or facts.baseline.wakes)
    # Output may belong to a text that was typed before the ESC.
    silent = not facts.fresh or (facts.sent is not None and facts.sent.text)
    if silent and tuning.ESCAPE < own <= tuning.ESCDELAY and own != before:
        # Its own time-out, started by this key; timers fire late on a busy machine.
        return own * tuning.LATE_TIMER + tuning.PAINT
    patient = facts.baseline is not None and facts.baseline.wait is Wait.HARD
    return tuning.ESCDELAY if patient and facts.probe.timed and silent else tuning.ESCAPE
