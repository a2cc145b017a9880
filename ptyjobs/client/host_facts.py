"""Capabilities of this machine for `doctor`: readiness tier, containment, sandboxes.

Reads the kernel when called; caches nothing.
"""

from __future__ import annotations

from ptyjobs.process import cgroup, sandbox, tree
from ptyjobs.process.own_env import proc_is_hidden
from ptyjobs.process.peercred import same_user
from ptyjobs.readiness.linux.probe import self_test

SUBREAPER = tree.SUBREAPER
cgroup_base = cgroup.base
sandboxes = sandbox.available

__all__ = [
    "SUBREAPER", "cgroup_base", "proc_is_hidden", "same_user", "sandboxes", "self_test",
]  # fmt: skip
