"""Keep the zygote's pages shared with its holders despite Python's reference counts.

Owns the methods: `Gathering` puts the bytecode that every holder runs side by side in memory,
`fill_holes` makes objects created next lie side by side, and `keep` stops reference counting for
all objects of the zygote (PEP 683). Never runs outside the
zygote or without the setting `share_heap`. The subtle thing: using an object changes its reference
count, and a page with a count that changes after the fork becomes private to the holder.

Gathering: calling a function changes the count in its code object. In the layout left by imports,
the code of the 600 to 700 functions called during a start is scattered among thousands of others.
Only code objects can be moved. The first copies fill the holes that imports have left in memory;
the second ones, which are used, come next to each other: 434 kB on 155 pages; the first copies are
on 260 to 320. It saves about 1 MB per holder.

Keeping: every object gets the reference count of `None`, which Python 3.12 and later never change.
Python has no call for it, so the count is written at its place in CPython's object layout, and only
after a trial on an object of our own has shown that the count is there and then stays unchanged;
otherwise nothing is done. Objects of the zygote are then never freed in a holder, where they would
hardly be freed anyway.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterable
from types import CodeType, FrameType, FunctionType
from typing import Any

COUNT = 4  # bytes at an object's start that mean "immortal" (Include/refcount.h)
_HOLDS = frozenset((CodeType, tuple, dict))  # may hold objects and be unknown to the collector
SMALLEST, LARGEST, STEP = 48, 512, 16  # bytes of an allocator's blocks (Objects/obmalloc.c)
ROW = 16  # blocks one behind the other: they are in a new pool
MOST = 2000  # blocks of one size, also with another allocator
_TRIALS: list[list[object]] = []
_FILLING: list[bytes] = []
_KEPT: list[CodeType] = []
"""Originals and first copies: else a holder's objects would fill their places, one on a page."""


class Gathering:
    """Records calls as a context manager; then call `move`."""

    def __init__(self) -> None:
        self._called: dict[int, CodeType] = {}  # by identity: equal code objects may be distinct

    def __enter__(self) -> Gathering:
        sys.setprofile(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _on_call(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            self._called[id(frame.f_code)] = frame.f_code

    def add(self, functions: Iterable[Any]) -> None:
        """Add functions that will be called."""
        for function in functions:
            if isinstance(function, FunctionType):
                self._called[id(function.__code__)] = function.__code__

    def move(self) -> int:
        """Give every function that was called its copy; returns their number."""
        gc.collect()
        _KEPT.extend(code.replace() for code in self._called.values())
        copies: dict[int, CodeType] = {}
        for code in self._called.values():  # in the order of their calls
            self._copy(code, copies)
        moved = 0
        for value in gc.get_objects():
            if type(value) is FunctionType:
                copy = self._copy(value.__code__, copies)
                if copy is not value.__code__:
                    value.__code__ = copy
                    moved += 1
        _KEPT.extend(self._called.values())
        return moved

    def _copy(self, code: CodeType, copies: dict[int, CodeType]) -> CodeType:
        """A copy of a function's code and its nested code; the original if none was called."""
        known = copies.get(id(code))
        if known is not None:
            return known
        constants = tuple(
            self._copy(value, copies) if isinstance(value, CodeType) else value
            for value in code.co_consts
        )
        inner = any(a is not b for a, b in zip(constants, code.co_consts, strict=True))
        if inner:
            copy = code.replace(co_consts=constants)
        else:
            copy = code.replace() if id(code) in self._called else code
        copies[id(code)] = copy
        return copy


def fill_holes() -> None:
    """Occupy the free blocks between the objects that imports have left.

    Objects created next, such as the parts of a holder, then share few pages.
    """
    gc.collect()
    head = sys.getsizeof(b"")
    for size in range(SMALLEST, LARGEST + 1, STEP):
        row = last = 0
        for _ in range(MOST):
            block = bytes(size - head)
            _FILLING.append(block)
            row = row + 1 if id(block) - last == size else 0
            last = id(block)
            if row == ROW:
                break


def keep() -> bool:
    """Make all objects that are alive now immortal; False where that is not supported."""
    cpython = sys.implementation.name == "cpython" and sys.version_info >= (3, 12)
    if not cpython or sys.maxsize < 1 << 62:  # 32-bit builds have another layout
        return False
    word = ctypes.c_uint32.from_address(id(None)).value
    if not _works(word):
        return False
    memory = _memory()
    known = gc.get_objects()
    found = gc.get_referents(*known)
    while found:
        news = {id(thing): thing for thing in found}
        inner = [
            thing
            for address, thing in news.items()
            if type(thing) in _HOLDS and memory[address // COUNT] != word
        ]
        for address in news:
            memory[address // COUNT] = word
        found = gc.get_referents(*inner)
        for thing in inner:
            if type(thing) is CodeType:
                found += (thing.co_consts, thing.co_names, thing.co_varnames)
    for address in map(id, known):
        memory[address // COUNT] = word
    return True


def _memory() -> memoryview:
    """All of this process's memory, as words of four bytes."""
    everything = (ctypes.c_uint32 * (1 << 60)).from_address(0)
    return memoryview(everything).cast("B").cast("I")


def _works(word: int) -> bool:
    """True if an object with that count is immortal here; tried on an object of our own."""
    trial = [object()]
    _TRIALS.append(trial)  # it must never be freed
    count = ctypes.c_uint32.from_address(id(trial[0]))
    before = count.value
    many = trial * 1000
    if count.value - before != 1000:
        return False  # the count is kept elsewhere
    del many
    count.value = word
    many = trial * 1000
    held = count.value == word
    del many
    return held
