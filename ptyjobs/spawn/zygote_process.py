"""The zygote's process: forks holders, and outlives its server to clean up.

Owns the fork of holders and the final clean-up after the server's exit: it ends every remaining
session job, killing *through* a holder that is stopped or stuck in a write. It imports what holders
need, runs a dummy job through the real code so that the pages it touches are shared, and freezes
the heap. Never spawns a job itself.

The lease: only the server holds the write end of a pipe; the zygote and, by inheritance, every
holder keep the read end. However the server ends, the kernel closes the write end and all of them
read end of file; there is no window in which a job has no owner.

The subtle thing: a page that the zygote writes to after a fork is no longer shared with that
holder, which keeps its own copy. So the loop does as little as possible for each request.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.config import umask
from ptyjobs.process import cgroup, own_env, tree
from ptyjobs.process.tree_kill import TreeKill
from ptyjobs.spawn import messages
from ptyjobs.spawn import prefork as spares
from ptyjobs.spawn.messages import ForkRequest
from ptyjobs.spawn.prefork import REST, RETRY, Spare, SpareChannel
from ptyjobs.store.jobdir import JobDir

SERVER_GRACE = 1.0  # seconds beyond its grace until a holder without server is killed through
ORPHAN_GRACE = 1.0  # seconds between SIGTERM and SIGKILL for processes orphaned by a killed holder
STRANGERS = 20.0  # ms between two checks for such processes


def main(
    requests: socket.socket,
    lease: int,
    *,
    ahead: bool = False,
    share_heap: bool = True,
    large: bool = False,
) -> None:
    """Serve until the server's end; an error that ends it first is sent to the server.

    `large`: its memory is mostly a server's, and frozen; reference counting then continues.
    """
    try:
        _become_zygote(requests, lease, share_heap=share_heap)
        if ahead and share_heap and not large:
            _specialize(requests, lease)
            _fill_holes()
        loop = _Loop(requests, lease, counts=share_heap and not large)
        gc.collect()
        if ahead:
            loop.count_no_more()
        gc.freeze()
        loop.run()
    except BaseException as error:
        with contextlib.suppress(OSError):  # the server has ended
            requests.send(messages.last_words(error), socket.MSG_DONTWAIT)
        raise


def _become_zygote(requests: socket.socket, lease: int, *, share_heap: bool) -> None:
    os.setsid()  # leave the process group that a client signals
    own_env.clean()
    umask.make_usable()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # a blocked SIGCHLD would not wake us
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    _close_others({requests.fileno(), lease})
    for fd in (requests.fileno(), lease):  # start_fresh had to pass them on
        os.set_inheritable(fd, False)
    tree.become_subreaper()
    from ptyjobs.spawn import holder_main

    signal.signal(signal.SIGCHLD, lambda *_: None)  # to wake us, and each holder
    holder_main.warm_up(share_heap=share_heap)
    own_env.close_memory()  # after its test of the kernel, which inspects a fork without exec


def _specialize(requests: socket.socket, lease: int) -> None:
    from ptyjobs.spawn import holder_main

    poll = select.poll()
    for fd in (requests.fileno(), lease):
        poll.register(fd, select.POLLIN)
    holder_main.specialize(lambda: not poll.poll(0))


def _fill_holes() -> None:
    from ptyjobs.spawn import share_heap

    share_heap.fill_holes()


def _close_others(keep: set[int]) -> None:
    """Close every inherited descriptor but `keep`; 0-2 become /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    ordered = sorted({fd for fd in keep if fd > 2})
    low = 3
    for fd in ordered:
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, max(low, os.sysconf("SC_OPEN_MAX")))


@dataclass
class _Holder:
    pid: int
    slot: int
    persistent: bool
    grace: float  # seconds its job gets after the server's end
    group: Path | None  # its cgroup
    folder: str = ""  # its job's directory; "" for a spare and for a search process


class _Loop:
    def __init__(self, requests: socket.socket, lease: int, *, counts: bool) -> None:
        from ptyjobs.process.fair_share import SharedPage
        from ptyjobs.spawn import holder_main

        self._birth = holder_main
        self._requests = requests
        self._lease = lease
        self._page = SharedPage()
        self._unborn = holder_main.unborn(self._page, lease=lease)
        self._spare: Spare | None = None
        self._spare_due = time.monotonic() + REST  # time of the next fork
        self._counts = counts  # reference counting is to stop; `keep` waits for an idle moment
        self._holders: dict[int, _Holder] = {}
        self._killing: TreeKill | None = None  # ends processes orphaned by killed holders
        self._refused: set[int] = set()  # connections whose clients have yet to read the refusal
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        self._wake = (wake_read, wake_write)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._poll = select.poll()
        for fd in (requests.fileno(), lease, wake_read):
            self._poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Serve until the server exits, then make sure that its session jobs end."""
        serving, strangers = True, False
        while serving:
            wait = self._prepare()
            if strangers:
                wait = STRANGERS if wait is None else min(wait, STRANGERS)
            for fd, _ in self._poll.poll(wait):
                if fd == self._wake[0]:
                    _drain(fd)
                elif fd in self._refused:
                    self._forget(fd)
                elif fd == self._lease or not self._request():
                    serving = False
            if self._reap() or strangers:  # only orphans of a killed holder are reparented to us
                strangers = self._end_strangers()
        self._wind_up()

    def count_no_more(self) -> None:
        """Stop reference counting, so that holders share pages they only read (`share_heap`)."""
        from ptyjobs.spawn import share_heap

        if self._counts:
            self._counts = False
            share_heap.keep()

    def _prepare(self) -> float | None:
        """Fork the spare after a moment without requests; ms until that is due."""
        if self._spare is not None:
            return None
        left = self._spare_due - time.monotonic()
        if left > 0:
            return left * 1000
        if self._counts and not self._holders:
            gc.unfreeze()
            self.count_no_more()
            gc.freeze()
        self._spare_due = time.monotonic() + RETRY  # if it fails
        try:
            ours, theirs = spares.channel()
            with theirs:
                try:
                    pid, group = self._birth.fork()
                except OSError:
                    ours.close()
                    raise
                if pid == 0:
                    ours.close()
                    self._become_spare(SpareChannel(theirs), group)
        except OSError:  # EMFILE, EAGAIN, ENOMEM: the next job starts without a spare
            return RETRY * 1000
        self._spare = Spare(pid, group, ours)
        return None

    def _request(self) -> bool:
        """Serve one request; False when the server's end is closed."""
        try:
            data, fds, _, _ = socket.recv_fds(
                self._requests, messages.MAX_REQUEST, messages.MAX_FDS
            )
        except OSError as failure:
            # ECONNRESET: the peer closed with messages of ours unread; the same as end of file
            if failure.errno not in (errno.ECONNRESET, errno.EAGAIN):
                raise
            return failure.errno == errno.EAGAIN
        if not data:
            return False
        for fd in fds:
            os.set_inheritable(fd, False)  # else every job would inherit it
        if data == messages.SEARCH:
            self._search(fds)
            return True
        request = ForkRequest.decode(data)
        folder = request.folder
        slot = self._page.take()
        self._spare_due = time.monotonic() + REST
        born = self._employ(folder, fds, slot)
        if born is None:
            try:
                born = self._birth.fork()
            except OSError as failure:  # EAGAIN, ENOMEM: no process available
                self._page.free(slot)
                _close(fds[1:])
                self._refuse(fds[0], failure)
                return True
            if born[0] == 0:
                self._become_holder(folder, fds, slot, born[1])
        pid, group = born
        self._holders[pid] = _Holder(pid, slot, request.persistent, request.grace, group, folder)
        _close(fds)
        return True

    def _search(self, fds: list[int]) -> None:
        """Fork a search process; without one, its client reads the end of the connection."""
        with contextlib.suppress(OSError):  # EAGAIN, ENOMEM: the client starts one itself
            pid = tree.bare_fork()
            if pid == 0:
                self._become_search(fds[0])
            self._holders[pid] = _Holder(pid, self._page.take(), False, 0.0, None)
        _close(fds)

    def _become_search(self, connection: int) -> None:
        status = 1
        try:
            self._leave()
            if self._spare is not None:
                self._spare.close()
            for fd in (0, 1):
                os.dup2(connection, fd)
            os.close(connection)
            from ptyjobs.store import search_process

            search_process.serve(os.getppid(), lease=self._lease)
            status = 0
        finally:
            os._exit(status)

    def _employ(self, folder: str, fds: list[int], slot: int) -> tuple[int, Path | None] | None:
        """Give the job to the spare: its pid and cgroup; None if no spare can take it."""
        spare = self._spare
        if spare is None:
            return None
        if not spare.give(folder, fds, slot):
            self._dismiss_spare()
            return None
        self._spare = None
        return spare.pid, spare.group

    def _refuse(self, fd: int, failure: OSError) -> None:
        """Send the reason to the client; keep its connection until it has read it and closes."""
        from ptyjobs import protocol

        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):  # the client has closed its end
            os.write(fd, protocol.refusal(failure))
        self._refused.add(fd)
        self._poll.register(fd, select.POLLIN)

    def _forget(self, fd: int) -> None:
        with contextlib.suppress(OSError):  # ECONNRESET: it closed with unread data
            if os.read(fd, 64 << 10):
                return  # its request; the end of file comes later
        self._poll.unregister(fd)
        self._refused.discard(fd)
        os.close(fd)

    def _become_holder(self, folder: str, fds: list[int], slot: int, group: Path | None) -> None:
        status = 1
        try:
            self._leave()
            self._live(folder, fds, slot, group)
            status = 0
        finally:
            os._exit(status)

    def _become_spare(self, post: SpareChannel, group: Path | None) -> None:
        status = 1
        try:
            self._leave()
            self._birth.begin(self._unborn)
            self._birth.stretch(self._unborn)
            if (given := post.wait()) is not None:
                self._live(*given, group)
            status = 0
        finally:
            os._exit(status)

    def _leave(self) -> None:
        """In a forked child: leave the zygote's session, release what belongs to it alone."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (*self._wake, *self._refused, self._requests.detach()):
            os.close(number)

    def _live(self, folder: str, fds: list[int], slot: int, group: Path | None) -> None:
        try:
            contained = group is not None and cgroup.note(group, folder)
            connection, lock = socket.socket(fileno=fds[0]), fds[1] if fds[1:] else -1
            self._birth.main(
                self._unborn, folder, connection, lock=lock, slot=slot, contained=contained
            )
        except BaseException:
            import traceback

            with contextlib.suppress(OSError), open(f"{folder}/crash", "w") as file:
                traceback.print_exc(file=file)
            raise

    def _reap(self) -> bool:
        """Reap ended children; True if there were any. A holder's orphans are reparented to us."""
        ended = tree.reap()
        for pid, status in ended.items():
            held = self._holders.pop(pid, None)
            if held is not None:
                self._page.free(held.slot)
                if status and held.folder:
                    JobDir(held.folder).tidy(pid)
                group = held.group
            elif self._spare is not None and pid == self._spare.pid:
                group = self._spare.group
                self._spare.close()
                self._spare = None
                self._spare_due = time.monotonic() + RETRY
            else:
                continue
            if group is not None:
                cgroup.remove(group)  # if processes are left in it, the next clean-up removes it
        return bool(ended)

    def _dismiss_spare(self) -> None:
        """Discard an unusable spare: kill it, even if stopped, and track it as ended."""
        spare, self._spare = self._spare, None
        self._spare_due = time.monotonic() + RETRY
        if spare is not None:
            spare.close()
            tree.send([spare.pid], signal.SIGKILL)
            self._holders[spare.pid] = _Holder(
                spare.pid, self._page.take(), False, 0.0, spare.group
            )

    def _strangers(self) -> list[int]:
        known = {*self._holders, self._spare.pid if self._spare is not None else 0}
        return [pid for pid in tree.children(os.getpid()) if pid not in known]

    def _end_strangers(self) -> bool:
        """Kill children that are no holders: orphans of dead holders. True while any is left."""
        if not self._strangers():
            self._killing = None
            return False
        now = time.monotonic()
        if self._killing is None:
            self._killing = TreeKill(self._strangers, now=now, grace=ORPHAN_GRACE)
        self._killing.step(now)
        if self._killing.done:
            self._killing = None
        return True

    def _wind_up(self) -> None:
        graces = [held.grace for held in self._holders.values() if not held.persistent]
        deadline = time.monotonic() + max(graces, default=0.0) + SERVER_GRACE
        self._dismiss_spare()
        while True:
            self._reap()
            self._end_strangers()
            ours = [h for h in self._holders.values() if not h.persistent]
            if not ours and not self._strangers():
                return
            if time.monotonic() >= deadline:
                for held in ours:  # stopped, or stuck in a write: kill through it
                    below = tree.descendants(held.pid)
                    tree.send(below, signal.SIGSTOP)
                    tree.send(tree.descendants(held.pid), signal.SIGKILL)
                    tree.send([held.pid], signal.SIGKILL)
            wait = 20 if self._killing is not None or time.monotonic() >= deadline else 50
            for fd, _ in self._poll.poll(wait):
                if fd == self._wake[0]:
                    _drain(fd)
                else:
                    self._poll.unregister(fd)


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)


def _drain(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(fd, 4096):
            pass


if __name__ == "__main__":
    from ptyjobs.spawn import zygote_process as _this  # one module, not also a copy named __main__

    _this.main(
        socket.socket(fileno=int(sys.argv[1])),
        int(sys.argv[2]),
        share_heap=sys.argv[3] == "share",
    )
