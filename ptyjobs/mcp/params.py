"""Tools as data: parameters, their JSON schema, and argument validation.

Owns the validation of arguments and its error messages. Never runs a tool and never imports the
SDK (whose own validation answers with a page of pydantic text). Unambiguous deviations are
accepted: numbers and booleans given as strings, one word in place of a list, null for an omitted
argument, a time above the cap. A text is never decoded: the input `[1,2]` is five characters to
type.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ptyjobs.errors import BadInput

Handler = Callable[[Any, dict[str, Any]], Awaitable[Any]]


class Wrong(Exception):
    """The expected value, as a phrase; `check` adds tool, parameter and value."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter. `kind`: text, integer, number, flag, words, keys (lists) or
    table (an object).

    Numbers must be in [low, high]. A number with `cap` is a time in seconds; longer times are
    reduced to the cap, not refused, because a model that asks for ten minutes means "long".
    """

    name: str
    kind: str
    help: str = ""
    default: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()  # choices that are accepted but not in the schema
    cap: bool = False

    def schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = dict(_SCHEMAS[self.kind])
        if self.choices:
            schema["enum"] = [one for one in self.choices if one not in self.unlisted]
        if self.kind == "integer" and self.low is not None:
            schema["minimum"] = self.low
            if self.high is not None:
                schema["maximum"] = self.high
        if self.default not in (None, "", (), False):
            schema["default"] = self.default
        if self.help:
            schema["description"] = self.help
        return schema

    def read(self, value: Any) -> Any:
        read = _READERS[self.kind](value)
        if self.choices and read not in self.choices:
            raise Wrong("one of " + ", ".join(self.choices) + _closest(str(read), self.choices))
        if isinstance(read, (int, float)) and not isinstance(read, bool):
            self._check_range(read)
        return read

    def _check_range(self, number: float) -> None:
        low, high = self.low, None if self.cap else self.high
        if (low is not None and number < low) or (high is not None and number > high):
            if high is None:
                raise Wrong(f"at least {low:g}")
            raise Wrong(f"from {low or 0:g} to {high:g}")


_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "flag": {"type": "boolean"},
    "words": {"type": "array", "items": {"type": "string"}},
    "keys": {"type": "array", "items": {"type": "string"}},
    "table": {"type": "object", "additionalProperties": {"type": "string"}},
}


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Wrong("a text")
    return str(value)


def _number(value: Any) -> float:
    if not isinstance(value, bool) and isinstance(value, (int, float, str)):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise Wrong("a number") from None
        if number == number and abs(number) < 1e15:  # neither NaN nor infinity
            return number
    raise Wrong("a number")


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise Wrong("a whole number")
    return int(number)


def _flag(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in ("true", "false") or value in (0, 1):
        return word in ("true", "1")
    raise Wrong("true or false")


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, list) and all(isinstance(item, (str, int)) for item in value):
        return tuple(str(item) for item in value)
    raise Wrong("a list of texts")


def _keys(value: Any) -> tuple[str, ...]:
    """Parse blank-separated key names or a list; some clients send lists as JSON text."""
    if isinstance(value, str):
        if value.startswith("["):
            try:
                decoded = json.loads(value)
            except (ValueError, RecursionError):
                return tuple(value.split())
            return _words(decoded)
        return tuple(value.split())
    return _words(value)


def _table(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Wrong("an object of texts") from None
    if not isinstance(value, dict) or not all(_is_scalar(item) for item in value.values()):
        raise Wrong("an object of texts")
    return {str(name): str(item) for name, item in value.items()}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


_READERS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "flag": _flag,
    "words": _words,
    "keys": _keys,
    "table": _table,
}


RESULT: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "What the text content says, whole"},
        "job_id": {"type": "string"},
        "state": {"type": "string"},
        "reason": {"type": "string", "description": "Why the call came back"},
        "confidence": {"type": "string", "enum": ["certain", "high", "medium", "low"]},
        "offset": {"type": "integer", "description": "Log offset where the output begins"},
        "end": {"type": "integer", "description": "Log offset where it ends"},
        "prompt": {"type": "string"},
        "exit_code": {"type": "integer"},
    },
    "required": ["text"],
    "additionalProperties": True,
}
"""Members of every tool's structuredContent, if requested; `to_json` names the others."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: the source of its schema, its documentation and its dispatch."""

    name: str
    title: str
    description: str
    params: tuple[Param, ...]
    handler: Handler
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    converses: bool = False  # a call may ask the client something, or become a task
    core: bool = False  # always loaded, never deferred to a tool search
    meta: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)  # schema of structuredContent

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {param.name: param.schema() for param in self.params},
            "additionalProperties": False,
        }
        required = [param.name for param in self.params if param.required]
        return {**schema, "required": required} if required else schema

    def wire(self, *, structured: bool = False, longest: float | None = None) -> dict[str, Any]:
        """The tool's entry in a `tools/list` result.

        `structured`: include the schema of structuredContent.
        `longest`: the longest wait of any call in seconds; named where a wait has a `timeout`.
        """
        hints: dict[str, Any] = {"readOnlyHint": self.read_only}
        if not self.read_only:
            hints["destructiveHint"] = self.destructive
        if self.idempotent:
            hints["idempotentHint"] = True
        wire: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self._limited(longest),
            "annotations": hints,
        }
        if output := self.output or (RESULT if structured else None):
            wire["outputSchema"] = dict(output)
        meta = {**self.meta, **({"anthropic/alwaysLoad": True} if self.core else {})}
        return {**wire, "_meta": meta} if meta else wire

    def _limited(self, longest: float | None) -> dict[str, Any]:
        """The schema; for a tool that only waits, it includes the longest wait."""
        schema = self.schema()
        timeout = schema["properties"].get("timeout")
        if self.read_only and timeout is not None and longest is not None:
            timeout["description"] = f"{timeout['description']}, at most {longest:g} a call"
        return schema

    def check(self, arguments: Mapping[str, Any] | None) -> dict[str, Any]:
        """Validate the arguments and fill in defaults; raises BadInput of one or two lines."""
        given = dict(arguments or {})
        checked: dict[str, Any] = {}
        for param in self.params:
            value = given.pop(param.name, None)
            if value is None:
                if param.required:
                    raise BadInput(f"{self.name}: {param.name} is missing.", advice=self._usage())
                checked[param.name] = param.default
                continue
            try:
                checked[param.name] = param.read(value)
            except Wrong as wrong:
                shown = json.dumps(value, ensure_ascii=False, default=str)
                shown = shown if len(shown) <= 80 else shown[:77] + "..."
                raise BadInput(f"{self.name}: {param.name} must be {wrong}; got {shown}.") from None
        if given:
            name = next(iter(given))
            near = _closest(name, [param.name for param in self.params])
            raise BadInput(
                f"{self.name}: there is no parameter {name!r}{near}.", advice=self._usage()
            )
        return checked

    def _usage(self) -> str:
        names = [p.name if p.required else f"[{p.name}]" for p in self.params]
        return f"It takes {', '.join(names) or 'none'}."


def _closest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
