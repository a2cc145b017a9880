"""Import a client's rules for shell commands into our configuration.

Owns the translation: `Bash(git push:*)` of Claude Code's settings becomes `git push:*` under the
same heading of `[permissions]`. Never removes a rule: existing rules stay.
"""

from __future__ import annotations

import re

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.setup import jsonc, toml_text

if TYPE_CHECKING:
    from typing import Any

HEADINGS = ("allow", "ask", "deny")
_BASH = re.compile(r"Bash(?:\((.*)\))?", re.DOTALL)


def of_settings(text: str) -> dict[str, list[str]]:
    """Bash rules of a settings.json, by heading. Raises Broken."""
    found: dict[str, list[str]] = {}
    for heading in HEADINGS:
        rules = jsonc.get(text, ("permissions", heading))
        for rule in rules if isinstance(rules, list) else ():
            match = _BASH.fullmatch(str(rule).strip())
            if match:
                found.setdefault(heading, []).append((match[1] or "*").strip() or "*")
    return found


def merged(text: str, rules: dict[str, list[str]]) -> str:
    """Our configuration with these rules added. Raises Broken."""
    present = toml_text.get(text, ("permissions",))
    table: dict[str, Any] = dict(present) if isinstance(present, dict) else {}
    for heading, added in rules.items():
        own = list(table.get(heading, ()))
        table[heading] = own + [rule for rule in dict.fromkeys(added) if rule not in own]
    return text if table == present or not table else toml_text.put(text, ("permissions",), table)
