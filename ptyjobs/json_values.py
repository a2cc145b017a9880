"""Frozen values as plain JSON types, and back.

Owns the conversion of every value that is sent over sockets and kept in files. Never reads or
writes. The subtle thing: fields unknown here are ignored, so older and newer versions understand
each other; files that a job can write are read with every type checked.
"""

from __future__ import annotations

import enum
import sys
import types

from ptyjobs._dataclass import MISSING, TYPE_CHECKING, fields, names_of
from ptyjobs.model import MAX_SIDE, Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """A frozen value as plain JSON types (tuples become lists, enums their values)."""
    cls = type(value)
    if cls in _PLAIN:
        return value
    if fields := names_of(cls):
        pairs = zip(fields, value.__frozen_values__, strict=True)
        return {name: v if type(v) in _PLAIN else to_json(v) for name, v in pairs}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {k: to_json(v) for k, v in value.items()}
    return value


def told(value: Any) -> dict[str, Any]:
    """Like `to_json`, omitting fields equal to their default; `from_json` restores them."""
    plain: dict[str, Any] = to_json(value)
    for one in fields(type(value)):
        if one.default is not MISSING and getattr(value, one.name) == one.default:
            del plain[one.name]
    return plain


def from_json(cls: type[T], data: Any) -> T:
    """The value that `to_json` wrote. Unknown fields of a newer version are ignored."""
    decoders = _DECODERS.get(cls) or _decoders(cls)
    return cls(**{k: decoders[k](v) for k, v in data.items() if k in decoders})


def checked_from_json(cls: type[T], data: Any) -> T:
    """Like `from_json`, for a file that a job can write: ValueError unless every type is right."""
    decoders = _CHECKED.get(cls) or _decoders(cls, checked=True)
    try:
        return cls(**{k: decoders[k](v) for k, v in data.items() if k in decoders})
    except (TypeError, AttributeError) as error:  # a field is missing, or `data` is no object
        raise ValueError(f"no {cls.__name__}: {error}") from None


_DECODERS: dict[type, dict[str, Callable[[Any], Any]]] = {}
_CHECKED: dict[type, dict[str, Callable[[Any], Any]]] = {}
_LARGEST = 1 << 53  # of a number in a file: above it, a float is no longer exact


def _decoders(cls: type, *, checked: bool = False) -> dict[str, Callable[[Any], Any]]:
    """A decoder for each field. Avoids `typing.get_type_hints`, whose import costs 10 ms."""
    names = {**vars(sys.modules[cls.__module__]), "Any": object}
    hints = {name: eval(cls.__annotations__[name], names) for name in names_of(cls)}
    table = _CHECKED if checked else _DECODERS
    if checked and cls is Size:  # a screen of that size is made
        return table.setdefault(cls, dict.fromkeys(hints, _number(int, least=1, most=MAX_SIDE)))
    table[cls] = {name: _decoder(hint, checked) for name, hint in hints.items()}
    return table[cls]


def _same(value: Any) -> Any:
    return value


def _decoder(hint: Any, checked: bool) -> Callable[[Any], Any]:
    if isinstance(hint, types.UnionType):
        inner = _decoder(next(a for a in hint.__args__ if a is not type(None)), checked)
        return _same if inner is _same else lambda v: None if v is None else inner(v)
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:
        as_list = _of_type(list) if checked else _same
        if hint.__args__[-1] is Ellipsis:
            one = _decoder(hint.__args__[0], checked)
            if checked:
                return lambda v: tuple(map(one, as_list(v)))
            return tuple if one is _same else lambda v: tuple(map(one, v))
        parts = [_decoder(a, checked) for a in hint.__args__]
        return lambda v: tuple(part(x) for part, x in zip(parts, as_list(v), strict=True))
    if names_of(hint):
        return lambda v: checked_from_json(hint, v) if checked else from_json(hint, v)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    return _plain_decoder(hint) if checked else _same


def _plain_decoder(hint: Any) -> Callable[[Any], Any]:
    """Check the type of a value that JSON has itself."""
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is dict:
        entry = _plain_decoder(hint.__args__[1])
        as_object = _of_type(dict)
        return lambda v: {key: entry(one) for key, one in as_object(v).items()}
    if hint in (int, float):
        return _number(int, float) if hint is float else _number(int)
    return _of_type(hint) if hint in (str, bool) else _same


def _of_type(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{type(value).__name__} in place of {kind.__name__}")
        return value

    return check


def _number(*kinds: type, least: int = -_LARGEST, most: int = _LARGEST) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) not in kinds or not least <= value <= most:  # nor a NaN
            raise ValueError(f"{type(value).__name__} in place of a number, or out of range")
        return value

    return check
