"""Permission rules: `allow`, `ask` and `deny`, decided on the parsed command.

Owns the meaning of a rule and the decision for a whole line. Never prompts the user: the front end
does (`mcp/approval.py`). Rules guide a well-meaning agent; they are no security boundary, because
an allowed interpreter runs anything (see `allowed_commands` and `sandbox` for that).

Rules are written as in MCP clients: words of one simple command, `*` inside a word for any
characters, ` *` or `:*` at the end for any further words (`git push *`, `npm run test:*`). Every
simple command of a line is decided, including those after `&&`, in a subshell or a substitution;
the line gets the strictest decision. The subtle thing is a word that the shell will change (quotes,
`$x`, a glob): its value is unknown, so it never matches an `allow` rule, and where it could match
an `ask` or `deny` rule, the user is asked. The same holds for a line that cannot be parsed fully.
"""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptyjobs.errors import NeedsApproval, Refused
from ptyjobs.policy import grammar
from ptyjobs.policy.patterns import Word


class Verdict(enum.IntEnum):
    """Decisions, from the mildest to the strictest."""

    ALLOW = 0
    ASK = 1
    DENY = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a line, with the rule and the simple command that caused it."""

    verdict: Verdict
    command: str = ""
    rule: str = ""  # empty: no rule, or the line could not be parsed
    why: str = ""


class _Match(enum.IntEnum):
    NO = 0
    PERHAPS = 1  # a word that the shell changes may be what the rule names
    YES = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one configuration; `otherwise` applies to commands that match no rule."""

    allow: tuple[str, ...] = ()
    ask: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    otherwise: str = "allow"

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Rules | None:
        """The rules of a `[permissions]` table; None for an empty one."""
        if not table:
            return None
        allow, ask, deny = (tuple(table.get(name, ())) for name in ("allow", "ask", "deny"))
        return cls(allow, ask, deny, str(table.get("otherwise", "allow")))

    def check(self, line: str, *, approved: bool = False) -> None:
        """Raise Refused for a denied line, NeedsApproval for a line that needs approval."""
        decision = self.decide(line)
        what = f"{_short(decision.command)!r}"
        why = f" ({decision.why})" if decision.why else ""
        if decision.rule:
            why = f" (rule {decision.rule!r})"
        if decision.verdict is Verdict.DENY:
            raise Refused(
                f"not allowed: {what}{why}.",
                advice="The user's rules deny it: say so, or find another way.",
            )
        if decision.verdict is Verdict.ASK and not approved:
            raise NeedsApproval(
                f"{what} needs the user's approval{why}.",
                advice="Ask the user to run it, or to add it to permissions.allow of ptyjobs.",
                facts={"command": decision.command},
            )

    def decide(self, line: str) -> Decision:
        """The strictest decision about the simple commands of `line`."""
        if not line.strip():
            return Decision(Verdict.ALLOW)
        try:
            commands = grammar.simple_commands(line)
        except Refused as error:
            if not (self.ask or self.deny) and self.otherwise == "allow":
                return Decision(Verdict.ALLOW)
            why = error.message.removeprefix("not allowed: ").rstrip(".")
            return Decision(Verdict.ASK, line.strip(), why=f"not understood: {why}")
        decisions = [self._decide(simple) for simple in commands]
        return max(decisions, key=lambda d: d.verdict, default=Decision(Verdict.ALLOW))

    def _decide(self, simple: grammar.Simple) -> Decision:
        denied, rule = _best(self.deny, simple.words)
        if denied is not _Match.NO:
            verdict = Verdict.DENY if denied is _Match.YES else Verdict.ASK
            return Decision(verdict, simple.text, rule)
        asked, rule = _best(self.ask, simple.words)
        if asked is not _Match.NO:
            return Decision(Verdict.ASK, simple.text, rule)
        allowed, rule = _best(self.allow, simple.words)
        if allowed is _Match.YES:
            return Decision(Verdict.ALLOW, simple.text, rule)
        return Decision(Verdict[self.otherwise.upper()], simple.text, why="no rule allows it")


def _best(rules: Iterable[str], words: Sequence[Word]) -> tuple[_Match, str]:
    matches = [(_match(rule, words), rule) for rule in rules]
    return max(matches, key=lambda match: match[0], default=(_Match.NO, ""))


def _match(rule: str, words: Sequence[Word]) -> _Match:
    """Match a rule against one simple command."""
    pattern = rule.removesuffix(":*").split()
    more = rule.endswith(":*") or (len(pattern) > 1 and pattern[-1] == "*") or rule == "*"
    if pattern and pattern[-1] == "*" and more:
        pattern = pattern[:-1]
    if len(words) < len(pattern) or (len(words) > len(pattern) and not more):
        return _Match.NO
    certain = True
    for number, (expected, word) in enumerate(zip(pattern, words, strict=False)):
        if not word.plain:
            certain = False
        elif not fnmatch.fnmatchcase(word.source, expected):
            # A path to a program is that program: /bin/rm is rm.
            name = word.source.rpartition("/")[2]
            if number or "/" in expected or not fnmatch.fnmatchcase(name, expected):
                return _Match.NO
    return _Match.YES if certain else _Match.PERHAPS


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
