"""Address of the running viewer of this state directory.

Owns `$STATE/viewer.json` (0600), which a running viewer maintains: its address with the token, its
process, and whether browsers may type. Never starts a viewer. The address is a secret: it gives
access to all jobs, and lets its holder type into them if the viewer was started with `--write`.
"""

from __future__ import annotations

import contextlib
import json
import os
import urllib.parse
from pathlib import Path
from typing import Any

from ptyjobs.process import tree
from ptyjobs.process.regular import open_regular

NAME = "viewer.json"


def announce(state_dir: str, *, url: str, write: bool) -> None:
    """Record that this process serves the viewer at `url`."""
    stat = tree.read_stat(os.getpid())
    facts = {
        "url": url,
        "write": write,
        "pid": os.getpid(),
        "started": stat.started if stat else 0,
    }
    path = Path(state_dir, NAME)
    temporary = path.with_name(f".{NAME}.{os.getpid()}")
    with contextlib.suppress(OSError):  # disk full: the link is not offered
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(made, "w") as out:
            json.dump(facts, out)
        os.replace(temporary, path)


def withdraw(state_dir: str) -> None:
    """Remove the record: this process no longer serves the viewer."""
    if _facts(state_dir).get("pid") == os.getpid():
        Path(state_dir, NAME).unlink(missing_ok=True)


def link(state_dir: str, job_id: str = "") -> str:
    """Address of a job in the running viewer; "" without a viewer."""
    facts = _facts(state_dir)
    stat = tree.read_stat(int(facts.get("pid", 0) or 0)) if facts else None
    if stat is None or stat.started != facts.get("started"):
        return ""
    job = f"&job={urllib.parse.quote(job_id, safe='')}" if job_id else ""
    return f"{facts['url']}{job}"


def _facts(state_dir: str) -> dict[str, Any]:
    try:
        with open(Path(state_dir, NAME), opener=open_regular) as file:
            facts = json.loads(file.read())
    except (OSError, ValueError, RecursionError):  # no viewer, or the file is being written
        return {}
    return facts if isinstance(facts, dict) else {}
