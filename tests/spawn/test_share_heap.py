"""The code of a rehearsal is contiguous afterwards and still works."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable

import pytest

from ptyjobs.spawn.share_heap import Gathering


def adder(number: int) -> Callable[[int], int]:
    def add(other: int) -> int:
        return sum(one + other for one in [number])

    return add


def never(number: int) -> int:
    return number


def test_called_code_is_moved_and_does_what_it_did() -> None:
    gc.unfreeze()  # objects frozen by another test are not moved
    before, untouched = adder.__code__, never.__code__
    with Gathering() as gathering:
        first = adder(1)
        assert first(2) == 3
    assert gathering.move() >= 2  # the function, and the one it created before
    assert adder.__code__ is not before
    assert never.__code__ is untouched
    assert first(2) == adder(1)(2) == 3
    assert adder.__code__ == before


def test_moved_code_lies_closer_together() -> None:
    space: dict[str, Callable[[], int]] = {}
    for number in range(1000):
        exec(f"def f{number}(): return {number}", space)
    functions = [space[f"f{number}"] for number in range(0, 1000, 25)]  # the rest is never called

    def pages() -> int:
        return len({id(function.__code__) >> 12 for function in functions})

    before = pages()
    with Gathering() as gathering:
        values = [function() for function in functions]
    gathering.move()
    assert values == [function() for function in functions] == list(range(0, 1000, 25))
    assert pages() < before / 2


WARM_UP = """
import signal, sys
from ptyjobs.spawn import holder_main, share_heap

class Gathering(share_heap.Gathering):
    copies = {}

    def _copy(self, code, copies):
        copy = super()._copy(code, copies)
        if copy is not code:
            self.copies[id(copy)] = copy
        return copy

    def move(self):
        super().move()
        pages, size = set(), 0
        for code in self.copies.values():
            pages.update(range(id(code) >> 12, (id(code) + sys.getsizeof(code) - 1 >> 12) + 1))
            size += sys.getsizeof(code)
        print(len(pages) * 4096 / size)

share_heap.Gathering = Gathering
signal.signal(signal.SIGCHLD, lambda *_: None)
holder_main.warm_up()
"""


def test_the_code_of_a_start_fills_its_pages() -> None:
    """Without the first copies, which fill holes, the pages are 2.4 to 2.8 times as large."""
    run = subprocess.run([sys.executable, "-c", WARM_UP], stdout=subprocess.PIPE, check=True)
    assert 1 <= float(run.stdout) < 2


HOLES = """
from ptyjobs.spawn import share_heap

blocks = [bytes(60) for _ in range(4000)]
del blocks[::20]
share_heap.fill_holes()
print(len({id(block) >> 12 for block in [bytes(60) for _ in range(100)]}))
"""


def test_new_objects_lie_side_by_side_once_the_holes_are_filled() -> None:
    """100 blocks of 96 bytes; in the holes they would be on more than 40 pages."""
    run = subprocess.run([sys.executable, "-c", HOLES], stdout=subprocess.PIPE, check=True)
    assert int(run.stdout) <= 10


SPECIALIZED = """
import dis, signal, sys
from ptyjobs.holder.loop import Holder
from ptyjobs.spawn import holder_main

signal.signal(signal.SIGCHLD, lambda *_: None)
holder_main.warm_up()
holder_main.specialize(lambda: sys.argv[1] == "idle")
names = [one.opname for one in dis.get_instructions(Holder.spawn, adaptive=True)]
print("LOAD_ATTR_INSTANCE_VALUE" in names)
"""


@pytest.mark.parametrize(("when", "specialized"), [("idle", "True"), ("busy", "False")])
def test_the_code_of_a_start_is_specialized_before_the_fork(when: str, specialized: str) -> None:
    """`Holder.spawn` is called once in a rehearsal. A request ends the rehearsals."""
    words = [sys.executable, "-c", SPECIALIZED, when]
    run = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True)
    assert run.stdout.strip() == specialized
