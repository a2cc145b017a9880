"""What an attached person sees and does about holding: the key, the notices, leaving.

Owns whether this person holds the job, as far as they have been told, and the words about it.
Never draws (`attach` does) and never decides who may type (the holder does).
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
    """Every form in which terminals send a control key: plain, kitty's and xterm's."""
    from ptyjobs.input import keys
    from ptyjobs.terminal import Modes

    plain_form = keys.encode([name], modes=Modes())
    if len(plain_form) != 1 or plain_form >= b" ":
        raise BadInput(f"{name!r} cannot be such a key.", advice="A control key, e.g. C-] .")
    char = ord(chr(plain_form[0] + 64).lower())
    return plain_form, b"\x1b[%d;5u" % char, b"\x1b[27;5;%d~" % char


class Holding:
    """The hold of one attached person; `notice` shows a line to them."""

    def __init__(self, jobs: Jobs, job_id: str, key: str, notice: Callable[[str], None]) -> None:
        """`key`: name of the control key that holds and releases; "" or "none": there is none."""
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
        """For the title: the key, where there is one."""
        return f", {self._key} {'releases' if self.mine else 'holds'}" if self._key else ""

    def split(self, data: bytes) -> list[bytes]:
        """Keys without the key that holds: each piece but the first comes behind one."""
        return self._pattern.split(data) if self._pattern else [data]

    def toggle(self) -> None:
        """The key was pressed: hold the job, or release it."""
        try:
            if self.mine:
                self._jobs.hand_back(self._job_id, by=self._name)
            else:
                self._jobs.hold(self._job_id, by=self._name)
        except PtyJobsError as error:  # somebody else holds it, or it has ended
            self._notice(error.worded(HINTS))

    def leave(self) -> None:
        """The person leaves: a hold of theirs ends."""
        if self.mine:
            with contextlib.suppress(PtyJobsError):  # it has ended, and the hold with it
                self._jobs.hand_back(self._job_id, by=self._name)

    def changed(self, event: JsonObject, *, bell: Callable[[str], None]) -> None:
        """The holder told who holds, what is asked, and who else is there."""
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
