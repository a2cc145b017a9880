"""Change one entry of a JSON text in place; comments, order, commas and indentation are kept.

Owns a small parser that records the position of each value, and four edits (`put`, `drop`,
`extend`, `withdraw`). Accepts the syntax that clients accept: `//` and `/* */` comments, trailing
commas, a byte-order mark. Never changes a byte outside the edited entry, except for the comma
before it. A library would either drop the comments (json) or add dependencies; this parser is
sufficient.
"""

from __future__ import annotations

import json
import re

from ptyjobs._dataclass import TYPE_CHECKING, dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_SPACE = " \t\r\n\ufeff"
_SCALAR = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
MAX_DEPTH = 100


class Broken(Exception):
    """The text is not JSON: the expected token and its line (from 1)."""

    def __init__(self, expected: str, *, line: int) -> None:
        super().__init__(f"line {line}: {expected}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """One value: its start and end, and the children of a container."""

    start: int
    end: int
    value: Any  # for a scalar; None for containers
    kind: str  # "object" | "array" | "scalar"
    children: tuple[Child, ...] = ()


@dataclass(frozen=True, slots=True)
class Child:
    """A member of an object or an item of an array."""

    key: str  # empty in arrays
    start: int  # start of the key, or of the item
    node: Node
    comma: int  # position of the comma after it; -1 without one


class _Reader:
    """Single-pass parser of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def broken(self, expected: str, at: int) -> Broken:
        return Broken(expected, line=self.text.count("\n", 0, at) + 1)

    def skip(self, at: int) -> int:
        """Position after white space and comments."""
        text = self.text
        while at < len(text):
            if text[at] in _SPACE:
                at += 1
            elif text.startswith("//", at):
                end = text.find("\n", at)
                at = len(text) if end < 0 else end
            elif text.startswith("/*", at):
                end = text.find("*/", at + 2)
                if end < 0:
                    raise self.broken("a comment is not closed", at)
                at = end + 2
            else:
                return at
        return at

    def node(self, at: int) -> Node:
        if self.text[at : at + 1] in ("{", "["):
            return self.container(at)
        match = _STRING.match(self.text, at) or _SCALAR.match(self.text, at)
        if match is None:
            raise self.broken("a value is expected", at)
        try:
            value = json.loads(match[0])
        except ValueError:
            raise self.broken("a text with an unknown escape", at) from None
        return Node(at, match.end(), value, "scalar")

    def container(self, at: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.broken("too deeply nested", at)
        is_object = self.text[at] == "{"
        close = "}" if is_object else "]"
        children: list[Child] = []
        place = self.skip(at + 1)
        while self.text[place : place + 1] != close:
            key, start = "", place
            if is_object:
                match = _STRING.match(self.text, place)
                if match is None:
                    raise self.broken('a key in double quotes or "}" is expected', place)
                key, place = json.loads(match[0]), self.skip(match.end())
                if self.text[place : place + 1] != ":":
                    raise self.broken('":" is expected', place)
                place = self.skip(place + 1)
            node = self.node(place)
            place = self.skip(node.end)
            comma = place if self.text[place : place + 1] == "," else -1
            children.append(Child(key, start, node, comma))
            if comma >= 0:
                place = self.skip(comma + 1)
            elif self.text[place : place + 1] != close:
                raise self.broken(f'"," or "{close}" is expected', place)
        self.depth -= 1
        return Node(at, place + 1, None, "object" if is_object else "array", tuple(children))


def parse(text: str) -> Node | None:
    """Value of a text; None if it is only white space. Raises Broken."""
    if not text.strip(_SPACE):
        return None
    reader = _Reader(text)
    node = reader.node(reader.skip(0))
    rest = reader.skip(node.end)
    if rest != len(text):
        raise reader.broken("nothing more is expected", rest)
    return node


def plain(node: Node) -> Any:
    """The value as Python objects; the last of repeated keys counts, as in every client."""
    if node.kind == "object":
        return {child.key: plain(child.node) for child in node.children}
    if node.kind == "array":
        return [plain(child.node) for child in node.children]
    return node.value


def get(text: str, path: Sequence[str]) -> Any:
    """Value at `path`; None if absent. Raises Broken."""
    node = _find(parse(text), path)
    return None if node is None else plain(node)


def _find(node: Node | None, path: Sequence[str]) -> Node | None:
    for key in path:
        child = None if node is None else _child(node, key)
        node = None if child is None else child.node
    return node


def _child(node: Node, key: str) -> Child | None:
    if node.kind != "object":
        return None
    return next((child for child in reversed(node.children) if child.key == key), None)


def put(text: str, path: Sequence[str], value: Any) -> str:
    """`text` with `value` at `path`; missing objects are created. Raises Broken."""
    node = parse(text)
    if node is None:
        newline = "\r\n" if "\r\n" in text else "\n"
        return _written(_nested(path, value), indent="", unit="  ", newline=newline) + newline
    for depth, key in enumerate(path):
        if node.kind != "object":
            line = text.count("\n", 0, node.start) + 1
            raise Broken(f"an object is expected around {key!r}", line=line)
        child = _child(node, key)
        if child is None:
            return _insert(text, node, key, _nested(path[depth + 1 :], value))
        node = child.node
    if plain(node) == value:
        return text
    indent = _line_indent(text, node.start)
    style = {"indent": indent, "unit": _unit(text), "newline": _newline(text)}
    return text[: node.start] + _written(value, **style) + text[node.end :]


def extend(text: str, path: Sequence[str], values: Sequence[str]) -> str:
    """`text` with the missing ones of `values` appended to the array at `path`."""
    present = get(text, path)
    missing = [value for value in values if not isinstance(present, list) or value not in present]
    if not isinstance(present, list):
        return put(text, path, missing)
    for value in missing:
        node = _find(parse(text), path)
        assert node is not None
        text = _insert(text, node, "", value)
    return text


def withdraw(text: str, path: Sequence[str], values: Sequence[str]) -> str:
    """`text` without `values` in the array at `path`; the array itself stays. Raises Broken."""
    for value in values:
        node = _find(parse(text), path)
        if node is None or node.kind != "array":
            return text
        index = next((i for i, c in enumerate(node.children) if c.node.value == value), None)
        if index is not None:
            text = _cut(text, node, index)
    return text


def drop(text: str, path: Sequence[str]) -> str:
    """`text` without the entry at `path`; unchanged if absent. Raises Broken."""
    node = _find(parse(text), path[:-1])
    if node is None or node.kind != "object":
        return text
    for index in reversed(range(len(node.children))):
        if node.children[index].key == path[-1]:
            text = _cut(text, node, index)
            return drop(text, path)  # an earlier duplicate of the key would take effect
    return text


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """Indentation unit of this text."""
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else "  "


def _line_indent(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    match = re.match(r"[ \t]*", text[start:])
    return match[0] if match else ""


def _written(value: Any, *, indent: str, unit: str, newline: str) -> str:
    """`value` as JSON; lists and small objects without nested objects stay on one line."""
    if isinstance(value, dict) and value:
        lines = [
            f"{indent}{unit}{json.dumps(key, ensure_ascii=False)}: "
            + _written(item, indent=indent + unit, unit=unit, newline=newline)
            for key, item in value.items()
        ]
        return "{" + newline + f",{newline}".join(lines) + newline + indent + "}"
    return json.dumps(value, ensure_ascii=False)


def _insert(text: str, node: Node, key: str, value: Any) -> str:
    """`text` with a new last child in a container."""
    unit, newline = _unit(text), _newline(text)
    head = f"{json.dumps(key, ensure_ascii=False)}: " if node.kind == "object" else ""
    outer = _line_indent(text, node.start)
    if not node.children:
        indent = outer + unit
        new = head + _written(value, indent=indent, unit=unit, newline=newline)
        inside = text[node.start + 1 : node.end - 1].rstrip(" \t\r\n")
        rest = text[node.end - 1 :]
        return f"{text[: node.start + 1]}{inside}{newline}{indent}{new}{newline}{outer}{rest}"
    first, last = node.children[0], node.children[-1]
    if "\n" not in text[node.start : first.start]:  # the container is on one line
        new = head + json.dumps(value, ensure_ascii=False)
        at = last.node.end
        return f"{text[:at]}, {new}{text[at:]}"
    indent = _line_indent(text, first.start)
    new = head + _written(value, indent=indent, unit=unit, newline=newline)
    comma = "" if last.comma >= 0 else ","
    at = _end_of_line(text, last.comma + 1 if last.comma >= 0 else last.node.end)
    tail = "," if last.comma >= 0 else ""
    before = text[: last.node.end] + comma + text[last.node.end : at]
    return f"{before}{newline}{indent}{new}{tail}{text[at:]}"


def _end_of_line(text: str, at: int) -> int:
    """Position after the comments that follow `at` on the same line."""
    while True:
        place = at + len(re.match(r"[ \t]*", text[at:])[0])  # type: ignore[index]  # always matches
        if text.startswith("//", place):
            end = text.find("\n", place)
            end = len(text) if end < 0 else end
            return end - 1 if text[end - 1] == "\r" else end
        close = text.find("*/", place)
        if not text.startswith("/*", place) or "\n" in text[place:close]:
            return at
        at = close + 2


def _cut(text: str, node: Node, index: int) -> str:
    """`text` without one child of a container."""
    child = node.children[index]
    start = child.start
    while text[start - 1] in _SPACE:
        start -= 1
    if index == len(node.children) - 1:
        end = child.comma + 1 if child.comma >= 0 else child.node.end
        if index > 0 and child.comma < 0:
            comma = node.children[index - 1].comma
            text = text[:comma] + text[comma + 1 :]
            start, end = start - (start > comma), end - 1
        if _is_line_comment(text, start) and text[end : end + 1] not in ("\n", "\r"):
            start = text.index("\n", start) + 1
        inside = (text[node.start + 1 : start], text[end:])
        if not inside[0].strip(_SPACE) and inside[1].lstrip(_SPACE)[:1] in ("}", "]"):
            return text[: node.start + 1] + inside[1].lstrip(_SPACE)
    else:
        end = child.comma + 1
        following = node.children[index + 1].start
        if not text[end:following].strip(" \t"):  # the next child is on the same line
            return text[: child.start] + text[following:]
        if _is_line_comment(text, start):
            start = text.index("\n", start)
    return text[:start] + text[end:]


def _is_line_comment(text: str, at: int) -> bool:
    """True if the line up to `at` ends in a `//` comment."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    bare = _STRING.sub("", line)
    return "//" in re.sub(r"/\*.*?\*/", "", bare)
