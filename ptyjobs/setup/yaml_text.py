"""Change one entry of a YAML mapping of mappings in place, block style only.

Owns the edit of `TOP:` / `  NAME:` as goose writes it. The standard library has no YAML parser, so
this module works on lines: unrecognized syntax (flow style, tabs, anchors at that place) is refused
with its line number, never guessed. Never changes a line outside its entry.
"""

from __future__ import annotations

import json
import re

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.setup.jsonc import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TOP_LINE = re.compile(
    r"(?:[^\s#&*!|>'\"%@`\[\]{},?:-][^:#]*|'[^']*'|\"[^\"]*\"):(?:\s|$)|---|\.\.\.|- "
)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def check(text: str) -> None:
    """Raise Broken for a line that is invalid at its place."""
    block = False  # inside a literal or folded scalar
    for number, line in enumerate(_lines(text), start=1):
        bare = line.rstrip("\r\n")
        if not bare.strip() or bare.lstrip().startswith("#"):
            continue
        if bare[0] == "\t":
            raise Broken("a tab cannot indent YAML", line=number)
        if bare[0] == " ":
            if number == 1:
                raise Broken("the first entry is indented", line=number)
            if not block and _unclosed(bare):
                raise Broken("a quote is not closed", line=number)
            continue
        block = bool(re.search(r":\s*[|>][-+\d]*\s*(?:#.*)?$", bare))
        if not _TOP_LINE.match(bare):
            raise Broken('"key: value" is expected', line=number)
        if _unclosed(bare):
            raise Broken("a quote is not closed", line=number)


def _unclosed(line: str) -> bool:
    """True if the value of a line opens a quote that it does not close."""
    match = re.search(r":\s+([\"'])(.*)$", line)
    return bool(match) and match[1] not in re.sub(r"\\.|''", "", match[2])  # type: ignore[index]


def get(text: str, path: Sequence[str]) -> Any:
    """Scalars and lists of the entry as text; None if absent. Raises Broken."""
    check(text)
    span = _span(text, path)
    if span is None:
        return None
    entry: dict[str, Any] = {}
    key = ""
    for line in _lines(text)[span[0] + 1 : span[1]]:
        item = re.match(r"\s*-\s+(.*?)\s*$", line)
        pair = re.match(r"\s*([\w-]+):\s*(.*?)\s*$", line)
        if item and key:
            held = entry[key] if isinstance(entry[key], list) else []
            entry[key] = [*held, _read(item[1])]
        elif pair:
            key = pair[1]
            entry[key] = _read(pair[2])
    return entry


def _read(word: str) -> Any:
    word = word.strip()
    if word[:1] in ('"', "[", "{") or word in ("true", "false") or word.isdigit():
        try:
            return json.loads(word)
        except ValueError:
            return word
    return word[1:-1].replace("''", "'") if word[:1] == "'" else word


def put(text: str, path: Sequence[str], value: dict[str, Any]) -> str:
    """`text` with the mapping `value` at `path` (two keys). Raises Broken."""
    check(text)
    top, name = path
    lines, newline = _lines(text), "\r\n" if "\r\n" in text else "\n"
    indent = _indent(lines, top)
    block = [f"{indent}{name}:{newline}"]
    block += [f"{indent}{indent}{key}: {_written(item)}{newline}" for key, item in value.items()]
    span = _span(text, path)
    if span is not None:
        return "".join([*lines[: span[0]], *block, *lines[span[1] :]])
    at = _top(lines, top)
    if at is None:
        gap = "" if not text or text.endswith("\n") else newline
        return text + gap + f"{top}:{newline}" + "".join(block)
    head = re.match(r"([^:]*:)\s*(\{\s*\}|~|null)?\s*(#.*)?$", lines[at].rstrip("\r\n"))
    if head is None:
        raise Broken(f"{top} is not in block style", line=at + 1)
    opened = lines[at] if head[2] is None else f"{head[1]}{newline}"
    end = _end(lines, at)
    last = lines[end - 1]
    closed = [] if last.endswith("\n") else [newline]
    return "".join([*lines[:at], opened, *lines[at + 1 : end], *closed, *block, *lines[end:]])


def drop(text: str, path: Sequence[str]) -> str:
    """`text` without the entry at `path`; unchanged if absent. Raises Broken."""
    check(text)
    span = _span(text, path)
    if span is None:
        return text
    lines = _lines(text)
    rest = [*lines[: span[0]], *lines[span[1] :]]
    at = _top(rest, path[0])
    if at is not None and _end(rest, at) == at + 1:  # nothing left below it: null, not a mapping
        newline = "\r\n" if "\r\n" in text else "\n"
        rest[at] = rest[at].rstrip("\r\n") + " {}" + newline
    return "".join(rest)


def _top(lines: Sequence[str], key: str) -> int | None:
    pattern = re.compile(
        rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')\s*:(?:\s|$)"
    )
    return next((i for i, line in enumerate(lines) if pattern.match(line)), None)


def _end(lines: Sequence[str], at: int) -> int:
    """Line after the last one of the entry at line `at`."""
    depth = _depth(lines[at])
    end = at + 1
    for number in range(at + 1, len(lines)):
        bare = lines[number].strip()
        if not bare or bare.startswith("#"):
            continue
        if _depth(lines[number]) <= depth:
            break
        end = number + 1
    return end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _indent(lines: Sequence[str], top: str) -> str:
    at = _top(lines, top)
    if at is not None:
        for line in lines[at + 1 : _end(lines, at)]:
            if line.strip() and not line.lstrip().startswith("#"):
                return " " * _depth(line)
    return "  "


def _span(text: str, path: Sequence[str]) -> tuple[int, int] | None:
    """First line and end line of the entry."""
    top, name = path
    lines = _lines(text)
    at = _top(lines, top)
    if at is None:
        return None
    pattern = re.compile(rf"\s+(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}'):\s*")
    indent = len(_indent(lines, top))
    for number in range(at + 1, _end(lines, at)):
        if _depth(lines[number]) == indent and (match := pattern.match(lines[number])):
            if lines[number][match.end() :].strip() not in ("",):
                raise Broken(f"{name} is not in block style", line=number + 1)
            return number, _end(lines, number)
    return None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML in flow style
