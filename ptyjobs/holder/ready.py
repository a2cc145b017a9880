"""Readiness of a service: its conditions and their state.

Owns one `Watch` for the job's own `ready` and one for each wait with conditions of its own; their
patterns, and the health probes that continue if requested. Never answers a request: a wait that
depends on a watch queries it (`holder.waiter`). The subtle thing: the leader's end is not the
service's end. A server that daemonizes exits with 0 while its children serve, so a watch continues
while they live.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Mapping

from ptyjobs._dataclass import replace
from ptyjobs.config.ready_syntax import Conditions, parse, with_port
from ptyjobs.errors import BadPattern
from ptyjobs.holder.job import Job
from ptyjobs.holder.ready_probes import CommandProbe, Poller, Probe, probe_for
from ptyjobs.model import Listening, Service
from ptyjobs.process import ports, tree
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.text.patterns import Until, compile_patterns

FAILURES = 3  # consecutive failed health probes until a service is unhealthy
BACKLOG = 1 << 20  # maximum bytes before a watch that are searched for its patterns
BLOCK = 64 << 10
TYPED_KEPT = 20  # maximum typed lines kept to recognize their echo

READY, NOT_READY, UNHEALTHY, FAILED = "ready", "not ready", "unhealthy", "failed"


class Watch:
    """The conditions of one service, or of one wait."""

    def __init__(
        self,
        conditions: Conditions,
        job: Job,
        *,
        now: float,
        root: int,
        poller: Poller,
        changed: Callable[[Watch], None],
    ) -> None:
        self._job = job
        self._root = root
        self._changed = changed
        self._began = now
        self._every = conditions.every
        self._probes = [
            probe_for(one, now=now, root=root, spec=job.spec, poller=poller)
            for one in conditions.probes
        ]
        for probe in self._probes:
            probe.report = self._weigh
        self._patterns = [_Pattern(one) for one in conditions.patterns]
        self._failures = [_Pattern(one) for one in conditions.failures]
        self._typed: list[str] = []
        self._line_open = False  # the last typed line is incomplete
        self._misses = 0
        self.failed = 0  # number of matches of a failure pattern
        self._gone = False  # no process of the job is left: no condition can become true
        self._searched = job.log.end  # log offset from which patterns have been searched
        self.service = Service(NOT_READY, time.time(), "; ".join(self._unprinted()))

    # -- events

    @property
    def due(self) -> float:
        """Time of the next `step`."""
        if not self._probing:
            return float("inf")
        return min((p.due for p in self._probes if not p.holds), default=float("inf"))

    @property
    def _probing(self) -> bool:
        if self._gone:
            return False
        return not self.service.ready or self._every is not None

    @property
    def decided(self) -> bool:
        """True if ready, or if no process is left that could become ready."""
        return self.service.ready or self._gone

    @property
    def undecided(self) -> bool:
        """True if a probe has no result yet: a prompt says nothing about its condition."""
        return not self.decided and any(probe.holds is None for probe in self._probes)

    def on_typed(self, text: str) -> None:
        """Remember typed text: its echo is not output of the program."""
        if not (self._patterns or self._failures):
            return
        lines = re.split(r"[\r\n]+", text)
        if self._line_open and self._typed:
            lines[0] = self._typed.pop() + lines[0]
        self._line_open = bool(lines[-1])
        self._typed = [*self._typed, *(line for line in lines if line.strip())][-TYPED_KEPT:]

    def on_output(self, data: bytes) -> None:
        """Search new output of the job."""
        if self._gone:
            return
        for pattern in self._failures:
            if pattern.feed(data, self._typed) and pattern.match:
                self._fail(f'printed "{pattern.match}"')
                return
        waited = [] if self.service.ready else [one for one in self._patterns if not one.match]
        if any([pattern.feed(data, self._typed) for pattern in waited]):
            self._weigh()

    def look_back(self, since: int) -> None:
        """Search the output from `since` on that came before this watch, its newest part."""
        end, self._searched = self._searched, min(since, self._searched)
        at = max(since, end - BACKLOG)
        while at < end:
            first, data = self._job.dir.log.read(at, min(BLOCK, end - at))
            if not data:  # a gap up to the end
                return
            at = first + len(data)
            self.on_output(data)

    def _fail(self, why: str) -> None:
        now = time.monotonic()
        for pattern in (*self._patterns, *self._failures):
            pattern.forget()
        for probe in self._probes:
            probe.again(now)
        self.failed += 1
        self._become(FAILED, why)

    def step(self, now: float) -> None:
        """Run the probes that are due."""
        if not self._probing:
            return
        for probe in self._probes:
            if not probe.holds and probe.due <= now:
                probe.step(now)
        self._weigh()

    def children_ended(self, ended: Mapping[int, int]) -> None:
        """Children were reaped: one may be a probe's command."""
        for probe in self._probes:
            probe.children_ended(ended)
        if self._probing:
            self._weigh()

    def job_ended(self, *, survivors: bool) -> None:
        """The leader has ended; with `survivors`, remaining processes may still serve."""
        if survivors or self._gone:
            return
        self._gone = True
        self.close()
        self._changed(self)

    @property
    def gone(self) -> bool:
        """No process of the job is left."""
        return self._gone

    def close(self) -> None:
        """Cancel running probes."""
        for probe in self._probes:
            probe.close()

    @property
    def commands(self) -> tuple[int, ...]:
        """The pids of probe commands that run now."""
        return tuple(p.pid for p in self._probes if isinstance(p, CommandProbe) and p.pid)

    # -- the decision

    def _unprinted(self) -> list[str]:
        return [f'has not printed "{one.text}"' for one in self._patterns if not one.match]

    def _weigh(self) -> None:
        missing = self._unprinted()
        missing += [one.error for one in (*self._patterns, *self._failures) if one.error]
        misses = [probe for probe in self._probes if not probe.holds]
        missing += [probe.why for probe in misses if probe.why]
        if self.service.state in (READY, UNHEALTHY):
            self._weigh_health(misses)
        elif not misses and not missing:
            self._become(READY)
            self._probe_again()
        elif self.service.state == NOT_READY and (why := "; ".join(missing)) != self.service.why:
            self.service = replace(self.service, why=why)

    def _weigh_health(self, misses: list[Probe]) -> None:
        if any(probe.holds is None for probe in misses):
            return
        if not misses:
            self._misses = 0
            if not self.service.ready:
                self._become(READY)
        else:
            self._misses += 1
            if self._misses >= FAILURES and self.service.ready:
                self._become(UNHEALTHY, "; ".join(probe.why for probe in misses))
        self._probe_again()

    def _probe_again(self) -> None:
        if self._every is None:
            self.close()
            return
        at = time.monotonic() + self._every
        for probe in self._probes:
            probe.again(at)

    def _become(self, state: str, why: str = "") -> None:
        before = self.service
        after, listening = before.after, before.listening
        if state == READY:
            after = after or time.monotonic() - self._began
            listening = listening_of(tree.descendants(self._root))
        self.service = Service(state, time.time(), why, listening, round(after, 4))
        self._changed(self)


class _Pattern:
    """One pattern in the output."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.match = ""
        self.error = ""
        (self._compiled,) = compile_patterns([text])
        self._until = Until([self._compiled])

    def feed(self, data: bytes, typed: list[str]) -> bool:
        """True once it appears in the output, outside the echo of typed lines."""
        if self.error:
            return False
        try:
            with bounded_search():
                match = self._until.feed(data)
                if match is None:
                    return False
                if not self._compiled.search(_without_echo(self._until.lines(), typed)):
                    self._until.drop()
                    return False
        except BadPattern as error:
            self.error = error.message
            return True
        self.match = match[1][:200] or self.text
        return True

    def forget(self) -> None:
        """Restart the search with the next output."""
        self.match = ""
        self._until.drop()


def _without_echo(lines: str, typed: list[str]) -> str:
    """The lines without typed lines, whole or as far as they have been echoed."""
    for line in typed:
        lines = lines.replace(line, "")
        for length in range(min(len(line), len(lines)), 0, -1):
            if lines.endswith(line[:length]):
                lines = lines[:-length]
                break
    return lines


class Watches:
    """The watches of the job and of its waits."""

    def __init__(self, job: Job, poller: Poller, changed: Callable[[Watch], None]) -> None:
        self._job = job
        self._poller = poller
        self._changed = changed
        self.own: Watch | None = None
        self._all: list[Watch] = []  # the job's own first

    def begin(self, now: float) -> None:
        """Start the job's own watch: the job has started."""
        conditions = parse(with_port(self._job.spec.ready, self._job.port))
        if conditions:
            self.own = self._watch(conditions, now)
            self._all.insert(0, self.own)

    def _watch(self, conditions: Conditions, now: float) -> Watch:
        return Watch(
            conditions,
            self._job,
            now=now,
            root=os.getpid(),
            poller=self._poller,
            changed=self._changed,
        )

    def add(self, words: tuple[str, ...], now: float) -> Watch:
        """Add a watch for one wait; closed when no wait needs it (`keep`)."""
        watch = self._watch(parse(with_port(words, self._job.port)), now)
        self._all.append(watch)
        watch.step(now)
        return watch

    def keep(self, needed: Collection[Watch | None]) -> None:
        """Close the watches of waits that are over."""
        for watch in [one for one in self._all if one is not self.own and one not in needed]:
            self._all.remove(watch)
            watch.close()

    @property
    def due(self) -> float:
        return min((watch.due for watch in self._all), default=float("inf"))

    def step(self, now: float) -> None:
        for watch in tuple(self._all):
            if watch.due <= now:
                watch.step(now)

    def on_output(self, data: bytes) -> None:
        for watch in tuple(self._all):
            watch.on_output(data)

    def on_typed(self, text: str) -> None:
        for watch in tuple(self._all):
            watch.on_typed(text)

    def children_ended(self, ended: Mapping[int, int]) -> None:
        for watch in tuple(self._all):
            watch.children_ended(ended)

    def job_ended(self, *, survivors: bool) -> None:
        for watch in tuple(self._all):
            watch.job_ended(survivors=survivors)

    def close(self) -> None:
        for watch in tuple(self._all):
            watch.close()

    @property
    def commands(self) -> tuple[int, ...]:
        """The pids of probe commands that run now: not processes of the job."""
        return tuple(pid for watch in self._all for pid in watch.commands)


def listening_of(pids: list[int]) -> tuple[Listening, ...]:
    """The listening sockets of these processes, for `status`."""
    names: dict[int, str] = {}
    found = []
    for one, pid in ports.of(pids, protocols=("tcp", "udp", "unix")):
        if pid not in names:
            stat = tree.read_stat(pid)
            names[pid] = stat.name if stat else ""
        address = str(one).removesuffix("/udp")
        found.append(Listening(one.protocol, address, one.port, pid, names[pid]))
    return tuple(found)
