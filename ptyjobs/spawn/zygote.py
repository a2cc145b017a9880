"""The zygote as its server sees it: a small process that forks holders.

Owns its start, the requests to it and the write end of its lease, which ends every session job when
it is closed. Never runs in the zygote (`zygote_process` does). The subtle thing: it is forked from
the server before anything large is imported and before threads exist, so this file imports little;
the child imports the rest. From a large parent (a test run), the zygote leaves alone what it
inherits: each pass of the collector over it would take a second and copy its pages.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import selectors
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from ptyjobs.errors import StartFailed, Unsupported
from ptyjobs.process import own_env
from ptyjobs.spawn.messages import MAX_WORDS, SEARCH, ForkRequest

LARGE = 1_000_000  # memory blocks of a parent; a server that imports no more than it needs: 350,000


@dataclass
class Zygote:
    """The server's handle: `fork_holder` asks for a holder."""

    pid: int
    _requests: socket.socket
    _lease: int  # write end; closing it ends every session job
    _pidfd: int

    def fileno(self) -> int:
        """A pidfd: readable once the zygote has exited."""
        return self._pidfd

    def fork_holder(
        self, directory: Path, *, persistent: bool, grace: float = 0.0, lock: int = -1
    ) -> socket.socket:
        """Fork a holder for `directory`; returns the connection to it.

        `lock`: the descriptor of the directory's lock, which the holder keeps.

        Raises StartFailed when the zygote has exited, or when there are no descriptors.
        """
        request = ForkRequest(os.fspath(directory), persistent, grace)
        return self._fork(request.encode(), [lock] if lock >= 0 else [])

    def fork_search(self) -> socket.socket:
        """Fork a search process (`store.search_process`); returns the connection to it.

        Raises StartFailed like `fork_holder`.
        """
        if not self.alive():  # a child of it may keep its end of the requests open
            raise StartFailed("The process that starts jobs has exited.", advice="Try once more.")
        return self._fork(SEARCH, [])

    def _fork(self, request: bytes, fds: list[int]) -> socket.socket:
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except OSError as failure:  # EMFILE, ENFILE
            raise StartFailed(
                f"No connection to a new job can be made ({failure}).",
                advice="End jobs or clients, or raise the limit of open files (ulimit -n).",
            ) from failure
        try:
            socket.send_fds(self._requests, [request], [theirs.fileno(), *fds])
        except OSError as failure:  # EPIPE, ECONNRESET: it died; ENOBUFS, EMFILE: no room
            ours.close()
            raise StartFailed(
                f"The process that starts jobs cannot be reached ({failure}).",
                advice="Try once more; it is restarted at the next call.",
            ) from failure
        finally:
            theirs.close()
        return ours

    def alive(self) -> bool:
        """True while the zygote is running."""
        try:
            done = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # reaped already
            return False
        return done is None

    def last_words(self) -> str:
        """The error that ended the zygote; "" if it was killed or lives."""
        try:
            words = self._requests.recv(4 * MAX_WORDS, socket.MSG_DONTWAIT | socket.MSG_PEEK)
        except OSError:  # EAGAIN, ECONNRESET; EBADF: the session has ended
            return ""
        return words.decode("utf-8", "replace")

    def end_session(self) -> None:
        """Close the lease: holders and zygote clean up and exit."""
        if self._lease >= 0:
            os.close(self._lease)
            self._lease = -1
        self._requests.close()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the zygote's exit; True if it has exited."""
        with selectors.PollSelector() as selector:  # needs no descriptor of its own
            selector.register(self._pidfd, selectors.EVENT_READ)
            ended = bool(selector.select(timeout))
        if ended:
            with contextlib.suppress(ChildProcessError):  # reaped by the guard already
                os.waitpid(self.pid, 0)
        return ended


def start(*, ahead: bool = False, share_heap: bool = True) -> Zygote:
    """Fork the zygote. Call it before threads exist and before large imports.

    `ahead`: long before its first job, so that it may take half a second more to get ready.
    `share_heap`: the setting of that name.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lease_read, lease_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ours.close()
            os.close(lease_write)
            if large := sys.getallocatedblocks() >= LARGE:
                gc.freeze()  # before the imports, which run the collector
            from ptyjobs.spawn import zygote_process  # the server needs none of it

            zygote_process.main(theirs, lease_read, ahead=ahead, share_heap=share_heap, large=large)
            status = 0
        finally:
            os._exit(status)
    theirs.close()
    os.close(lease_read)
    return _watched(pid, ours, lease_write)


def start_fresh(*, share_heap: bool = True) -> Zygote:
    """Start a zygote in a new interpreter, for a parent that has grown large (a restart)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lease_read, lease_write = os.pipe()
    for fd in (theirs.fileno(), lease_read):
        os.set_inheritable(fd, True)
    argv = [
        sys.executable,
        "-m",
        "ptyjobs.spawn.zygote_process",
        str(theirs.fileno()),
        str(lease_read),
    ]
    argv.append("share" if share_heap else "")
    try:
        pid = os.posix_spawn(sys.executable, argv, own_env.cleaned(os.environ))
    finally:
        theirs.close()
        os.close(lease_read)
    return _watched(pid, ours, lease_write)


def _watched(pid: int, requests: socket.socket, lease: int) -> Zygote:
    """The handle of a child zygote; without pidfds it ends again, and the start is refused."""
    try:
        return Zygote(pid, requests, lease, os.pidfd_open(pid))
    except OSError as failure:
        os.close(lease)
        requests.close()
        os.waitpid(pid, 0)
        if failure.errno not in (errno.EPERM, errno.ENOSYS):  # EMFILE
            raise
        raise Unsupported(
            f"This machine forbids pidfd_open ({failure.strerror}): its kernel is older than Linux "
            "5.3, or the seccomp profile of this container is.",
            advice="Use a newer kernel or container runtime, or allow that system call.",
        ) from failure
