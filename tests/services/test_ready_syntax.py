"""Syntax of readiness conditions."""

from __future__ import annotations

import pytest

from ptyjobs.config.ready_syntax import COMMAND, HTTP, PORT, SOCKET, parse
from ptyjobs.errors import BadInput


def test_every_form_has_its_meaning() -> None:
    found = parse([
        "port", "port:3000", "port:/run/x", "http://localhost:3000/health", "command: pg_isready",
        "pattern:port", "Local: .*", "!crashed", "every:1m",
    ])  # fmt: skip
    kinds = [(probe.kind, probe.port, probe.path) for probe in found.probes]
    assert kinds == [
        (PORT, 0, ""), (PORT, 3000, ""), (SOCKET, 0, "/run/x"), (HTTP, 3000, "/health"),
        (COMMAND, 0, "pg_isready"),
    ]  # fmt: skip
    assert found.patterns == ("port", "Local: .*")
    assert (found.failures, found.every) == (("crashed",), 60.0)
    assert found.commands == ("pg_isready",)


@pytest.mark.parametrize(
    ("url", "hosts", "port", "path", "status"),
    [
        ("http://127.0.0.1", ("127.0.0.1",), 80, "/", 0),
        ("http://[::1]:8080/a?b=c", ("::1",), 8080, "/a?b=c", 0),
        ("http://app.localhost:81?x", ("127.0.0.1", "::1"), 81, "/?x", 0),
        ("http://10.0.0.1:3000/ 401", ("10.0.0.1",), 3000, "/", 401),
    ],
)
def test_urls(url: str, hosts: tuple[str, ...], port: int, path: str, status: int) -> None:
    (probe,) = parse(url).probes
    assert (probe.hosts, probe.port, probe.path, probe.status) == (hosts, port, path, status)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("port:0", "names no port"),
        ("port:99999", "names no port"),
        ("port:http", "names no port"),
        ("https://localhost:1/", "https is not probed"),
        ("http://example.org/", "is not looked up"),
        ("http://", "is not a URL"),
        ("http://127.0.0.1:70000/", "names no port"),
        ("command:", "no command line"),
        ("", "is empty"),
        ("!crashed", "no condition that can become true"),
        (["ready", "every:5s"], "needs a probe"),
        (["port", "every:soon"], "is not usable; expected seconds"),
        (["port"] * 11, "are too many"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(words: str | list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(words)
