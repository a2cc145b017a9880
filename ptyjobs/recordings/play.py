"""Play a recording to a terminal, at its own pace.

Owns the pace and the keys (space pauses, `.` steps, `q` quits). Time and keys are passed in, so a
test needs neither a clock nor a terminal.
"""

from __future__ import annotations

from collections.abc import Callable

from ptyjobs.recordings.asciicast import OUTPUT, RESIZE
from ptyjobs.recordings.recording import Moment, Recording

Wait = Callable[[float | None], str]
"""Waits the given seconds (None: without limit) for a key; "" on timeout."""


def play(
    recording: Recording,
    write: Callable[[bytes], None],
    wait: Wait,
    *,
    speed: float = 1.0,
    idle_limit: float | None = None,
    on_resize: Callable[[Moment], None] = lambda _moment: None,
) -> bool:
    """Write the output at its recorded times; False if the user quit before the end."""
    stepping = False
    owed = False  # the last step has shown nothing yet
    for pause, moment in recording.schedule(speed=speed, idle_limit=idle_limit):
        key = ""
        if stepping and moment.code == OUTPUT and not owed:
            key = wait(None)
            stepping = key == "."
        elif not stepping and pause > 0 and (key := wait(pause)) == " ":
            key = wait(None)
            stepping = owed = key == "."
        if key in ("q", "\x03"):
            return False
        if moment.code == OUTPUT:
            write(moment.data)
            owed = False
        elif moment.code == RESIZE:
            on_resize(moment)
    return True
