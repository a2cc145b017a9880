"""The code of a rehearsal is contiguous afterwards and still works."""

from __future__ import annotations

import gc
from collections.abc import Callable

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
