"""Verdict on one reply for one step.

Owns the definition of complete and correct (tests/cases/README.md). A reply is judged as the model
reads it, including the status line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.cases.case import Step

MAX_CHARS = 120_000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|\[\??[0-9;]+[mhlHJK]")
EXIT = re.compile(r"\{EXIT:(\w+)\}")
MIN_ECHO = 4  # characters: a shorter input is found in any text


@dataclass(frozen=True, slots=True)
class Judgement:
    """Errors of a reply; none if both are empty."""

    incomplete: tuple[str, ...] = ()
    incorrect: tuple[str, ...] = ()
    shown: tuple[str, ...] = field(default=())  # matches of the expectations, for later steps

    @property
    def complete(self) -> bool:
        return not self.incomplete

    @property
    def correct(self) -> bool:
        return not self.incomplete and not self.incorrect


def without_echo(reply: str, send: str) -> str:
    """The reply without the lines of the input, so that an echo is not taken for an answer."""
    for line in sorted(send.split("\n"), key=len, reverse=True):
        if len(line.strip()) >= MIN_ECHO:
            reply = reply.replace(line.strip(), "")
    return reply


def judge(
    step: Step, reply: str, *, took: float, ended: bool, earlier: Sequence[str] = ()
) -> Judgement:
    """`ended`: the reply says that the program has ended; `earlier`: see Judgement.shown."""
    screen = step.view == "screen"
    text = reply if screen else without_echo(reply, step.send)
    incomplete = []
    shown = []
    for pattern in step.expect:
        if wanted := EXIT.fullmatch(pattern):
            if not exit_told(reply, wanted[1]):
                incomplete.append(f"exit {wanted[1]} is not told")
            continue
        found = re.search(pattern, text, re.MULTILINE)
        if found is None:
            incomplete.append(f"lacks {pattern!r}")
        elif not screen:
            shown.append(found[0])
    if took > step.max_s:
        incomplete.append(f"took {took:.1f} s")
    if step.exits and not ended:
        incomplete.append("the end is not told")
    incorrect = [f"holds {p!r}" for p in step.forbid if re.search(p, reply, re.MULTILINE)]
    if control := CONTROL.search(reply):
        incorrect.append(f"control {control[0]!r}")
    if len(reply) > MAX_CHARS:
        incorrect.append(f"{len(reply)} characters")
    if not step.echo_ok and not screen:
        incorrect += [f"echo {line!r}" for line in echoes(step.send, reply)]
    if not step.stale_ok and not screen:
        body = reply.partition("\n")[2]  # the status line tells the prompt, old or new
        kept = [t for t in earlier if t in body and t not in "\n".join(shown)]
        incorrect += [f"stale {text!r}" for text in kept]
    useful = tuple(t for t in shown if len(t) >= MIN_ECHO and re.search(r"\w{3}", t))
    return Judgement(tuple(incomplete), tuple(incorrect), useful)


def echoes(send: str, reply: str) -> list[str]:
    """Lines of the input that occur in the reply."""
    lines = [line.strip() for line in send.split("\n")]
    return [line for line in lines if len(line) >= MIN_ECHO and line in reply]


def exit_told(reply: str, wanted: str) -> bool:
    """True if the reply's first line names the exit code or the signal."""
    first = reply.split("\n", 1)[0]
    if wanted.isdigit():
        return re.search(rf"\b(?:code|status) {wanted}\b", first) is not None
    return wanted in first


def end_told(reply: str) -> bool:
    """True if the reply's first line says that the program has ended."""
    first = reply.split("\n", 1)[0]
    return re.search(r"exited with code|ended by|killed \(", first) is not None
