"""Targets: wrap a job's argument vector in a client command that runs it elsewhere.

Owns: the built-in targets (ssh, docker, podman, kubectl, slurm, sandbox), the targets of the
`[targets.NAME]` tables, and distinguishing a lost connection from an exit. Pure: it never starts
anything. The pty stays here and runs the *user's own* client (`ssh -tt`, `docker exec -it`,
`srun --pty`), which owns authentication, configuration and contexts; screen, log, keys and attach
work as for any job.

The parts: `target.py` (the `Target` type), `builtin.py`, `table.py`. The subtle things:
* Killing the client does not end the remote process (`docker exec`, `kubectl exec`; kubernetes
  issue 89031) and a broken stream can look like exit 0 (73056). So the remote side is started by a
  launcher that marks its environment, and `Target.reap` is a command that kills every process with
  the mark and reports whether the program itself was still alive.
* Names that the caller gives (host, container, options) never become an option:
  `ssh:-oProxyCommand=x` would run x here.
* ssh must not become the master of a shared connection: it would live in this job's tree, and
  killing the job would close the other jobs' connections too.
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

    A `[targets.NAME]` table is named "NAME", or "NAME:ARG" if its words contain {arg}. None means
    this machine. Raises BadInput for an unknown target, BadConfig for a broken table.
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
    """Raise BadConfig for the first unusable `[targets.NAME]` table."""
    for name, table in tables.items():
        needs_argument = any("{arg}" in str(word) for word in table.get("argv", ()))
        from_table(name, table, "x" if needs_argument else "")
