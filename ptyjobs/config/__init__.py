"""Settings: defaults < file < environment < flags, as one frozen `Config`.

Owns the four sources, their order, and the command-line flags, which are made from the declarations
in `settings`. Never accesses the disk except to read the one TOML file (and, through `types`, to
check that a named directory or program exists).

The subtle thing: nothing falls back silently. An unusable value, an unknown key in the file and an
unknown `PTYJOBS_*` variable each stop the program with one line that names the setting, its source
and the value, because an allow-list lost to a typing error elsewhere is worse than no server. The
exception is an unknown variable in an `on_exit` command, which is reported on standard error.
"""

from __future__ import annotations

import os
import sys

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.config import types
from ptyjobs.config.settings import (
    HARD_MAX_CHARS,
    LIMITS,
    SETTINGS,
    Config,
    default_shell,
    default_state_dir,
    docs_table,
)
from ptyjobs.config.types import Kind, Unusable
from ptyjobs.errors import BadConfig

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from typing import Any

__all__ = [
    "HARD_MAX_CHARS",
    "LIMITS",
    "SECRET_PREFIX",
    "SETTINGS",
    "Config",
    "add_flags",
    "default_shell",
    "default_state_dir",
    "docs_table",
    "flag_dest",
    "flags_of",
    "load",
    "set_by",
]

SECRET_PREFIX = "PTYJOBS_SECRET_"
_NOT_SETTINGS = (
    "PTYJOBS_CONFIG", "PTYJOBS_JOB", "PTYJOBS_JOB_DIR", "PTYJOBS_JOB_STATE", "PTYJOBS_EXIT",
    "PTYJOBS_TOKEN", "PTYJOBS_LEADER", "PTYJOBS_ZDOTDIR", "PTYJOBS_PYTHONSTARTUP",
)  # fmt: skip
"""Variables that ptyjobs itself sets: in jobs, in their `on_exit` commands, on targets."""
_FREE_PREFIXES = (SECRET_PREFIX, "PTYJOBS_TEST")
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def load(
    environ: Mapping[str, str] | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    file: Path | None = None,
) -> Config:
    """Load the settings of this process.

    `environ` defaults to the process's environment; `flags` maps setting names to values, None
    meaning "not given"; `file` is a TOML file that must exist, otherwise $PTYJOBS_CONFIG (must
    exist) or $XDG_CONFIG_HOME/ptyjobs/config.toml (may be absent). Raises BadConfig.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for name, value, source in (
        *_from_file(environ, file),
        *_from_environment(environ),
        *(
            (n, v, f"flag --{n.replace('_', '-')}")
            for n, v in (flags or {}).items()
            if v is not None
        ),
    ):
        values[name] = _read(name, value, source)
    secrets = {
        key.removeprefix(SECRET_PREFIX): f"env:{key}"
        for key in environ
        if key.startswith(SECRET_PREFIX) and key != SECRET_PREFIX
    }
    if secrets:
        values["secrets"] = {**values.get("secrets", {}), **secrets}
    if "state_dir" not in values:
        values["state_dir"] = default_state_dir(environ)
    return _consistent(values)


def _from_file(environ: Mapping[str, str], file: Path | None) -> Iterable[tuple[str, Any, str]]:
    named = file or environ.get("PTYJOBS_CONFIG")
    base = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")
    path = os.fspath(named or os.path.join(base, "ptyjobs", "config.toml"))
    try:
        with open(path, encoding="utf-8") as file_:
            text = file_.read()
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise BadConfig(f"configuration file {path}: there is no such file.") from None
        return ()
    except OSError as error:
        raise BadConfig(f"configuration file {path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise BadConfig(f"configuration file {path}: not TOML ({error}).") from None
    import tomllib  # 7 ms that most starts avoid

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"configuration file {path}: not TOML ({error}).") from None
    return [(name, value, f"file {path}") for name, value in data.items()]


def _from_environment(environ: Mapping[str, str]) -> Iterable[tuple[str, Any, str]]:
    known: dict[str, str] = {}  # variable -> setting; our own name is last and takes precedence
    for setting in SETTINGS:
        for variable in (*setting.metadata["env"], f"PTYJOBS_{setting.name.upper()}"):
            known[variable] = setting.name
    for variable in environ:
        if not variable.startswith("PTYJOBS_") or variable in known or variable in _NOT_SETTINGS:
            continue
        if not variable.startswith(_FREE_PREFIXES):
            if "PTYJOBS_EXIT" in environ:  # an on_exit command: no user is present to correct it
                print(f"ptyjobs: {variable} is no setting and is ignored.", file=sys.stderr)
                continue
            advice = _closest(variable, known)
            raise BadConfig(f"environment {variable}: there is no such setting.", advice=advice)
    return [(n, environ[v], f"environment {v}") for v, n in known.items() if v in environ]


def _read(name: str, value: Any, source: str) -> Any:
    setting = _BY_NAME.get(name)
    if setting is None:
        raise BadConfig(f"{source}: there is no setting {name!r}.", advice=_closest(name, _BY_NAME))
    kind: Kind = setting.metadata["kind"]
    try:
        if kind.file_only and not source.startswith("file"):
            raise Unusable("a table in the configuration file")
        return kind.read(value)
    except Unusable as expected:
        shown = repr(value) if len(repr(value)) <= 200 else repr(value)[:200] + "..."
        raise BadConfig(f"{source}: {name} = {shown} is not usable; expected {expected}.") from None


def _closest(word: str, known: Iterable[str]) -> str:
    import difflib  # only for an error

    bare = {name.removeprefix("PTYJOBS_"): name for name in known}
    near = difflib.get_close_matches(word.removeprefix("PTYJOBS_"), list(bare), n=1)
    return f"Did you mean {bare[near[0]]}?" if near else ""


def _consistent(values: dict[str, Any]) -> Config:
    """Reconcile settings that bound each other: defaults adapt, given values must agree."""
    config = Config(**values)
    for name, bound, low in (
        ("interact_timeout", "max_wait", False),
        ("wait_timeout", "max_wait", False),
        ("log_total", "log_limit", True),
    ):
        value, limit = getattr(config, name), getattr(config, bound)
        if value >= limit if low else value <= limit:
            continue
        if name in values:
            word = "below" if low else "above"
            raise BadConfig(
                f"{name} = {value:g} is {word} {bound} = {limit:g}; change one of them."
            )
        config = replace(config, **{name: limit})
    return config


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add a `--flag VALUE` for each named setting (without names, for all that have flags)."""
    group = parser.add_argument_group("settings")
    for setting in SETTINGS:
        kind: Kind = setting.metadata["kind"]
        if kind.file_only or (names and setting.name not in names):
            continue
        extra: dict[str, Any] = {"nargs": "?", "const": "true"} if kind is types.FLAG else {}
        group.add_argument(
            f"--{setting.name.replace('_', '-')}",
            dest=flag_dest(setting.name),
            metavar="VALUE",
            help=f"{setting.metadata['help']} ({kind.words})".replace("%", "%%"),
            **extra,
        )


_FLAG_DEST = "setting:"


def flag_dest(name: str) -> str:
    """`dest` of the flag that sets `name` (see `flags_of`)."""
    assert name in _BY_NAME, name
    return _FLAG_DEST + name


def set_by(dest: str) -> str:
    """Name of the setting that a flag with this `dest` sets; empty for any other flag."""
    return dest.removeprefix(_FLAG_DEST) if dest.startswith(_FLAG_DEST) else ""


def flags_of(namespace: argparse.Namespace) -> dict[str, Any]:
    """Values of the flags that set settings, ready for `load(flags=...)`."""
    values = {set_by(dest): value for dest, value in vars(namespace).items() if set_by(dest)}
    return {name: value for name, value in values.items() if value is not None}
