"""When is a transition worth a wake-up? The rule, as a state machine on a virtual clock.

Owns what is reported to one follower and when. Never reads a clock, a file or a socket: lines of
the journal and `now` go in, batches to report come out. Every batch may cost its reader a turn:

* a lone transition is reported `GATHER` seconds after it came; a second one within that time makes
  it a burst, which is gathered until `BURST_GAP` seconds pass without another, `BURST` at most;
* after a batch, what comes within `PAUSE` seconds is held and becomes one batch;
* what a call of the same session has returned is not reported: the call's answer stands in the
  transition itself (`to`) or follows as its own line ("answered") while the transition is held;
* each end of a run is reported once, whoever wrote it down.
"""

from __future__ import annotations

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.store.journal import ANSWERED, KINDS, STARTED, Transition

if TYPE_CHECKING:
    from collections.abc import Iterable

GATHER = 0.03  # seconds that a lone transition is held
BURST_GAP = 0.25  # seconds without another transition that end a burst
BURST = 0.8  # seconds that a burst is gathered at most
PAUSE = 2.0  # seconds between two batches
ENDS = ("exited", "oom", "lost")


class EventRules:
    """The rule for one follower: of a session, of a project directory, or of everything."""

    def __init__(
        self, *, session: str = "", project: str = "", kinds: Iterable[str] = KINDS
    ) -> None:
        self._session = session
        self._project = project
        self._kinds = frozenset(kinds)
        self._held: list[Transition] = []
        self._first = self._last = 0.0  # when the first and the last of the held ones came
        self._quiet_until = 0.0
        self._ended: set[tuple[str, float]] = set()

    @property
    def holds(self) -> bool:
        """Something waits to be reported."""
        return bool(self._held)

    @property
    def due(self) -> float | None:
        """When the held ones are to be reported; None while there is none."""
        if not self._held:
            return None
        if len(self._held) == 1:
            due = self._last + GATHER
        else:
            due = min(self._last + BURST_GAP, self._first + BURST)
        return max(due, self._quiet_until)

    def concerns(self, transition: Transition) -> bool:
        """The job is one of those that are followed."""
        if self._session:
            return transition.session == self._session
        if self._project:
            inside = transition.cwd + "/"
            return inside.startswith(self._project.rstrip("/") + "/")
        return True

    def on_transition(self, now: float, transition: Transition) -> None:
        """A line of the journal, in its order."""
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
            return
        if not self._held:
            self._first = now
        self._last = now
        self._held.append(transition)

    def _answered(self, answer: Transition) -> None:
        """A call of this session has returned the job's state: nothing of it is news."""
        if not self._session or answer.session != self._session:
            return
        self._held = [
            held
            for held in self._held
            if (held.job_id, held.run) != (answer.job_id, answer.run) or held.offset > answer.offset
        ]

    def _drop_questions(self, run: tuple[str, float]) -> None:
        """A job that has ended asks nothing any more."""
        self._held = [
            held
            for held in self._held
            if (held.job_id, held.run) != run or held.kind not in ("asks", "ready", "stalled")
        ]

    def take(self, now: float) -> tuple[Transition, ...]:
        """The batch to report now; empty before `due`."""
        due = self.due
        if due is None or now < due:
            return ()
        batch, self._held = tuple(self._held), []
        self._quiet_until = now + PAUSE
        return batch

    def drop(self) -> None:
        """Another follower has reported some of what is held: it will be read anew from there."""
        self._ended -= {(held.job_id, held.run) for held in self._held}
        self._held = []
