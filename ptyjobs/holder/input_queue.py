"""Per-job input queue, pending waiters, and each reader's position.

Owns the waiters of a job, the order of inputs (each is typed after the previous one has been
answered) and a mark for each reader, from which its next answer continues. Never reads the terminal
and never decides that a wait is over (`readiness.settle` does).
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptyjobs._dataclass import replace
from ptyjobs.errors import PtyJobsError, unforeseen
from ptyjobs.holder.job import Job
from ptyjobs.holder.older_clients import readable
from ptyjobs.holder.peers import Peer
from ptyjobs.holder.ready import Watch
from ptyjobs.holder.terminal_input import LEFT, Gap, line_cuts
from ptyjobs.holder.waiter import PROMPTS, Ask, Untold, Waiter
from ptyjobs.json_values import to_json
from ptyjobs.model import Answer
from ptyjobs.readiness.facts import Probe, Wait, has_text_fields
from ptyjobs.text.fresh import FreshText, Mark
from ptyjobs.text.late import between

if TYPE_CHECKING:
    import re

    from ptyjobs.model import Verdict
    from ptyjobs.requests import InteractRequest

HELD = 0.05  # seconds added to the reply hold, so that an input held by it is still typed

Guard = Callable[..., "Exception | None"]


@dataclass(frozen=True, slots=True)
class QueuedInput:
    """A queued input: its sender, its request id, its patterns."""

    peer: Peer
    number: int
    request: InteractRequest
    patterns: tuple[re.Pattern[str], ...]


class InputQueue:
    """The waiters and queued inputs of one job.

    `type_` types the next input; `guard` runs a call and survives its failure.
    """

    def __init__(
        self,
        job: Job,
        *,
        type_: Callable[[QueuedInput], None],
        with_people: Callable[[Answer, str, tuple[str, ...]], Answer],
        guard: Guard,
        answered: Callable[[str, Answer, str], None],
    ) -> None:
        """Take the callbacks of the service.

        `answered` is called with a peer's session, the answer sent to it and the token of its
        offer; `with_people` adds notes and the answer fields about people (hold and hand-back).
        """
        self._job = job
        self._type = type_
        self._with_people = with_people
        self._guard = guard
        self._answered = answered
        self._waiters: list[Waiter] = []
        self._marks: dict[str, Mark] = {}
        self._shown: dict[str, Mark] = {}  # per reader: end of the output that tails have shown
        self._prompts: dict[str, list[str]] = {}  # per reader: prompts of its last answer
        self._inputs: deque[QueuedInput] = deque()
        self._typing: Waiter | None = None
        self.answer_notes: Callable[[Answer], tuple[str, ...]] = lambda answer: ()

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._waiters)

    @property
    def due(self) -> float:
        """The earliest time at which a waiter is due."""
        return min((w.due for w in self._waiters), default=float("inf"))

    def begin(self, reader: str) -> None:
        """Start the first answer of `reader` here: its job has just been started."""
        self._marks[reader] = self._job.mark_now()

    def on_time(self, now: float) -> None:
        """Type the next input and advance every waiter that is due."""
        self._next_input()
        for waiter in [w for w in self._waiters if w.due <= now]:
            if (fault := self._guard(waiter.advance, now)) is not None:
                self._guard(waiter.on_fault, now, fault)
        self.drop_done()

    def on_ended(self, now: float) -> None:
        """The job has ended: answer every waiter."""
        for waiter in self._waiters:
            waiter.on_exit(now)
            self._guard(waiter.advance, now)
        self._job.input.clear()  # an Enter left over would keep waking the holder

    def take(self, watch: Watch | None) -> list[Waiter]:
        """Remove and return the waits for a service's readiness; they continue in its next run."""
        taken = [one for one in self._waiters if watch is not None and one.watch is watch]
        self._waiters = [one for one in self._waiters if one not in taken]
        return [one for one in taken if not one.done]

    def watch_changed(self, watch: Watch, now: float) -> None:
        """A service's readiness has changed: advance the waits that depend on it."""
        for waiter in [one for one in self._waiters if one.watch is watch]:
            self._guard(waiter.advance, now)
        self.drop_done()

    def drop_done(self) -> None:
        """Discard answered waiters; type the next input."""
        if any(w.done for w in self._waiters):
            self._waiters = [w for w in self._waiters if not w.done]
            if self._typing is not None and self._typing.done:
                self._typing = None
                self._next_input()

    def drop_peer(self, peer: Peer) -> None:
        """Discard the waits and queued inputs of a closed connection."""
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
        """Register a waiter, after typing `data` if given. The reply goes to `peer`.

        `watch`: the conditions of a service whose readiness ends the wait.

        `strokes`: the key presses at the end of `data`.
        """
        job = self._job
        now = time.monotonic()
        owner = peer.number << 32 | (request & 0xFFFFFFFF)
        before = self._marks.get(peer.reader)
        if before is None and mark is None:
            notes += self._earlier()
        late = self._late(peer.reader, mark)
        if mark is not None and mark.alternate and before is not None:
            mark = replace(mark, untold=FreshText(before).untold(job.fold.screen))
        baseline = job.kernel.probe() if data and job.pty is not None else None
        waiter = Waiter(
            job,
            self._fitted(ask, before, now=now, types=bool(data)),
            owner=owner,
            mark=mark or before or job.mark_now(),
            now=now,
            reply=self._reply_to(
                peer, request, notes, ask.offer
            ),  # must not hold the waiter: a cycle
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
            self._typing = waiter
            self._type_now(data, strokes, owner=owner, baseline=baseline, now=now)
        else:
            self._guard(waiter.look_back, now)
        if job.state.ended:
            waiter.on_exit(now)
        self._guard(waiter.advance, now)
        self.drop_done()

    def _earlier(self) -> tuple[str, ...]:
        """A note for the first wait of a new reader, which begins at the end of the log."""
        log = self._job.log
        if log.end == log.floor:
            return ()
        return (f"earlier output: {log.end - log.floor:,} B, see output(since={log.floor})",)

    def _late(self, reader: str, mark: Mark | None) -> str:
        """Output between this reader's last answer and `mark`, where its input is typed."""
        before = self._marks.get(reader)
        if mark is None or before is None or before.offset >= mark.offset:
            return ""
        return between(
            self._shown.get(reader) or before,
            self._job.fold.screen,
            end=self._job.log.end,
            prompts=self._prompts.get(reader, ()),
        )

    def _type_now(
        self,
        data: bytes,
        strokes: Sequence[bytes],
        *,
        owner: int,
        baseline: Probe | None,
        now: float,
    ) -> None:
        """Give the terminal an input; before pressed keys, all that answered calls have left."""
        keyboard = self._job.input
        if len(data) == sum(map(len, strokes)):
            keyboard.hurry()
        keyboard.enqueue(data, owner=owner, cuts=self._cuts(baseline, data, strokes))
        keyboard.pump(now)

    def tailed(self, reader: str, *, first_line: int) -> int:
        """A tail has shown `reader` every line from `first_line` on: no wait repeats them.

        A wait for a pattern still searches them. Returns the log offset up to which the reader has
        been shown everything; 0 if lines above `first_line` were not shown.
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
        """The same request, completed with facts of this job and this reader."""
        if ask.view == "rows" and before is not None:
            ask = replace(ask, since_generation=before.generation)
        held = self._job.input.hold - now + HELD
        if types and ask.timeout < held:
            # Input is held briefly after a query reply; a deadline must not drop it there.
            ask = replace(ask, timeout=held)
        return ask

    def _reply_to(
        self, peer: Peer, request: int, notes: tuple[str, ...], offer: str
    ) -> Callable[[Answer | PtyJobsError, Untold], None]:
        """Return the callback that answers a wait of `peer` and advances its read position."""
        job = self._job

        def reply(outcome: Answer | PtyJobsError, untold: Untold) -> None:
            if isinstance(outcome, PtyJobsError):
                peer.send({"id": request, "error": outcome.to_wire()})
                return
            notes_now = outcome.notes + notes + job.notes + self.answer_notes(outcome)
            answer = self._with_people(outcome, peer.reader, notes_now)
            shown = readable(answer, protocol=peer.protocol)
            peer.send({"id": request, "ok": {"answer": to_json(shown)}})
            if not peer.closed:  # its client was killed just now
                self._guard(self._answered, peer.session, answer, offer)
            job.typed.prove(job.log.end)
            now = job.mark_now()  # nothing has been read since the answer
            self._marks[peer.reader] = replace(now, untold=untold) if untold else now
            self._prompts[peer.reader] = job.memory.shown()[:PROMPTS]
            self._shown.pop(peer.reader, None)

        return reply

    def _cuts(
        self, baseline: Probe | None, data: bytes, strokes: Sequence[bytes]
    ) -> list[tuple[int, Gap]]:
        """Positions at which input is split, to be typed as a person types it.

        A program in raw mode may treat the bytes of one read as one key or as a paste, and a CR
        among them as text; ESC and a key in the same read are Alt. So keys are written one by one,
        and Enter after a text separately, in an event loop that asks for pastes and for focus
        reports or kitty's keys even later: its text field may measure the time between keys. Line
        editors, which show the terminal's own cursor on the primary screen, get text and Enter
        together; between the two they would draw suggestions.
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
            modes, mark = fold.screen.modes, self._job.evidence.snapshot().mark
            fields = has_text_fields(modes, alternate=fold.screen.alternate)
            if fields and baseline.wait is Wait.SOFT and mark not in ("A", "B"):
                cuts.append((len(data) - 1, Gap.TYPED))
            elif fold.screen.alternate or not modes.cursor_visible:
                # A program that polls its terminal never waits for input.
                cuts = line_cuts(data, Gap.DRAWN if baseline.polling else Gap.PAINTED)
        return cuts

    def must_wait(self, request: InteractRequest) -> bool:
        """True if the input must queue: inputs run one at a time; keys alone bypass the queue.

        Input that arrives while the end is being drained is refused when that end is published.
        """
        only_keys = bool(request.keys) and not request.input
        return self._job.ending or (self._typing is not None and not only_keys)

    def queue_input(self, queued: QueuedInput) -> None:
        """Type an input, or queue it if it must wait."""
        if self.must_wait(queued.request):
            self._inputs.append(queued)
        else:
            self._begin_input(queued)

    def _next_input(self) -> None:
        while self._inputs and not self.must_wait(self._inputs[0].request):
            self._begin_input(self._inputs.popleft())

    def _begin_input(self, queued: QueuedInput) -> None:
        peer, number = queued.peer, queued.number
        try:
            self._type(queued)
        except PtyJobsError as error:
            peer.send({"id": number, "error": error.to_wire()})
        except Exception as fault:  # the client and later inputs must get an answer
            self._job.errors["input"] = f"input: {type(fault).__name__}: {fault}"[:300]
            self.cancel(peer, number)
            peer.send({"id": number, "error": unforeseen(fault).to_wire()})

    def withhold(self, by: str) -> None:
        """`by` holds the job: refuse the inputs queued by others and drop their untyped bytes."""
        self.refuse_inputs()  # each with its own error
        self._job.input.drop(LEFT)
        for waiter in self._waiters:
            if waiter.typist != by:
                waiter.untyped += self._job.input.drop(waiter.owner)

    def on_person(self, verdict: Verdict) -> bool:
        """Give a person's reply to the waits for it; True if there were any."""
        waiting = [w for w in self._waiters if w.ask.person and not w.done]
        for waiter in waiting:
            self._guard(waiter.on_person, time.monotonic(), verdict)
        self.drop_done()
        return bool(waiting)

    def refuse_inputs(self) -> None:
        """Answer each queued input with its error: the job has ended or is held."""
        inputs, self._inputs = self._inputs, deque()
        for queued in inputs:
            self._begin_input(queued)

    def cancel(self, peer: Peer, request: int) -> bool:
        """Drop a waiting request of `peer`; True if there was one."""
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
