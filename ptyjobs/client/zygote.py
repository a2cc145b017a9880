"""The process that forks a server's holders, handed on for fronts that start one."""

from __future__ import annotations

from ptyjobs.spawn.zygote import Zygote, start

__all__ = ["Zygote", "start"]
