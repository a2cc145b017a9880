"""Objects that are never counted again, so that looking at them copies no page (PEP 683).

Owns `keep`: it gives every object that the zygote has the reference count of `None`, which Python
3.12 and later leave alone. Why: to use an object is to count references in it, and a page in which
anything is counted after a fork belongs to the holder alone. Python has no call for it, so the
count is written where CPython keeps it, and only after a trial has shown, on an object of our own,
that it is there and that it is then left alone; elsewhere nothing is done. The price is that what
the zygote has is never freed in a holder, which it would hardly be anyway. Only the zygote calls
this, once, while it has no holder.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from types import CodeType

COUNT = 4  # bytes of an object's beginning that say "immortal" (Include/refcount.h)
_HOLDS = frozenset((CodeType, tuple, dict))  # may hold objects and be unknown to the collector
_TRIALS: list[list[object]] = []


def keep() -> bool:
    """Never count any object that is alive now; False where that cannot be had."""
    cpython = sys.implementation.name == "cpython" and sys.version_info >= (3, 12)
    if not cpython or sys.maxsize < 1 << 62:  # of 32 bits: another layout
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
    """Whether an object with that count is immortal here: a trial on one of our own."""
    trial = [object()]
    _TRIALS.append(trial)  # it must stay alive for ever
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
