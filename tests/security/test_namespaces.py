"""A job in bwrap that makes namespaces of its own, and sockets that no namespace divides."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ptyjobs import Jobs
from tests.security.test_terminals import PYTHON, confined

pytestmark = pytest.mark.live

MOUNTS = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
NEWUSER, NEWNS, REMOUNT, BIND, RECURSIVE = 0x10000000, 0x20000, 0x20, 0x1000, 0x4000
print("namespace", libc.unshare(NEWUSER | NEWNS))
work, state, outside = sys.argv[1:]
for path in ("/", work, work + "/ro", state, "/tmp", "/run", "/proc"):
    libc.mount(None, path.encode(), None, REMOUNT | BIND, None)
    libc.umount2(path.encode(), 2)
os.makedirs(work + "/copy", exist_ok=True)
libc.mount(b"/", (work + "/copy").encode(), None, BIND | RECURSIVE, None)
libc.mount(None, (work + "/copy").encode(), None, REMOUNT | BIND, None)
print("state", os.listdir(state))
for path in (work + "/ro/file", outside, work + "/copy" + outside, state + "/made"):
    try:
        with open(path, "w") as file: file.write("changed")
    except OSError: pass
"""


@pytest.mark.stops("bwrap", "changes of mounts from a namespace that a job makes")
def test_a_namespace_of_its_own_gives_a_job_no_other_mounts(tmp_path: Path) -> None:
    config = confined(tmp_path, "bwrap", sandbox_read_only=["ro"])
    work, outside = tmp_path / "work", tmp_path / "outside"
    (work / "ro").mkdir()
    for file in (work / "ro/file", outside):
        file.write_text("as before")
    (work / "mounts.py").write_text(MOUNTS)
    with Jobs(config) as jobs:
        line = f"{PYTHON} mounts.py {work} {config.state_dir} {outside}"
        text = jobs.execute(line, wait=30).fresh.text
        assert not (Path(config.state_dir) / "made").exists()
    assert "state []" in text
    assert (work / "ro/file").read_text() == outside.read_text() == "as before"


BIND = """
import socket
sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
try: sock.bind((socket.VMADDR_CID_ANY, {port})); print("free")
except OSError as error: print(error.strerror)
"""


@pytest.mark.leaves("bwrap", "sockets to a virtual machine's host (AF_VSOCK), also without network")
def test_no_network_leaves_the_sockets_of_a_virtual_machine(tmp_path: Path) -> None:
    """The job finds a port in use that a process outside has: it is in no other namespace."""
    config = confined(tmp_path, "bwrap", sandbox_network="none")
    try:
        outside = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    except OSError:
        pytest.skip("this kernel has no AF_VSOCK")
    with outside, Jobs(config) as jobs:
        outside.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        port = outside.getsockname()[1]
        (tmp_path / "work/bind.py").write_text(BIND.format(port=port))
        text = jobs.execute(f"{PYTHON} bind.py", wait=30).fresh.text
    assert text == "Address already in use"
