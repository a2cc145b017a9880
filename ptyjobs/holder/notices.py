"""Notify a job's session of state transitions: write them to the journal.

Owns the watches of one job (`JobSpec.notify`) and the record of transitions that a call has already
returned. Never delivers anything itself: followers read the journal (`client.events`). The subtle
thing: a transition and the calls that it answered are one line, so that no follower can see the one
without the other.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ptyjobs.errors import BadPattern
from ptyjobs.holder.ready import listening_of
from ptyjobs.holder.turn_watch import NEVER, TurnWatch
from ptyjobs.model import Answer, Exit, Reason, Service, Verdict
from ptyjobs.process import cgroup, tree
from ptyjobs.process.procfs import oom_kills
from ptyjobs.store.journal import ANSWERED, FOLLOWS, STARTED, Journal, Transition
from ptyjobs.store.regex_timeout import bounded_search
from ptyjobs.text.patterns import Until, compile_patterns

if TYPE_CHECKING:
    from ptyjobs.holder.job import Job

ONCE, EVERY = "pattern:", "every:"
COOL = 5.0  # seconds after a match during which a repeated watch ignores output
MINUTE, MOST = 60.0, 3  # a repeated watch disarms itself after MOST matches in this time (seconds)
TEXT = 300  # characters of program output in one journal line
LAST_LINES = 3
PORTS, PORTS_LATER = 0.2, 5.0  # seconds between two port checks: at first, after a minute
STALL_LOOK, STALLED = 10.0, 60.0  # seconds between checks; without output or CPU until stalled


class PatternWatch:
    """One pattern of `notify`, searched incrementally in the output."""

    def __init__(self, source: str, *, again: bool) -> None:
        self.source = source
        self._again = again
        self._compiled = compile_patterns([source])
        self._until = Until(self._compiled)
        self._deaf_until = 0.0
        self._matches: deque[float] = deque(maxlen=MOST)
        self.armed = True

    def feed(self, now: float, data: bytes) -> str | None:
        """The text of a match to report; None if there is none. Raises BadPattern."""
        if not self.armed or now < self._deaf_until:
            return None
        with bounded_search():
            match = self._until.feed(data)
        if match is None:
            return None
        self._until = Until(self._compiled)
        self._deaf_until = now + COOL
        self._matches.append(now)
        words = f"matched /{self.source[:60]}/"
        self.text = match[1]
        if not self._again:
            self.armed = False
        elif len(self._matches) == MOST and now - self._matches[0] <= MINUTE:
            self.armed = False
            words += f" {MOST} times in a minute and is no longer watched for"
        return words


class Notices:
    """The watches of one job."""

    def __init__(self, job: Job, *, blocked: Callable[[], bool]) -> None:
        """`blocked`: a call waits for the job to be ready, or a person is attached."""
        self._job = job
        self._blocked = blocked
        self._journal: Journal | None = None
        self._turns = TurnWatch(job, found=self._on_turn)
        self._patterns: list[PatternWatch] = []
        self._answering: set[str] = set()  # sessions with a call that this event answers
        self._offers: dict[str, str] = {}  # the same for answers still to be fetched: their token
        self._untold = False  # the journal has a line of this job that no call has returned
        self._ports: frozenset[int] = frozenset()
        self._ports_due = self._stall_due = NEVER
        self._active = (0.0, 0.0, 0)  # time since which CPU and log are unchanged, and their values
        self._oom = 0
        self._notify: frozenset[str] = frozenset()
        self._turning = False  # the job's turns are watched

    def begin(self) -> None:
        """The holder is a process of its own, still without a job."""
        self._oom = oom_kills()

    def start(self, now: float) -> None:
        """The job has started."""
        spec = self._job.spec
        if not spec.notify:
            return
        self._journal = Journal(os.path.dirname(os.path.dirname(self._job.dir.folder)))
        self._notify = frozenset(word for word in spec.notify if ":" not in word)
        self._turning = bool(self._notify & {"asks", "ready"})
        for word in spec.notify:
            for prefix in (ONCE, EVERY):
                if word.startswith(prefix):
                    source = word.removeprefix(prefix).strip()
                    self._patterns.append(PatternWatch(source, again=prefix == EVERY))
        if "port" in self._notify:
            self._ports_due = now + PORTS
        if "stalled" in self._notify:
            self._stall_due, self._active = now + STALL_LOOK, (now, 0.0, 0)
        self._write(STARTED)

    # -- events

    def on_output(self, now: float, data: bytes) -> None:
        """Search new output; its log offset is the log's end."""
        if self._turning:
            self._turns.on_output(now, len(data))
        for watch in self._patterns:
            try:
                words = watch.feed(now, data)
            except BadPattern as error:
                watch.armed = False
                self._write("matched", what=f"/{watch.source[:60]}/: {error.message}")
                continue
            if words is not None:
                self._write("matched", what=words, text=watch.text)
        if self._patterns:
            self._patterns = [watch for watch in self._patterns if watch.armed]

    def due(self, now: float) -> float:
        """Time of the next `step`."""
        if self._journal is None or self._job.state.ended or self._job.ending:
            return NEVER
        times = [self._ports_due, self._stall_due]
        if self._turning and not self._blocked():
            times.append(self._turns.due(now))
        return min(times)

    def step(self, now: float) -> None:
        """Run the checks that are due."""
        if self.due(now) > now:
            return
        if self._turning and not self._blocked() and self._turns.due(now) <= now:
            self._turns.step(now)
        if now >= self._ports_due:
            self._look_at_ports(now)
        if now >= self._stall_due:
            self._look_for_a_stall(now)

    def _on_turn(self, now: float, verdict: Verdict, known: bool) -> None:
        kind = "ready" if known else "asks"
        if kind not in self._notify:
            return
        if verdict.reason is Reason.PASSWORD:
            what = "asks for a secret"
        elif known:
            what = "is back at its prompt"
        else:
            what = "waits for input"
        self._write(kind, what=what, text=self._job.says or verdict.prompt or self._last_lines(1))

    def on_service(self, service: Service, awaited: bool) -> None:
        """The service is ready or no longer ready; `awaited`: calls are answered."""
        if "ready" in self._notify and not awaited:
            why = f": {service.why}" if service.why else ""
            self._write("ready", what=f"service is {service.state}{why}")

    def _look_at_ports(self, now: float) -> None:
        young = time.time() - self._job.started < MINUTE
        self._ports_due = now + (PORTS if young else PORTS_LATER)
        listening = listening_of(tree.alive(os.getpid()))
        ports = frozenset(one.port for one in listening if one.port)
        fresh, self._ports = ports - self._ports, ports
        if fresh:
            named = ", ".join(map(str, sorted(fresh)))
            self._write("port", what=f"listens on port {named}")

    def _look_for_a_stall(self, now: float) -> None:
        self._stall_due = now + STALL_LOOK
        stats = [s for pid in tree.alive(os.getpid()) if (s := tree.read_stat(pid)) is not None]
        moved = (round(sum(s.cpu for s in stats), 2), self._job.log.end)
        if moved != self._active[1:]:
            self._active = (now, *moved)
        elif now - self._active[0] >= STALLED:
            self._active = (NEVER, *moved)  # reported once, until something changes
            what = f"stalled: no output and no CPU time for {STALLED:g} s"
            self._write("stalled", what=what, text=self._last_lines(1))

    def answering(self, sessions: Iterable[str]) -> None:
        """Calls of these sessions wait for the job's end."""
        self._answering.update(session for session in sessions if session)

    def on_end(self, exit_: Exit | None, follows: str = "") -> None:
        """The end is published and every waiting call has been answered.

        `follows`: the next run of a service, or that there is none after too many.
        """
        job = self._job
        how = str(exit_) if exit_ is not None else job.reason
        oom = exit_ is not None and exit_.signal == 9 and not exit_.cause and self._out_of_memory()
        limited = exit_ is not None and exit_.cause.startswith("out of memory")  # its own limit
        oom = oom or limited
        kind = "oom" if oom else "exited"
        if oom and not limited:
            how += ", and the kernel was out of memory"
        if exit_ is not None and follows:
            how += f"{FOLLOWS}{follows}"
        if kind == "oom" or "exited" in self._notify:
            self._write(kind, what=how, text=self._last_lines(LAST_LINES))
        self._answering.clear()
        self._offers.clear()

    def _out_of_memory(self) -> bool:
        killed = cgroup.oom_kills(self._job.dir.path) if self._job.contained else None
        return bool(killed) if killed is not None else oom_kills() > self._oom

    # -- events that calls have returned

    def on_answer(self, session: str, answer: Answer, offer: str = "") -> None:
        """A call of `session` is being answered; with `offer`, that has to fetch the answer."""
        if offer and session:
            self._on_offer(session, answer, offer)
            return
        if answer.state.ended:
            self._answering.add(session)
        if session != self._job.spec.session:
            return
        if answer.verdict.reason.ready or answer.state.ended:
            self._turns.told(answer.verdict)
            self.returned(session)

    def _on_offer(self, session: str, answer: Answer, offer: str) -> None:
        """Write the answer's event: reported if the answer is never fetched."""
        verdict, own = answer.verdict, session == self._job.spec.session
        if own and (verdict.reason.ready or answer.state.ended):
            self.returned(session)  # earlier events; this one is not written yet
        self._offers[session] = offer
        if answer.state.ended:
            return
        if own:
            match verdict.reason:
                case Reason.SERVICE_READY | Reason.SERVICE_FAILED if answer.service is not None:
                    self.on_service(answer.service, awaited=False)
                case Reason.PATTERN:
                    self._write("matched", what="matched", text=verdict.match)
                case reason if reason.ready:
                    known = self._turns.knows(verdict)
                    self._turns.told(verdict)
                    self._on_turn(0.0, verdict, known)
        self._offers.clear()

    def returned(self, session: str) -> None:
        """A call of `session` has returned the journal's lines of this job."""
        if self._untold and session and session == self._job.spec.session:
            self._untold = False
            self._write(ANSWERED, session=session)

    # -- writing

    def _write(self, kind: str, *, what: str = "", text: str = "", session: str = "") -> None:
        job = self._job
        if self._journal is None:
            return
        to = tuple(sorted({*self._answering, *self._offers} - {""}))
        offers = [f"{token} {session}" for session, token in self._offers.items()]
        self._untold |= kind not in (STARTED, ANSWERED) and job.spec.session not in self._answering
        transition = Transition(
            kind,
            job.spec.job_id,
            job.started,
            time.time(),
            session=session or job.spec.session,
            cwd=job.spec.cwd[:1000],
            offset=job.log.end,
            what=what[:200],
            text=self._without_secrets(text)[-TEXT:],
            to=to[:8],
            offers=tuple(one for one in offers if one.partition(" ")[2] not in self._answering)[:8],
        )
        with contextlib.suppress(OSError):  # a full disk: the job's own files record its end
            self._journal.append(transition)

    def _without_secrets(self, text: str) -> str:
        """Mask text typed at no-echo prompts: programs may print it, followers may be models."""
        redactor = self._job.secrets.redactor(()) if text and self._job.secrets.packed else None
        return redactor.redact(text).text if redactor is not None else text

    def _last_lines(self, count: int) -> str:
        job = self._job
        job.fold.catch_up(job.log.end)
        rows = [row.rstrip() for row in job.fold.screen.text() if row.strip()]
        return "\n".join(row[: TEXT // count] for row in rows[-count:])
