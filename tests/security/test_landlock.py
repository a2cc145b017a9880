"""Ways around the rules of Landlock: TCP without connect(2), root's capabilities, other ABIs."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.process import landlock
from tests.security.test_terminals import PYTHON, confined

ROADS = """
import ctypes, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
server = ("127.0.0.1", int(sys.argv[1]))
def mptcp(): socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).connect(server)
def smc(): socket.socket(43, socket.SOCK_STREAM, 0).connect(server)
def fast(send):
    with socket.socket() as sock: send(sock)
def first_packet(sock): sock.sendto(b"x", 0x20000000, server)
def message(sock): sock.sendmsg([b"x"], [], 0x20000000, server)
def messages(sock):
    if libc.sendmmsg(sock.fileno(), None, 0, 0x20000000) < 0: raise OSError
    print("sendmmsg reached the kernel")
def deferred(sock):
    sock.setsockopt(socket.IPPROTO_TCP, 30, 1)  # TCP_FASTOPEN_CONNECT
    sock.connect(server); sock.send(b"x")
def io_uring():
    if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0: raise OSError
for road in (mptcp, smc, io_uring): 
    try: road(); print("open", road.__name__)
    except OSError: print("refused")
for send in (first_packet, message, messages, deferred):
    try: fast(send); print("open", send.__name__)
    except OSError: print("refused")
one, other = socket.socketpair(); one.send(b"pair"); print(other.recv(9).decode())
print(socket.getaddrinfo("localhost", 80)[0][4][1])
"""


@pytest.mark.live
@pytest.mark.stops("landlock", "MPTCP, SMC, fast open and io_uring as ways to a TCP server")
def test_no_other_way_leads_to_a_tcp_server(tmp_path: Path) -> None:
    config = confined(tmp_path, "landlock")
    if landlock.abi() < 4:
        pytest.skip("this Landlock does not know TCP")
    (tmp_path / "work/roads.py").write_text(ROADS)
    with socket.create_server(("127.0.0.1", 0)) as tcp, Jobs(config) as jobs:
        tcp.settimeout(0)
        text = jobs.execute(f"{PYTHON} roads.py {tcp.getsockname()[1]}", wait=30).fresh.text
        with pytest.raises(BlockingIOError):
            tcp.accept()
    assert text.split() == [*["refused"] * 7, "pair", "80"]


@pytest.mark.live
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities")
@pytest.mark.stops("landlock", "root's capabilities other than those for files, users and ports")
def test_root_has_no_capability_to_administer_the_machine(tmp_path: Path) -> None:
    with Jobs(confined(tmp_path, "landlock")) as jobs:
        text = jobs.execute("grep ^Cap /proc/self/status", wait=20).fresh.text
    sets = [int(word, 16) for word in re.findall(r"[0-9a-f]{16}", text)]
    assert len(sets) == 5
    assert not [one for one in sets if one & ~sum(1 << n for n in landlock._KEPT_CAPABILITIES)]


# -- the filter as a program, for the machines that we do not run on

ALLOW, REFUSE = 0x7FFF0000, 0x00050000


def run(code: Iterable[landlock.Instruction], *, arch: int, number: int, words: list[int]) -> int:
    """What the kernel's interpreter (seccomp(2)) returns for one system call."""
    data = struct.pack("=iIQ6Q", number, arch, 0, *(words + [0] * 6)[:6])
    lines, at, value = list(code), 0, 0
    while True:
        operation, yes, no, operand = lines[at]
        at += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return operand
        else:
            met = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}
            at += yes if met[operation] else no


@pytest.mark.parametrize("machine", landlock._MACHINES)
def test_the_filter_refuses_what_it_must_and_nothing_else(machine: str) -> None:
    code = landlock._socket_filter(machine)
    arch, (make, sendto, sendmsg, sendmmsg, io_uring) = landlock._MACHINES[machine]

    def refused(number: int, *words: int, arch: int = arch) -> bool:
        answer = run(code, arch=arch, number=number, words=list(words))
        assert answer == ALLOW or answer > REFUSE
        return answer != ALLOW

    for family in range(50):
        assert refused(make, family, 1, 0) == (family not in (1, 2, 10, 16))
    for protocol in range(300):
        wrong = protocol not in (0, 1, 6, 17, 58)
        assert refused(make, socket.AF_INET, 1, protocol) == wrong
        assert refused(make, socket.AF_INET6, 1, protocol) == wrong
        assert not refused(make, socket.AF_NETLINK, 3, protocol)
    for number, at in ((sendto, 3), (sendmsg, 2), (sendmmsg, 3)):
        assert not refused(number, *[0x4000] * 6)
        assert refused(number, *[0x20004000 if place == at else 0 for place in range(6)])
    assert refused(io_uring)
    assert not any(refused(number) for number in range(500) if number not in (make, io_uring))
    assert refused(0x40000000 + make)
    for number in landlock._COMPATIBLE[machine]:
        assert refused(number, arch=0x40000003)
