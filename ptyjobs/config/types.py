"""Parse a setting's value from text or TOML into the value that the program uses.

Owns the kinds of values (numbers with bounds, times and sizes with units, lists, patterns) and the
error messages for unusable values. Never knows which settings exist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ptyjobs._dataclass import TYPE_CHECKING, dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Not compiled at import: few starts parse such a setting.
_SIZE = r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?"
_TIME = r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|m|h|d)?"
_TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class Unusable(Exception):
    """The expected value; `config.load` adds setting and source."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Parser for one kind of value: `parse` takes a string or a TOML value."""

    words: str
    parse: Callable[[Any], Any]
    optional: bool = False
    file_only: bool = False

    def read(self, value: Any) -> Any:
        if self.optional and (value is None or str(value).strip().lower() == "none"):
            return None
        return self.parse(value)


def _bounded(value: float, low: float, high: float, show: Callable[[float], str]) -> float:
    if not low <= value <= high:
        raise Unusable(f"a value from {show(low)} to {show(high)}")
    return value


def integer(low: int, high: int, *, optional: bool = False) -> Kind:
    """A whole number in [low, high]."""
    words = f"whole number, {low} to {high}"

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+", str(value).strip()):
            raise Unusable(f"a whole number from {low} to {high}")
        return int(_bounded(int(value), low, high, lambda v: str(int(v))))

    return Kind(words, parse, optional)


def number(low: float, high: float) -> Kind:
    """A number in [low, high]."""

    def parse(value: Any) -> float:
        match = re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", str(value).strip())
        if isinstance(value, bool) or match is None:
            raise Unusable(f"a number from {low:g} to {high:g}")
        return _bounded(float(match[0]), low, high, lambda v: f"{v:g}")

    return Kind(f"number, {low:g} to {high:g}", parse)


def seconds(low: float, high: float, *, optional: bool = False) -> Kind:
    """Seconds in [low, high]; strings may be `500ms`, `10s`, `5m`, `2h` or `1d`."""

    def parse(value: Any) -> float:
        match = re.fullmatch(_TIME, str(value).strip(), re.IGNORECASE)
        if isinstance(value, bool) or match is None:
            raise Unusable('seconds, such as 10 or "500ms", "5m", "2h"')
        unit = _TIME_UNITS[(match[2] or "s").lower()]
        return _bounded(float(match[1]) * unit, low, high, show_time)

    return Kind(f"{show_time(low)} to {show_time(high)}", parse, optional)


def show_time(value: float) -> str:
    """Duration in the largest unit that divides it, as `2 minutes` or `1 year`."""
    for seconds, unit in ((31_536_000, "year"), (86_400, "day"), (3600, "hour"), (60, "minute")):
        if value and value % seconds == 0:
            return f"{value / seconds:g} {unit}{'s' if value != seconds else ''}"
    return f"{value:g} second{'s' if value != 1 else ''}"


def size(low: int, high: int) -> Kind:
    """Bytes in [low, high]; strings may be `10MB` or `64MiB` (both powers of 1024)."""

    def parse(value: Any) -> int:
        match = re.fullmatch(_SIZE, str(value).strip(), re.IGNORECASE)
        if isinstance(value, bool) or match is None:
            raise Unusable('bytes, such as 1048576 or "10MB"')
        scale = 1024 ** " kmgt".index(match[2].lower() or " ")
        return int(_bounded(int(float(match[1]) * scale), low, high, show_size))

    return Kind(f"bytes, {show_size(low)} to {show_size(high)}", parse)


def show_size(value: float) -> str:
    """Bytes in the largest unit that divides them, as `64 MiB`."""
    number = int(value)
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if number and number % 1024**power == 0:
            return f"{number // 1024**power} {unit}"
    return f"{number} B"


def _address(value: Any) -> str:
    if value == "none" or re.fullmatch(r"unix:/.+|\S+:\d{1,5}", str(value)):
        return str(value)
    raise Unusable('"127.0.0.1:PORT" or "unix:/PATH"')


def _flag(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise Unusable("true or false")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unusable("non-empty text")
    return value


def _session(value: Any) -> str:
    """A session name; an empty variable names no session."""
    if not isinstance(value, str) or len(value) > 200:
        raise Unusable("a text of at most 200 characters")
    return value.strip()


def choice(*words: str) -> Kind:
    """One of the given words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise Unusable("one of " + ", ".join(words))
        return str(value)

    return Kind(" / ".join(words), parse)


def _path(value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip() or "\0" in str(value):
        raise Unusable("a path")
    path = os.path.expanduser(str(value))
    if not os.path.isabs(path):
        raise Unusable("an absolute path")
    return path


def _directory(value: Any) -> str:
    path = _path(value)
    if not os.path.isdir(path) or not os.access(path, os.R_OK | os.X_OK):
        raise Unusable("a directory that exists and can be entered")
    return path


def _program(value: Any) -> str:
    name = _text(value)
    found = find_program(name)
    if found is None:
        raise Unusable("a program that exists")
    return found


def find_program(name: str) -> str | None:
    """Absolute path of an executable (holders avoid the imports of shutil.which)."""
    places = [""] if "/" in name else os.environ.get("PATH", os.defpath).split(os.pathsep)
    for place in places:
        candidate = os.path.join(place, name)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return os.path.abspath(candidate)
    return None


def _split(value: Any) -> tuple[str, ...]:
    """Split a TOML list or comma-separated text; commas inside brackets do not separate."""
    if isinstance(value, str):
        parts, depth = [""], 0
        for char in value:
            depth += (char in "([{") - (char in ")]}")
            if char == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += char
        return tuple(part for part in parts if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(v, str) and v for v in value):
        return tuple(value)
    raise Unusable("a list of texts")


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word.strip() for word in _split(value))


def _patterns(value: Any) -> tuple[str, ...]:
    # trailing spaces of a pattern are significant ("^npm "), spaces after a comma are not
    patterns = tuple(pattern.lstrip() for pattern in _split(value))
    if not patterns:
        raise Unusable("at least one pattern (leave the setting out to allow everything)")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise Unusable(f"regular expressions; {pattern!r} is none ({error})") from None
    return patterns


def _tables(value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(v, Mapping) for v in value.values()):
        raise Unusable("a table of tables")
    return {str(name): dict(table) for name, table in value.items()}


def _references(value: Any) -> dict[str, str]:
    """`NAME = "env:VARIABLE"` or `"file:PATH"`: the location of a secret, never the secret."""
    if not isinstance(value, Mapping):
        raise Unusable("a table")
    for name, where in value.items():
        if not re.fullmatch(r"(env|file):.+", str(where)):
            raise Unusable(f'"env:VARIABLE" or "file:PATH" for {name}')
    return {str(name): str(where) for name, where in value.items()}


def _permissions(value: Any) -> dict[str, Any]:
    """`allow`, `ask`, `deny`: lists of rules; `otherwise`: one of these three words."""
    if not isinstance(value, Mapping):
        raise Unusable("a table")
    for name, rules in value.items():
        if name == "otherwise":
            if rules not in ("allow", "ask", "deny"):
                raise Unusable('otherwise = "allow", "ask" or "deny"')
        elif name not in ("allow", "ask", "deny"):
            raise Unusable(f"allow, ask, deny and otherwise, not {name}")
        elif not isinstance(rules, list) or not all(
            isinstance(rule, str) and rule.strip() for rule in rules
        ):
            raise Unusable(f"a list of texts for {name}")
    return dict(value)


PERMISSIONS = Kind("table (file only)", _permissions, file_only=True)
FLAG = Kind("true / false", _flag)
TEXT = Kind("text", _text)
SESSION = Kind("text", _session)
PATH = Kind("absolute path", _path)
DIRECTORY = Kind("directory", _directory, optional=True)
PROGRAM = Kind("program", _program)
WORDS = Kind("list, or comma-separated", _words)
PATTERNS = Kind("regular expressions, comma-separated", _patterns)
ADDRESS = Kind("none / HOST:PORT / unix:PATH", _address)
TABLES = Kind("tables (file only)", _tables, file_only=True)
REFERENCES = Kind("table (file only)", _references, file_only=True)
