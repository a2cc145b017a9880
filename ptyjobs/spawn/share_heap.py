"""Puts the code that every holder runs side by side in memory.

Owns the bytecode of the functions that were called while it watched: `Gathering.move` makes a copy
of each, one behind the other, and gives the functions their copies. Why: to call a function is to
count references in its code object, and a page in which anything is counted after a fork belongs
to the holder alone. Where a module's import put it, the code of the 200 to 300 functions that a
birth calls lies among thousands of others: its first counts touched 176 pages, and 96 to 108
afterwards (not 30, because the C library puts large copies where it has room). In all it saved 0.4
to 0.6 MB for each holder. Nothing else can be moved in Python; only the zygote calls this.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from types import CodeType, FrameType, FunctionType
from typing import Any

_KEPT: list[CodeType] = []
"""The originals: what holders make would otherwise go into the holes they left, one on a page."""


class Gathering:
    """Watch with it as a context, then `move`."""

    def __init__(self) -> None:
        self._called: dict[int, CodeType] = {}  # by identity: equal code is not the same code

    def __enter__(self) -> Gathering:
        sys.setprofile(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _on_call(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            self._called[id(frame.f_code)] = frame.f_code

    def add(self, functions: Iterable[Any]) -> None:
        """Some more that will be called."""
        for function in functions:
            if isinstance(function, FunctionType):
                self._called[id(function.__code__)] = function.__code__

    def move(self) -> int:
        """Give every function that was called its copy; how many there are."""
        gc.collect()
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
        """Of a function's code and those in it; itself where none of them was called."""
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
