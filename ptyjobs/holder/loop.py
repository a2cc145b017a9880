"""The holder: one process, one job, one poll loop.

Owns the poller, the clock and the order of work: output first, then requests, then waiters, then
timers. Never decides: decisions belong to the parts it drives (`service`, `peers`, `tree`). The
subtle thing: it must never die before its job, so the loop records an error of any part in `status`
and continues. It blocks only in the poller and in a write to the log, so the zygote kills *through*
a holder that is stuck there.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from ptyjobs.errors import PtyJobsError, Refused, StartFailed, cannot_start, holder_failed
from ptyjobs.holder import incoming, operations
from ptyjobs.holder.clients import Clients
from ptyjobs.holder.home import Home, succeed
from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import Peer
from ptyjobs.holder.poll_set import PollSet
from ptyjobs.holder.run import Run
from ptyjobs.holder.service import JobService
from ptyjobs.holder.status_cache import LULL
from ptyjobs.holder.terminal_poll import TerminalPoll
from ptyjobs.model import JobSpec, State, Tier
from ptyjobs.process import tree
from ptyjobs.process.fair_share import Courtesy, SharedPage
from ptyjobs.store.jobdir import JobDir

REMOVED = " (removed)"  # as in /proc; no job's directory is called so
LINGER = 0.5  # seconds that the last answers get to reach their clients
READS_PER_TURN = 16


class Holder:
    """The poll loop and the parts it drives."""

    def __init__(self, page: SharedPage, *, lease: int, tier: Tier) -> None:
        """Build without job, directory or descriptors: the zygote forks every holder from it."""
        self.pid = 0
        self.tier = tier
        self.courtesy = Courtesy(page)
        self._poll = PollSet()
        self.current = self._new_run(JobDir(""))
        self._lease = lease
        self._home = Home.nowhere()
        self._clients = Clients(self._poll)
        self._terminal = TerminalPoll(self._poll, self.courtesy)
        self.wanted = False  # a descriptor other than the master was ready since the last iteration
        self._leave_at: float | None = None
        self._fold_due: float | None = None  # a backlog is folded in small steps

    def _new_run(self, directory: JobDir) -> Run:
        """The parts of a run that has not begun."""
        job = Job(self, self.courtesy, directory)
        service = JobService(
            job,
            spawn=self.spawn,
            type_input=operations.begin_input,
            guard=self._guard,
            poller=self._poll,
        )
        return Run(job, service)

    @property
    def job(self) -> Job:
        """The job of the current run."""
        return self.current.job

    @property
    def service(self) -> JobService:
        """The service of the current run."""
        return self.current.service

    # -- birth -------------------------------------------------------------------------------

    def adopt(self, sock: socket.socket) -> None:
        """Add a connection that already exists (of the client that requested this holder)."""
        self._clients.adopt(sock, secrets=self.job.secrets)

    def begin(self) -> None:
        """Set up what only a running process has: its pid and its poll set."""
        self.pid = self.service.pid = os.getpid()
        self.service.notices.begin()
        self._poll.open()
        if self._lease >= 0:
            self._poll.register(self._lease)

    def move_in(self, folder: str, slot: int, *, lock: int) -> None:
        """Take over a job's directory: its lock (made here if it is -1) and its socket."""
        self.courtesy.slot = slot
        self.job.dir = JobDir(folder)
        self._home = Home.take(folder, lock)
        self._poll.register(self._home.listening.fileno())

    def lost(self) -> bool:
        """True if the job's directory was removed, or another one has its name.

        From then on nothing is written there: it may be that of a new job of the same name.
        """
        directory = self.job.dir
        if not self._home.lost(directory.folder):
            return False
        if not directory.folder.endswith(REMOVED):
            directory.folder += REMOVED
        self.service.cancel_restarts()
        return True

    def spawn(self, spec: JobSpec, reader: str) -> None:
        """Start the job for `reader`; StartFailed leaves a `failed` record behind."""
        if self.job.pty is not None:
            raise StartFailed("This holder has its job already.")
        if self.service.ending.never_started:
            raise StartFailed("The job was killed before it started.")
        now = time.monotonic()
        try:
            self.service.limits.begin(spec, now)
            self.service.restarts.begin(spec.restart, now)
            spec = self.service.with_port(spec)
            self.job.dir.write_spec(spec)
            self.job.spawn(spec, now=now, tier=self.tier)
            assert self.job.pty is not None
            self._terminal.begin(self.job.pty)
        except (StartFailed, Refused) as error:
            self._not_started(error, now)
            raise
        except OSError as failure:  # ENOSPC, EDQUOT, EMFILE: its files cannot be created
            refusal = cannot_start(failure)
            self._not_started(refusal, now)
            raise refusal from failure
        except Exception as fault:  # a bug of ours: the job must not stay in "starting"
            refusal = holder_failed(fault)
            self._not_started(refusal, now)
            raise refusal from fault
        self.service.status_cache.due = now + LULL
        self.service.inputs.begin(reader)
        self.service.watches.begin(now)
        self._guard(self.service.notices.start, now)
        self._guard(self.job.dir.write_status, self.service.status())

    def _not_started(self, error: PtyJobsError, now: float) -> None:
        """Record why there is no job; a program that runs already is ended."""
        if self.job.state is State.STARTING:
            self.job.failed_to_start(error.message)
            self._guard(self.job.dir.write_status, self.service.status())
        if self.job.pty is None:
            self._leave_at = now + LINGER
        else:
            self.service.ending.begin(now, grace=0.0, reason=error.message)

    # -- the loop ----------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the job has ended, its tree is empty and its clients have been answered."""
        while not self._finished():
            self.turn(self._next_events())

    def turn(self, events: list[tuple[int, int]]) -> None:
        """One iteration: the events of the poller, then what is due."""
        self.wanted = False
        now = time.monotonic()
        for fd, mask in events:
            self._guard(self._dispatch, fd, mask, now)
        self._guard(self._on_time)

    def rehearse(self) -> None:
        """Run the loop's code once while there is no job; without effect, as nothing is due."""
        if not self._finished() and self._next_time() > time.monotonic():
            self.turn([])

    def _guard(self, act: Callable[..., object], *args: object) -> Exception | None:
        """Run `act`; the loop outlives its error, reports it in `status` and returns it."""
        try:
            act(*args)
        except Exception as error:
            where = getattr(act, "__name__", "loop")
            self.job.errors[where] = f"{where}: {type(error).__name__}: {error}"[:300]
            if os.environ.get("PTYJOBS_TEST_TRACEBACK"):
                import traceback

                with contextlib.suppress(OSError), open(self.job.dir.path / "errors", "a") as out:
                    traceback.print_exc(file=out)
            return error
        return None

    def _next_events(self) -> list[tuple[int, int]]:
        return self._poll.wait(min(max(0.0, self._next_time() - time.monotonic()), 60.0))

    def _next_time(self) -> float:
        now = time.monotonic()
        job, service = self.job, self.service
        times = [service.due(now), now + 60.0]
        held = job.input.due()
        if held is not None:
            times.append(max(held, now + 0.0005))
        if job.input.replies:
            times.append(now + 0.005)
        if job.pacing.held:
            times.append(job.pacing.due)
        elif job.ending:
            times.append(now + 0.01)
        if self.courtesy.paused_until:
            times.append(self.courtesy.paused_until)
        if self.courtesy.hot:
            times.append(now + 0.5)
        times += [t for t in (self._leave_at, self._fold_due) if t is not None]
        if job.pty is not None and job.terminal_closed_until > now:
            times.append(job.terminal_closed_until)
        if not service.ending.active:
            times.append(service.limits.due(now, alone=not self._clients))
        return min(times)

    def _dispatch(self, fd: int, mask: int, now: float) -> None:
        """Handle one event; an earlier event of the batch may have closed `fd`, so look it up."""
        job = self.job
        if (peer := self._clients.get(fd)) is not None:
            self._on_peer(peer, mask)
        elif (call := self._poll.probe(fd)) is not None:
            call(mask)
        elif fd == self._poll.woken:
            self._on_child(now)
        elif fd == self._lease:
            self._on_lease_end(now)
        elif job.pty is not None and fd == job.pty.master:
            self._on_terminal(now)
        elif job.pty is not None and fd == job.pty.errors:
            self.service.reporter.read_errors()
        elif fd == self._home.listening.fileno():
            self._accept()

    def _on_terminal(self, now: float) -> None:
        for _ in range(READS_PER_TURN):
            if not self.job.read_once(now) or self.courtesy.paused_until or self.wanted:
                break
            now = time.monotonic()
            if self.service.inputs.due <= now:
                break
        self._terminal.update(self.job, time.monotonic())

    def more(self) -> bool:
        """Under heavy output, poll briefly; True if only the terminal is readable."""
        if not self._terminal.watched:
            return False
        assert self.job.pty is not None
        events = self._poll.next()
        self.wanted = any(fd != self.job.pty.master for fd, _ in events)
        return events == [(self.job.pty.master, select.EPOLLIN)]

    # -- time --------------------------------------------------------------------------------

    def _on_time(self) -> None:
        now = time.monotonic()
        job, service = self.job, self.service
        if self.courtesy.paused_until and now >= self.courtesy.paused_until:
            self.courtesy.at_pause_end(now)
        self.courtesy.calm(now)
        if not job.input.idle:
            job.input.pump(now)
        service.watches.step(now)
        service.inputs.on_time(now)
        service.watches.keep([waiter.watch for waiter in service.inputs])
        if job.pacing.held and now >= job.pacing.due:
            job.read_once(now)
        if job.ending:
            job.try_finish(now)
            service.inputs.drop_done()
        service.ending.step(now)
        if not service.ending.active and (
            why := service.limits.step(now, alone=not self._clients, lost=self.lost)
        ):
            service.ending.begin(now, grace=service.limits.grace, reason=why)
        service.status_cache.step(now)
        self._guard(service.notices.step, now)
        service.person_step(now)
        self._fold_due = None
        if job.pty is not None and not self.courtesy.hot:
            self._guard(self._fold_a_little, now)
        service.followers.pump()
        self._restart(now)
        self._terminal.update(self.job, time.monotonic())
        self._poll_peers()

    def _fold_a_little(self, now: float) -> None:
        observers = (waiter.observe for waiter in self.service.inputs)
        if self.job.fold.idle(self.job.log.end, *observers):
            self._fold_due = now + 0.01

    def _finished(self) -> bool:
        if self._leave_at is None:
            over = self.job.state.ended or self.service.ending.never_started
            if not over or self.service.ending.active or self.service.restarts.pending:
                return False
            if tree.alive(self.pid) or self.service.reporter.hook_left():
                return False
            self._leave_at = time.monotonic() + LINGER
        quiet = not self.service.inputs and not self.service.ending.awaited
        return (quiet and not self._clients.unsent) or time.monotonic() >= self._leave_at

    # -- children and the lease --------------------------------------------------------------

    def _on_child(self, now: float) -> None:
        self._poll.drain_signals()
        ended = tree.reap(self.job.used)
        self._guard(self.service.children_ended, ended)
        if self.job.pid in ended and self.job.pty is not None:
            self.job.leader_ended(ended[self.job.pid], now)
            self.job.try_finish(now)
        elif self.job.state.ended:
            self.service.job_ended()
        self.service.ending.step(now)

    def _on_lease_end(self, now: float) -> None:
        """The lease closed: the server exited or was killed."""
        self._poll.unregister(self._lease)
        os.close(self._lease)
        self._lease = -1
        if not self.service.limits.persistent:
            self.service.cancel_restarts()
            self.service.ending.begin(
                now, grace=self.service.limits.grace, reason="its server has ended"
            )

    def close(self) -> None:
        """Release the loop's resources; the kernel closes the rest."""
        self.service.watches.close()
        self.job.close()
        self.service.reporter.close()
        self._clients.close()

    def unplug(self) -> None:
        """Release resources that a holder keeps until its process ends."""
        self._poll.close()
        self._home.close()

    # -- events of the job -------------------------------------------------------------------

    def on_logged(self, offset: int, data: bytes) -> None:
        if len(self.service.followers):
            self.service.followers.on_output(offset, data)

    def on_output(self, now: float, data: bytes) -> None:
        self.service.status_cache.due = now + LULL
        self.service.notices.on_output(now, data)
        for waiter in self.service.inputs:
            waiter.on_output(now, data)
        self.service.watches.on_output(data)

    def on_ended(self, now: float) -> None:
        self.lost()
        self.service.on_ended(now)

    # -- the next run ------------------------------------------------------------------------

    def _restart(self, now: float) -> None:
        """Begin the next run if it is due and no process of the last run is left."""
        service = self.service
        if now < service.restarts.due or not self.job.state.ended or service.ending.active:
            return
        if self.lost():
            return
        if tree.alive(self.pid, exclude=service.watches.commands):
            service.ending.begin(now, grace=service.limits.grace, reason="")
            return
        try:
            self._next_run(now)
        except OSError as failure:  # ENOSPC: its directory cannot be created
            self.job.errors["restart"] = f"restart: {failure.strerror}"
            service.cancel_restarts()
        except Exception as fault:  # of ours: else it would be tried in each iteration
            self.job.errors["restart"] = f"restart: {type(fault).__name__}: {fault}"[:300]
            service.cancel_restarts()

    def _next_run(self, now: float) -> None:
        """Begin the next run: a new directory under its name, new parts, the same peers.

        OSError: there is no new directory, and the last run stays in its place. Any later error is
        a start that failed, in the record of the next run and in the answers that wait for it.
        """
        before, spec = self.current, self.job.spec
        while self._accept():
            pass
        home = succeed(self.job.dir, spec.run)
        unanswered, peers = before.leave(), self._clients.numbered()
        self._guard(before.close)
        self.current = self._new_run(JobDir(before.job.dir.folder))
        self.job.spec = replace(spec, run=spec.run + 1)
        try:
            self.current.inherit(before)
            self._move_on(home)
            self.spawn(self.job.spec, "")
        except PtyJobsError as error:
            unanswered.refuse(peers, error)
        except OSError as failure:  # ENOSPC, ENOMEM: its socket cannot be watched
            refusal = cannot_start(failure)
            self._not_started(refusal, now)
            unanswered.refuse(peers, refusal)
        except Exception as fault:  # a bug of ours: the job must not stay in "starting"
            refusal = holder_failed(fault)
            self._not_started(refusal, now)
            unanswered.refuse(peers, refusal)
        else:
            self.service.note("start", text=spec.command)
            unanswered.renew(self.service, peers, now)

    def _move_on(self, home: Home) -> None:
        self._poll.register(home.listening.fileno())
        self._poll.unregister(self._home.listening.fileno())
        self._home.close()
        self._home = home

    # -- clients -----------------------------------------------------------------------------

    def _accept(self) -> bool:
        """Accept the next connection; False if there is none."""
        try:
            sock, _ = self._home.listening.accept()
        except OSError:  # EAGAIN: it has closed; EMFILE: no descriptor, the client tries again
            return False
        peer = self._clients.admit(sock, secrets=self.job.secrets)
        if peer is not None:
            self._on_peer(peer, select.EPOLLIN)  # most have sent a request already
        return True

    def _on_peer(self, peer: Peer, mask: int) -> None:
        incoming.receive(self.service, peer, mask, guard=self._guard)
        if peer.closed:
            self._drop_peer(peer)

    def _drop_peer(self, peer: Peer) -> None:
        """Discard a closed connection and its waits; the job and its output continue."""
        if not self._clients.remove(peer):
            return
        self.service.limits.client(time.monotonic())
        if self.service.followers.remove(peer):
            self.service.tell_people()
        self.job.secrets.forget(peer.number)
        self.service.inputs.drop_peer(peer)
        peer.close()

    def _poll_peers(self) -> None:
        for peer in self._clients:
            if peer.closed:
                self._drop_peer(peer)
        self._clients.update_masks()
