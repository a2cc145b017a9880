"""Frozen values behave like the standard dataclasses declared next to them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from ptyjobs import _dataclass


@_dataclass.dataclass(frozen=True, slots=True)
class Ours:
    name: str
    size: int = 3
    parts: list[int] = _dataclass.field(default_factory=list, metadata={"unit": "bytes"})

    @property
    def double(self) -> int:
        return 2 * self.size


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    name: str
    size: int = 3
    parts: list[int] = dataclasses.field(default_factory=list, metadata={"unit": "bytes"})

    @property
    def double(self) -> int:
        return 2 * self.size


@_dataclass.dataclass(frozen=True, slots=True)
class One:
    """One field: a tuple of values must not be the value itself."""

    only: int = 0


def both(*args: Any, **named: Any) -> list[Any]:
    """Result of each class for the arguments: a value's fields, or the error type."""
    found = []
    for cls in (Ours, Theirs):
        try:
            value = cls(*args, **named)
        except TypeError:
            found.append(TypeError)
        else:
            found.append((value.name, value.size, value.parts, value.double))
    return found


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (("a",), {}),
        (("a", 4), {"parts": [1]}),
        ((), {"size": 1, "name": "b"}),
        ((), {}),
        (("a", 1, [], 2), {}),
        (("a",), {"name": "b"}),
        (("a",), {"colour": 1}),
    ],
)
def test_values_are_made_as_the_standard_library_makes_them(
    args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    ours, theirs = both(*args, **named)
    assert ours == theirs


def test_a_value_is_frozen_and_has_slots() -> None:
    value = Ours("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.name = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.name
    assert not hasattr(value, "__dict__")
    assert Ours("a").parts is not Ours("a").parts


def test_equality_hash_and_looks() -> None:
    assert Ours("a", 1, []) == Ours("a", 1, [])
    assert Ours("a") != Ours("b")
    assert Ours("a") != Theirs("a")
    assert One(1) == One(1) != One(2)
    assert len({One(1), One(1), One(2)}) == 2
    assert repr(Ours("a")) == repr(Theirs("a")).replace("Theirs", "Ours")
    match Ours("a", 7):
        case Ours(name, size):
            assert (name, size) == ("a", 7)


def test_the_standard_librarys_own_functions_work_on_it() -> None:
    value = Ours("a", parts=[1])
    assert dataclasses.is_dataclass(value)
    assert dataclasses.replace(value, size=9) == Ours("a", 9, [1])
    assert _dataclass.replace(value, size=9) == Ours("a", 9, [1])
    assert dataclasses.asdict(value) == {"name": "a", "size": 3, "parts": [1]}
    ours, theirs = dataclasses.fields(Ours), dataclasses.fields(Theirs)
    assert [(f.name, f.type, f.default) for f in ours] == [
        (f.name, f.type, f.default) for f in theirs
    ]
    assert [f.metadata for f in _dataclass.fields(Ours)] == [{}, {}, {"unit": "bytes"}]
    assert _dataclass.names_of(Ours) == ("name", "size", "parts")
    assert _dataclass.names_of(int) == ()


def test_it_is_copied_and_pickled() -> None:
    value = Ours("a", parts=[1])
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value).parts is not value.parts
