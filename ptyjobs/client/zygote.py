"""Re-export of the zygote for front ends that start one."""

from __future__ import annotations

from ptyjobs.spawn.zygote import Zygote, start

__all__ = ["Zygote", "start"]
