"""Required silence for each kind of evidence.

Owns the table of evidence for everything but a *hard* wait: a program that accepts input while it
may still work, a program across a network, a program that may not be inspected. Never ends a wait:
`settle.py` does. The subtle thing: evidence counts only if it came after the send, because programs
repeat an old prompt before they read the input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ptyjobs.model import Confidence, Reason, Tier
from ptyjobs.readiness import tuning
from ptyjobs.readiness.evidence import Snapshot
from ptyjobs.readiness.facts import Look, Probe, Sent, Wait
from ptyjobs.readiness.prompt_memory import PromptMemory, normal


@dataclass(frozen=True, slots=True)
class Rule:
    """Required silence for one kind of evidence, and the reason named in the verdict."""

    settle: float
    reason: Reason
    confidence: Confidence
    why: str
    alone: bool = True  # count only the waiting thread's CPU, not the whole program's
    ticks: bool = False  # one of its timers is about to fire: it may be drawing frames


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

    def rule(self) -> Rule:
        """The first matching line of the table."""
        near = self.probe.wait is Wait.SOFT
        if self.interface and not self.look.alternate:
            field = _waits(tuning.STILL, "a text field is shown, and nothing is animated")
            return replace(field, alone=False)
        mark = tuning.MARK if near else tuning.MARK_FAR
        marks = self.marks()
        seen = near and self.probe.tier is Tier.FULL
        behind = self._set_again() if seen else self._mark_left_behind()
        if marks == "prompt" and not behind:
            if not seen and not self.look.before_cursor and self._answered_a_prompt():
                mark = tuning.SHAPE  # its prompt is not drawn yet
            return Rule(mark, Reason.PROMPT, Confidence.HIGH, "it marked its prompt")
        secret = password(self.probe, confidence=Confidence.HIGH)
        if secret is not None:
            return replace(secret, settle=tuning.SHAPE)
        if marks == "edit" and self._inside_the_line():
            return _waits(tuning.BLINK, "its cursor stands in the line that was entered")
        text = self.look.before_cursor
        prompt = self.memory.known(text) if text.strip() else None
        known = prompt is not None and prompt.known and not self._inside_the_line()
        if self.fresh and known and not (near and self.look.alternate):
            if self.look.alternate:  # tmux draws its status line before it echoes the input
                mark = tuning.SHAPE
            if near and self.sent is not None and not self.sent.enter:
                mark = max(mark, self._started_timer())  # a list that is filtered by the line
            return Rule(mark, Reason.PROMPT, Confidence.HIGH, "its known prompt is shown")
        return self._near(marks) if near else self._far(marks)

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

    def _mark_left_behind(self) -> bool:
        """True if the only mark is bracketed paste, and a line feed followed it, after a prompt.

        rlwrap sets the mode again before its program has read the line.
        """
        marked = self.now.marks_prompt > self.before.marks_prompt
        return not marked and self.now.paste_left and self._answered_a_prompt()

    def _set_again(self) -> bool:
        """True if the only mark is bracketed paste, set again at once, and no prompt is drawn yet.

        An event loop re-arms its line editor as soon as it has the line, and then runs it. A line
        editor that is called for a line of input is set up first (JLine: cursor keys, keypad).
        """
        marked = self.now.marks_prompt > self.before.marks_prompt
        return not marked and self.now.paste_again and self.left_the_line()

    def editing(self) -> bool:
        """Text was typed without Enter after a prompt that is still in the row."""
        current = self.memory.current
        typed = self.sent is not None and not self.sent.enter
        if not typed or current is None or not current.text:
            return False
        return normal(self.look.before_cursor).startswith(current.text)

    def _inside_the_line(self) -> bool:
        """Enter was pressed, but the cursor is still on the typed line."""
        entered = self.sent is not None and self.sent.enter
        return entered and bool(self.look.after_cursor[:1].strip())

    def _only_signalled(self) -> bool:
        """The row ends with the kernel's echo of a signal key; the program has printed nothing.

        Its handler may run in another thread, while the reading thread still waits.
        """
        signal = self.sent is not None and self.sent.signal
        return signal and self.look.before_cursor.endswith(("^C", "^\\"))

    def left_the_line(self) -> bool:
        """Enter was pressed at a prompt, and the cursor is on an empty row without a prompt.

        Line editors that never turn bracketed paste off show nothing else while they work.
        """
        entered = self.sent is not None and self.sent.enter
        prompt = self.memory.current
        return entered and prompt is not None and bool(prompt.text) and not self.look.before_cursor

    def asks(self) -> bool:
        """The cursor is where a prompt leaves it: after a gap, or after a sign that ends prompts.

        Progress and log text leave the cursor directly after their last letter.
        """
        row = self.look.before_cursor
        text = row.rstrip(" ")
        return bool(text) and (0 < len(row) - len(text) <= tuning.GAP or row.endswith(tuning.SIGNS))

    def _near(self, marks: str) -> Rule:
        """Rule for a program that the kernel shows accepting input."""
        probe, look = self.probe, self.look
        if probe.strong:
            return _waits(tuning.MARK, "it reads its terminal alone")
        if self.sent is not None and self.sent.escape:
            return _waits(self._escape(), "a lone ESC, which may begin a key")
        if look.blank:
            return _silent(tuning.BLANK, "its screen is empty")
        if self._only_signalled():
            return _waits(tuning.SIGNALLED, "nothing but the echo of its signal key is shown")
        working = self._children_work()
        if look.alternate or self.now.draws:
            paint = tuning.ALONE if self._sleeps() else tuning.PAINT + self._started_timer()
            paint = max(paint, self._frames())
            screen = _waits(
                max(tuning.ASIDE, paint) if working else paint,
                "a full-screen program that takes keys",
            )
            return replace(screen, alone=False)  # it may load data in another thread
        if marks == "busy" and self._same_program():
            seen = probe.tier is Tier.FULL  # else it may poll something else
            if self.asks() and (seen or look.before_cursor.rstrip().endswith(tuning.SIGNS)):
                return _waits(tuning.ASIDE, "it accepts input after a question of a command")
            if self._began_to_read():
                return _medium(tuning.QUESTION, "a thread of it has begun to read a line")
            patience = tuning.WORKING if look.before_cursor.strip() else tuning.BLANK
            return _silent(patience, "its marks say that it works")
        if (marks == "edit" and not self.left_the_line()) or self.editing():
            return _waits(max(tuning.EDIT, self._frames()), "still in the same line")
        # A debugger that has started its program; a gap alone follows "Installing..." too.
        if working and self.fresh and look.before_cursor.rstrip().endswith(tuning.SIGNS):
            return _waits(tuning.ASIDE, "it asks while a child of it works")
        if working:
            return _silent(tuning.WORKING, "a child of it works")
        rule = self._shown()
        if 0.0 < probe.wakes <= tuning.TICK:  # its timer is about to fire: a spinner
            rule = replace(rule, settle=max(rule.settle, tuning.TICK + tuning.PAINT), ticks=True)
        return replace(rule, settle=max(rule.settle, self._frames()))

    def _frames(self) -> float:
        """Silence that shows that a thread with a frame clock draws no animation, else 0.

        Such a renderer (bubbletea's 60 frames a second) rings whether or not a spinner turns, and
        each of its messages may still be handled by another thread. A slower timer that was there
        before may show as a short one: what is left of it.
        """
        probe, base = self.probe, self.baseline
        slow = base is not None and base.rings > tuning.CLOCK and base.pid == probe.pid
        drawing = 0.0 < probe.rings <= tuning.CLOCK and not (slow or probe.canonical)
        return tuning.STILL if drawing else 0.0

    def _sleeps(self) -> bool:
        """It has drawn, and now its only thread waits for the terminal alone for a long time.

        Until then only a signal can make it draw again.
        """
        probe = self.probe
        alone = probe.timed and probe.wakes > tuning.TICK and not probe.relayed
        one = not probe.threaded and probe.tier is Tier.FULL
        return alone and one and self.sent is not None and self.fresh

    def _started_timer(self) -> float:
        """Time of a short timer that the input started: the program draws more when it rings.

        Beside a slow timer that ran before (a look at a file each half second), what is left of
        that one may look the same: only a shorter one is awaited.
        """
        base, wakes = self.baseline, self.probe.wakes
        if base is None or base.wait not in (Wait.HARD, Wait.SOFT):
            return 0.0
        most = (
            0.0 if 0.0 < base.wakes <= tuning.TICK else tuning.HINT if base.wakes else tuning.TICK
        )
        return wakes * tuning.LATE_TIMER if 0.0 < wakes <= most else 0.0

    def _shown(self) -> Rule:
        """Rule by the screen, when input is accepted and neither marks nor children decide."""
        probe, look = self.probe, self.look
        text = look.before_cursor.rstrip()
        prompts = self.memory.of(probe.pid)
        if not prompts:
            if self.sent is None and self.fresh and not look.before_cursor and self._unplaced:
                return replace(
                    _waits(tuning.BANNER, "it accepts input at an empty row"), alone=False
                )
            first = _waits(tuning.PAINT if self.fresh else tuning.FIRST, "it accepts input")
            return replace(first, alone=False)
        if not look.cursor_visible:
            return _waits(tuning.FIRST, "it accepts keys and hides the cursor")
        placed = self.fresh and self.now.put and not probe.canonical
        if placed and not text and look.after_cursor.strip():
            return _waits(tuning.SHAPE, "it accepts input, and has put its cursor before a row")
        if not text and look.before_cursor and self.fresh:
            return _waits(tuning.SHAPE, "it accepts input, the cursor is set in")
        mode = probe.canonical, probe.echo
        if not text and probe.echo and all(mode != (p.canonical, p.echo) for p in prompts):
            entered = self.sent is not None and self.sent.enter  # else no command was given
            if not entered and probe.alone and not (probe.wakes or probe.works):
                return _waits(tuning.FIRST, "it reads a line, though its line editor does not")
            patience = tuning.WORKING if entered else tuning.QUESTION
            return _silent(patience, "it accepts input, and not by its line editor")
        if not text and self._reader_alone():
            return _waits(
                tuning.ASIDE, "a thread of it reads a line, and the rest sleeps as before"
            )
        if not text and self._editor_is_back():
            return _silent(tuning.QUESTION, "its line editor waits again, without a prompt")
        rest = self._rest()
        if not text or not self.fresh:
            silent = _silent(tuning.BLANK, "it accepts input, where it showed a prompt before")
            return rest or silent
        current = self.memory.current
        shaped = self.asks() or (current is not None and current.resembles(look.before_cursor))
        if not probe.canonical and self.now.put:
            return _waits(tuning.SHAPE, "it accepts input, and has put its cursor in a line")
        if any(p.signature == probe.signature for p in prompts) and shaped:
            return _waits(tuning.SHAPE, "it accepts input after a question")
        if rest is not None:
            return rest
        if any(p.signature == probe.signature for p in prompts):
            return _silent(tuning.QUESTION, "it accepts input, its prompt is not shown")
        return _silent(tuning.WORKING, "it accepts input but waits for something else too")

    def _editor_is_back(self) -> bool:
        """A line was given to a question in canonical mode, and it waits as at its prompt again.

        A program that sets raw mode for its line editor only has called it.
        """
        probe, base = self.probe, self.baseline
        if base is None or not base.canonical or probe.canonical or probe.works:
            return False
        same = (base.pid, base.start) == (probe.pid, probe.start)
        prompts = self.memory.of(probe.pid)
        return same and any((p.canonical, p.signature) == (False, probe.signature) for p in prompts)

    @property
    def _unplaced(self) -> bool:
        """The cursor is shown where the last text left it."""
        return self.look.cursor_visible and (self.probe.canonical or not self.now.put)

    def _reader_alone(self) -> bool:
        """A thread blocks reading a line while the main thread sleeps in the same place as before.

        It read the input and waits for more, as `input()` in a thread does.
        """
        probe, base = self.probe, self.baseline
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

    def _began_to_read(self) -> bool:
        """A thread reads a line since Enter; before, the wait was for keys, and in another call.

        One that always reads, or that handles the terminal while another works, is not meant: its
        call is the same.
        """
        probe, base = self.probe, self.baseline
        return (
            base is not None
            and (base.pid, base.start) == (probe.pid, probe.start)
            and not base.canonical
            and probe.canonical
            and probe.takes > 0
            and base.signature != probe.signature
            and not (probe.works or self._children_work())
            and (probe.rings in (0.0, base.rings) or probe.rings > tuning.LONG_TIMER)
        )

    def _rest(self) -> Rule | None:
        """Rule for a program that sleeps as when it was idle; None for another."""
        base = self.baseline
        if base is None or not self._at_rest():
            return None
        wakes = self.probe.wakes
        pulse = wakes == base.wakes
        if not wakes or (pulse and self._stayed_in_the_field()):
            rest = _waits(tuning.FIRST, "it sleeps as when it was idle, and only input can wake it")
            return replace(rest, alone=False)
        why = "it sleeps as when it was idle, with a timer"
        long = wakes > tuning.LONG_TIMER
        if pulse:  # it has come once, and nothing was drawn
            return _silent(tuning.QUESTION if long else wakes * tuning.LATE_TIMER, why)
        pending = base.due > 0 and abs(self.probe.due - base.due) <= tuning.SAME_TIMER
        empty = self.memory.row is not None and not self.memory.row.strip()
        if pending and empty:
            return _medium(tuning.FIRST, why)
        # A promise that was made before may be awaited now; then nothing is printed.
        return _silent(tuning.QUESTION, why) if (pending or long) and self._printed() else None

    def _printed(self) -> bool:
        """A line of output is above the cursor's row, not only the line that was entered.

        Where that was typed at an empty row the two look the same: it counts as output.
        """
        row, above = self.memory.row, self.look.above
        if self.sent is None or self.sent.lines != 1 or row is None:
            return False
        return bool(above.strip()) and not (row.strip() and normal(above).startswith(normal(row)))

    def _at_rest(self) -> bool:
        """Its threads sleep as when it was idle; only input or its timer can wake it.

        It has read the input and waits for more, whatever its screen shows: an event loop that
        prints no prompt for the rest of an expression, a form with a message below its field.
        A pulse is the same each time. Another timer may be the work that the input began (an
        expression that awaits it), even if it is shorter than that of a garbage collector before,
        unless it ends when that one would have ended.
        """
        probe, base = self.probe, self.baseline
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

    def _stayed_in_the_field(self) -> bool:
        """The row is the prompt that was answered, and the answer: it was not accepted."""
        current, row = self.memory.current, self.look.before_cursor
        return (
            self.fresh
            and current is not None
            and bool(current.text.strip())
            and normal(row).startswith(current.text)
        )

    def _escape(self) -> float:
        """Time allowed for the rest of a key: the program's own time-out if it has just started."""
        own = self.probe.returns or self.probe.wakes
        before = self.baseline and (self.baseline.returns or self.baseline.wakes)
        # Output may belong to a text that was typed before the ESC.
        silent = not self.fresh or (self.sent is not None and self.sent.text)
        if silent and tuning.ESCAPE < own <= tuning.ESCDELAY and own != before:
            # Its own time-out, started by this key; timers fire late on a busy machine.
            return own * tuning.LATE_TIMER + tuning.PAINT
        patient = self.baseline is not None and self.baseline.wait is Wait.HARD
        return tuning.ESCDELAY if patient and self.probe.timed and silent else tuning.ESCAPE

    def _far(self, marks: str) -> Rule:
        """Rule for a program that can be judged only by its screen."""
        text = self.look.before_cursor.rstrip()
        if self._sends_lines() and not text:
            return self._sent_line()
        if marks == "busy":
            if self.fresh and self.asks() and text.endswith(tuning.SIGNS):
                return _medium(
                    tuning.QUESTION, "silent after what looks like a question of a command"
                )
            return _silent(tuning.FAR_BLANK, "silent, though its marks say that it works")
        if self._retrying():
            return _silent(tuning.RETRY, "silent after a password")
        if self.look.alternate and (text or not self._answered_a_prompt()):
            return _medium(tuning.FAR_SHAPE, "a full-screen program, silent")
        entered = self.sent is not None and self.sent.enter
        if marks == "edit" and entered and not self.fresh:  # its line editor shows Enter at once
            return _silent(tuning.QUESTION, "silent since Enter")
        if marks == "edit" or self.editing():
            return _medium(tuning.FAR_SHAPE, "still in the same line")
        if self.fresh and self.asks():
            # A word and a blank may be output that goes on: "0 " of a Lisp's print.
            patience = tuning.QUESTION if text[-1].isalnum() else tuning.FAR_SHAPE
            return _medium(patience, "silent after what looks like a question")
        if not self.memory:
            return _silent(tuning.FAR_FIRST if self.fresh else tuning.QUESTION, "silent")
        if not text:
            return _silent(tuning.FAR_BLANK, "silent, its prompt is not shown")
        return _silent(tuning.QUESTION, "silent, with text that is no known prompt")

    def _sends_lines(self) -> bool:
        """A line was typed to a network client that leaves its editing to the kernel, and has
        never shown a prompt (telnet, netcat).

        It takes input at any time, and the marks are of the shell that started it. The first line
        does not count: `ssh host make` looks the same, but is given no line.
        """
        probe, base, sent = self.probe, self.baseline, self.sent
        if base is None or sent is None or not sent.enter or self.look.alternate:
            return False
        lines = probe.wait is Wait.OPAQUE and probe.canonical and probe.echo
        same = (base.wait, base.pid, base.start) == (probe.wait, probe.pid, probe.start)
        return lines and same and not self.memory.of(probe.pid)

    def _sent_line(self) -> Rule:
        """Rule for such a client: more patience if nothing but the echo has come since Enter."""
        assert self.sent is not None
        came = self.now.nbytes - self.before.nbytes
        if came <= self.sent.nbytes + self.sent.lines:
            return _silent(tuning.FAR_BLANK, "silent since its line was sent")
        return _silent(tuning.QUESTION, "silent")

    def _same_program(self) -> bool:
        """The waiting process is the one whose prompt was answered, so the marks are its own."""
        current = self.memory.current
        return current is not None and (current.pid, current.start) == (
            self.probe.pid,
            self.probe.start,
        )

    def _children_work(self) -> bool:
        """It has new children since the send that are neither the waiter nor its ancestors."""
        if self.baseline is None:
            return False
        return bool(self.probe.children - self.baseline.children - self.probe.lineage)

    def _answered_a_prompt(self) -> bool:
        """Enter was pressed at a known prompt."""
        current = self.memory.current
        entered = self.sent is not None and self.sent.enter
        return entered and current is not None and bool(current.text.strip())

    def _retrying(self) -> bool:
        base = self.baseline
        return self.probe.foreign and base is not None and base.canonical and not base.echo


def draws(now: Snapshot, probe: Probe, look: Look) -> bool:
    """True if the program draws the primary screen and takes keys: its rows are not prompts.

    With pastes on it is a line editor; so it is if it addresses its own row only, and the cursor is
    behind the last text. Rows that are set one by one are no sign: bpython does that.
    """
    if not now.draws or probe.canonical or now.paste_on or now.mark in ("A", "B"):
        return False
    return now.form or not look.ends or (now.homed and now.addressed != look.row + 1)


def password(probe: Probe, *, confidence: Confidence) -> Rule | None:
    """A line is read without echo: the input is secret."""
    if probe.canonical and not probe.echo:
        return Rule(0.0, Reason.PASSWORD, confidence, "it reads a line without echo")
    return None


def _waits(settle: float, why: str) -> Rule:
    return Rule(settle, Reason.WAITING_FOR_INPUT, Confidence.HIGH, why)


def _silent(settle: float, why: str) -> Rule:
    return Rule(settle, Reason.QUIET, Confidence.LOW, why, alone=False)


def _medium(settle: float, why: str) -> Rule:
    return Rule(settle, Reason.QUIET, Confidence.MEDIUM, why, alone=False)
