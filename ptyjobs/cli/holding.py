"""Holding a job while attached: the hold key, the notices, and release on detach.

Owns this user's hold state, as last reported to them, and the wording of the notices. Never draws
(`attach` does) and never decides who may type (the holder does).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli import person
from ptyjobs.cli.advice import HINTS
from ptyjobs.cli.format import safe
from ptyjobs.errors import BadInput, PtyJobsError

if TYPE_CHECKING:
    from ptyjobs.client.sync import Jobs
    from ptyjobs.protocol import JsonObject

NONE = ("", "none")


def key_bytes(name: str) -> tuple[bytes, ...]:
    """All encodings of a control key that terminals send: plain, kitty's and xterm's."""
    from ptyjobs.input import keys
    from ptyjobs.terminal import Modes

    plain_form = keys.encode([name], modes=Modes())
    if len(plain_form) != 1 or plain_form >= b" ":
        raise BadInput(f"{name!r} cannot be such a key.", advice="A control key, e.g. C-] .")
    char = ord(chr(plain_form[0] + 64).lower())
    return plain_form, b"\x1b[%d;5u" % char, b"\x1b[27;5;%d~" % char


class Holding:
    """The hold of one attached user; `notice` shows them a line."""

    def __init__(self, jobs: Jobs, job_id: str, key: str, notice: Callable[[str], None]) -> None:
        """`key`: name of the control key that toggles the hold; "" or "none" for no key."""
        self._jobs, self._job_id, self._notice = jobs, job_id, notice
        self._key = "" if key in NONE else key
        self._pattern: re.Pattern[bytes] | None = None
        if self._key:
            self._pattern = re.compile(b"|".join(map(re.escape, key_bytes(self._key))))
        self._name = person.name()
        self._held = self._asks = ""
        self._people: list[str] = []
        self.mine = False

    @property
    def words(self) -> str:
        """The key for the title, if there is one."""
        return f", {self._key} {'releases' if self.mine else 'holds'}" if self._key else ""

    def split(self, data: bytes) -> list[bytes]:
        """Split typed bytes at each press of the hold key."""
        return self._pattern.split(data) if self._pattern else [data]

    def toggle(self) -> None:
        """Hold the job or release it, after the key was pressed."""
        try:
            if self.mine:
                self._jobs.hand_back(self._job_id, by=self._name)
            else:
                self._jobs.hold(self._job_id, by=self._name)
        except PtyJobsError as error:  # another user holds it, or it has ended
            self._notice(error.worded(HINTS))

    def leave(self) -> None:
        """Release this user's hold when they detach."""
        if self.mine:
            with contextlib.suppress(PtyJobsError):  # it has ended, and the hold with it
                self._jobs.hand_back(self._job_id, by=self._name)

    def changed(self, event: JsonObject, *, bell: Callable[[str], None]) -> None:
        """Show a change of the hold, the agent's request, or the other attached users."""
        held, asks = str(event["held"]), safe(str(event["asks"]))
        names = event["people"]
        others = [n for n in names if n != self._name] if isinstance(names, list) else []
        mine = f" by {self._name} since " in held
        if asks and asks != self._asks:
            how = f" ({self._key} holds, then says done)" if self._key else ""
            self._notice(f"asked: {asks}{how}")
            bell(f"{self._job_id} asks: {asks}")
        elif held != self._held and held:
            how = f", {self._key} releases" if self._key else ""
            self._notice(f"yours{how}" if mine else f"{held}: what you type is refused")
        elif held != self._held and self._held:
            self._notice("released")
        elif others != self._people and len(others) > len(self._people):
            self._notice(f"with you: {', '.join(map(safe, others))}")
        self._held, self._asks, self._people, self.mine = held, asks, others, mine
