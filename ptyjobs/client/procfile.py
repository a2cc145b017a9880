"""Parse a project's Procfile and the `.env` file next to it.

Owns the format that foreman, honcho and heroku share: one `NAME: COMMAND` per line, `#` comments,
and `NAME=VALUE` lines in `.env`. Never starts anything (`services` does) and never extends the
format.
"""

from __future__ import annotations

import os
import re

from ptyjobs._dataclass import dataclass
from ptyjobs.errors import BadInput
from ptyjobs.process.regular import open_linked

NAME = "Procfile"
ENV = ".env"
MOST = 200  # maximum processes per file
_LINE = re.compile(r"(?P<name>[A-Za-z0-9_-]+)\s*:\s*(?P<command>.+)")
_VARIABLE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of a Procfile."""

    name: str
    command: str
    line: int


def find(start: str) -> str:
    """Path of the Procfile in `start` or the nearest directory above; raises BadInput if none."""
    folder = os.path.abspath(start)
    while True:
        path = os.path.join(folder, NAME)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            raise BadInput(
                f"There is no {NAME} in {os.path.abspath(start)} or above it in its project.",
                advice="One line a process: web: npm run dev -- --port $PORT",
            )
        folder = above


def _why(failure: OSError | UnicodeDecodeError) -> str:
    """The reason alone: the path is in the sentence already."""
    return (failure.strerror or "") if isinstance(failure, OSError) else str(failure)


def read(path: str) -> tuple[Process, ...]:
    """Processes in file order; BadInput names the line and the expected syntax."""
    try:
        with open(path, encoding="utf-8", opener=open_linked) as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise BadInput(f"{path} cannot be read: {_why(failure)}.") from None
    found: dict[str, Process] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise BadInput(
                f"{path}:{number}: {text[:80]!r} is not a process; expected NAME: COMMAND, with a "
                "name of letters, digits, _ and -."
            )
        name = match["name"]
        if name in found:
            raise BadInput(
                f"{path}:{number}: the process {name!r} is already defined in line "
                f"{found[name].line}; expected another name."
            )
        found[name] = Process(name, match["command"].strip(), number)
    if not found:
        raise BadInput(f"{path} names no process; expected lines NAME: COMMAND.")
    if len(found) > MOST:
        raise BadInput(f"{path} names {len(found)} processes; expected at most {MOST}.")
    return tuple(found.values())


def choose(processes: tuple[Process, ...], names: list[str]) -> tuple[Process, ...]:
    """Select processes by name, all if `names` is empty; raises BadInput for an unknown name."""
    known = {process.name: process for process in processes}
    for name in names:
        if name not in known:
            raise BadInput(
                f"The Procfile has no process {name!r}.", advice=f"It has {', '.join(known)}."
            )
    return tuple(known[name] for name in dict.fromkeys(names)) if names else processes


def environment(folder: str) -> dict[str, str]:
    """Variables of the `.env` file in `folder`; empty without one."""
    path = os.path.join(folder, ENV)
    try:
        with open(path, encoding="utf-8", opener=open_linked) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as failure:
        raise BadInput(f"{path} cannot be read: {_why(failure)}.") from None
    found = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _VARIABLE.fullmatch(text)
        if match is None:
            raise BadInput(f"{path}:{number}: expected NAME=VALUE.")  # may be a secret
        found[match["name"]] = _value(match["value"])
    return found


def _value(text: str) -> str:
    """A value without its enclosing quotes or trailing comment."""
    if len(text) > 1 and text[0] in "'\"" and text.endswith(text[0]):
        inner = text[1:-1]
        return inner if text[0] == "'" else inner.replace("\\n", "\n").replace('\\"', '"')
    return re.split(r"\s#", text, maxsplit=1)[0].strip()
