"""Decide when a transition is reported, as a state machine on a virtual clock.

Owns what is reported to one follower and when. Never reads a clock, a file or a socket: journal
lines and `now` go in, batches to report come out. Every batch may cost its reader a turn:

* a lone transition is reported `GATHER` seconds after it arrived; a second one within that time
  makes it a burst, which is gathered until `BURST_GAP` seconds pass without another, or for at
  most `BURST` seconds;
* after a line, transitions within `PAUSE` seconds are held and become one line, so a burst that
  begins more slowly is two lines: its first transition, which is not delayed for others that may
  come, and all others;
* a state that a call of the same session returned is not reported: the transition names the
  session (`to`), or a separate line ("answered") follows while the transition is held;
* a state whose answer the session still has to fetch (`offers`) is kept until an "answered" line
  says that it has it; it is reported if the server that keeps the answer is killed before that;
* each end of a run is reported once, even if several processes recorded it.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.store.journal import ANSWERED, KINDS, STARTED, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

GATHER = 0.03  # seconds for which a lone transition is held
BURST_GAP = 0.25  # seconds without another transition that end a burst
BURST = 0.8  # maximum seconds for which a burst is gathered
PAUSE = 2.0  # seconds between two batches
ENDS = ("exited", "oom", "lost")


class EventRules:
    """Reporting rule for one follower: of a session, of a project directory, or of all jobs."""

    def __init__(
        self, *, session: str = "", project: str = "", kinds: Iterable[str] = KINDS
    ) -> None:
        self._session = session
        self._project = project
        self._kinds = frozenset(kinds)
        self._held: list[Transition] = []
        self._first = self._last = 0.0  # arrival of the first and the last held transition
        self._quiet_until = 0.0
        self._ended: set[tuple[str, float]] = set()
        self._offered: list[tuple[str, Transition]] = []  # token of the answer, and what it tells

    @property
    def holds(self) -> bool:
        """True if a transition is held."""
        return bool(self._held)

    @property
    def due(self) -> float | None:
        """Time at which the held transitions are due; None if none is held."""
        if not self._held:
            return None
        if len(self._held) == 1:
            due = self._last + GATHER
        else:
            due = min(self._last + BURST_GAP, self._first + BURST)
        return max(due, self._quiet_until)

    def concerns(self, transition: Transition) -> bool:
        """True if the job is followed."""
        if self._session:
            return transition.session == self._session
        if self._project:
            inside = transition.cwd + "/"
            return inside.startswith(self._project.rstrip("/") + "/")
        return True

    def on_transition(self, now: float, transition: Transition) -> None:
        """Take the next line of the journal."""
        if transition.kind == ANSWERED:
            self._answered(transition)
            return
        if transition.kind == STARTED or not self.concerns(transition):
            return
        if transition.kind in ENDS:
            run = (transition.job_id, transition.run)
            if run in self._ended:
                return
            self._ended.add(run)
            self._drop_questions(run)
        if transition.kind not in self._kinds:
            return
        if self._session and self._session in transition.to:
            for offer in transition.offers:
                token, _, session = offer.partition(" ")
                if session == self._session:
                    self._offered.append((token, transition))
            return
        self._hold(now, transition)

    def _hold(self, now: float, transition: Transition) -> None:
        if not self._held:
            self._first = now
        self._last = now
        self._held.append(transition)

    @property
    def offers(self) -> set[str]:
        """Tokens of the answers that the session still has to fetch."""
        return {token for token, _ in self._offered}

    def withdraw(self, now: float, token: str) -> None:
        """The server that kept this answer was killed: report the answer's transitions."""
        for one, transition in self._offered:
            if one == token:
                self._hold(now, transition)
        self._offered = [offered for offered in self._offered if offered[0] != token]

    def _answered(self, answer: Transition) -> None:
        """Drop held transitions that a call of this session has already returned."""
        if not self._session or answer.session != self._session:
            return

        def tells(token: str, held: Transition) -> bool:
            if answer.offers:
                return token in answer.offers
            run = (answer.job_id, answer.run)
            return (held.job_id, held.run) == run and held.offset <= answer.offset

        self._held = [held for held in self._held if not tells("", held)]
        self._offered = [one for one in self._offered if not tells(*one)]

    def _drop_questions(self, run: tuple[str, float]) -> None:
        """Drop questions of a job that has ended."""

        def stays(one: Transition) -> bool:
            return (one.job_id, one.run) != run or one.kind not in ("asks", "ready", "stalled")

        self._held = [held for held in self._held if stays(held)]
        self._offered = [offered for offered in self._offered if stays(offered[1])]

    def take(self, now: float) -> tuple[Transition, ...]:
        """Return the batch to report now; empty before `due`."""
        due = self.due
        if due is None or now < due:
            return ()
        batch, self._held = tuple(self._held), []
        self._quiet_until = now + PAUSE
        return batch

    def drop(self) -> None:
        """Drop held transitions after another follower reported some; they are read again."""
        dropped = [*self._held, *(transition for _, transition in self._offered)]
        self._ended -= {(one.job_id, one.run) for one in dropped}
        self._held, self._offered = [], []
