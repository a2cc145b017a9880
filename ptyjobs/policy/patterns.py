"""Match one allow-list pattern against one simple command.

Owns: the words of a simple command as written, and matching a pattern against them. Never parses a
command line (`grammar.py` does) and never decides about a whole line (`Policy` does).

The subtle thing is where a match may end. `MCP_BG_ALLOWED_COMMANDS` holds prefixes written for
`re.search` (`^npm ,^python ,^ls`). As a search, `^ls` admits `lsof` and `npm` admits `echo npm`; as
a full match, `^npm ` admits nothing. So a pattern is matched from the first character of the simple
command (its words joined by single spaces), with or without `^`, and the match must end where a
word ends (or with the space after it): `^ls` admits `ls` and `ls -l`, not `lsof`; `^echo ` admits
`echo x`; `^npm run (dev|test)$` admits just those two. Matching is case-sensitive.

The words covered by the shortest such match must be *plain*: no quote, backslash, `$`, glob,
brace or tilde, so that the shell runs exactly the text that was checked. The words after it may be
anything (their command substitutions are matched by themselves). A pattern with lookaround (`(?!`,
`(?=`, `(?<`) may see every word, so for such a pattern every word must be plain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ptyjobs.errors import BadConfig

PLAIN = re.compile(r"[\w./+:@%,-][\w./+:@%,=-]*")
"""A word that every shell reads as exactly these characters."""

_LOOKS_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a simple command as it was written."""

    source: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled entry of the allow-list; raises BadConfig for an invalid expression."""

    source: str
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _looks_around: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise BadConfig(
                "allowed_commands holds an empty pattern, which would admit everything.",
                advice="Remove it (a comma too many?).",
            )
        try:
            compiled = re.compile(self.source)
            # Again inside a group, as `admits` uses it: a global `(?i)` is refused here.
            re.compile(f"(?:{self.source})")
        except re.error as error:
            raise BadConfig(
                f"allowed_commands: {self.source!r} is not a usable regular expression ({error}).",
                advice="Correct it; flags are written as (?i:...).",
            ) from error
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "_looks_around", bool(_LOOKS_AROUND.search(self.source)))

    def admits(self, words: Sequence[Word]) -> bool:
        """True if this pattern allows the simple command made of `words`."""
        text = " ".join(word.source for word in words)
        if self._compiled.match(text) is None:
            return False
        if self._looks_around and not all(word.plain for word in words):
            return False
        end = 0
        for index, word in enumerate(words):
            if not word.plain:
                return False
            end += len(word.source)
            if self._matches_to(text, end):
                return True
            end += 1
            if index + 1 < len(words) and self._matches_to(text, end):
                return True
        return False

    def _matches_to(self, text: str, end: int) -> bool:
        """True if a match from the start can end exactly at `end`; `$` keeps its meaning."""
        rest = len(text) - end
        return re.match(rf"(?:{self.source})(?=[\s\S]{{{rest}}}\Z)", text) is not None
