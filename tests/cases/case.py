"""A case: one program, its start, and its input step by step.

Owns the file format (tests/cases/README.md) as values. Never runs anything.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_ROOT = os.geteuid() == 0  # only root can use su without a password
PROGRAMS = HERE / "programs"


@dataclass(frozen=True, slots=True)
class Step:
    """One input call, and the expectations for its reply."""

    send: str
    kind: str = "answer"
    enter: bool = True
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    view: str = ""
    until: str = ""
    exits: bool = False
    noprompt: bool = False
    max_s: float = 15.0
    stale_ok: bool = False
    echo_ok: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One program and its steps. `needs`: required commands, or "root"."""

    id: str
    cmd: str
    ready: str
    steps: tuple[Step, ...]
    setup: str = ""
    start_think: float = 1.0
    cold: bool = False
    fullscreen: bool = False
    needs: tuple[str, ...] = ()
    source: str = ""

    def missing(self) -> list[str]:
        """Missing requirements of the case on this machine."""
        lacks = [name for name in self.needs if not (_ROOT if name == "root" else find(name))]
        versions = [v for v in ("3.11", "3.13") if f"{{py{v.replace('.', '')}}}" in self.cmd]
        return lacks + [f"Python {v}" for v in versions if not python(v)]


def find(name: str) -> str:
    """The path of a program, "" if it is not here."""
    return shutil.which(name) or ""


def python(version: str) -> str:
    """A Python of that version; the running one if it is."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    readable = os.access(pyenv, os.R_OK | os.X_OK)
    installed = sorted(pyenv.glob(f"{version}.*/bin/python")) if readable else []
    return str(installed[-1]) if installed else find(f"python{version}")


def load(paths: Iterable[Path] = ()) -> list[Case]:
    """The cases of the given files, or of all files of this folder."""
    cases = []
    for path in paths or sorted(HERE.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        cases += [_case(entry, path.stem) for entry in data["scenario"]]
    names = [case.id for case in cases]
    assert len(names) == len(set(names)), "an id is used twice"
    return cases


def _case(entry: dict[str, Any], source: str) -> Case:
    known = {field.name for field in fields(Case)}
    values = {key: _plain(value) for key, value in entry.items() if key in known - {"steps"}}
    odd = set(entry) - known
    assert not odd, f"{entry['id']}: unknown fields {odd}"
    made = tuple(
        Step(**{key: _plain(value) for key, value in step.items()}) for step in entry["steps"]
    )
    return Case(steps=made, source=source, **values)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def placed(case: Case, work: Path) -> Case:
    """The case with its placeholders filled in."""
    table = {
        "{work}": str(work),
        "{programs}": str(PROGRAMS),
        "{py}": python("3.11") or sys.executable,
        "{py311}": python("3.11"),
        "{py313}": python("3.13"),
    }

    def fill(text: str) -> str:
        for name, value in table.items():
            text = text.replace(name, value)
        return text

    steps = tuple(
        replace(step, send=fill(step.send), expect=_each(fill, step.expect)) for step in case.steps
    )
    return replace(case, cmd=fill(case.cmd), setup=fill(case.setup), steps=steps)


def _each(change: Callable[[str], str], texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(change(text) for text in texts)
