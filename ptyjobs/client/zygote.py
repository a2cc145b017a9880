"""Re-export of the zygote, and of what protects its server, for front ends that start one."""

from __future__ import annotations

from ptyjobs.process.own_env import close_memory
from ptyjobs.spawn.zygote import Zygote, start

__all__ = ["Zygote", "close_memory", "start"]
