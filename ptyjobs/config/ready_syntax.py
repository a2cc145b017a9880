"""Parse readiness conditions into values.

Owns the syntax of `ready` and its error messages. Never probes anything (`holder.ready` does). All
conditions of a service must hold. The forms are

    port            a process of the job listens on a TCP port
    port:3000       on this TCP port
    port:/run/x     on this Unix socket
    http://127.0.0.1:3000/health        answers with 2xx; "... 404": with this status
    command:pg_isready -q               exits with 0
    !PATTERN        this output means that the service has failed
    every:10s       keep probing after it is ready, and report when it becomes unhealthy
    PATTERN         anything else (or "pattern:..."): a regular expression in the output
"""

from __future__ import annotations

import re

from ptyjobs._dataclass import TYPE_CHECKING, dataclass
from ptyjobs.config import types
from ptyjobs.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 10  # conditions
PORT, SOCKET, HTTP, COMMAND = "port", "socket", "http", "command"
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:?#\s]+)(?::(?P<port>\d+))?"
                  r"(?P<path>[/?][^\s#]*)?(?:\s+(?P<status>[1-5]\d\d))?\Z")  # fmt: skip
_LOOPBACK = ("127.0.0.1", "::1")
_INTERVAL = types.seconds(0.1, 86_400)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition to probe; `text` is its original spelling."""

    kind: str  # PORT, SOCKET, HTTP or COMMAND
    text: str
    port: int = 0  # 0: any
    hosts: tuple[str, ...] = ()  # IP addresses to try
    authority: str = ""  # of the URL, for the Host header
    path: str = ""  # of the URL or Unix socket, or the command line
    status: int = 0  # 0: 2xx


@dataclass(frozen=True, slots=True)
class Conditions:
    """Readiness conditions of a service: probes and output patterns."""

    probes: tuple[Condition, ...] = ()
    patterns: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()  # patterns in the output that mean failure
    every: float | None = None  # seconds between probes once it is ready

    def __bool__(self) -> bool:
        return bool(self.probes or self.patterns)

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(probe.path for probe in self.probes if probe.kind == COMMAND)


def parse(words: str | Sequence[str]) -> Conditions:
    """Parse the conditions; BadInput states the expected syntax. Patterns are not compiled here."""
    words = [words] if isinstance(words, str) else list(words)
    if len(words) > MOST:
        raise BadInput(f"{len(words)} conditions in ready are too many.", advice=f"At most {MOST}.")
    probes: list[Condition] = []
    patterns: list[str] = []
    failures: list[str] = []
    every: float | None = None
    for word in words:
        head, colon, rest = word.partition(":")
        if not word.strip():
            raise BadInput("A condition in ready is empty.", advice='For example "port".')
        if word.startswith("!"):
            failures.append(word[1:])
        elif head == "every" and colon:
            every = _seconds(word, rest)
        elif head == "pattern" and colon:
            patterns.append(rest)
        elif head == "command" and colon:
            if not rest.strip():
                raise BadInput("ready: command: has no command line.", advice="command:pg_isready")
            probes.append(Condition(COMMAND, word, path=rest.strip()))
        elif word == "port" or (head == "port" and colon):
            probes.append(_port(word, rest))
        elif head in ("http", "https") and rest.startswith("//"):
            probes.append(_url(word))
        else:
            patterns.append(word)
    found = Conditions(tuple(probes), tuple(patterns), tuple(failures), every)
    if not found and (failures or every is not None):
        raise BadInput("ready has no condition that can become true.", advice='Add "port".')
    if every is not None and not probes:
        raise BadInput("ready: every: needs a probe; a pattern stays true once it has matched.",
                       advice='Add "port", a URL or "command:...".')  # fmt: skip
    return found


def with_port(words: Sequence[str], port: int) -> tuple[str, ...]:
    """Replace `$PORT` by the job's port; unchanged for a job without one."""
    return tuple(word.replace("$PORT", str(port)) if port else word for word in words)


def _seconds(word: str, rest: str) -> float:
    try:
        return float(_INTERVAL.read(rest))
    except types.Unusable as expected:
        raise BadInput(f"ready: {word!r} is not usable; expected {expected}.") from None


def _port(word: str, rest: str) -> Condition:
    if not rest:
        return Condition(PORT, word)
    if rest.startswith("/"):
        return Condition(SOCKET, word, path=rest)
    if rest.isdecimal() and 0 < int(rest) < 65536:
        return Condition(PORT, word, port=int(rest))
    raise BadInput(f"ready: {word!r} names no port.", advice="port, port:3000 or port:/path/socket")


def _url(word: str) -> Condition:
    match = _URL.match(word.strip())
    if match is None:
        raise BadInput(
            f"ready: {word!r} is not a URL.",
            advice="http://127.0.0.1:3000/health, or with a status: http://127.0.0.1:3000/ 404",
        )  # fmt: skip
    host = match["host"].strip("[]").lower()
    if match["scheme"] == "https":
        raise BadInput("ready: https is not probed.", advice=f"command:curl -fsk {word}")
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: always the loopback
        hosts: tuple[str, ...] = _LOOPBACK
    elif ":" in host or re.fullmatch(r"\d+(\.\d+){3}", host):
        hosts = (host,)
    else:
        raise BadInput(
            f"ready: the name {host!r} is not looked up.",
            advice=f"Use an IP address, localhost, or command:curl -fs {word}",
        )
    port = int(match["port"] or 80)
    if not 0 < port < 65536:
        raise BadInput(f"ready: {word!r} names no port.", advice="1 to 65535.")
    path = match["path"] or "/"
    return Condition(
        HTTP,
        word,
        port=port,
        hosts=hosts,
        authority=f"{match['host']}:{port}",
        path=path if path.startswith("/") else f"/{path}",
        status=int(match["status"] or 0),
    )
