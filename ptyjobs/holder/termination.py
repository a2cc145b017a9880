"""End a job's tree and answer the requests that asked for it.

Owns the one `TreeKill` of a holder and the requests that asked for it. Never blocks: the loop calls
`step` when children end and when `due` has come. The subtle thing: the answer is sent only when no
process of the tree is left *and* the job's end has been published.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import Peer
from ptyjobs.json_values import to_json
from ptyjobs.model import Status
from ptyjobs.process import tree
from ptyjobs.process.tree_kill import TreeKill
from ptyjobs.store import views

REAPING = 10.0  # seconds within which a dead process can be reaped
LAST_WORDS = 600  # maximum characters, in an answer, of the output since the first signal


class Termination:
    """Ends all descendants of this process, the holder."""

    def __init__(
        self,
        job: Job,
        *,
        status: Callable[[], Status],
        reaped: Callable[[Mapping[int, int]], None],
    ) -> None:
        """`reaped` is called with each child reaped here and its wait status."""
        self._job = job
        self._status = status
        self._reaped = reaped
        self._killing: TreeKill | None = None
        self._since = 0  # log offset at the first signal
        self._asked: list[tuple[Peer, int]] = []
        self._over = 0.0  # time since which no process is alive
        self.due = 0.0  # time of the next `step`, while `active`
        self.never_started = False  # the end was requested before there was a job

    @property
    def active(self) -> bool:
        """True while a tree is being ended."""
        return self._killing is not None

    @property
    def awaited(self) -> bool:
        """True if a request waits for the end."""
        return bool(self._asked)

    @property
    def sessions(self) -> tuple[str, ...]:
        """Agent sessions of the waiting requests."""
        return tuple(peer.session for peer, _ in self._asked)

    def kill(
        self,
        peer: Peer,
        request: int,
        *,
        now: float,
        grace: float,
        reason: str,
        cancelled: bool = False,
    ) -> None:
        """End the tree; the peer is answered when no process of it is left.

        `cancelled`: a pending restart was cancelled.
        """
        if self._job.state.ended and not tree.alive(os.getpid()):
            self._reply(peer, request, "killed" if cancelled else "already_terminated")
            return
        self._asked.append((peer, request))
        self.begin(now, grace=grace, reason=reason)

    def begin(self, now: float, *, grace: float, reason: str) -> None:
        """Begin to end the tree, or shorten the grace of an end in progress."""
        job = self._job
        if not job.state.ended and not job.ending:
            job.killing_reason = job.killing_reason or reason
        job.pacing.give_up()
        job.courtesy.resume()
        if self._killing is None:
            self._since = job.log.end if job.pty is not None else 0
            root = os.getpid()
            self._killing = TreeKill(lambda: tree.children(root), now=now, grace=grace)
        else:
            self._killing.hurry(now=now, grace=grace)
        self.never_started = job.pty is None and not job.state.ended
        self.step(now)

    def step(self, now: float) -> None:
        """Do the next step; answer the requests once the tree is empty."""
        killing, job = self._killing, self._job
        if killing is None:
            return
        self.due = killing.step(now)
        if not killing.done:
            return
        ended = tree.reap(job.used)
        self._reaped(ended)
        if job.pid in ended and job.pty is not None:
            job.leader_ended(ended[job.pid], now)
        job.try_finish(now)
        # The main thread of a process can be a zombie while its other threads still run, and the
        # process cannot be reaped before they exit: its exit status comes a moment later.
        self._over = self._over or now
        waits = job.ending or (job.pty is not None and not job.state.ended)
        if waits and not killing.left and now - self._over < REAPING:
            self.due = now + 0.005
            return
        self._over = 0.0
        self._killing = None
        for peer, request in self._asked:
            self._reply(peer, request, "killed", killing)
        self._asked.clear()

    def _reply(
        self, peer: Peer, request: int, result: str, killing: TreeKill | None = None
    ) -> None:
        answer = {"result": result, "processes": 0, "status": to_json(self._status())}
        if killing is not None:
            answer["processes"] = killing.killed
            answer["forced"] = killing.forced
            answer["words"] = self._last_words()
        peer.send({"id": request, "ok": answer})

    def _last_words(self) -> str:
        """The output since the first signal, truncated to its last part."""
        job = self._job
        if job.pty is None or job.log.end <= self._since:
            return ""
        since = max(self._since, job.log.end - 4 * LAST_WORDS)
        page = views.page(job.dir.log, size=job.size, since=since, limit=LAST_WORDS, last=True)
        return page.text.strip("\n")
