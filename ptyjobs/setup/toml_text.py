"""Change one table of a TOML text in place.

Owns the edit of `[PATH.NAME]`: append at the end, or replace or remove at its header. Never makes
an edit that it cannot verify: after every edit both texts are parsed (tomllib), and the edit is
refused unless they differ by exactly this table. So a header inside a multi-line string, an inline
table or a dotted key cannot be damaged.
"""

from __future__ import annotations

import json
import re

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.setup.jsonc import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


def parse(text: str) -> dict[str, Any]:
    """Values of a text. Raises Broken."""
    import tomllib

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"at line (\d+)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        words = re.sub(r"\s*\(at .*\)", "", str(error))
        raise Broken(words[:1].lower() + words[1:], line=line) from None


def get(text: str, path: Sequence[str]) -> Any:
    """Value at `path`; None if absent. Raises Broken."""
    value: Any = parse(text)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(text: str, path: Sequence[str], value: dict[str, Any]) -> str:
    """`text` with the table `value` at `path`. Raises Broken."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [f"[{'.'.join(map(_key, path))}]"]
    lines += [f"{_key(key)} = {_written(item)}" for key, item in value.items()]
    block = newline.join(lines) + newline
    if get(text, path) is None:
        gap = "" if not text or text.endswith("\n") else newline
        gap += newline if text.strip() else ""
        return _proved(text, text + gap + block, path, value)
    return _replaced(text, path, lambda start, end: text[:start] + block + text[end:], value)


def drop(text: str, path: Sequence[str]) -> str:
    """`text` without the table at `path`; unchanged if absent. Raises Broken."""
    if get(text, path) is None:
        return text

    def cut(start: int, end: int) -> str:
        before, after = text[:start], text[end:]
        if not after.strip():  # the blank line that `put` added before the table
            before = re.sub(r"(\r?\n)\r?\n\Z", r"\1", before)
        return before + after

    return _replaced(text, path, cut, None)


def _replaced(text: str, path: Sequence[str], edit: Callable[[int, int], str], value: Any) -> str:
    """Edit at the real header of the table; other matches are inside multi-line strings."""
    for start, end in _spans(text, path):
        try:
            return _proved(text, edit(start, end), path, value)
        except Broken:
            continue
    raise _by_hand(text, path)


def _by_hand(text: str, path: Sequence[str]) -> Broken:
    at = text.find(path[-1])
    line = text.count("\n", 0, at) + 1 if at >= 0 else text.count("\n") + 1
    return Broken(f"{'.'.join(path)} must be edited by hand", line=line)


def _spans(text: str, path: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Candidate spans of tables with that header, including their sub-tables."""
    dot = r"\s*\.\s*"
    name = dot.join(f"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')" for key in path)
    header = re.compile(rf"^[ \t]*\[\s*{name}\s*\][ \t]*(?:#.*)?$", re.MULTILINE)
    below = re.compile(rf"[ \t]*\[\s*{name}{dot}")
    following = re.compile(r"^[ \t]*\[", re.MULTILINE)
    for match in header.finditer(text):
        end = len(text)
        for other in following.finditer(text, match.end()):
            if not below.match(text, other.start()):
                end = _before_comments(text, match.end(), other.start())
                break
        yield match.start(), end


def _before_comments(text: str, low: int, at: int) -> int:
    """Position before the comments and blank lines that belong to the next header."""
    while at > low:
        line = text.rfind("\n", low, at - 1) + 1
        if line <= low or (text[line:at].strip() and not text[line:at].lstrip().startswith("#")):
            break
        at = line
    return at


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _proved(text: str, changed: str, path: Sequence[str], value: Any) -> str:
    """Return `changed` if it differs from `text` only by `value` at `path`, else raise Broken."""
    expected, found = parse(text), _parsed(changed)
    for tree in (expected, found):
        _remove(tree, path)
    if found != expected or get(changed, path) != value:
        raise _by_hand(text, path)
    return changed


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except Broken:  # the edit would break an inline table or dotted key of that name
        return None


def _remove(tree: Any, path: Sequence[str]) -> None:
    """Remove `path` from a tree, and the tables above it that become empty."""
    if not isinstance(tree, dict) or path[0] not in tree:
        return
    if len(path) == 1:
        del tree[path[0]]
        return
    _remove(tree[path[0]], path[1:])
    if not tree[path[0]]:
        del tree[path[0]]
