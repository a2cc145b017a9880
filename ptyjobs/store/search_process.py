"""A process for searches that may take long, kept for the next one.

Owns its start, its limits and its end. Never decides which searches need it (`store.grep`). While
Python's `re` searches, no other thread of its process runs, so a search of unknown cost is made by
another process; starting one takes 50 to 250 ms, which the next search should not pay again.

The subtle thing: it ends by itself. It exits at the end of its input (so with its owner, however
that ends), after a minute without a search, and after a search that took much memory. An owner
whose process has exited starts another. It works for one search at a time: another thread gets a
process of its own, which is not kept.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ptyjobs.errors import BadPattern, LimitReached, PtyJobsError, from_wire
from ptyjobs.process import own_env
from ptyjobs.store import search_source

if TYPE_CHECKING:
    import socket

LONGEST = 120.0  # seconds until a process that does not answer is killed
IDLE = 60.0  # seconds without a search after which a process exits
MEMORY = 96 << 20  # bytes of resident memory at which it exits after its answer

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class _Process:
    """A search process, and the descriptors of its input and output."""

    pid = 0  # of a child of this process

    def __init__(self, to: int, out: int) -> None:
        self._to, self._out = to, out
        os.set_blocking(to, False)
        self.owner = os.getpid()

    def ask(self, line: bytes) -> bytes:
        """The answer to a request; empty if the process is gone, TimeoutError after `LONGEST`."""
        limit = time.monotonic() + LONGEST
        rest = memoryview(line)
        try:
            while rest:
                _wait(self._to, select.POLLOUT, limit)
                rest = rest[os.write(self._to, rest) :]
            data = bytearray()
            while not data.endswith(b"\n"):
                _wait(self._out, select.POLLIN, limit)
                chunk = os.read(self._out, 1 << 16)
                if not chunk:
                    return b""
                data += chunk
        except (BrokenPipeError, ConnectionResetError):  # it exited meanwhile
            return b""
        return bytes(data)

    def close(self) -> int:
        """End it; returns its exit status, 0 if that is unknown."""
        raise NotImplementedError


class _Started(_Process):
    """A new interpreter, a child of this process."""

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main()"
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-c", code, str(os.getpid()), str(IDLE), str(MEMORY)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=own_env.cleaned(os.environ),
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self.pid = self._popen.pid
        super().__init__(self._popen.stdin.fileno(), self._popen.stdout.fileno())

    def close(self) -> int:
        self._popen.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()
        return self._popen.wait()


class _Forked(_Process):
    """A child of the zygote, which sees the end of its input even while it searches."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        super().__init__(connection.fileno(), connection.fileno())

    def close(self) -> int:
        self._connection.close()
        return 0


def _wait(fd: int, event: int, limit: float) -> None:
    poll = select.poll()
    poll.register(fd, event)
    if not poll.poll(max(0.0, limit - time.monotonic()) * 1000):
        raise TimeoutError


_lock = threading.Lock()
_kept: _Process | None = None
_running: dict[int, _Process] = {}


def pids() -> set[int]:
    """Pids of this process's search processes, for its guard; waits for a start in progress."""
    with _lock:
        return {process.pid for process in _running.values() if process.owner == os.getpid()}


def answer(function: Answer, request: dict[str, Any], *, advice: str = "") -> dict[str, Any]:
    """Call a function of a module in a search process, with a request and for an answer in JSON.

    The function may raise PtyJobsError. `advice` is for a search that takes longer than `LONGEST`:
    BadPattern. LimitReached if no process can be had.
    """
    target = [function.__module__, function.__qualname__]
    line = json.dumps([*target, request]).encode() + b"\n"
    try:
        answered = _ask(line)
    except TimeoutError:
        text = f"The search took longer than {LONGEST:.0f} s."
        raise BadPattern(text, advice=advice) from None
    except OSError as failure:  # no process or memory left
        raise _failed(str(failure)) from failure
    found: dict[str, Any] = json.loads(answered)
    if "error" in found:
        raise from_wire(found["error"])
    return found


def _failed(why: str) -> LimitReached:
    return LimitReached(
        f"The search could not be made: {why}.",
        advice="Kill or wait for other jobs, then try again.",
    )


def _ask(line: bytes) -> bytes:
    for take in (_take, _fork):
        process = take()
        if process is not None and (found := _used(process, line)):
            return found
        # it exited since its last search, or died of this one: a new one makes the difference
    process = _start()
    found = _used(process, line)
    if not found:
        raise _failed(f"its process ended with status {process.close()}")
    return found


def _used(process: _Process, line: bytes) -> bytes:
    """The answer of a process, which is then kept, or ended if it gave none."""
    found = b""
    try:
        found = process.ask(line)
    finally:
        if not found or not _keep(process):
            _end(process)
    return found


def _take() -> _Process | None:
    global _kept
    with _lock:
        process, _kept = _kept, None
    if process is not None and process.owner != os.getpid():  # this is a fork of its owner
        return None
    return process


def _fork() -> _Process | None:
    connection = search_source.fork()
    return None if connection is None else _Forked(connection)


def _start() -> _Process:
    with _lock:
        process = _Started()
        _running[process.pid] = process
        return process


def _keep(process: _Process) -> bool:
    global _kept
    with _lock:
        if _kept is not None and _kept.owner == os.getpid():
            return False
        _kept = process
        return True


@atexit.register
def close() -> None:
    """End the kept process."""
    if (process := _take()) is not None:
        _end(process)


def _end(process: _Process) -> None:
    process.close()
    with _lock:
        _running.pop(process.pid, None)


def owned() -> bool:
    """In a search process: True while its owner lives and so may want the answer."""
    return _parent == 0 or (os.getppid() == _parent and not _ends.poll(0))


_parent = 0  # 0: this is no search process
_ends = select.poll()  # reports only that the other end of a descriptor is closed


def main() -> None:
    """Main function of the process: a request a line on stdin, an answer a line on stdout."""
    own_env.close_memory()
    serve(int(sys.argv[1]), idle=float(sys.argv[2]), most=int(sys.argv[3]))


def serve(parent: int, *, idle: float = IDLE, most: int = MEMORY, lease: int = -1) -> None:
    """Answer requests until the owner, or the session of that lease, has ended."""
    global _parent
    _parent = parent
    waiting = select.poll()
    waiting.register(0, select.POLLIN)
    _ends.register(0, 0)
    if lease >= 0:
        waiting.register(lease, 0)
        _ends.register(lease, 0)
    with open(0, "rb", closefd=False) as requests:
        while waiting.poll(idle * 1000) and owned() and (line := requests.readline()):
            answered = json.dumps(_answer(*json.loads(line))).encode() + b"\n"
            try:
                while answered:
                    answered = answered[os.write(1, answered) :]
            except BrokenPipeError:  # the owner no longer waits for it
                return
            if _resident() > most:
                return


def _resident() -> int:
    """Resident memory of this process, bytes; 0 if unknown."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _answer(module: str, function: str, request: dict[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = getattr(importlib.import_module(module), function)(request)
    except PtyJobsError as error:
        return {"error": error.to_wire()}
    return found
