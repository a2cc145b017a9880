"""Transitions as one line for a reader that pays for every word.

Owns the wording; values in, text out. Never reads a file or a clock. A line has at most `LONGEST`
characters and no control characters. Program output is in double quotes, always follows our own
words, and is never shown alone.
"""

from __future__ import annotations

import json

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.store.journal import FOLLOWS
from ptyjobs.text.durations import duration
from ptyjobs.text.sanitize import for_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptyjobs.store.journal import Transition

LONGEST = 400  # characters per line; a client truncates at 500
QUOTED = 160  # characters of program output quoted for a single transition
QUOTED_EACH = 60  # the same, per transition, for several
NAMED = 12  # maximum jobs named per kind, and named as still running
SEPARATOR = " · "
ENDED = ("exited", "oom")


def line(transitions: Sequence[Transition], *, running: Sequence[str]) -> str:
    """One line for transitions that are reported together; `running`: jobs that still run."""
    tail = "still running: " + names(running) if running else "no job runs"
    if len(transitions) == 1:
        only = transitions[0]
        room = LONGEST - len(tail) - len(SEPARATOR)
        return _cut(phrase(only, quoted=QUOTED), room) + SEPARATOR + tail
    room = LONGEST - len(tail) - len(SEPARATOR)
    parts = [phrase(one, quoted=QUOTED_EACH) for one in transitions]
    text = SEPARATOR.join([f"{len(parts)} events", *parts])
    if len(text) > room:
        text = _cut(_summary(transitions, room), room)
    return text + SEPARATOR + tail


def phrase(transition: Transition, *, quoted: int) -> str:
    """`[job] what happened: "program output"`."""
    what, sep, follows = _clean(transition.what).partition(FOLLOWS)
    words = f"[{transition.job_id}] {what}"
    if transition.kind in ENDED and transition.time > transition.run:
        words += f" after {duration(transition.time - transition.run)}"
    words += sep + follows
    text = transition.text.strip()
    return f"{words}: {quote(text, quoted)}" if text else words


def _summary(transitions: Sequence[Transition], room: int) -> str:
    """Summary of many transitions: counted by kind, with job names as room allows."""
    groups: dict[str, list[str]] = {}
    for one in transitions:
        groups.setdefault(_clean(one.what), []).append(one.job_id)
    parts = [f"{len(transitions)} events"]
    share = max(40, (room - 12) // max(1, len(groups)))
    for what, ids in sorted(groups.items(), key=lambda group: len(group[1])):
        head = f"{len(ids)} {what}: " if len(ids) > 1 else f"[{ids[0]}] {what}"
        parts.append(_cut(head + (names(ids) if len(ids) > 1 else ""), share))
    return SEPARATOR.join(parts)


def names(ids: Sequence[str]) -> str:
    """The first ids by name, the rest as a number."""
    shown: list[str] = []
    used = 0
    for job_id in ids[:NAMED]:
        used += len(job_id) + 2
        if used > 120 and shown:
            break
        shown.append(job_id)
    more = len(ids) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def quote(text: str, limit: int) -> str:
    """Program output in double quotes on one line; long text keeps its end."""
    text = for_model(text)[0]
    if len(text) > limit:
        text = "…" + text[-limit + 1 :]
    return json.dumps(text, ensure_ascii=False).replace("\\\\u{", "\\u{")


def _clean(text: str) -> str:
    return for_model(text.replace("\n", " "))[0]


def _cut(text: str, room: int) -> str:
    """Truncate to `room` characters; an open quotation is closed."""
    if len(text) <= room:
        return text
    text = text[: room - 2]
    return text + ('…"' if text.count('"') % 2 else "…")
