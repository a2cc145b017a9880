"""The holder: one process, one job, one poll loop.

Owns the poller, the clock and the order of work: output first, then requests, then waiters, then
timers. Never decides: decisions belong to the parts it drives (`service`, `peers`, `tree`). The
subtle thing: it must never die before its job, so the loop records an error of any part in `status`
and continues. It blocks only in the poller and in a write to the log, so the zygote kills *through*
a holder that is stuck there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from ptyjobs import requests
from ptyjobs.errors import BadInput, PtyJobsError, Refused, StartFailed, cannot_start
from ptyjobs.holder import operations
from ptyjobs.holder.job import Job
from ptyjobs.holder.peers import MAX_PEERS, Peer, listen
from ptyjobs.holder.service import JobService
from ptyjobs.holder.status_cache import LULL
from ptyjobs.input.terminal_replies import without_replies
from ptyjobs.model import JobSpec, Tier
from ptyjobs.process import tree
from ptyjobs.process.fair_share import Courtesy, SharedPage
from ptyjobs.process.peercred import same_user
from ptyjobs.protocol import Data, JsonObject
from ptyjobs.store import runs
from ptyjobs.store.jobdir import JobDir

LINGER = 0.5  # seconds that the last answers get to reach their clients
READS_PER_TURN = 16
NEXT = 0.001  # seconds to wait for the next bytes under heavy output
COARSE = 0.5  # seconds: longer pauses need no millisecond precision


class Holder:
    """The poll loop and the parts it drives."""

    def __init__(self, page: SharedPage, *, lease: int, tier: Tier) -> None:
        """Build without job, directory or descriptors: the zygote forks every holder from it."""
        self.pid = 0
        self.tier = tier
        self.courtesy = Courtesy(page)
        self.job = Job(self, self.courtesy)
        self.service = self._service_of(self.job)
        self._watched: dict[int, Callable[[int], None]] = {}  # descriptors of readiness probes
        self._lease = lease
        self._poll: select.epoll
        self._wake: tuple[int, int]
        self._listening: socket.socket
        self._lock: int
        self._peers: dict[int, Peer] = {}
        self._masks: dict[int, int] = {}  # the poll mask of each peer's socket
        self._numbers = 0
        self._master_mask = select.EPOLLIN  # the poll mask of the pty master
        self.wanted = False  # a descriptor other than the master was ready since the last iteration
        self._master_out = False  # master unregistered (its job closed the terminal)
        self._leave_at: float | None = None
        self._fold_due: float | None = None  # a backlog is folded in small steps

    def _service_of(self, job: Job) -> JobService:
        return JobService(
            job,
            spawn=self.spawn,
            type_input=operations.begin_input,
            guard=self._guard,
            poller=self,
        )

    # -- birth -------------------------------------------------------------------------------

    def adopt(self, sock: socket.socket) -> Peer:
        """Add a connection that already exists (of the client that requested this holder)."""
        self._numbers += 1
        peer = Peer(sock, self._numbers, secrets=self.job.secrets)
        self._peers[sock.fileno()] = peer
        self._poll.register(sock.fileno(), select.EPOLLIN)
        return peer

    def begin(self) -> None:
        """Set up what only a running process has: the poller and its wake-up descriptor.

        SIGCHLD already has a handler (the zygote's); without one, nothing would wake the loop.
        """
        self.pid = self.service.pid = os.getpid()
        self.service.notices.begin()
        self._poll = select.epoll()
        self._wake = os.pipe()
        for fd in self._wake:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        self._poll.register(self._wake[0], select.EPOLLIN)
        if self._lease >= 0:
            self._poll.register(self._lease, select.EPOLLIN)

    def move_in(self, folder: str, slot: int) -> None:
        """Take over a job's directory: its lock and its socket."""
        self.courtesy.slot = slot
        self.job.dir = JobDir(folder)
        self._open(folder)

    def _open(self, folder: str) -> None:
        self._lock = os.open(f"{folder}/alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.write(self._lock, b"%d" % self.pid)  # pid of the process that holds the lock
        self._listening = listen(folder)
        self._poll.register(self._listening.fileno(), select.EPOLLIN)

    def spawn(self, spec: JobSpec, reader: str) -> None:
        """Start the job for `reader`; StartFailed leaves a `failed` record behind."""
        if self.job.pty is not None:
            raise StartFailed("This holder has its job already.")
        if self.service.ending.never_started:
            raise StartFailed("The job was killed before it started.")
        now = time.monotonic()
        self.service.limits.begin(spec, now)
        self.service.restarts.begin(spec.restart, now)
        try:
            spec = self.service.with_port(spec)
            self.job.dir.write_spec(spec)
            self.job.spawn(spec, now=now, tier=self.tier)
        except (StartFailed, Refused) as error:
            self._not_started(error, now)
            raise
        except OSError as failure:  # ENOSPC, EDQUOT, EMFILE: its files cannot be created
            told = cannot_start(failure)
            self._not_started(told, now)
            raise told from failure
        assert self.job.pty is not None
        self._poll.register(self.job.pty.master, select.EPOLLIN)
        if self.job.pty.errors >= 0:
            self._poll.register(self.job.pty.errors, select.EPOLLIN)
        self.service.glimpses.due = now + LULL
        self.service.inputs.begin(reader)
        self.service.watches.begin(now)
        self._guard(self.service.notices.start, now)
        self._guard(self.job.dir.write_status, self.service.status())

    def _not_started(self, error: PtyJobsError, now: float) -> None:
        self.job.failed_to_start(error.message)
        self._guard(self.job.dir.write_status, self.service.status())
        self._leave_at = now + LINGER

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

    def _guard(self, act: Callable[..., None], *args: object) -> None:
        """Run `act`; the loop outlives its errors and reports them in `status`."""
        try:
            act(*args)
        except Exception as error:
            where = getattr(act, "__name__", "loop")
            self.job.errors[where] = f"{where}: {type(error).__name__}: {error}"[:300]
            if os.environ.get("PTYJOBS_TEST_TRACEBACK"):
                import traceback

                with contextlib.suppress(OSError), open(self.job.dir.path / "errors", "a") as out:
                    traceback.print_exc(file=out)

    def _next_events(self) -> list[tuple[int, int]]:
        timeout = min(max(0.0, self._next_time() - time.monotonic()), 60.0)
        if timeout > COARSE:
            return self._poll.poll(timeout)
        # epoll rounds its timeout up to whole ms; select on the epoll descriptor does not
        if timeout:
            ready, _, _ = select.select([self._poll.fileno()], [], [], timeout)
            if not ready:
                return []
        return self._poll.poll(0)

    def _next_time(self) -> float:
        now = time.monotonic()
        job = self.job
        times = [self.service.inputs.due, self.service.glimpses.next_due, now + 60.0]
        times.append(self.service.notices.due(now))
        times.append(self.service.watches.due)
        if self.service.hold.held is not None:
            times.append(self.service.hold_due)
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
        if self.service.ending.active:
            times.append(self.service.ending.due)
        times += [t for t in (self._leave_at, self._fold_due) if t is not None]
        if job.pty is not None and job.terminal_closed_until > now:
            times.append(job.terminal_closed_until)
        if not self.service.ending.active:
            times.append(self.service.limits.due(now, alone=not self._peers))
            times.append(self.service.restarts.due)
        return min(times)

    def _dispatch(self, fd: int, mask: int, now: float) -> None:
        """Handle one event; an earlier event of the batch may have closed `fd`, so look it up."""
        job = self.job
        if (peer := self._peers.get(fd)) is not None:
            self._on_peer(peer, mask)
        elif (call := self._watched.get(fd)) is not None:
            call(mask)
        elif fd == self._wake[0]:
            self._on_child(now)
        elif fd == self._lease:
            self._on_lease_end(now)
        elif job.pty is not None and fd == job.pty.master:
            self._on_terminal(now)
        elif job.pty is not None and fd == job.pty.errors:
            self.service.reporter.read_errors()
        elif fd == self._listening.fileno():
            self._accept()

    def watch(self, fd: int, mask: int, call: Callable[[int], None]) -> None:
        """Call `call` with the events of a probe's descriptor."""
        if fd in self._watched:
            self._poll.modify(fd, mask)
        else:
            self._poll.register(fd, mask)
        self._watched[fd] = call

    def unwatch(self, fd: int) -> None:
        """Stop watching a descriptor, before it is closed."""
        if self._watched.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _on_terminal(self, now: float) -> None:
        for _ in range(READS_PER_TURN):
            if not self.job.read_once(now) or self.courtesy.paused_until or self.wanted:
                break
            now = time.monotonic()
            if self._peers_pending():
                break
        self._poll_terminal()

    def more(self) -> bool:
        """Under heavy output, poll briefly; True if only the terminal is readable."""
        if self._master_out or not self._master_mask:
            return False
        assert self.job.pty is not None
        events = self._poll.poll(NEXT)
        self.wanted = any(fd != self.job.pty.master for fd, _ in events)
        return events == [(self.job.pty.master, select.EPOLLIN)]

    def _peers_pending(self) -> bool:
        return self.service.inputs.due <= time.monotonic()

    def _poll_terminal(self) -> None:
        """Register the master for the events needed now."""
        job = self.job
        if job.pty is None:
            return
        now = time.monotonic()
        mask = 0
        if not self.courtesy.paused_until and now >= job.terminal_closed_until:
            mask |= select.EPOLLIN
        due = job.input.due()
        if (due is not None and due <= now) or job.input.replies:
            mask |= select.EPOLLOUT
        with contextlib.suppress(FileNotFoundError):
            if job.terminal_closed_until > now or job.pacing.held:
                # EPOLLHUP cannot be masked: a closed terminal leaves the poller until it reopens
                self._poll.unregister(job.pty.master)
                self._master_out = True
                return
            if self._master_out:
                self._poll.register(job.pty.master, mask)
                self._master_out = False
            elif mask != self._master_mask:
                self._poll.modify(job.pty.master, mask)
            self._master_mask = mask

    # -- time --------------------------------------------------------------------------------

    def _on_time(self) -> None:
        now = time.monotonic()
        job = self.job
        if self.courtesy.paused_until and now >= self.courtesy.paused_until:
            self.courtesy.at_pause_end(now)
        self.courtesy.calm(now)
        if not job.input.idle:
            job.input.pump(now)
        self.service.watches.step(now)
        self.service.inputs.on_time(now)
        self.service.watches.keep([waiter.watch for waiter in self.service.inputs])
        if job.pacing.held and now >= job.pacing.due:
            job.read_once(now)
        if job.ending:
            job.try_finish(now)
            self.service.inputs.drop_done()
        self.service.ending.step(now)
        if not self.service.ending.active and (
            why := self.service.limits.step(now, alone=not self._peers)
        ):
            self.service.ending.begin(now, grace=self.service.limits.grace, reason=why)
        self.service.glimpses.step(now)
        self._guard(self.service.notices.step, now)
        self.service.person_step(now)
        self._fold_due = None
        if job.pty is not None and not self.courtesy.hot:
            self._guard(self._fold_a_little, now)
        self.service.followers.pump()
        self._restart(now)
        self._poll_terminal()
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
        flushed = not any(peer.wants_write for peer in self._peers.values())
        quiet = not self.service.inputs and not self.service.ending.awaited
        return (flushed and quiet) or time.monotonic() >= self._leave_at

    # -- children and the lease --------------------------------------------------------------

    def _on_child(self, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake[0], 4096):
                pass
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
        for peer in self._peers.values():
            peer.close()

    def unplug(self) -> None:
        """Release resources that a holder keeps until its process ends."""
        signal.set_wakeup_fd(-1)
        self._poll.close()
        self._listening.close()
        for fd in (*self._wake, self._lock):
            os.close(fd)

    # -- events of the job -------------------------------------------------------------------

    def on_logged(self, offset: int, data: bytes) -> None:
        if len(self.service.followers):
            self.service.followers.on_output(offset, data)

    def on_output(self, now: float, data: bytes) -> None:
        self.service.glimpses.due = now + LULL
        self.service.notices.on_output(now, data)
        for waiter in self.service.inputs:
            waiter.on_output(now, data)
        self.service.watches.on_output(data)

    def on_ended(self, now: float) -> None:
        """The output is complete and the exit known: publish both together."""
        self._guard(self.job.typed.prove, self.job.log.end)
        if self.service.inputs:
            self.service.observed_fold()  # before the status reads the screen
        self.service.restarts.on_end(self.job, now, self.service.last_line)
        self._guard(self.service.end_hold)
        self._guard(self.service.note_end)
        status = self.service.status()
        self.job.events.flush()
        self._guard(self.job.secrets.write, self.job.dir, self.job.spec.masked)
        self._guard(self.job.dir.write_status, status)
        self.service.glimpses.remove()
        self.service.job_ended()
        for who in (self.service.ending, self.service.followers):
            self.service.notices.answering(who.sessions)
        self.service.inputs.on_ended(now)
        self._guard(self.service.notices.on_end, self.job.exit)
        self.service.followers.on_ended(status)
        self.service.inputs.refuse_inputs()
        if self.job.spec.on_exit and not self.service.restarts.pending:
            self._guard(self.service.reporter.run_on_exit)

    # -- the next run ------------------------------------------------------------------------

    def _restart(self, now: float) -> None:
        """Begin the next run if it is due and no process of the last run is left."""
        service = self.service
        if now < service.restarts.due or not self.job.state.ended or service.ending.active:
            return
        if tree.alive(self.pid, but=service.watches.commands):
            service.ending.begin(now, grace=service.limits.grace, reason="")
            return
        try:
            self._next_run(now)
        except OSError as failure:  # ENOSPC: its directory cannot be created
            self.job.errors["restart"] = f"restart: {failure.strerror}"
            service.cancel_restarts()

    def _next_run(self, now: float) -> None:
        """Begin the next run: a new directory under its name, a new state, the same peers."""
        old, before = self.job, self.service
        directory = self._move_on(old)
        waits = before.inputs.take(before.watches.own)
        asked, before.restarts.asked = before.restarts.asked, []
        before.watches.close()
        before.reporter.close()
        old.close()
        self._master_mask, self._master_out = select.EPOLLIN, False
        self.job = Job(self, self.courtesy)
        self.job.dir, self.job.contained, self.job.secrets = directory, old.contained, old.secrets
        service = self.service = self._service_of(self.job)
        service.pid, service.lease, service.restarts = self.pid, before.lease, before.restarts
        service.notices.begin()
        service.hold.succeed(before.hold)
        peers = {peer.number: peer for peer in self._peers.values()}
        try:
            self.spawn(replace(old.spec, run=old.spec.run + 1), "")
        except PtyJobsError as error:
            numbers = [(w.owner >> 32, w.owner & 0xFFFFFFFF) for w in waits]
            for peer, number in [*numbers, *((p.number, n) for p, n, _ in asked)]:
                if peer in peers:
                    peers[peer].send({"id": number, "error": error.to_wire()})
            return
        service.note("start", text=old.spec.command)
        for wait in waits:
            if (owner := peers.get(wait.owner >> 32)) is not None:
                ask = replace(wait.ask, timeout=wait.left(now))
                number = wait.owner & 0xFFFFFFFF
                service.inputs.wait(owner, number, ask, watch=service.watches.own)
        for owner, number, request in asked:
            if (reply := operations.first_answer(service, owner, number, request)) is not None:
                owner.send({"id": number, "ok": reply})

    def _move_on(self, job: Job) -> JobDir:
        """Create the next run's directory in place of this run's, which is renamed and kept."""
        from ptyjobs.process import cgroup  # few jobs restart

        while self._accept():
            pass
        fresh = runs.allocate(job.dir, job.spec.run)
        group = cgroup.noted(job.dir.path)
        lock, listening = self._lock, self._listening
        try:
            self._open(fresh.folder)
        except OSError:
            self._lock, self._listening = lock, listening
            shutil.rmtree(fresh.folder, ignore_errors=True)
            raise
        runs.exchange(job.dir, fresh)
        self._poll.unregister(listening.fileno())
        listening.close()
        for name in ("sock", "alive", cgroup.NOTE):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{fresh.folder}/{name}")
        os.close(lock)
        if group is not None:
            cgroup.note(group, job.dir.folder)
        return JobDir(job.dir.folder)

    # -- clients -----------------------------------------------------------------------------

    def _accept(self) -> bool:
        """Accept the next connection; False if there is none."""
        try:
            sock, _ = self._listening.accept()
        except OSError:  # EAGAIN: it has closed; EMFILE: no descriptor, the client tries again
            return False
        if len(self._peers) >= MAX_PEERS or not same_user(sock):
            sock.close()
        else:
            self._on_peer(self.adopt(sock), select.EPOLLIN)  # most have sent a request already
        return True

    def _on_peer(self, peer: Peer, mask: int) -> None:
        if mask & select.EPOLLOUT:
            peer.flush()
        if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            for message in peer.receive():
                self.service.limits.client(time.monotonic())
                if isinstance(message, Data):
                    self._on_keys(peer, message.data)
                else:
                    self._on_request(peer, message)
        if peer.closed:
            self._drop_peer(peer)

    def _on_request(self, peer: Peer, message: JsonObject) -> None:
        number = requests.number_of(message)
        try:
            reply = operations.perform(self.service, peer, number, requests.decode(message))
        except PtyJobsError as error:
            peer.send({"id": number, "error": error.to_wire()})
        except (TypeError, ValueError) as error:  # an unusable number, such as NaN seconds
            bad = BadInput(f"Bad parameters: {error}.")
            peer.send({"id": number, "error": bad.to_wire()})
        else:
            if reply is not None:
                peer.send({"id": number, "ok": reply})

    def _on_keys(self, peer: Peer, data: bytes) -> None:
        """Type the bytes of an attached person at once.

        Each attached terminal answers a program's query; only one of the answers is passed on.
        """
        follower = self.service.followers.get(peer)
        if follower is None or not follower.types or self.job.state.ended:
            return
        if b"\x1b" in data and not self.service.followers.answers(peer):
            data = without_replies(data, cursor=self.job.cursor)
            if not data:
                return
        who = follower.name
        if (held := self.service.hold.held) is not None and held.by != who:
            return  # their attach shows who holds it
        self.courtesy.resume()
        for waiter in self.service.inputs:
            waiter.by_person = True
        job, now = self.job, time.monotonic()
        terminal, end = job.terminal(), job.log.end
        if terminal.secret:
            job.secrets.keys(peer.number, data)
        else:
            job.secrets.forget(peer.number)
        job.input.type(data, now, owner=-peer.number)  # first: a person waits for the echo
        job.typed.keys(now, end, data, echo=terminal.echo, secret=terminal.secret, who=who)
        self.service.watches.on_typed(data.decode("utf-8", "replace"))
        if not self.courtesy.paused_until:
            job.read_once(time.monotonic())  # the kernel's echo is available by now

    def _drop_peer(self, peer: Peer) -> None:
        """Discard a closed connection and its waits; the job and its output continue."""
        fd = peer.fileno()
        if self._peers.pop(fd, None) is None:
            return
        self.service.limits.client(time.monotonic())
        self._poll.unregister(fd)
        if self.service.followers.remove(peer):
            self.service.tell_people()
        self.job.secrets.forget(peer.number)
        self.service.inputs.drop_peer(peer)
        peer.close()

    def _poll_peers(self) -> None:
        for fd, peer in list(self._peers.items()):
            if peer.closed:
                self._drop_peer(peer)
            else:
                mask = select.EPOLLIN | (select.EPOLLOUT if peer.wants_write else 0)
                if mask != self._masks.get(fd, select.EPOLLIN):
                    self._poll.modify(fd, mask)
                self._masks[fd] = mask
        for fd in [fd for fd in self._masks if fd not in self._peers]:
            del self._masks[fd]
