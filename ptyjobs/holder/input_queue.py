"""Whose turn it is on one job: the pending answers, the inputs that queue, where readers have seen.

Owns the waiters of a job, the order of inputs (typed one after the other, each after the answer to
the one before) and a mark for each reader, from which its next answer continues. Never reads the
terminal and never decides that a wait is over (`readiness.settle` does).
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ptyjobs.errors import PtyJobsError
from ptyjobs.holder.job import Job
from ptyjobs.holder.older_clients import readable
from ptyjobs.holder.peers import Peer
from ptyjobs.holder.ready import Watch
from ptyjobs.holder.terminal_input import Gap
from ptyjobs.holder.waiter import Ask, Waiter, last_lines
from ptyjobs.model import Answer, to_json
from ptyjobs.readiness.facts import Probe, Wait
from ptyjobs.text.fresh import FreshText, Mark

if TYPE_CHECKING:
    import re

    from ptyjobs.model import Verdict
    from ptyjobs.requests import InteractRequest

LATE_LIMIT = 2000  # characters of output that belongs to an earlier input
HELD = 0.05  # seconds beyond the hold behind an answer to a query that an input always has

Guard = Callable[..., None]


@dataclass(frozen=True, slots=True)
class QueuedInput:
    """An input that waits for its turn: who sent it, the id of its request, its patterns."""

    peer: Peer
    number: int
    request: InteractRequest
    patterns: tuple[re.Pattern[str], ...]


class InputQueue:
    """All who wait for one job or want to type into it.

    `type_` carries out an input whose turn has come, `person` gives the fields of an answer to a
    reader that tell of people, `guard` runs a call and survives its failure.
    """

    def __init__(
        self,
        job: Job,
        *,
        type_: Callable[[QueuedInput], None],
        with_people: Callable[[Answer, str], Answer],
        guard: Guard,
        answered: Callable[[str, Answer], None],
    ) -> None:
        """Take the callbacks of the service.

        `answered` is called with the session of a peer and the answer that it is sent;
        `with_people` adds what an answer to a reader says of people.
        """
        self._job = job
        self._type = type_
        self._with_people = with_people
        self._guard = guard
        self._answered = answered
        self._waiters: list[Waiter] = []
        self._marks: dict[str, Mark] = {}
        self._shown: dict[str, Mark] = {}  # up to where a tail has shown everything, by reader
        self._inputs: deque[QueuedInput] = deque()
        self._typing: Waiter | None = None
        self.answer_notes: Callable[[Answer], tuple[str, ...]] = lambda answer: ()

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._waiters)

    @property
    def due(self) -> float:
        """The earliest time at which a waiter wants to be looked at."""
        return min((w.due for w in self._waiters), default=float("inf"))

    def begin(self, reader: str) -> None:
        """The job has just been started for `reader`: its first answer begins here."""
        self._marks[reader] = self._job.mark_now()

    def on_time(self, now: float) -> None:
        """Let the next input in and every waiter that is due go on."""
        self._next_input()
        for waiter in [w for w in self._waiters if w.due <= now]:
            self._guard(waiter.advance, now)
        self.drop_done()

    def on_ended(self, now: float) -> None:
        """The job has ended: everybody is answered."""
        for waiter in self._waiters:
            waiter.on_exit(now)
            self._guard(waiter.advance, now)

    def take(self, watch: Watch | None) -> list[Waiter]:
        """The waits for the readiness of a service, which go on in its next run."""
        taken = [one for one in self._waiters if watch is not None and one.watch is watch]
        self._waiters = [one for one in self._waiters if one not in taken]
        return [one for one in taken if not one.done]

    def watch_changed(self, watch: Watch, now: float) -> None:
        """The readiness of a service has changed: the waits that hang on it may be over."""
        for waiter in [one for one in self._waiters if one.watch is watch]:
            self._guard(waiter.advance, now)
        self.drop_done()

    def drop_done(self) -> None:
        """Forget the waiters that were answered; the next input may come."""
        if any(w.done for w in self._waiters):
            self._waiters = [w for w in self._waiters if not w.done]
            if self._typing is not None and self._typing.done:
                self._typing = None
                self._next_input()

    def drop_peer(self, peer: Peer) -> None:
        """Its connection has ended, and with it its waits and queued inputs."""
        for waiter in self._waiters:
            if waiter.owner >> 32 == peer.number:
                waiter.done = True
                self._job.input.drop(waiter.owner)
        self._inputs = deque(queued for queued in self._inputs if queued.peer is not peer)
        self.drop_done()
        if not self._waiters:
            self._job.courtesy.waiting(False)

    def wait(
        self,
        peer: Peer,
        request: int,
        ask: Ask,
        *,
        mark: Mark | None = None,
        data: bytes = b"",
        strokes: Sequence[bytes] = (),
        notes: tuple[str, ...] = (),
        watch: Watch | None = None,
    ) -> None:
        """Register a waiter; with `data` it types first. The reply goes to `peer`.

        `watch`: the conditions of a service whose readiness ends the wait.

        `strokes`: the presses of keys that `data` ends with.
        """
        job = self._job
        now = time.monotonic()
        owner = peer.number << 32 | (request & 0xFFFFFFFF)
        before = self._marks.get(peer.reader)
        late = ""
        if mark is not None and before is not None and before.offset < mark.offset:
            late = self._late_text(self._shown.get(peer.reader) or before)
        baseline = job.kernel.probe() if data and job.pty is not None else None
        waiter = Waiter(
            job,
            self._fitted(ask, before, now=now, types=bool(data)),
            owner=owner,
            mark=mark or before or job.mark_now(),
            now=now,
            reply=self._reply_to(peer, request, notes),
            progress=_progress_to(peer, request) if ask.progress else None,
            late=late,
            baseline=baseline,
            watch=watch,
            typist=peer.who,
        )
        waiter.reader = peer.reader
        if not data and not ask.patterns and (shown := self._shown.get(peer.reader)) is not None:
            waiter.begin_at(shown)
        self._job.fold.begin()
        self._waiters.append(waiter)
        if data:
            job.input.enqueue(data, owner=owner, cuts=self._cuts(baseline, data, strokes))
            self._typing = waiter
            job.input.pump(now)
        else:
            self._guard(waiter.look_back, now)
        if job.state.ended:
            waiter.on_exit(now)
        self._guard(waiter.advance, now)
        self.drop_done()

    def tailed(self, reader: str, *, first_line: int) -> int:
        """A tail has shown `reader` every line from `first_line` on: no wait gives them again.

        A wait for a pattern still looks through them. The log offset up to which the reader has
        now been shown everything; 0 if there are lines above that it was not shown.
        """
        job = self._job
        before = self._shown.get(reader) or self._marks.get(reader)
        if before is None or job.fold.screen.alternate or first_line > before.line:
            return 0
        mark = job.mark_now()
        self._shown[reader] = mark
        for waiter in self._waiters:
            if waiter.reader == reader and waiter.ask.sent is None and not waiter.ask.patterns:
                waiter.begin_at(mark)
        return mark.offset

    def _fitted(self, ask: Ask, before: Mark | None, *, now: float, types: bool) -> Ask:
        """The same with what only this job and this reader can tell."""
        if ask.view == "rows" and before is not None:
            ask = replace(ask, since_generation=before.generation)
        held = self._job.input.hold - now + HELD
        if types and ask.timeout < held:
            # Behind an answer to a query input is held a moment; a deadline must not drop it there.
            ask = replace(ask, timeout=held)
        return ask

    def _reply_to(
        self, peer: Peer, request: int, notes: tuple[str, ...]
    ) -> Callable[[Answer | PtyJobsError], None]:
        """What carries the outcome of a wait to `peer`, whose next answer begins behind it."""
        job = self._job

        def reply(outcome: Answer | PtyJobsError) -> None:
            if isinstance(outcome, PtyJobsError):
                peer.send({"id": request, "error": outcome.to_wire()})
                return
            notes_now = outcome.notes + notes + job.notes + self.answer_notes(outcome)
            answer = self._with_people(replace(outcome, notes=notes_now), peer.reader)
            shown = readable(answer, protocol=peer.protocol)
            peer.send({"id": request, "ok": {"answer": to_json(shown)}})
            self._guard(self._answered, peer.session, answer)
            job.typed.prove(job.log.end)
            self._marks[peer.reader] = job.mark_now()  # nothing was read since the answer
            self._shown.pop(peer.reader, None)

        return reply

    def _cuts(
        self, baseline: Probe | None, data: bytes, strokes: Sequence[bytes]
    ) -> list[tuple[int, Gap]]:
        """Positions at which input is typed in pieces, as a person types it.

        A program in raw mode may take what one read brings for one key, or for a paste, and a
        return in it for text; ESC and the next key together are Alt. So keys go in one by one, and
        Enter behind a text by itself. Line editors, which show the terminal's own cursor on the
        primary screen, take text and Enter at once; in between they would draw suggestions.
        """
        if baseline is None or baseline.canonical or baseline.wait is Wait.OPAQUE:
            return []
        cuts = []
        at = len(data) - sum(map(len, strokes))
        for before, stroke in itertools.pairwise((data[:at], *strokes)):
            if at:
                cuts.append((at, Gap.ESCAPED if before == b"\x1b" else Gap.READ))
            at += len(stroke)
        if not strokes and len(data) > 1 and data.endswith(b"\r"):
            fold = self._job.fold
            fold.catch_up(self._job.log.end)
            if fold.screen.alternate or not fold.screen.modes.cursor_visible:
                cuts.append((len(data) - 1, Gap.PAINTED))
        return cuts

    def _late_text(self, before: Mark) -> str:
        """What came between this reader's last answer and its new input."""
        fresh = FreshText(before, typed="", budget=LATE_LIMIT, view="auto")
        done, _ = fresh.finish(
            self._job.fold.screen, prompt_row=True, end=self._job.log.end, exited=False
        )
        return last_lines(done.text.strip("\n"), LATE_LIMIT) if done.view == "lines" else ""

    def must_wait(self, request: InteractRequest) -> bool:
        """Inputs are typed one after the other; keys alone go straight in, as a person's would.

        What comes while the end is being drained is refused when that end is published.
        """
        only_keys = bool(request.keys) and not request.input
        return self._job.ending or (self._typing is not None and not only_keys)

    def queue_input(self, queued: QueuedInput) -> None:
        """Type an input when its turn has come, which is now if it need not wait."""
        if self.must_wait(queued.request):
            self._inputs.append(queued)
        else:
            self._begin_input(queued)

    def _next_input(self) -> None:
        while self._inputs and not self.must_wait(self._inputs[0].request):
            self._begin_input(self._inputs.popleft())

    def _begin_input(self, queued: QueuedInput) -> None:
        try:
            self._type(queued)
        except PtyJobsError as error:
            queued.peer.send({"id": queued.number, "error": error.to_wire()})

    def withhold(self, by: str) -> None:
        """`by` holds the job: what others have queued is not typed, and they are told."""
        self.refuse_inputs()  # each is refused in its own words
        for waiter in self._waiters:
            if waiter.typist != by:
                waiter.untyped += self._job.input.drop(waiter.owner)

    def on_person(self, verdict: Verdict) -> bool:
        """A person has answered: True if somebody waited for that."""
        waiting = [w for w in self._waiters if w.ask.person and not w.done]
        for waiter in waiting:
            self._guard(waiter.on_person, time.monotonic(), verdict)
        self.drop_done()
        return bool(waiting)

    def refuse_inputs(self) -> None:
        """The job has ended: each queued input is told so."""
        inputs, self._inputs = self._inputs, deque()
        for queued in inputs:
            self._begin_input(queued)

    def cancel(self, peer: Peer, request: int) -> bool:
        """Drop a waiting request of `peer`: whether there was one."""
        owner = peer.number << 32 | (request & 0xFFFFFFFF)
        self._inputs = deque(
            queued
            for queued in self._inputs
            if not (queued.peer is peer and queued.number == request)
        )
        for waiter in self._waiters:
            if waiter.owner == owner:
                waiter.done = True
                self._job.input.drop(owner)
                self.drop_done()
                return True
        return False


def _progress_to(peer: Peer, request: int) -> Callable[[str], None]:
    def progress(line: str) -> None:
        peer.send({"id": request, "progress": line})

    return progress
