"""The job's terminal in the poll set.

Owns the registration of the pty master and its mask: whether output is read now, and whether input
waits for room. Never reads or writes the terminal. The subtle thing: EPOLLHUP cannot be masked, so
a terminal that the job has closed leaves the poll set until it is tried again.
"""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job
    from ptyjobs.holder.poll_set import PollSet
    from ptyjobs.process.fair_share import Courtesy
    from ptyjobs.process.pty import Pty


class TerminalPoll:
    """The registration of one terminal; the next run's takes its place."""

    def __init__(self, poll: PollSet, courtesy: Courtesy) -> None:
        self._poll = poll
        self._courtesy = courtesy
        self._mask = select.EPOLLIN
        self._out = False  # unregistered

    @property
    def watched(self) -> bool:
        """True while the terminal's output or room is waited for."""
        return bool(self._mask) and not self._out

    def begin(self, pty: Pty) -> None:
        """Watch a new terminal; raises OSError (ENOSPC, ENOMEM) if that is impossible."""
        self._mask, self._out = select.EPOLLIN, False
        self._poll.register(pty.master)
        if pty.errors >= 0:
            self._poll.register(pty.errors)

    def update(self, job: Job, now: float) -> None:
        """Register the master for the events needed now."""
        if job.pty is None:
            return
        mask = 0
        if not self._courtesy.paused_until and now >= job.terminal_closed_until:
            mask |= select.EPOLLIN
        due = job.input.due()
        if (due is not None and due <= now) or job.input.replies:
            mask |= select.EPOLLOUT
        with contextlib.suppress(FileNotFoundError):
            if job.terminal_closed_until > now or job.pacing.held:
                self._poll.unregister(job.pty.master)
                self._out = True
                return
            if self._out:
                self._poll.register(job.pty.master, mask)
                self._out = False
            elif mask != self._mask:
                self._poll.modify(job.pty.master, mask)
            self._mask = mask
