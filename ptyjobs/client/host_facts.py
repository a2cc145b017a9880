"""Capabilities of this machine for `doctor`: readiness tier, containment, sandboxes.

Reads the kernel when called; caches nothing.
"""

from __future__ import annotations

from ptyjobs.process import cgroup, sandbox, tree
from ptyjobs.process.own_env import proc_is_hidden
from ptyjobs.process.peercred import PrivateSocket, is_stranger
from ptyjobs.readiness.linux.probe import self_test

SUBREAPER = tree.SUBREAPER
cgroup_base = cgroup.base
sandboxes = sandbox.available

__all__ = [
    "SUBREAPER", "PrivateSocket", "cgroup_base", "is_stranger", "proc_is_hidden", "sandboxes",
    "self_test",
]  # fmt: skip
