"""The thirteen blocked patterns of mcp-background-job, applied to the parsed command.

Owns: recognising `rm -rf /`, writes to devices, `curl | sh` and similar commands in a parsed line.
This protects against slips and is no security boundary: a script, a variable or another program
can do the same unseen.

The original (version 0.1.2) searches the line for thirteen expressions: it blocks `ls 2>/dev/null`,
`cat fdisk.md` and `rm -rf ./build/`, and lets `rm -r -f /x` and `rm --recursive --force /` pass.
Here each rule looks at the words of one simple command, its redirections or its pipeline.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ptyjobs.policy.grammar import syntax_tree

if TYPE_CHECKING:
    from tree_sitter import Node

_UNKNOWN = "\0"
"""Placeholder in a word's text for a part whose value only the shell knows."""

_HARMLESS_DEVICE = re.compile(
    r"/dev/(?:null|zero|full|u?random|tty|stdin|stdout|stderr|fd/.*|pts/.*|shm/.*|tcp/.*|udp/.*)"
)
_DEVICE = re.compile(r"/dev/.*")
_ABSOLUTE = re.compile(rf"[/~{_UNKNOWN}].*", re.DOTALL)
_WORLD_WRITABLE = re.compile(r"0?777")
_OWNER_ROOT = re.compile(r"(?:root|0)?(?::.*)?")

# Programs that run their remaining words, with their options that take a value.
_PREFIXES = {
    "sudo": "ugpChrtTUDR",
    "doas": "uC",
    "env": "uCS",
    "command": "",
    "exec": "a",
    "builtin": "",
    "nohup": "",
    "nice": "n",
    "time": "fo",
    "setsid": "",
}
_MAX_DEPTH = 4


def find(line: str) -> str:
    """Describe the danger in `line` as a phrase, or "" if none is known."""
    return _find(line, _MAX_DEPTH)


def _find(line: str, depth: int) -> str:
    for node in _nodes(syntax_tree(line)):
        if node.type == "command":
            found = _command(_words(node), depth)
        elif node.type == "file_redirect":
            found = _redirect(node)
        elif node.type == "pipeline":
            found = _pipeline(node)
        elif node.type == "function_definition":
            found = _fork_bomb(node)
        else:
            found = ""
        if found:
            return found
    return ""


def _nodes(root: Node) -> Iterator[Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children))


def _words(command: Node) -> list[str]:
    """The words of a simple command without their quotes; parts with unknown value as NUL."""
    words = []
    for child in command.children:
        if child.type in ("file_redirect", "variable_assignment", "herestring_redirect"):
            continue
        words.append(_literal(child))
    return words


def _literal(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type in ("command_name", "concatenation"):
        return "".join(_literal(child) for child in node.children)
    if node.type == "string":
        return "".join(_literal(child) for child in node.children if child.type != '"')
    if node.type == "raw_string":
        return text[1:-1]
    if node.type == "ansi_c_string":
        return text[2:-1]
    if node.type in ("word", "number"):
        return re.sub(r"\\(.)", r"\1", text.strip())
    if node.type == "string_content":
        return text
    return _UNKNOWN


def _command(words: Sequence[str], depth: int) -> str:
    bare = _unwrapped(words)
    if not bare:
        return ""
    name, arguments = bare[0].rsplit("/", 1)[-1], bare[1:]
    if name == "rm" and len(bare) < len(words) and words[0] == "sudo":
        return "rm through sudo"
    if (rule := _RULES.get(name)) and (found := rule(arguments)):
        return found
    if name.startswith("mkfs"):
        return "making a file system"
    inner = _inner_line(name, arguments)
    return _find(inner, depth - 1) if inner and depth else ""


def _unwrapped(words: Sequence[str]) -> list[str]:
    """The words without leading `sudo -u x`, `env A=1`, `nohup` and the like."""
    rest = list(words)
    while rest and rest[0].rsplit("/", 1)[-1] in _PREFIXES:
        valued = _PREFIXES[rest.pop(0).rsplit("/", 1)[-1]]
        while rest and (rest[0].startswith("-") or "=" in rest[0]):
            option = rest.pop(0)
            if option == "--":
                break
            if len(option) == 2 and option[1] in valued and rest:
                rest.pop(0)
    return rest


def _inner_line(name: str, arguments: Sequence[str]) -> str:
    """A command line passed as an argument: to `eval`, or after -c to any program."""
    if name == "eval":
        return " ".join(arguments)
    for option, value in itertools.pairwise(arguments):
        if re.fullmatch(r"-[a-z]*c", option):
            return value
    return ""


def _flags(arguments: Sequence[str]) -> tuple[set[str], set[str], list[str]]:
    """Short options as letters, long options as words, and the operands."""
    short: set[str] = set()
    long: set[str] = set()
    operands: list[str] = []
    for index, argument in enumerate(arguments):
        if argument == "--":
            operands.extend(arguments[index + 1 :])
            break
        if argument.startswith("--"):
            long.add(argument[2:])
        elif argument.startswith("-") and len(argument) > 1:
            short.update(argument[1:])
        else:
            operands.append(argument)
    return short, long, operands


def _abbreviates(given: set[str], option: str) -> bool:
    """True for an abbreviated long option: getopt_long accepts any unambiguous prefix."""
    return any(word and option.startswith(word) for word in given)


def _rm(arguments: Sequence[str]) -> str:
    short, long, operands = _flags(arguments)
    recursive = bool(short & {"r", "R"}) or _abbreviates(long, "recursive")
    force = "f" in short or _abbreviates(long, "force")
    if recursive and force and any(_ABSOLUTE.fullmatch(path) for path in operands):
        return "rm, recursive and forced, on an absolute path"
    return ""


def _dd(arguments: Sequence[str]) -> str:
    writes = any(a.startswith("of=") and _is_device(a[3:]) for a in arguments)
    return "dd to a device" if writes else ""


def _cat(arguments: Sequence[str]) -> str:
    return "cat /dev/urandom" if {"/dev/urandom", "/dev/random"} & set(arguments) else ""


def _chmod(arguments: Sequence[str]) -> str:
    _, _, operands = _flags(arguments)
    if not operands or not _WORLD_WRITABLE.fullmatch(operands[0]):
        return ""
    return "chmod 777 on an absolute path" if _any_absolute(operands[1:]) else ""


def _chown(arguments: Sequence[str]) -> str:
    _, _, operands = _flags(arguments)
    if not operands or not operands[0] or not _OWNER_ROOT.fullmatch(operands[0]):
        return ""
    return "chown to root on an absolute path" if _any_absolute(operands[1:]) else ""


def _fdisk(arguments: Sequence[str]) -> str:
    short, long, _ = _flags(arguments)
    return "" if "l" in short or _abbreviates(long, "list") else "fdisk"


_RULES: dict[str, Callable[[Sequence[str]], str]] = {
    "rm": _rm,
    "dd": _dd,
    "cat": _cat,
    "chmod": _chmod,
    "chown": _chown,
    "fdisk": _fdisk,
}


def _any_absolute(paths: Sequence[str]) -> bool:
    return any(_ABSOLUTE.fullmatch(path) for path in paths)


def _is_device(path: str) -> bool:
    return bool(_DEVICE.fullmatch(path)) and not _HARMLESS_DEVICE.fullmatch(path)


def _redirect(node: Node) -> str:
    operator = next((c.type for c in node.children if c.type != "file_descriptor"), "")
    targets = [c for c in node.children if c.is_named and c.type != "file_descriptor"]
    if ">" not in operator or not targets:
        return ""
    path = _literal(targets[0])
    return f"writing to {path}" if _is_device(path) else ""


def _pipeline(node: Node) -> str:
    """A download piped into a shell, with any commands between them."""
    downloading = False
    for stage in node.named_children:
        commands = [n for n in _nodes(stage) if n.type == "command"]
        names = [bare[0].rsplit("/", 1)[-1] for c in commands if (bare := _unwrapped(_words(c)))]
        if downloading and any(re.fullmatch(r"(?:ba|da|z|k|a)?sh", name) for name in names):
            return "a download piped into a shell"
        downloading = downloading or bool({"curl", "wget"} & set(names))
    return ""


def _fork_bomb(node: Node) -> str:
    """A function that starts itself in a pipeline or in the background."""
    names = [child for child in node.children if child.type == "word"]
    if not names:
        return ""
    name = _literal(names[0])
    nodes = list(_nodes(node))
    calls = any(n.type == "command" and _words(n)[:1] == [name] for n in nodes)
    spreads = any(n.type in ("pipeline", "&") for n in nodes)
    return "a function that multiplies itself (fork bomb)" if calls and spreads else ""
