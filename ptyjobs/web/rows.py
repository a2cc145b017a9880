"""One job as a row of the page: its facts and the wording of its state.

Owns the words (`mood`, `why`) and the text that a filter searches. Never performs I/O: it gets a
`Status` and the figures that need two scans. The subtle thing: all program output is made safe
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ptyjobs.model import Listening, Reason, State, Status
from ptyjobs.text.sanitize import for_model

LONGEST_PROMPT = 40  # characters: a longer row is more likely a line in an editor
SEARCHED = (
    "job_id", "state", "why", "command", "directory", "target", "title", "listening", "held",
)  # fmt: skip
LONGEST = 200  # characters of a title or a last line


@dataclass(frozen=True, slots=True)
class Row:
    """A job in the list: `facts` as JSON for the browser, `text` for the filter, lower case.

    `trace` grows with every change of the job's screen.
    """

    facts: dict[str, Any]
    text: str
    trace: tuple[int, ...]

    @property
    def ended(self) -> bool:
        ended: bool = self.facts["ended"]
        return ended


def row(
    status: Status, *, trace: tuple[int, ...], cpu: int | None, heard: float | None, silent: bool
) -> Row:
    """The row of a job.

    `cpu`: per cent of one core now; `heard`: time of its last output, in seconds since the epoch;
    `silent`: its holder does not answer.
    """
    ended = status.state.ended
    mood = "silent" if silent else mood_of(status, cpu=cpu)
    facts = {
        "job_id": status.job_id,
        "state": status.state.value,
        "ended": ended,
        "mood": mood,
        "why": why(status, mood),
        "command": _line(status.command),
        "directory": _line(status.directory or status.cwd),
        "target": status.target,
        "started": status.started,
        "finished": status.ended,
        "rows": status.size.rows,
        "cols": status.size.cols,
        "cpu": None if ended else cpu,
        "memory": 0 if ended else status.rss,
        "listening": [] if ended else [str(socket) for socket in _sockets(status)],
        "ready": status.service.since if status.service and status.service.ready else None,
        "held": "" if ended else _line(status.held),
        "heard": None if ended else heard,
        "attached": 0 if ended else status.attached,
        "title": _line(status.title),
        "last": _line(status.last_line.strip()),
        "bytes": status.end,
        "no_room": "" if ended else _line(status.no_room),
        "lost": status.lost,
        "floor": status.floor,
    }
    return Row(facts, " ".join(str(facts[name]) for name in SEARCHED).lower(), trace)


def _sockets(status: Status) -> tuple[Listening, ...]:
    """The addresses of a service when it became ready, else the current ones."""
    service = status.service
    return service.listening if service and service.listening else status.listening


def row_of_record(status: Status) -> Row:
    """The row of a job from its status alone, without its screen or a query to its holder."""
    return row(status, trace=(), cpu=None, heard=None, silent=False)


def mood_of(status: Status, *, cpu: int | None) -> str:
    """The job's state in one word: how it ended, or its current activity."""
    if status.state.ended or status.state is State.STARTING:
        return status.state.value
    if status.waiting is not None and status.waiting.reason is Reason.PASSWORD:
        return "password"
    if status.service is not None:
        return {"ready": "ready", "not ready": "busy"}.get(status.service.state, "unwell")
    if status.waiting is not None:
        return "waiting"
    if status.listening and not cpu:
        return "ready"
    return "stalled" if status.stalled or status.no_room else "busy"


def why(status: Status, mood: str) -> str:
    """The state in a phrase: the prompt it waits at, its activity, or its exit."""
    if status.state.ended:
        cause = status.exit is not None and status.exit.cause
        words = [str(status.exit) if status.exit else "", "" if cause else status.reason]
        return _line(", ".join(filter(None, words)) or status.state.value)
    if mood == "silent":
        return "its holder does not answer"
    if mood == "starting":
        return "starting"
    if status.service is not None and mood != "password":
        reason = "" if status.service.ready else status.service.why
        return _line(": ".join(filter(None, (status.service.state, reason))))
    if status.waiting is not None:
        prompt = _line(status.waiting.prompt.strip())
        base = "asks for a password" if mood == "password" else "waiting for input"
        if not 0 < len(prompt) <= LONGEST_PROMPT:
            return base
        return f"{base}: {prompt}" if mood == "password" else f"waiting at {prompt}"
    if mood == "ready":
        return "listening"
    if status.no_room:
        return _line(status.no_room)
    doing = f": {_line(status.doing)}" if status.doing else ""
    return f"stalled{doing}" if mood == "stalled" else f"busy{doing}"


def _line(text: str) -> str:
    """One line of program output, without invisible characters."""
    if not text.isascii() or not text.isprintable():
        text = for_model(text.replace("\n", " ").replace("\t", " "))[0]
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
