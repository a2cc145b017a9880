"""Listening sockets and the processes that own them, from the kernel.

Owns the list of listening sockets (sock_diag(7), 0.02 ms; /proc/net where that is not available, 5
ms on a machine with large hash tables) and the map from a socket to the processes that have it
open. Never guesses a port from a program's text. The subtle thing: a socket belongs to a network
namespace; the sockets of a process in another one are read through its own /proc/PID/net.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import sys

from ptyjobs._dataclass import TYPE_CHECKING, dataclass

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

SOCK_DIAG_BY_FAMILY = 20  # linux/sock_diag.h
NETLINK_SOCK_DIAG = 4
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR, NLMSG_DONE = 2, 3
TCP_CLOSE, TCP_LISTEN = 7, 10  # net/tcp_states.h; an unconnected UDP socket is in TCP_CLOSE
UDIAG_SHOW_NAME = 1  # linux/unix_diag.h
UNIX_DIAG_NAME = 0
_HEADER = struct.Struct("=IHHII")
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket. `address`: an IP address, or the path of a unix socket."""

    protocol: str  # "tcp", "udp" or "unix"
    address: str
    port: int  # 0 for a unix socket
    inode: int

    def __str__(self) -> str:
        if self.protocol == "unix":
            return f"unix:{self.address}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}" + ("/udp" if self.protocol == "udp" else "")


def tcp() -> list[Socket]:
    """The TCP sockets that listen in this network namespace."""
    try:
        return [
            _inet("tcp", message)
            for family in (socket.AF_INET, socket.AF_INET6)
            for message in _dump(_inet_request(family, socket.IPPROTO_TCP, TCP_LISTEN))
        ]
    except OSError:  # ENOENT, EPROTONOSUPPORT, EPERM: a kernel or a filter without sock_diag
        return list(_tables("/proc/net", "tcp"))


def udp() -> list[Socket]:
    """The unconnected UDP sockets below the ephemeral ports: the servers."""
    first, last = ephemeral()
    try:
        sockets = [
            _inet("udp", message)
            for family in (socket.AF_INET, socket.AF_INET6)
            for message in _dump(_inet_request(family, socket.IPPROTO_UDP, TCP_CLOSE))
        ]
    except OSError:
        sockets = list(_tables("/proc/net", "udp"))
    return [one for one in sockets if not first <= one.port <= last]


def unix() -> list[Socket]:
    """The unix sockets with a path that listen."""
    request = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 1 << TCP_LISTEN, 0, UDIAG_SHOW_NAME, 0, 0)  # fmt: skip # noqa: E501
    try:
        return [found for message in _dump(request) if (found := _unix(message)) is not None]
    except OSError:
        return list(_unix_table("/proc/net/unix"))


def ephemeral() -> tuple[int, int]:
    """The range of ports that the kernel assigns to sockets that request none (ip(7))."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return 32768, 60999
    return first, last


def _inet_request(family: int, protocol: int, state: int) -> bytes:
    # struct inet_diag_req_v2 with an empty inet_diag_sockid (linux/inet_diag.h)
    return struct.pack("=BBBBI", family, protocol, 0, 0, 1 << state) + bytes(48)


def _dump(request: bytes) -> Iterator[bytes]:
    """The payload of each message of the sock_diag reply; OSError if not supported."""
    head = _HEADER.pack(_HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(head + request)
        while True:
            data = netlink.recv(1 << 16)
            at = 0
            while at + _HEADER.size <= len(data):
                length, kind, *_ = _HEADER.unpack_from(data, at)
                if kind == NLMSG_DONE:
                    return
                body = data[at + _HEADER.size : at + length]
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise OSError(number, os.strerror(number))
                yield body
                at += (length + 3) & ~3


def _inet(protocol: str, message: bytes) -> Socket:
    """From struct inet_diag_msg."""
    family, port = message[0], int.from_bytes(message[4:6], "big")
    size = 4 if family == socket.AF_INET else 16
    address = socket.inet_ntop(family, message[8 : 8 + size])
    return Socket(protocol, address, port, int.from_bytes(message[68:72], sys.byteorder))


def _unix(message: bytes) -> Socket | None:
    """From struct unix_diag_msg; None for an abstract or unnamed socket."""
    inode = struct.unpack_from("=I", message, 4)[0]
    at = 16
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        name = message[at + 4 : at + length]
        if kind == UNIX_DIAG_NAME and name and name[0]:
            return Socket("unix", os.fsdecode(name.rstrip(b"\0")), 0, inode)
        at += max(4, (length + 3) & ~3)
    return None


def _tables(folder: str, protocol: str) -> Iterator[Socket]:
    """The sockets from /proc/net/tcp and its relatives (proc_pid_net(5))."""
    wanted = f"{TCP_LISTEN if protocol == 'tcp' else TCP_CLOSE:02X}"
    for name, family in ((protocol, socket.AF_INET), (f"{protocol}6", socket.AF_INET6)):
        try:
            with open(f"{folder}/{name}") as file:
                lines = file.read().splitlines()[1:]
        except OSError:  # no IPv6 here, or no /proc
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == wanted:
                address, _, port = fields[1].partition(":")
                packed = b"".join(
                    int(address[n : n + 8], 16).to_bytes(4, sys.byteorder)
                    for n in range(0, len(address), 8)
                )
                shown = socket.inet_ntop(family, packed)
                yield Socket(protocol, shown, int(port, 16), int(fields[9]))


def _unix_table(path: str) -> Iterator[Socket]:
    try:
        with open(path, errors="surrogateescape") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split(None, 7)
        accepts = int(fields[3], 16) & 0x10000  # __SO_ACCEPTCON
        if accepts and len(fields) > 7 and fields[7].startswith("/"):
            yield Socket("unix", fields[7], 0, int(fields[6]))


def inodes(pid: int) -> set[int]:
    """The inodes of the sockets that `pid` has open; empty if it exited or is another user's."""
    found: set[int] = set()
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return found
    for name in names:
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:  # closed concurrently
            continue
        if link.startswith("socket:"):
            match = _SOCKET_LINK.match(link)
            if match:
                found.add(int(match[1]))
    return found


def owners(pids: Iterable[int]) -> dict[int, int]:
    """Inode → pid for every socket of `pids`; of several owners the first in the given order."""
    found: dict[int, int] = {}
    for pid in pids:
        for inode in inodes(pid):
            found.setdefault(inode, pid)
    return found


def of(pids: Iterable[int], *, protocols: Iterable[str] = ("tcp",)) -> list[tuple[Socket, int]]:
    """The listening sockets of these processes, each with its owner, by port and address."""
    pids = list(pids)
    held = owners(pids)
    if not held:
        return []
    sockets: list[Socket] = []
    listings = {"tcp": tcp, "udp": udp, "unix": unix}
    for protocol in protocols:
        sockets += listings[protocol]()
        for pid in _elsewhere(pids):
            folder = f"/proc/{pid}/net"
            sockets += (
                _unix_table(f"{folder}/unix") if protocol == "unix" else _tables(folder, protocol)
            )
    found = {(one, held[one.inode]) for one in sockets if one.inode in held}
    return sorted(found, key=lambda pair: (pair[0].port, pair[0].address, pair[1]))


def _elsewhere(pids: Iterable[int]) -> list[int]:
    """One process of each network namespace that is not ours."""
    try:
        seen = {os.stat("/proc/self/ns/net").st_ino}
    except OSError:  # no /proc
        return []
    found = []
    for pid in pids:
        try:
            namespace = os.stat(f"/proc/{pid}/ns/net").st_ino
        except OSError:  # it has exited, or is not readable
            continue
        if namespace not in seen:
            seen.add(namespace)
            found.append(pid)
    return found


def holders_of(sockets: Iterable[Socket], *, exclude: Container[int] = ()) -> dict[int, int]:
    """Inode → pid over all processes that we may look at; absent where none is known.

    `exclude`: processes that are known to hold none of them. Of several owners the lowest pid
    counts: most often the parent.
    """
    wanted = {one.inode for one in sockets}
    found: dict[int, int] = {}
    names = os.listdir("/proc") if os.path.isdir("/proc") else []
    for pid in sorted(int(name) for name in names if name.isdigit()):
        if not wanted:
            break
        if pid not in exclude:
            held = inodes(pid) & wanted
            found |= dict.fromkeys(held, pid)
            wanted -= held
    return found
