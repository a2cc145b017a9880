"""Find the values that are secret: configured values and secret-looking environment variables.

Owns the sources of secret values and the rule for which variables count as secrets. Never keeps a
value (the `Redactor` does) and never writes one anywhere. The subtle thing: a variable with a
secret-looking name may hold a path, a flag or a number, which appear in all kinds of output; such
values are not secrets.
"""

from __future__ import annotations

import os
import re
from fnmatch import fnmatchcase
from urllib.parse import unquote, urlsplit

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.errors import BadConfig
from ptyjobs.text.redaction import Redactor
from ptyjobs.text.secrets import SHORTEST, Known, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ptyjobs.config import Config

SECRET_NAME = re.compile(
    r"(?:_PWD|(?:^|_)(?:SECRETS?|TOKENS?|PASSWORDS?|PASSWD|PASSPHRASE|PASS|PAT|CREDENTIALS?|APIKEY"
    r"|(?:API|ACCESS|ACCOUNT|AUTH|ENCRYPTION|LICENSE|MASTER|PRIVATE|SECRET|SERVICE|SIGNING)_?KEY))"
    r"(?:_(?:ID|BASE64|B64|V?\d+))?$",
    re.IGNORECASE,
)
SHORTEST_GUESSED = 6  # minimum characters of a value that is secret only by its name
_PLAIN = re.compile(r"[+-]?[\d.:]+|true|false|yes|no|on|off|none|null|enabled|disabled", re.I)


def value_of(where: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Value that `env:VARIABLE` or `file:PATH` refers to; None if it does not exist."""
    environ = os.environ if environ is None else environ
    kind, _, place = where.partition(":")
    if kind == "env":
        value = environ.get(place)
    else:
        try:
            with open(os.path.expanduser(place), encoding="utf-8") as file:
                value = file.read()
        except (OSError, UnicodeDecodeError):
            value = None
    return None if value is None else value.removesuffix("\n")


def known(config: Config, environ: Mapping[str, str] | None = None) -> list[Known]:
    """All secrets known to this process; raises BadConfig if a configured secret is too short."""
    environ = os.environ if environ is None else environ
    found: dict[str, str] = {}  # value -> name; a configured name takes precedence
    for name, where in config.secrets.items():
        value = value_of(where, environ)
        if value is None or not value.strip():
            continue  # interact(secret=...) reports that it cannot be read
        if len(value.strip()) < SHORTEST:
            raise BadConfig(
                f"The secret {name!r} ({where}) has fewer than {SHORTEST} characters: it stands in "
                "every output and cannot be kept from the model.",
                advice="Use a longer value (8 characters or more), or remove the secret.",
            )
        for line in lines_of(value):
            found.setdefault(line, name)
    for name, value in _of_environment(config, environ):
        for line in lines_of(value):
            found.setdefault(line, name)
    return [Known.of(value, name=name) for value, name in found.items()]


def _of_environment(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    denied = [pattern.upper() for pattern in config.env_deny]
    for name, value in environ.items():
        value = value.strip()
        if len(value) < SHORTEST_GUESSED or _PLAIN.fullmatch(value):
            continue
        withheld = any(fnmatchcase(name.upper(), pattern) for pattern in denied)
        if withheld or (SECRET_NAME.search(name) and not _is_path(value)):
            yield name, value
        elif "://" in value and (password := _password(value)):
            yield name, password


def _is_path(value: str) -> bool:
    return os.path.exists(os.path.expanduser(value))


def _password(url: str) -> str:
    """Password in a URL of the environment (DATABASE_URL, HTTPS_PROXY)."""
    try:
        password = unquote(urlsplit(url).password or "")
    except ValueError:  # not a URL
        return ""
    return password if len(password) >= SHORTEST_GUESSED else ""


def redactor(config: Config, environ: Mapping[str, str] | None = None) -> Redactor:
    """Redactor for everything that a model reads, as configured."""
    if not config.redact:
        return Redactor()
    shapes: tuple[tuple[str, re.Pattern[str]], ...] = ()
    if config.redact_tokens:
        from ptyjobs.text.token_shapes import SHAPES

        shapes = SHAPES
    return Redactor(known(config, environ), shapes=shapes)
