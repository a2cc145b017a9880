"""Limit the commands that may be started or typed at a shell: an allow-list on the parsed command.

Owns: the decision for a whole line. The parts: `grammar.py` extracts the simple commands of a line
that it fully understands, `patterns.py` matches them against a pattern, `dangerous.py` recognises
the thirteen command patterns that mcp-background-job blocks. Off by default; never fails open: a
broken pattern or a missing parser is BadConfig when the policy is made, so the server does not
start.

This is not a sandbox: allowing an interpreter or a build tool (`python `, `npm `, `make`, `bash `,
`env`, `xargs`, `git `) allows anything, because these run other programs themselves, and so do
builtins that evaluate their arguments (`eval`, `test -v`, `printf -v`, `read`). The blocked
patterns protect against slips only. Against hostile commands use a sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ptyjobs.errors import Hint, Refused
from ptyjobs.policy import dangerous, grammar
from ptyjobs.policy.limit import bounded_check
from ptyjobs.policy.patterns import Pattern

__all__ = ["Policy"]

_SHELL_KEYS = frozenset({"C-c", "C-d", "C-l", "C-z", "Enter"})
"""Keys that neither add text to a shell's line nor recall any from its history."""


# LC_* only select by name; LOCPATH and NLSPATH hold paths and are refused.
_HARMLESS_VARIABLE = re.compile(
    r"LANG|LANGUAGE|LC_[A-Z]+|TERM|COLORTERM|COLUMNS|LINES|NO_COLOR|CLICOLOR(?:_FORCE)?"
    r"|FORCE_COLOR|TZ|CI|HOST|PORT"
)
_LOCALE_VARIABLE = re.compile(r"LANG|LANGUAGE|LC_[A-Z]+|TZ")
_LOCALE_NAME = re.compile(r"[\w@.:+,-]*|[A-Z]\w+(?:/[A-Z][\w+-]*){1,2}", re.ASCII)
"""A locale or time zone name; no path that leaves the system's directory."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The allow-list and the blocked patterns; both empty and off by default.

    Raises BadConfig for an invalid pattern and, if either list is used, for a missing
    `tree-sitter-bash`.
    """

    allowed: tuple[str, ...] = ()
    block_dangerous: bool = False
    _patterns: tuple[Pattern, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_patterns", tuple(Pattern(source) for source in self.allowed))
        if self.active:
            grammar.syntax_tree("true")

    @property
    def active(self) -> bool:
        return bool(self.allowed) or self.block_dangerous

    def check(self, command: str) -> None:
        """Raise Refused unless a shell given `command` runs only what is allowed.

        The message names the simple command that no pattern admits, or the part of the line that
        was not understood, and lists what is allowed.
        """
        if self.block_dangerous and (danger := dangerous.find(command)):
            raise Refused(
                f"not allowed: {danger}.",
                advice="block_dangerous refuses it; ask a person to run it.",
            )
        if not self.allowed:
            return
        for simple in grammar.simple_commands(command):
            with bounded_check():
                admitted = any(pattern.admits(simple.words) for pattern in self._patterns)
            if not admitted:
                raise self._unmatched(simple, command)

    def check_argv(self, argv: Sequence[str]) -> None:
        """Raise Refused unless the program run directly as `argv`, without a shell, is allowed."""
        import shlex

        self.check(shlex.join(argv))

    def check_env(self, env: Mapping[str, str]) -> None:
        """Raise Refused for a caller's variable that could make an allowed command run another.

        `PATH=/tmp/x`, `BASH_ENV`, `LD_PRELOAD`, `NODE_OPTIONS`, `GIT_PAGER`: no list of these can
        be complete, so with an allow-list only names known to be harmless are accepted. The value
        of a locale variable must be a name, because glibc loads a catalogue given as a path.
        """
        if not self.allowed:
            return
        for name, value in env.items():
            if not _HARMLESS_VARIABLE.fullmatch(name):
                raise Refused(
                    f"not allowed: the environment variable {name}.",
                    advice="With an allow-list only language, time zone, terminal and colour, CI, "
                    "HOST and PORT may be given; others belong in the server's own environment.",
                )
            if _LOCALE_VARIABLE.fullmatch(name) and not _LOCALE_NAME.fullmatch(value):
                raise Refused(
                    f"not allowed: {name} with a value that may be a path.",
                    advice="With an allow-list give a name such as de_DE.UTF-8 or Europe/Berlin.",
                )

    def check_typed(self, line: str, *, utf8: bool = False) -> None:
        """Raise Refused unless `line` may be typed, with Enter, at a shell's prompt.

        Several lines are checked one by one, since another program may read the first of them.
        A line editor acts on control characters, TAB and history's `!`, so these are refused, and
        without `utf8` (the job's locale is UTF-8) non-ASCII characters too: readline reads their
        bytes as Meta keys.
        """
        if not self.active:
            return
        for single in line.replace("\r\n", "\n").rstrip("\n").split("\n"):
            if not single.strip(" "):
                continue
            if self.allowed:
                _check_editing(single, utf8=utf8)
            self.check(single)

    def check_shell_input(
        self, text: str, *, keys: Sequence[str] = (), enter: bool = True, utf8: bool = False
    ) -> None:
        """Raise Refused unless this input may go to a shell that waits at its prompt.

        With an allow-list a line must be sent whole: half a line now and half later, Tab, Up or C-r
        could produce a line that was never checked. Line ends inside `text` count as Enter.
        """
        if self.allowed:
            if text.strip("\n") and not (enter or text.endswith("\n")):
                raise Refused(
                    "not allowed: half a line at a shell prompt.",
                    advice="With an allow-list send the whole line with enter=true.",
                    hint=Hint.WHOLE_LINE,
                )
            for key in keys:
                if key not in _SHELL_KEYS:
                    raise Refused(
                        f"not allowed: the key {key} at a shell prompt.",
                        advice=f"With an allow-list only {', '.join(sorted(_SHELL_KEYS))}.",
                    )
        self.check_typed(text, utf8=utf8)

    def _unmatched(self, simple: grammar.Simple, command: str) -> Refused:
        where = "" if simple.text == command.strip() else f" (in {_short(command.strip())!r})"
        return Refused(
            f"not allowed: {_short(simple.text)!r}{where}.",
            advice=f"Allowed are commands that begin with: {' '.join(map(repr, self.allowed))}.",
        )


# `! ` negates and `!=` compares; any other ! outside single quotes may trigger history expansion.
_QUOTED = re.compile(r"'[^']*'")
_HISTORY = re.compile(r"!(?![ =])")


def _check_editing(line: str, *, utf8: bool) -> None:
    """Refuse input that a line editor or history expansion would turn into another line."""
    for char in line:
        if ord(char) < 32 or ord(char) == 127 or (not utf8 and ord(char) > 126):
            raise Refused(
                f"not allowed: the character U+{ord(char):04X} typed at a shell prompt.",
                advice="A line editor may obey it; use execute for such a command.",
                hint=Hint.OWN_JOB,
            )
    # Inside double quotes a ' does not quote, so a line with double quotes has no safe part.
    open_to_history = line if '"' in line else _QUOTED.sub("''", line)
    if _HISTORY.search(open_to_history) or line.startswith("^"):
        raise Refused(
            "not allowed: history expansion with '!' or '^' typed at a shell prompt.",
            advice="Write ! in single quotes, in a line without double quotes.",
        )


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
