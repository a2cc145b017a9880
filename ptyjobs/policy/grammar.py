"""The simple commands of a shell line, for lines simple enough to parse with certainty.

Owns: the walk over tree-sitter-bash's syntax tree, with the accepted node types, tokens and leaf
texts; everything else is refused. Never matches patterns, never runs anything.

The difficulty: the tree is only *a* reading of the line. The shell's reading counts, and the two
differ (in 0.25.1: `ls > /dev/null -l` gives the redirect two targets, `l\\<newline>s` is two
words, quotes inside `"${x:-'}"` hide commands, `<<EOF` loses text). bash, dash and zsh differ too
(`[[ a || b ]]`, `$'a\\'b'`). So a node is accepted only if its own text has a single reading:

* every byte of the line belongs to a known leaf or is white space of the kind allowed there;
* a leaf's text must match the narrow expression for its kind, and words must be separated;
* anything that evaluates text a second time is refused: arithmetic with variables, subscripts,
  `${x@P}`, `${!x}`, backticks, here-documents, `[[ ]]`, assignments, functions, `case`;
* a loop variable must not have a name with a meaning to a shell or to the programs it starts.

It errs on the side of refusing: valid lines outside this subset need another spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptyjobs.errors import BadConfig, Refused
from ptyjobs.policy.patterns import PLAIN, Word

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_LINE = 16 << 10
"""Longest command line examined, in characters; longer ones are refused."""

_MAX_DEPTH = 40
"""Maximum nesting depth; people stay below ten."""

_STRUCTURE = frozenset(
    [
        "program",
        "list",
        "pipeline",
        "redirected_statement",
        "negated_command",
        "subshell",
        "compound_statement",
        "if_statement",
        "elif_clause",
        "else_clause",
        "while_statement",
        "for_statement",
        "do_group",
    ]
)
_TOKENS = frozenset(
    [
        ";",
        "&",
        "&&",
        "||",
        "|",
        "|&",
        "(",
        ")",
        "{",
        "}",
        "!",
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "while",
        "until",
        "for",
        "in",
        "do",
        "done",
    ]
) | {"\n"}
_RESERVED = _TOKENS - frozenset(["\n", ";", "&", "&&", "||", "|", "|&", "(", ")"])
_BLANK = frozenset([b" ", b"\t", b"\n"])
_APART = _BLANK | frozenset([b"", b";", b"&", b"|", b"(", b")"])
_WORDS = frozenset(
    [
        "word",
        "number",
        "string",
        "raw_string",
        "ansi_c_string",
        "concatenation",
        "simple_expansion",
        "expansion",
        "command_substitution",
        "arithmetic_expansion",
    ]
)
_LEAVES = {
    "word": re.compile(r"(?:[^\s'\"`$\\|&;<>()#]|\\[^\n\r])(?:[^\s'\"`$\\|&;<>()]|\\[^\n\r])*"),
    "number": re.compile(r"-?[0-9]\w*"),
    # Not ending in \': fish would continue the string there.
    "raw_string": re.compile(r"'(?:[^'\\]|\\[^'])*'"),
    # Without \' because dash ends the string there.
    "ansi_c_string": re.compile(r"\$'(?:[^'\\]|\\[^'\n])*'"),
    # A lone $ only where it begins no expansion in any shell.
    "string_content": re.compile(r"(?:[^\"`$\\]|\\[\s\S]|\$(?=[\s.,;:%)/]))*"),
    "simple_expansion": re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9?#@*$!_-])"),
    "expansion": re.compile(r"\$\{(?:#?[A-Za-z_]\w*|[A-Za-z_]\w*:?[-+][\w./:@%+=, -]*)\}"),
    "arithmetic_expansion": re.compile(r"\$\(\([0-9+*/%() -]*\)\)"),
}
_LITERAL_DOLLAR = re.compile(r"\$[ \t]+\w+")
# White space: between the parts of a structure, between the words of one command, and before a
# redirection. A continuation counts only after a blank: `echo\<newline>x` is the word `echox`.
_GAP = re.compile(r"(?:[ \t\n](?:\\\n)?)*")
_WORD_GAP = re.compile(r"(?:[ \t](?:\\\n)?)+")
_LINE_GAP = re.compile(r"(?:[ \t](?:\\\n)?)*")
_IN_STRING = re.compile(r"[ \t\n]*")
_NO_GAP = re.compile(r"")

_REDIRECT_TO_NULL = frozenset([">", ">>", ">|", "<", "&>", "&>>"])
_DUPLICATE = frozenset([">&", "<&"])
_CLOSE = frozenset([">&-", "<&-"])

_LOOP_VARIABLE = re.compile(r"[a-z][a-z0-9]*")
# zsh ties lower-case names to PATH and similar variables or evaluates them; histchars is bash's.
_SHELL_VARIABLE = re.compile(r".*path|prompt.*|histchars|argv|fignore|psvar|watch|status|signals")

_WHY = {
    "comment": "a comment (interactive shells may read on in it)",
    "process_substitution": "a process substitution",
    "heredoc_redirect": "a here-document",
    "herestring_redirect": "a here-string",
    "function_definition": "a function definition",
    "variable_assignment": "an assignment",
    "variable_assignments": "an assignment",
    "declaration_command": "an assignment",
    "unset_command": "an assignment",
    "test_command": "a [ ] or [[ ]] test (`test` is a command like any other)",
    "case_statement": "a case statement",
    "c_style_for_statement": "a for (( )) loop",
    "`": "a backtick substitution (write $( ))",
    "select": "a select loop",
    "arithmetic_expansion": "arithmetic with more than numbers",
    "expansion": "an expansion other than ${name} or ${name:-plain text}",
}
_ADVICE = (
    "With an allow-list only plain commands joined by ; & && || |, groups, if, while, for, "
    "$( ), quotes and redirections to /dev/null or 2>&1 are understood."
)


@dataclass(frozen=True, slots=True)
class Simple:
    """One simple command of a line."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.source for word in self.words)


def syntax_tree(line: str) -> Node:
    """The root of tree-sitter-bash's syntax tree of `line`; BadConfig if it is not installed."""
    try:
        import tree_sitter
        import tree_sitter_bash
    except ImportError as error:
        raise BadConfig(
            f"allowed_commands and block_dangerous need tree-sitter-bash ({error}).",
            advice="Run pip install tree-sitter tree-sitter-bash.",
        ) from error
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
    return parser.parse(line.encode("utf-8")).root_node


def simple_commands(line: str) -> tuple[Simple, ...]:
    """Every simple command that a shell given `line` may run, outermost first.

    Raises Refused, naming the offending part, for a line outside the accepted subset.
    """
    _check_characters(line)
    root = syntax_tree(line)
    if root.has_error:
        raise _refused("a line that does not parse", line)
    walk = _Walk(line)
    walk.structure(root, 0)
    return tuple(walk.found)


def _check_characters(line: str) -> None:
    if len(line) > MAX_LINE:
        raise Refused(f"The command line has {len(line)} characters; {MAX_LINE} are examined.")
    if not line.strip():
        raise Refused("An empty command is not on the allow-list.")
    for char in line:
        code = ord(char)
        if (code < 32 and char not in "\t\n") or 127 <= code < 160 or 0xD800 <= code < 0xE000:
            raise Refused(
                f"not allowed: the character U+{code:04X} in a command line.",
                advice="Control characters are refused while an allow-list is on.",
            )


def _refused(what: str, text: str) -> Refused:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return Refused(f"not allowed: {what}: {shown!r}.", advice=_ADVICE)


class _Walk:
    """One walk over one line's tree; `found` collects the simple commands."""

    def __init__(self, line: str) -> None:
        self._source = line.encode("utf-8")
        self.found: list[Simple] = []

    def structure(self, node: Node, depth: int) -> None:
        """Check a node that holds commands, and the words between them."""
        if depth > _MAX_DEPTH:
            raise _refused(f"nesting deeper than {_MAX_DEPTH}", self._text(node))
        # The root begins at its first child; its text must cover the whole line.
        root = node.type == "program"
        start, end = (0, len(self._source)) if root else (node.start_byte, node.end_byte)
        self._gaps(node.children, start, end, _GAP)
        for child in node.children:
            self._part(node, child, depth)

    def _part(self, parent: Node, node: Node, depth: int) -> None:
        kind = node.type
        if node.is_missing or node.is_error:
            raise _refused("a line that does not parse", self._text(parent))
        if not node.is_named:
            if kind not in _TOKENS:
                raise self._unknown(node)
            self._stands_apart(node)
        elif kind in _STRUCTURE:
            self.structure(node, depth + 1)
        elif kind == "command":
            self._command(node, depth + 1)
        elif kind == "file_redirect" and parent.type == "redirected_statement":
            self._redirect(node)
        elif kind == "variable_name" and parent.type == "for_statement":
            self._loop_variable(node)
        elif kind in _WORDS and parent.type == "for_statement":
            self._word(node, depth + 1)
        else:
            raise self._unknown(node)

    def _stands_apart(self, node: Node) -> None:
        """Reserved words count only between blanks or operators: `{}` and `!ls` are names."""
        if node.type not in _RESERVED:
            return
        before = self._source[node.start_byte - 1 : node.start_byte] if node.start_byte else b""
        after = self._source[node.end_byte : node.end_byte + 1]
        opens = node.type in "{!"
        if before not in _APART or after not in _APART or (opens and after not in _BLANK):
            raise _refused(f"{node.type!r} that touches other text", self._around(node.start_byte))

    def _command(self, node: Node, depth: int) -> None:
        self._gaps(node.children, node.start_byte, node.end_byte, _WORD_GAP)
        words: list[Word] = []
        place = len(self.found)
        for index, child in enumerate(node.children):
            inner = child
            if index == 0:
                if child.type != "command_name" or child.child_count != 1:
                    raise self._unknown(child)
                inner = child.children[0]
                if self._text(inner) != self._text(child):
                    raise self._unknown(child)
            self._word(inner, depth)
            source = self._text(inner)
            simple = inner.type in ("word", "number") and PLAIN.fullmatch(source) is not None
            words.append(Word(source, simple))
        if not words[0].plain or "=" in words[0].source:
            raise _refused("a command name that is not written plainly", words[0].source)
        self.found.insert(place, Simple(tuple(words)))

    def _word(self, node: Node, depth: int) -> None:
        """Check a word or a part of it: refused unless its text has a single reading."""
        kind = node.type
        if node.is_missing or node.is_error or kind not in _WORDS:
            raise self._unknown(node)
        if depth > _MAX_DEPTH:
            raise _refused(f"nesting deeper than {_MAX_DEPTH}", self._text(node))
        if kind == "command_substitution":
            self._substitution(node, depth)
        elif kind == "concatenation":
            self._gaps(node.children, node.start_byte, node.end_byte, _NO_GAP)
            for child in node.children:
                self._word(child, depth + 1)
        elif kind == "string":
            self._string(node, depth)
        elif kind == "word" and self._text(node) in ("{", "}") and not _joined(node):
            # zsh closes a group at any lone brace: `{ ls } always { id ; }`.
            raise _refused("a brace that stands alone", self._text(node))
        else:
            self._leaf(node, self._text(node))

    def _string(self, node: Node, depth: int) -> None:
        self._gaps(node.children, node.start_byte, node.end_byte, _IN_STRING)
        for child in node.children:
            text = self._text(child)
            if child.type == '"' and text.strip() == '"':
                continue
            if child.type == "command_substitution":
                self._substitution(child, depth)
            elif _LITERAL_DOLLAR.fullmatch(text.lstrip(" \t\n")):
                continue  # "5$ each": an expansion to the tree, but to no shell
            elif child.type in ("simple_expansion", "expansion", "arithmetic_expansion"):
                # Inside quotes the token includes the blanks before it.
                self._leaf(child, text.lstrip(" \t\n"))
            elif child.type == "string_content":
                self._leaf(child, text)
            else:
                raise self._unknown(child)

    def _substitution(self, node: Node, depth: int) -> None:
        first, *inside = node.children
        last = inside.pop() if inside else first
        opening = self._text(first).lstrip(" \t\n")
        if opening != "$(" or last.type != ")":
            raise self._unknown(first)
        if inside and self._source[first.end_byte : first.end_byte + 1] == b"(":
            # `$((` may be arithmetic to one parser and a subshell to the other.
            raise _refused("`$((`", self._text(node))
        self._gaps(node.children, node.start_byte, node.end_byte, _GAP)
        for child in inside:
            self._part(node, child, depth + 1)

    def _redirect(self, node: Node) -> None:
        parts = list(node.children)
        if self._source[node.start_byte - 1 : node.start_byte] == b"}":
            # `ls {PATH}>/dev/null` assigns a descriptor's number to PATH.
            raise _refused("a redirection that touches a brace", self._text(node))
        if parts and parts[0].type == "file_descriptor":
            # To the shell, `ls2>&1` is a command called ls2.
            if self._source[node.start_byte - 1 : node.start_byte] not in (b" ", b"\t"):
                raise _refused("a redirection that touches a word", self._text(node))
            if not self._text(parts.pop(0)).isdigit():
                raise self._unknown(node)
        self._gaps(parts, parts[0].start_byte, node.end_byte, _LINE_GAP)
        kinds = [(part.type, self._text(part)) for part in parts]
        match kinds:
            case [(operator, _)] if operator in _CLOSE:
                return
            case [(operator, _), ("number", digits)] if operator in _DUPLICATE:
                if digits.isdigit():
                    return
            case [(operator, _), ("word", "/dev/null")] if operator in _REDIRECT_TO_NULL:
                return
        raise _refused("a redirection other than to /dev/null or like 2>&1", self._text(node))

    def _loop_variable(self, node: Node) -> None:
        name = self._text(node)
        if not _LOOP_VARIABLE.fullmatch(name) or _SHELL_VARIABLE.fullmatch(name):
            raise _refused("a loop variable other than a plain lower-case one", name)

    def _leaf(self, node: Node, text: str) -> None:
        if not _LEAVES[node.type].fullmatch(text):
            raise self._unknown(node)

    def _gaps(self, parts: Sequence[Node], start: int, end: int, allowed: re.Pattern[str]) -> None:
        """Refuse bytes between the children other than the white space allowed there."""
        for index, (left, right) in enumerate(_between(parts, start, end)):
            gap = self._source[left:right].decode("utf-8", "replace")
            rule = allowed
            if index in (0, len(parts)):
                # Before the first and after the last child: nothing, or blanks around a program.
                rule = _GAP if allowed is _GAP else _NO_GAP
            if index < len(parts) and parts[index].type == "file_redirect":
                rule = _LINE_GAP
            if not rule.fullmatch(gap):
                raise _refused("text that could be read in two ways", gap or self._around(left))

    def _around(self, at: int) -> str:
        return self._source[max(0, at - 15) : at + 15].decode("utf-8", "replace")

    def _text(self, node: Node) -> str:
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _unknown(self, node: Node) -> Refused:
        return _refused(_WHY.get(node.type, f"this kind of text ({node.type})"), self._text(node))


def _joined(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "concatenation"


def _between(parts: Sequence[Node], start: int, end: int) -> Iterable[tuple[int, int]]:
    """The spans outside the children: before the first, between two, after the last."""
    at = start
    for part in parts:
        yield at, part.start_byte
        at = part.end_byte
    yield at, end
