"""A request for a person: at most one open request per job, and the reply to it.

Owns the message, whether it has been announced, and the reply until the asking call has read it.
Never decides how the request is displayed (attach, top and the viewer do); runs the configured
`notify_command` once for each new request.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptyjobs.errors import BadInput
from ptyjobs.model import Confidence, Reason, Verdict

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

LONGEST = 300  # characters of a message

DONE, DECLINED, RELEASED = "done", "declined", "released"


@dataclass(frozen=True, slots=True)
class Reply:
    """A person's reply to a request."""

    how: str  # DONE, DECLINED or RELEASED
    message: str = ""
    by: str = ""

    def verdict(self) -> Verdict:
        why = f"{self.how} by {self.by}" if self.by else self.how
        return Verdict(Reason.PERSON, Confidence.CERTAIN, match=self.message, why=why)


class Asking:
    """The request of one job. `on_change` is called when it changes."""

    def __init__(self, job: Job, *, on_change: Callable[[], None]) -> None:
        self._job = job
        self._on_change = on_change
        self.message = ""
        self.reply: Reply | None = None  # not read yet
        self._answered = ""  # the message that the reply belongs to

    def ask(self, message: str) -> None:
        """Open a request; the same message again keeps the open one."""
        message = " ".join(message.split())[:LONGEST]
        if not message or message == self.message or (self.reply and message == self._answered):
            return
        self.message, self.reply = message, None
        self._on_change()
        if self._job.spec.notify_command:
            self._notify(message)

    def answer(self, reply: Reply) -> None:
        """Record a person's reply; BadInput if no request is open."""
        if not self.message:
            raise BadInput(
                f"Job {self._job.spec.job_id!r} does not ask for a person.",
                advice="ptyjobs list shows the jobs that do.",
            )
        self._answered, self.message, self.reply = self.message, "", reply
        self._on_change()

    def take(self) -> Reply | None:
        """Return the reply once, then forget it."""
        reply, self.reply = self.reply, None
        return reply

    def _notify(self, message: str) -> None:
        """Run `notify_command`; the message is a variable, never part of the command line.

        An agent wrote it, and the command may print it on a terminal: it has no control characters.
        """
        from ptyjobs.text.sanitize import for_model, scrub  # few jobs ask

        spec = self._job.spec
        env = {
            **spec.env,
            "PTYJOBS_JOB": spec.job_id,
            "PTYJOBS_MESSAGE": for_model(scrub(message))[0],
            "PTYJOBS_STATE_DIR": str(self._job.dir.path.parent.parent),
        }
        null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
        try:
            argv = ["sh", "-c", spec.notify_command]
            os.posix_spawn("/bin/sh", argv, env, file_actions=null, setsid=True)
        except OSError as failure:  # EAGAIN, ENOMEM: the request itself stays open
            self._job.errors["notify"] = f"notify_command: {failure.strerror}"
