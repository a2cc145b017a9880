"""The table of listening ports: which job, project and git worktree, or which other process.

Owns one look at the kernel for all jobs together; asks no holder.
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
    """Every listening socket that this user may see, those of jobs first."""
    listings = {"tcp": ports.tcp, "udp": ports.udp, "unix": ports.unix}
    sockets = [one for protocol in protocols for one in listings[protocol]()]
    return port_owner.of_all(sockets, living(registry.folder))
