"""Where a job runs: a target turns the argument vector of a job into that of a client program.

Owns: the built-in targets (ssh, docker, podman, kubectl, slurm, sandbox), those of the
`[targets.NAME]` tables, and telling a lost connection from an exit. Pure: it never starts
anything. The pty stays here and runs the *user's own* client (`ssh -tt`, `docker exec -it`,
`srun --pty`), which owns authentication, configuration and contexts; screen, log, keys and attach
work as for any job.

The parts: `target.py` (what one is), `builtin.py`, `table.py`. The subtle things:
* Killing the client does not end the far process (`docker exec`, `kubectl exec`; kubernetes issue
  89031) and a broken stream can look like exit 0 (73056). So the far side is started by a launcher
  that marks its environment, and `Target.reap` is a command that ends whatever carries the mark and
  says whether the program itself was still alive.
* What the caller names (host, container, options) never becomes an option: `ssh:-oProxyCommand=x`
  would run x here.
* ssh must not become the master of a shared connection: it would live in this job's tree and take
  the other jobs' connections along when the job is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptyjobs.errors import BadInput
from ptyjobs.targets.builtin import BUILT_IN
from ptyjobs.targets.table import from_table
from ptyjobs.targets.target import EXITED, LOST, NOT_CONNECTED, Target, classify, reaped

__all__ = [
    "EXITED",
    "LOST",
    "NOT_CONNECTED",
    "Target",
    "check_tables",
    "classify",
    "reaped",
    "resolve",
]


def resolve(text: str, *, tables: Mapping[str, Mapping[str, Any]] | None = None) -> Target | None:
    """The target that `text` names: "", "ssh:host", "docker:C", "kubectl:POD/C", "slurm:mem=4G".

    A `[targets.NAME]` table is named "NAME", or "NAME:ARG" if its words hold {arg}. None for this
    machine. Raises BadInput for one that does not exist, BadConfig for a broken table.
    """
    if not text or text == "local":
        return None
    name, _, arg = text.partition(":")
    if tables and name in tables:
        return from_table(name, tables[name], arg)
    maker = BUILT_IN.get(name)
    if maker is None:
        known = ", ".join(sorted([*(tables or ()), *BUILT_IN]))
        raise BadInput(f"There is no target {name!r}.", advice=f"Known: {known}.")
    return maker(arg)


def check_tables(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise BadConfig for the first `[targets.NAME]` table that cannot be used."""
    for name, table in tables.items():
        needs_argument = any("{arg}" in str(word) for word in table.get("argv", ()))
        from_table(name, table, "x" if needs_argument else "")
