"""Compute the answers `interact` would have given, from a recording alone.

Owns running the settle machine over recorded moments with a virtual clock: the product's own
`readiness.settle`, given the recorded output and no kernel evidence. The subtle thing: a recorded
input came when its author chose. Here the program gets all the time it needs first, so an input
waits for the verdict on the output before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ptyjobs.model import Exit, Fresh, Reason, Tier, Verdict
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import DoDrain, DoLook, DoProbe, DoWait, Probe, Sent, Wait, look_at
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.readiness.settle import Settle
from ptyjobs.recordings import Moment, Recording
from ptyjobs.recordings.asciicast import EXIT, INPUT, MARKER, OUTPUT, RESIZE
from ptyjobs.terminal import Screen
from ptyjobs.text.bookmark import Mark, mark
from ptyjobs.text.fresh import FreshText

TIMEOUT = 10.0
"""Seconds of virtual time that one turn may take, the default of `interact`."""
BUDGET = 100_000
TICK = 0.0001
"""Minimum seconds between two checks, as on a real machine."""
_KEYS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""An escape sequence that a key sends."""
_NOTHING = Probe(Wait.UNKNOWN, tier=Tier.EVIDENCE)
"""A probe without kernel evidence: only the output counts."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: the typed text, the fresh output, and the reason for the verdict.

    `time` (when the input was complete) and `end` in seconds of the recording.
    """

    typed: str
    time: float
    end: float
    verdict: Verdict
    fresh: Fresh
    prompt: str

    @property
    def text(self) -> str:
        """The fresh text: what a person would say the program printed."""
        return self.fresh.text


class Terminal:
    """A terminal that a recording plays on: screen, evidence and the prompts learned so far."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.screen = Screen(recording.size)
        self.evidence = Evidence()
        self.memory = PromptMemory()
        self.position = 0  # moments played
        self.offset = 0  # bytes printed
        self.exit: Exit | None = None
        self.asked = False  # a caller has waited before
        self.observers: list[Callable[[Screen], None]] = []

    @property
    def time(self) -> float:
        """Seconds of the recording played so far."""
        return self.recording.moments[self.position - 1].time if self.position else 0.0

    @property
    def next(self) -> Moment | None:
        """The next moment, None at the end."""
        moments = self.recording.moments
        return moments[self.position] if self.position < len(moments) else None

    def step(self) -> Moment | None:
        """Play one moment; None at the end."""
        moment = self.next
        if moment is None:
            return None
        self.position += 1
        if moment.code == OUTPUT:
            self.offset += len(moment.data)
            self.evidence.feed(moment.data)
            self.screen.feed(moment.data)
            for observe in self.observers:
                observe(self.screen)
        elif moment.code == RESIZE:
            self.screen.resize(moment.size)
        elif moment.code == EXIT:
            self.exit = self.recording.exit or Exit()
        return moment

    def mark(self) -> Mark:
        """The mark from which later fresh text begins.

        A recording has no termios flags: a program that has enabled bracketed paste is taken to
        edit its line itself; for all others the kernel echoes.
        """
        kernel = not (self.screen.modes.bracketed_paste or self.screen.alternate)
        return mark(self.screen, offset=self.offset, echo=kernel, canonical=kernel)

    def fresh(self, start: Mark, *, typed: str = "") -> FreshText:
        """The answer that begins at `start`."""
        prompts = self.memory.shown()
        return FreshText(start, typed=typed, budget=BUDGET, prompts=prompts)


def take_input(terminal: Terminal) -> str | None:
    """Play the next inputs, until one ends with Enter or is a single key.

    Echoes between a person's keystrokes belong to the line. "" for a secret, whose text is not in
    the recording; None if nothing was typed.
    """
    typed = ""
    while (moment := terminal.next) is not None:
        if moment.code == INPUT:
            if not moment.data:
                terminal.step()
                return typed
            typed += moment.data.decode("utf-8", "replace").replace("\r", "\n")
            terminal.step()
            if typed.endswith("\n") or not typed.isprintable():
                return typed
            following = _next_input(terminal)
            if following is None:
                return typed
        elif typed and _next_input(terminal) is not None and moment.code == OUTPUT:
            terminal.step()
        else:
            break
    return typed or None


def _next_input(terminal: Terminal) -> Moment | None:
    """The next input while a line is typed: immediately, or after the echo of one key."""
    coming = terminal.recording.moments[terminal.position : terminal.position + 2]
    return next((moment for moment in coming if moment.code == INPUT), None)


def turn(terminal: Terminal, *, timeout: float = TIMEOUT, since: Mark | None = None) -> Turn:
    """Play until the verdict: the next inputs, then the output they caused."""
    start = since or terminal.mark()
    _skip(terminal)
    typed = take_input(terminal)
    time = terminal.time
    text = _KEYS.sub("", typed or "")
    fresh = terminal.fresh(start, typed=text.removesuffix("\n"))
    terminal.observers.append(fresh.observe)
    try:
        if typed is None and terminal.asked:
            _wake(terminal)
        terminal.asked = True
        verdict = _settle(terminal, typed, timeout=timeout)
    finally:
        terminal.observers.remove(fresh.observe)
    done, prompt = fresh.finish(
        terminal.screen,
        prompt_row=verdict.reason.ready,
        end=terminal.offset,
        exited=terminal.exit is not None,
    )
    verdict = replace(verdict, prompt=prompt)
    return Turn(typed or "", time, terminal.time, verdict, done, prompt)


def _skip(terminal: Terminal) -> None:
    """Play the markers and resizes that come next: neither output nor input."""
    while (moment := terminal.next) is not None and moment.code in (MARKER, RESIZE):
        terminal.step()


def _wake(terminal: Terminal) -> None:
    """No input: play to the next output, or to an input that comes first."""
    while (moment := terminal.next) is not None and moment.code != INPUT:
        terminal.step()
        if moment.code in (OUTPUT, EXIT):
            return


def _settle(terminal: Terminal, typed: str | None, *, timeout: float) -> Verdict:
    now = terminal.time
    settle = Settle(
        now=now,
        deadline=now + timeout,
        tier=Tier.EVIDENCE,
        evidence=terminal.evidence,
        memory=terminal.memory,
        sent=_sent(typed),
    )
    if terminal.exit is not None:
        settle.on_exit(now, terminal.exit)
    while True:
        step = settle.step(now)
        if isinstance(step, DoProbe):
            settle.on_probe(now, _NOTHING)
        elif isinstance(step, DoLook):
            settle.on_look(now, look_at(terminal.screen))
        elif isinstance(step, DoWait):
            coming = terminal.next
            if coming is None or coming.code == INPUT or coming.time > step.until:
                now = max(step.until, now + TICK)
                continue
            now = max(now, coming.time)
            size = terminal.offset
            terminal.step()
            if terminal.offset > size:
                settle.on_output(now, terminal.offset - size)
            if terminal.exit is not None:
                settle.on_exit(now, terminal.exit)
        elif not isinstance(step, DoDrain):
            return step


def _sent(typed: str | None) -> Sent | None:
    if typed is None:
        return None
    if not typed:  # a secret: a line that is never shown
        return Sent(lines=1, text=True, enter=True, nbytes=1)
    return Sent(
        lines=typed.count("\n"),
        text=any(char.isprintable() for char in typed),
        typed=typed,
        enter=typed.endswith("\n"),
        nbytes=len(typed.encode()),
        escape=typed.endswith("\x1b"),
        signal=typed.endswith(("\x03", "\x1c")),
    )


def turns(recording: Recording, *, timeout: float = TIMEOUT) -> list[Turn]:
    """Every answer that a caller would have received over the whole recording.

    The first is the program's start; then one for each input. Output after the last verdict that
    no input caused gives one more turn each time the program falls silent.
    """
    terminal = Terminal(recording)
    found: list[Turn] = []
    while terminal.next is not None:
        found.append(turn(terminal, timeout=timeout))
        _skip(terminal)
        if found[-1].verdict.reason is Reason.EXITED:
            break
    return found
