"""Targets from the `[targets.NAME]` tables of the configuration file.

Owns reading and checking one table; its keys are fields of `Target`. A broken table is BadConfig.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ptyjobs.errors import BadConfig, BadInput
from ptyjobs.targets.target import Target

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "argv": list,
    "quote": str,
    "quiet_floor": (int, float),
    "reap": list,
    "env": list,
    "env_flag": str,
    "launcher": bool,
    "lost": str,
    "refused": str,
    "lost_codes": list,
}


def from_table(name: str, table: Mapping[str, Any], arg: str) -> Target:
    """Make the target of one `[targets.NAME]` table; its field names are those in `Target`."""
    for key, value in table.items():
        wanted = _FIELDS.get(key)
        if wanted is None:
            raise _bad(name, f"there is no setting {key!r}; known are {', '.join(_FIELDS)}")
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise _bad(name, f"{key} = {value!r} has the wrong type")
    fields = dict(table)
    for key in ("argv", "reap", "env"):
        words = fields.get(key, ())
        if not all(isinstance(word, str) for word in words):
            raise _bad(name, f"{key} must hold strings")
        fields[key] = tuple(word.replace("{arg}", arg) for word in words)
    takes = "{arg}" in str(table.get("argv", ""))
    if takes != bool(arg):
        wants = f"{name}:SOMETHING" if takes else name
        raise BadInput(f"The target {name} is asked for as {wants!r}.")
    if arg and not re.fullmatch(r"[\w@%+][\w.:@%/+=-]*", arg):
        raise BadInput(f"{arg!r} cannot name anything for the target {name}.")
    fields.setdefault("quote", "argv")
    _check_template(name, fields["argv"], fields["quote"])
    codes = fields.get("lost_codes", [])
    if not all(isinstance(code, int) and 0 <= code <= 255 for code in codes):
        raise _bad(name, f"lost_codes = {codes!r} must hold exit codes")
    fields["lost_codes"] = tuple(codes)
    for key in ("lost", "refused"):
        if key in fields:
            fields[key] = _expression(name, key, fields[key])
    if fields.get("quiet_floor", 0) < 0:
        raise _bad(name, "quiet_floor must not be negative")
    return Target(name=f"{name}:{arg}" if arg else name, **fields)


def _check_template(name: str, argv: Sequence[str], quote: str) -> None:
    if quote not in ("shell", "argv"):
        raise _bad(name, f'quote = {quote!r} is neither "shell" nor "argv"')
    if sum(word.count("{command}") for word in argv) != 1:
        raise _bad(name, "argv must hold {command} once")
    if quote == "argv" and "{command}" not in argv:
        raise _bad(name, 'with quote = "argv" the word {command} stands alone')


def _expression(name: str, key: str, source: str) -> re.Pattern[str]:
    try:
        return re.compile(source, re.MULTILINE)
    except re.error as error:
        raise _bad(name, f"{key} = {source!r} is not a regular expression ({error})") from error


def _bad(name: str, what: str) -> BadConfig:
    return BadConfig(f"[targets.{name}]: {what}.")
