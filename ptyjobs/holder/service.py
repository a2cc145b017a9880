"""One job and the parts that requests act on.

Owns the parts that belong to one job: the job itself, its input queue and waits, its followers, its
status, its end and its limits. Never polls and never reads a socket: `loop` drives it, `operations`
act on it. The subtle thing: it is built before the fork, without a job, and is the same for every
holder; `start` is the second phase.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptyjobs._dataclass import replace
from ptyjobs.errors import JobEnded, StartFailed
from ptyjobs.holder import port_conflict
from ptyjobs.holder.asking import DONE, RELEASED, Asking, Reply
from ptyjobs.holder.followers import Followers
from ptyjobs.holder.hold import LOOK_EVERY, Hold
from ptyjobs.holder.input_policy import InputPolicy
from ptyjobs.holder.input_queue import InputQueue, QueuedInput
from ptyjobs.holder.limits import Limits
from ptyjobs.holder.notices import Notices
from ptyjobs.holder.ready import Watch, Watches
from ptyjobs.holder.restarts import Restarts
from ptyjobs.holder.status import Reporter
from ptyjobs.holder.status_cache import StatusCache
from ptyjobs.holder.termination import Termination
from ptyjobs.holder.typed_lines import TypedLines
from ptyjobs.process import tree
from ptyjobs.process.port_lease import PortLease, lease
from ptyjobs.store.audit import AuditLog, Entry

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job
    from ptyjobs.holder.ready_probes import Poller
    from ptyjobs.model import Answer, JobSpec, Size, Status

TypeInput = Callable[["JobService", QueuedInput], None]


class JobService:
    """The target of all requests. `pid` is the holder's, once it is a process of its own."""

    def __init__(
        self,
        job: Job,
        *,
        spawn: Callable[[JobSpec, str], None],
        type_input: TypeInput,
        guard: Callable[..., Exception | None],
        poller: Poller,
    ) -> None:
        """`spawn` starts the job, `type_input` types a queued input, `guard` survives errors."""
        self.pid = 0
        self.job = job
        self.spawn = spawn
        self.followers = Followers(job)
        self._guard = guard
        self.watches = Watches(job, poller, self.watch_changed)
        job.aside = lambda: self.watches.commands
        self.reporter = Reporter(job, self.watches, lambda: self.restarts)
        self.notices = Notices(job, blocked=self._turn_is_awaited)
        self.inputs = InputQueue(
            job,
            type_=lambda queued: type_input(self, queued),
            with_people=self._with_people,
            guard=guard,
            answered=self.notices.on_answer,
        )
        self.input_policy = InputPolicy(job)
        self.hold = Hold(job, here=self.followers.here)
        self.asking = Asking(job, on_change=self.tell_people)
        self.lines = TypedLines(self._typed_line)
        job.on_typed = self.lines.feed
        self.ending = Termination(job, status=self.status, reaped=self.children_ended)
        self.status_cache = StatusCache(job, lambda: self.status(live=True, brief=True))
        self.limits = Limits(job)
        self.hold_due = 0.0  # time of the next check for the person who holds
        self.lease: PortLease | None = None
        self.restarts = Restarts()
        self.inputs.answer_notes = self.answer_notes

    def with_port(self, spec: JobSpec) -> JobSpec:
        """The spec with PORT in its environment; raises StartFailed if the port is taken."""
        if not spec.port:
            return spec
        if spec.port == "auto":
            folder = self.job.dir.path.parent.parent / "ports"
            self.lease = self.lease or lease(folder, key=f"{spec.cwd}\0{spec.job_id}")
            self.job.port = self.lease.number
        else:
            self.job.port = int(spec.port)
            if taken := port_conflict.taken(self.job, self.job.port):
                raise StartFailed(f"{taken}.", advice='Or start it with port="auto".')
        return replace(spec, env={**spec.env, "PORT": str(self.job.port)})

    def answer_notes(self, answer: Answer) -> tuple[str, ...]:
        """Further notes for the reader of this answer."""
        notes = port_conflict.notes(self.job, answer)
        if self.job.state.ended:
            if self.restarts.gave_up:
                notes += (self.job.reason, *self.restarts.tries)
            words = self.restarts.words(time.monotonic())
            notes += (words,) if words else ()
        return notes

    def last_line(self) -> str:
        """The last non-blank line on the screen."""
        self.observed_fold()
        rows = [row for row in self.job.fold.screen.text() if row.strip()]
        return rows[-1] if rows else ""

    def cancel_restarts(self) -> bool:
        """Cancel restarts and answer their requests; True if one was pending."""
        for peer, number, _ in self.restarts.asked:
            error = JobEnded(f"Job {self.job.spec.job_id!r} was killed before it restarted.")
            peer.send({"id": number, "error": error.to_wire()})
        cancelled = self.restarts.cancel()
        if cancelled and self.job.state.ended:
            self.end_hold()
            self._guard(self.job.dir.write_status, self.status())
            self.job_ended()
        return cancelled

    def _turn_is_awaited(self) -> bool:
        """A call waits for the program to be ready, or an attached person sees it."""
        return self.followers.people > 0 or any(waiter.ask.ready for waiter in self.inputs)

    def children_ended(self, ended: Mapping[int, int]) -> None:
        """Children were reaped (pid and wait status): one may be the `on_exit` command."""
        self.watches.children_ended(ended)
        self.job.children_ended(ended)
        if self.reporter.hook_ended(ended):
            self.job.dir.write_status(self.status())

    def watch_changed(self, watch: Watch) -> None:
        """A service has become ready or is no longer ready: answer its waits."""
        now = time.monotonic()
        own = watch is self.watches.own
        if own:
            awaited = any(waiter.watch is watch for waiter in self.inputs)
            self._guard(self.notices.on_service, watch.service, awaited)
            self.status_cache.remove()
            self.status_cache.due = now
        self.inputs.watch_changed(watch, now)
        if own:  # last: no wait depends on the record
            self._guard(self.job.dir.write_status, self.status())

    def due(self, now: float) -> float:
        """Time at which one of the parts has something to do; `limits` depend on the clients."""
        times = [self.inputs.due, self.status_cache.next_due, self.watches.due]
        times.append(self.notices.due(now))
        if self.hold.held is not None:
            times.append(self.hold_due)
        times.append(self.ending.due if self.ending.active else self.restarts.due)
        return min(times)

    def on_ended(self, now: float) -> None:
        """The output is complete and the exit known: publish both together."""
        self._guard(self.job.typed.prove, self.job.log.end)
        if self.inputs:
            self.observed_fold()  # before the status reads the screen
        self.restarts.on_end(self.job, now, self.last_line)
        self._guard(self.end_hold)
        self._guard(self.note_end)
        status = self.status()
        self.job.events.flush()
        self._guard(self.job.secrets.write, self.job.dir, self.job.spec.masked)
        self._guard(self.job.dir.write_status, status)
        self.status_cache.remove()
        self.job_ended()
        for who in (self.ending, self.followers):
            self.notices.answering(who.sessions)
        self.inputs.on_ended(now)
        follows = self.restarts.words(now)
        if self.restarts.gave_up:
            follows = self.job.reason
        self._guard(self.notices.on_end, self.job.exit, follows)
        self.followers.on_ended(status)
        self.inputs.refuse_inputs()
        if self.job.spec.on_exit and not self.restarts.pending:
            self._guard(self.reporter.run_on_exit)

    def job_ended(self) -> None:
        """The job or one of its remaining processes has ended."""
        if self.watches.own is not None or self.inputs:
            job = self.job
            left = tree.alive(self.pid, exclude=self.watches.commands)
            serves = job.exit is not None and job.exit.code == 0 and not job.killing_reason
            self.watches.job_ended(survivors=(bool(left) and serves) or self.restarts.pending)

    # -- people

    def _with_people(self, answer: Answer, reader: str, notes: tuple[str, ...]) -> Answer:
        """Set the notes and the answer fields about people for `reader`."""
        return replace(
            answer,
            notes=notes,
            attached=self.followers.people,
            held=self.hold.words(),
            handback=self.hold.handback(reader),
        )

    def _typed_line(self, who: str, line: str, offset: int) -> None:
        self.hold.line(who, line)
        self.note("input", who=who, text=line, offset=offset)

    def note(
        self, what: str, *, who: str = "", session: str = "", text: str = "", offset: int = -1
    ) -> None:
        """Write one line into the journal, if the job has one."""
        job = self.job
        if not job.spec.audit:
            return
        at = job.log.end if offset < 0 else offset
        entry = Entry(time.time(), job.spec.job_id, what, who, session, at, text)
        failure = AuditLog(os.path.dirname(os.path.dirname(job.dir.folder))).write(entry)
        if failure is not None:
            job.errors["audit"] = f"audit: {failure.strerror}"

    def tell_people(self) -> None:
        """Send the current hold, request and names to every follower."""
        self.followers.tell(
            {"event": "person", "held": self.hold.words(), "asks": self.asking.message}
        )
        self.status_cache.due = 0.0

    def take_hold(self, by: str, *, session: int) -> None:
        """Give `by` the hold; inputs queued by others are refused."""
        self.hold.take(by, session=session, now=time.monotonic())
        self.inputs.withhold(by)
        self.note("hold", who=by)
        self.tell_people()

    def hand_back(self, *, by: str, words: str, how: str = "") -> bool:
        """End the hold, if there is one; its report is for each agent's next reply."""
        job = self.job
        job.typed.prove(job.log.end)
        if self.hold.held is not None:
            self.lines.flush(self.hold.held.by, job.log.end)
        released = self.hold.release(time.monotonic(), how=how)
        if released:
            self.note("release", who=by, text=how or words)
        return released

    def release(self, *, by: str, message: str, how: str = "") -> bool:
        """End the hold; waits for a person continue."""
        released = self.hand_back(by=by, words=message, how=how)
        if self.asking.message:
            self.asking.answer(Reply(DONE, message, by))
        elif released:
            self.asking.reply = Reply(RELEASED, message, by)
        self.person_answered()
        self.tell_people()
        return released

    def end_hold(self) -> None:
        """The run has ended: end its hold, unless the job restarts."""
        if self.hold.held is not None and not self.restarts.pending:
            self.release(by="", message="", how="the job has ended")
        self.asking.message = ""

    def note_end(self) -> None:
        exit_ = self.job.exit
        reason = "" if exit_ and exit_.cause else self.job.reason  # the exit's words name its cause
        words = (reason, str(exit_ or self.job.state))
        self.note("end", text=" · ".join(filter(None, words)))

    def person_answered(self) -> None:
        """Give a person's reply to the waits for it."""
        if self.asking.reply is not None and self.inputs.on_person(self.asking.reply.verdict()):
            self.asking.take()

    def person_step(self, now: float) -> None:
        """Check that the person who holds is still there."""
        if self.hold.held is not None and now >= self.hold_due:
            self.hold_due = now + LOOK_EVERY
            if self.hold.gone(now):
                self.release(by="", message="", how="their terminal has gone")

    def signal_foreground(self, number: int) -> int:
        """Signal the foreground process group (the leader's own if there is none)."""
        job = self.job
        if job.state.ended or job.pty is None:
            return 0
        group = job.pty.foreground() or job.pid
        try:
            os.killpg(group, number)
        except ProcessLookupError:  # it has just ended
            return 0
        members = [
            pid
            for pid in tree.alive(self.pid)
            if (s := tree.read_stat(pid)) is not None and s.pgrp == group
        ]
        return max(1, len(members))

    def observed_fold(self) -> None:
        """Bring the screen up to date, with every waiter observing."""
        job = self.job
        job.fold.catch_up(job.log.end, *(w.observe for w in self.inputs))

    def set_size(self, size: Size) -> None:
        """Set the job's own size."""
        self.observed_fold()
        self.followers.set_own(size)

    def status(self, *, live: bool = False, brief: bool = False) -> Status:
        """The job's status; with `live`, current figures."""
        status = self.reporter.status(
            holder=self.pid,
            attached=self.followers.people,
            waiters=len(self.inputs),
            live=live,
            brief=brief,
        )
        if status.state.ended:
            status = self.job.secrets.clean(status, self.job.spec.masked)
        return replace(
            status,
            people=self.followers.names,
            held=self.hold.words(),
            asks=self.asking.message,
        )
