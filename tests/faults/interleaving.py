"""A scheduler that decides which of several threads does its next file-system operation.

Owns the order of the operations of real client code on a real directory: each actor is a thread
that stops before every call listed in `STOPS` until it is chosen. One seed or one list of choices
is one interleaving, and gives the same order again. Never simulates a file system. The subtle
thing: a lock that another actor holds is tried without blocking, and the actor stays where it is,
or the chosen thread would wait for one that is never chosen.
"""

from __future__ import annotations

import builtins
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
STOPS: dict[object, tuple[str, ...]] = {
    os: (
        "open", "mkdir", "rename", "replace", "unlink", "remove", "rmdir", "chmod", "listdir",
        "scandir", "stat", "lstat", "write", "ftruncate",
    ),
    builtins: ("open",),
    fcntl: ("flock",),
}  # fmt: skip
PATIENCE = 60.0  # seconds without a stop after which an actor counts as hung
ROUNDS = 5000  # stops of all actors together; more means that they wait for each other


STAYS = 0.9  # how often an order in bursts lets the same actor go on


def order(seed: int) -> Callable[[int], int]:
    """The choices of one seed: at even seeds all the same likely, at odd ones in bursts.

    Only in bursts does one actor do a dozen operations between two of another.
    """
    random = Random(seed)
    last = 0

    def choose(count: int) -> int:
        nonlocal last
        if seed % 2 == 0 or last >= count or random.random() > STAYS:
            last = random.randrange(count)
        return last

    return choose


class Endless(Exception):
    """The actors make no progress: each waits for what another holds."""


@dataclass
class Actor:
    """One thread of the client's code and what became of it."""

    act: Callable[[], object]
    result: object = None
    error: BaseException | None = None
    done: bool = False
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Interleaving:
    """Runs actors one operation at a time; `choose(n)` gives the index of the next of n."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self._choose = choose
        self._stopped = threading.Semaphore(0)
        self._here = threading.local()

    def run(self, acts: Sequence[Callable[[], object]]) -> list[Actor]:
        """Run them all to their ends; raises Endless."""
        actors = [Actor(act) for act in acts]
        threads = [threading.Thread(target=self._live, args=(a,), daemon=True) for a in actors]
        with self._patched():
            for thread in threads:
                thread.start()
                self._await()
            for _ in range(ROUNDS):
                living = [actor for actor in actors if not actor.done]
                if not living:
                    break
                living[self._choose(len(living))].turn.release()
                self._await()
            else:
                raise Endless
        for thread in threads:
            thread.join()
        return actors

    def _await(self) -> None:
        if not self._stopped.acquire(timeout=PATIENCE):
            raise Endless

    def _live(self, actor: Actor) -> None:
        self._here.actor = actor
        self._stop()
        try:
            actor.result = actor.act()
        except Exception as error:
            actor.error = error
        finally:
            actor.done = True
            self._here.actor = None
            self._stopped.release()

    def _stop(self) -> None:
        actor: Actor | None = getattr(self._here, "actor", None)
        if actor is not None:
            self._stopped.release()
            actor.turn.acquire()

    @contextlib.contextmanager
    def _patched(self) -> Iterator[None]:
        kept = [(where, name, getattr(where, name)) for where, ns in STOPS.items() for name in ns]
        for where, name, real in kept:
            setattr(where, name, self._flock(real) if name == "flock" else self._stopping(real))
        try:
            yield
        finally:
            for where, name, real in kept:
                setattr(where, name, real)

    def _stopping(self, real: Callable[P, T]) -> Callable[P, T]:
        def stopping(*args: P.args, **named: P.kwargs) -> T:
            self._stop()
            return real(*args, **named)

        return stopping

    def _flock(self, real: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def flock(fd: int, operation: int) -> None:
            while True:
                self._stop()
                try:
                    return real(fd, operation | fcntl.LOCK_NB)
                except BlockingIOError:
                    if operation & fcntl.LOCK_NB or getattr(self._here, "actor", None) is None:
                        raise

        return flock
