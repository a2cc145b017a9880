"""Table of listening ports: each with its job, project and git worktree, or the other process.

Owns one scan of the kernel's tables for all jobs together. Never asks a holder.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.process import port_owner, ports
from ptyjobs.process.port_owner import PortHolder
from ptyjobs.store.holders import living

if TYPE_CHECKING:
    from ptyjobs.client.registry import Registry

__all__ = ["PortHolder", "table"]


def table(registry: Registry, *, protocols: tuple[str, ...] = ("tcp",)) -> list[PortHolder]:
    """Every listening socket that this user may see; sockets of jobs first."""
    listings = {"tcp": ports.tcp, "udp": ports.udp, "unix": ports.unix}
    sockets = [one for protocol in protocols for one in listings[protocol]()]
    return port_owner.of_all(sockets, living(registry.folder))
