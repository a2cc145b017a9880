"""When a listening socket counts, on a virtual clock."""

from __future__ import annotations

import pytest

from ptyjobs.config.ready_syntax import Condition, parse
from ptyjobs.holder import ready_probes
from ptyjobs.holder.ready_probes import PORT_PACE, PortProbe
from ptyjobs.process import ports
from ptyjobs.process.ports import Socket


class Machine:
    """The listening sockets of a job, by inode."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, words: str = "port:5173") -> None:
        self.own: list[Socket] = []
        monkeypatch.setattr(ports, "tcp", lambda: self.own)
        monkeypatch.setattr(ports, "of", lambda pids, protocols: [(one, 7) for one in self.own])
        monkeypatch.setattr(ready_probes.tree, "descendants", lambda root: [7])  # type: ignore[attr-defined]
        condition: Condition = parse((words,)).probes[0]
        self.probe = PortProbe(condition, now=100.0, root=1)

    def listen(self, inode: int, port: int = 5173) -> None:
        self.own = [Socket("tcp", "127.0.0.1", port, inode)]

    def until(self, now: float) -> float | None:
        """Step until `now`; the time at which the condition held."""
        while self.probe.due <= now:
            at = self.probe.due
            self.probe.step(at)
            if self.probe.holds:
                return at
        return None


def test_a_socket_counts_once_it_was_seen_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    assert machine.until(100.1) is None
    machine.listen(1)
    at = machine.until(101.0)
    assert at is not None
    assert 100.1 + PORT_PACE < at <= 100.1 + 2 * PORT_PACE + 1e-6


def test_a_port_that_is_only_tried_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.listen(1)
    assert machine.until(100.001) is None
    machine.own = []  # closed again
    assert machine.until(100.1) is None
    machine.listen(2)
    assert machine.until(100.1 + PORT_PACE) is None
    machine.listen(3)  # another one
    at = machine.until(101.0)
    assert at is not None
    assert at > 100.1 + 2 * PORT_PACE


def test_after_a_long_wait_the_second_look_comes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    assert machine.until(160.0) is None
    machine.listen(1)
    first = machine.probe.due
    assert machine.until(161.0) == pytest.approx(first + PORT_PACE)
