"""How often a URL is requested and a command is run, on a virtual clock."""

from __future__ import annotations

import errno
import os

import pytest

from ptyjobs.config.ready_syntax import parse
from ptyjobs.holder import ready_probes
from ptyjobs.holder.ready_probes import CommandProbe, HttpProbe, Poller, Probe
from ptyjobs.model import JobSpec


def attempts(probe: Probe, *, until: float) -> list[float]:
    """The times of its attempts, each of which ends at once."""
    times = []
    while probe.due <= until:
        times.append(probe.due)
        probe.step(probe.due)
    return times


def http(monkeypatch: pytest.MonkeyPatch, poller: Poller, why: str) -> HttpProbe:
    """A probe whose requests all end with `why`."""
    monkeypatch.setattr(ready_probes.ports, "tcp", list)  # type: ignore[attr-defined]
    (condition,) = parse(("http://127.0.0.1:8000/",)).probes
    probe = HttpProbe(condition, now=0.0, root=1, poller=poller)

    def failed(now: float) -> None:
        probe._hosts.clear()
        probe._failed(f"{condition.text}: {why}", now)

    monkeypatch.setattr(probe, "_connect", failed)
    return probe


class NoPoller:
    def watch(self, fd: int, mask: int, call: object) -> None: ...

    def unwatch(self, fd: int) -> None: ...


def test_a_url_that_answers_is_requested_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    times = attempts(http(monkeypatch, NoPoller(), "answered 503"), until=30.0)
    assert len([at for at in times if at <= 0.25]) >= 10
    assert len([at for at in times if at <= 8.0]) < 50
    assert times[-1] - times[-2] == pytest.approx(1.0)


def test_a_url_that_is_refused_is_requested_often(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = os.strerror(errno.ECONNREFUSED)
    times = attempts(http(monkeypatch, NoPoller(), refused), until=10.0)
    assert times[-1] - times[-2] == pytest.approx(0.025)


def test_a_command_is_run_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    (condition,) = parse(("command:false",)).probes
    spec = JobSpec("j", ("false",), "false", "/")
    probe = CommandProbe(condition, now=0.0, spec=spec, poller=NoPoller())
    monkeypatch.setattr(probe, "_start", lambda now: probe._result("exited with code 1", now))
    times = attempts(probe, until=30.0)
    assert times[1] == pytest.approx(0.1)
    assert times[-1] - times[-2] == pytest.approx(1.0)
