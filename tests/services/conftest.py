"""Fixtures for services: jobs in a state directory of their own, and small servers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptyjobs import Jobs
from ptyjobs.config import load


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(load({"PTYJOBS_STATE": str(tmp_path / "state")})) as found:
        yield found


@pytest.fixture
def port() -> int:
    """A TCP port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def python(code: str) -> list[str]:
    """The words of a command that runs a Python program."""
    return [sys.executable, "-c", code]


LISTEN = """
import socket, time
server = socket.socket(socket.AF_INET6 if ":" in {host!r} else socket.AF_INET)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(({host!r}, {port}))
server.listen()
print("listens", flush=True)
while True:
    server.accept()
"""


def listener(port: int, *, host: str = "127.0.0.1") -> list[str]:
    """A server that listens and says so."""
    return python(LISTEN.format(host=host, port=port))
