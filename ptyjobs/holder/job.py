"""One job: its terminal, its log, its screen, its state.

Owns the parts that a job has exactly once, and the flow of bytes: terminal -> log, events,
evidence, screen. Takes `now`, never waits, never talks to a client; output and the end are reported
through `Listener`. The subtle thing: "exited" is published only after the terminal has been
drained, because the last bytes of a program outlive it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from ptyjobs._dataclass import TYPE_CHECKING, replace
from ptyjobs.holder.input_log import Display, OnTyped, TypedText
from ptyjobs.holder.log_pacing import LogPacing
from ptyjobs.holder.program_reports import ProgramReports
from ptyjobs.holder.remote_end import RemoteEnd
from ptyjobs.holder.terminal_input import TerminalInput
from ptyjobs.holder.typed_secrets import TypedSecrets
from ptyjobs.model import Event, Exit, JobSpec, Size, State, Tier, next_state
from ptyjobs.process import exec, tree
from ptyjobs.process.fair_share import Courtesy
from ptyjobs.process.pty import LineMode, Pty
from ptyjobs.readiness.evidence import Evidence
from ptyjobs.readiness.facts import Probe
from ptyjobs.readiness.linux.embedded import Shown
from ptyjobs.readiness.linux.probe import Kernel, NoProgram
from ptyjobs.readiness.prompt_memory import PromptMemory
from ptyjobs.store.fold import Fold
from ptyjobs.store.jobdir import EventWriter, JobDir
from ptyjobs.store.log import LogReader, LogWriter
from ptyjobs.text.fresh import Mark, mark

if TYPE_CHECKING:
    from ptyjobs.process.job_limits import LimitGroup


EXIT_QUIET = 0.05  # seconds without output after the leader's end, while the terminal is still open
EXIT_CAP = 0.25  # seconds until the end is published in any case; later output still counts
DRAIN_READS = 64
DRAIN_TIME = 0.02  # seconds
REOPEN = 0.2  # seconds between two attempts to read a terminal that the job has closed
NO_SPEC = JobSpec("", (), "", "")  # of a job that has not started


class Listener(Protocol):
    """Receives the events of a job's life (implemented by the holder)."""

    def on_logged(self, offset: int, data: bytes) -> None:
        """The bytes are in the log; followers may have them before any other processing."""

    def on_output(self, now: float, data: bytes) -> None: ...

    def on_ended(self, now: float) -> None: ...

    def more(self) -> bool:
        """Under heavy output, poll briefly; True if only the terminal is readable."""

    @property
    def wanted(self) -> bool:
        """True if anything besides the terminal needs the holder."""


class Job:
    """The state of one job, driven by its holder."""

    def __init__(self, listener: Listener, courtesy: Courtesy, directory: JobDir) -> None:
        """Make a job that has not started: its files are nowhere until `spawn`."""
        self.dir = directory
        self.listener = listener
        self.input = TerminalInput(self)
        self.courtesy = courtesy
        self.spec = NO_SPEC
        self.state = State.STARTING
        self.exit: Exit | None = None
        self.reason = ""
        self.pty: Pty | None = None
        self.pid = 0
        self.tier = Tier.FULL
        self.kernel: Kernel | NoProgram = NoProgram()
        self.contained = False  # its tree has a cgroup of its own, which also contains the holder
        self.size = Size()
        self.started = 0.0  # wall clock; 0 before there are files
        self.ended: float | None = None
        self.last_output = 0.0
        self.killing_reason = ""
        self.errors: dict[str, str] = {}
        self.secrets = TypedSecrets()
        self.used = tree.Used()
        self.limits: LimitGroup | None = None
        self.port = 0  # leased or given; PORT in its environment
        self.aside: Callable[[], Collection[int]] = tuple  # sessions below us outside the job
        self.on_typed: OnTyped = lambda who, text, offset: None
        self._exit_status: int | None = None
        self._exit_at = 0.0
        self._remote_end = RemoteEnd()
        self._mark: Mark | None = None
        self._mark_key: tuple[int, Size, LineMode] = (-1, Size(), LineMode(True, True))
        self.hung_up = 0  # background processes ended by SIGHUP after the leader's exit
        self.newlines = 0  # line feeds written by the job
        self.terminal_closed_until = 0.0  # a closed terminal is not read before this time
        self.log = LogWriter("", limit=1)
        self.pacing = LogPacing(self.log, waits=False)
        self.events = EventWriter(-1)
        self.typed = TypedText(self.dir.log, self.events, self.display_at, self.on_typed)
        self.evidence = Evidence()
        self.reports = ProgramReports()
        self.memory = PromptMemory()
        self.fold = Fold(LogReader(""), size=self.size)
        self.mark_now()  # most jobs keep this size: make their first mark before the fork

    # -- birth -------------------------------------------------------------------------------

    def spawn(self, spec: JobSpec, *, now: float, tier: Tier) -> None:
        """Start the child; raises StartFailed (the state is then FAILED with the reason)."""
        self.spec = spec
        ready = exec.prepared(spec, self.dir.folder)
        self.size = spec.size
        self.started = time.time()
        self.log = LogWriter(self.dir.folder, limit=spec.log_limit)
        self.pacing = LogPacing(self.log, waits=spec.log_full == "wait")
        self.dir.log = LogReader(self.dir.folder, writer=self.log)
        self.events = EventWriter.open(self.dir.folder, started=now)
        self.typed = TypedText(self.dir.log, self.events, self.display_at, self.on_typed)
        if spec.size != self.fold.size:
            self.fold, self._mark = Fold(self.dir.log, size=spec.size), None
        self.fold.log = self.dir.log
        self.fold.replies_on = spec.replies
        self.tier = tier
        with self._limited(spec):
            self.pty = Pty.spawn(
                ready.argv,
                cwd=spec.cwd,
                env=ready.env,
                size=spec.size,
                separate_stderr=spec.stderr == "separate",
            )
        self.pid = self.pty.pid
        self.last_output = now
        self.kernel = Kernel(master=self.pty.master, leader=self.pid, tier=tier, shown=self._shown)
        self.state = next_state(self.state, Event.SPAWNED)
        self.events.event(now, 0, "r", f"{spec.size.rows}x{spec.size.cols}")

    def _limited(self, spec: JobSpec) -> contextlib.AbstractContextManager[None]:
        """Context in which spawned processes get the limits of the spec."""
        if not (spec.memory or spec.cpu or spec.pids):
            return contextlib.nullcontext()
        from ptyjobs.process import cgroup, job_limits  # few jobs have limits

        limits = job_limits.Limits(spec.memory, spec.cpu, spec.pids)
        group = cgroup.noted(self.dir.path) if self.contained else None
        self.limits = job_limits.LimitGroup(limits, group=group)
        return self.limits.inside()

    # -- output ------------------------------------------------------------------------------

    def read_once(self, now: float) -> int:
        """Read the terminal once; returns the number of bytes, 0 if there were none."""
        if self.pacing.held and not self._found_room(now):
            return 0
        if self.pty is None or now < self.terminal_closed_until:
            return 0
        alone = self.courtesy.hot and self.courtesy.alone(now)
        data = self.pty.read(more=self.listener.more if alone else None)
        if data is None:
            self._terminal_closed(now)
            return 0
        if data:
            self._take(data, now)
        return len(data)

    def _take(self, data: bytes, now: float) -> None:
        offset = self.log.end
        data, failure = self.pacing.append(data, now)
        self._note_log(failure, offset, now)
        if not data:
            return
        self.listener.on_logged(offset, data)
        newlines = data.count(b"\n")
        self.newlines += newlines
        self.last_output = now
        self.events.output(now, self.log.end)
        self.courtesy.on_read(now, len(data))
        self.evidence.feed(data)
        if b"\x1b" in data or self.reports.open:
            self._read_reports(data)
        if self.fold.push(offset, data, newlines):
            self._answer_queries(now)
        self.listener.on_output(now, data)

    def _note_log(self, failure: OSError | None, offset: int, now: float) -> None:
        """Report output for which the log had no room: held back or lost."""
        if failure is None:
            self.errors.pop("log", None)  # what was lost stays in the log's gaps
        elif self.pacing.waits:
            self.errors["log"] = f"log: {failure.strerror}; the job waits for room"
        else:
            self.errors["log"] = f"log: {failure.strerror}"
            self.events.event(now, offset, "g", failure.strerror or "")

    def _found_room(self, now: float) -> bool:
        """Retry appending the held output when due; True if none is left."""
        held = self.pacing.release(now)
        if held:
            self._take(held, now)
        return not self.pacing.held

    def lost_since(self, offset: int) -> bool:
        """True if bytes from `offset` on are missing from the log: its limit or a full disk."""
        gaps = self.log.gaps
        return self.log.floor > offset or bool(gaps and gaps[-1].end > offset)

    @property
    def notes(self) -> tuple[str, ...]:
        """Current notes for every answer about the job."""
        if not self.pacing.held:
            return self._left_over()
        why = self.errors.get("log", "log")
        how = f"free its disk, ptyjobs logs {self.spec.job_id} -f --discard, or kill it"
        return (f"{why} (log_full=wait): {how}",)

    def _left_over(self) -> tuple[str, ...]:
        """A note on the processes that outlive a job which ended by itself."""
        if not self.state.ended or self.killing_reason or self.spec.on_exit:
            return ()
        notes = []
        if self.hung_up:
            one = "1 background process was" if self.hung_up == 1 else ""
            one = one or f"{self.hung_up} background processes were"
            notes.append(
                f"{one} hung up when the program ended: run what is to stay as its own job"
            )
        if count := len(tree.alive(os.getpid(), exclude=self.aside())):
            one = "1 process of the job lives on: kill ends it"
            many = f"{count} processes of the job live on: kill ends them"
            notes.append(one if count == 1 else many)
        return tuple(notes)

    def _answer_queries(self, now: float) -> None:
        self.fold.screen.refill_replies(now)
        replies = self.fold.catch_up(self.log.end)
        if replies and self.pty is not None:
            self.input.answer(replies, now)

    def drain(self, now: float) -> bool:
        """Read until the terminal is empty; False if the time limit came first (heavy output)."""
        began = now
        for _ in range(DRAIN_READS):
            if not self.read_once(now):
                return True
            now = time.monotonic()
            if now - began > DRAIN_TIME or self.listener.wanted:
                return False
        return False

    def _terminal_closed(self, now: float) -> None:
        """EIO: no process has the slave side open. A living job may reopen it."""
        if self._exit_status is None and self.pty is not None:
            self.pty.hold_open()
            self.terminal_closed_until = now + REOPEN
        else:
            self.terminal_closed_until = float("inf")

    # -- the terminal, as its input sees it (`terminal_input.Port`) ---------------------------

    def write(self, data: bytes | memoryview) -> int:
        """Write as much as the terminal accepts now; 0 without a terminal."""
        return 0 if self.pty is None else self.pty.write(data)

    def unread(self) -> bool:
        """True while the terminal holds input that no program has read."""
        return self.pty is not None and self.kernel.unread()

    def probe(self) -> Probe:
        """Probe the foreground program."""
        return self.kernel.probe()

    def showing(self, text: str) -> int:
        """Number of times `text` is on the screen."""
        self.fold.catch_up(self.log.end)
        return sum(row.count(text) for row in self.fold.screen.text())

    def _read_reports(self, data: bytes) -> None:
        """Read the program's own reports (OSC 7501, OSC 9;4) in this output."""
        if self.pty is not None:
            group = self.pty.foreground() or 0
            self.reports.read(data, group=group, inputs=self.input.inputs)

    def look(self, now: float) -> Probe:
        """Probe the kernel; add the program's own report where it is believed."""
        probe = self.kernel.probe()
        return self.reports.believed(probe, now=now, last_output=self.last_output)

    @property
    def says(self) -> str:
        """The foreground program's report since the last input; "" if none."""
        if self.pty is None or self.reports.after != self.input.inputs:
            return ""
        return self.reports.words(group=self.pty.foreground() or 0)

    @property
    def written(self) -> int:
        """Bytes that the job has written so far."""
        return self.evidence.nbytes

    def _shown(self) -> Shown:
        seen = self.evidence.snapshot()
        return replace(self.input.sent, output=seen.nbytes, alternate=seen.alternate)

    def terminal(self) -> LineMode:
        return self.pty.terminal() if self.pty is not None else LineMode(True, True)

    # -- marks -------------------------------------------------------------------------------

    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor now."""
        self.fold.catch_up(self.log.end)
        return self.fold.screen.cursor_row, self.fold.screen.cursor_col

    def display_at(self, offset: int) -> Display:
        """The screen at `offset`, or at a later offset if it has already been drawn further."""
        self.fold.catch_up(offset)
        screen = self.fold.screen
        runs = tuple(tuple(screen.runs(row)) for row in range(screen.size.rows))
        cursor = screen.cursor_row, screen.cursor_col
        return Display(tuple(screen.text()), cursor, runs, screen.modes.cursor_visible)

    def mark_now(self) -> Mark:
        """A mark at the end of the log, on an up-to-date screen."""
        end = self.log.end if self.pty is not None else 0
        self.fold.catch_up(end)
        terminal = self.terminal()
        key = (end, self.size, terminal)
        if self._mark is None or self._mark_key != key:  # most inputs begin where an answer ended
            self._mark_key = key
            self._mark = mark(
                self.fold.screen,
                offset=end,
                echo=terminal.echo,
                canonical=terminal.canonical,
                newlines=self.newlines,
            )
        return self._mark

    # -- size --------------------------------------------------------------------------------

    def resize(self, size: Size, now: float) -> None:
        self.fold.catch_up(self.log.end)
        self.size = size
        self.fold.resize(size)
        self.events.event(now, self.log.end, "r", f"{size.rows}x{size.cols}")
        if self.pty is not None:
            self.pty.resize(size)

    # -- death -------------------------------------------------------------------------------

    def leader_ended(self, status: int, now: float) -> None:
        """Record the exit of the reaped leader; it is published once the terminal is drained."""
        self._exit_status = status
        self._exit_at = now
        if self.terminal_closed_until != float("inf"):
            self.terminal_closed_until = 0.0

    def children_ended(self, ended: Mapping[int, int]) -> None:
        """Count the background processes that were hung up when the leader ended."""
        if self.leader_gone() and not self.killing_reason:
            self.hung_up += sum(
                os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP
                for pid, status in ended.items()
                if pid != self.pid
            )

    def leader_gone(self) -> bool:
        """True if the leader has exited, reaped or not."""
        if self._exit_status is not None or not self.pid:
            return True
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # reaped just now
            return True

    @property
    def ending(self) -> bool:
        return self._exit_status is not None and not self.state.ended

    def try_finish(self, now: float) -> float | None:
        """Publish the end if the output is complete; else the time to try again."""
        if not self.ending or self._exit_status is None:
            return None
        drained = self.drain(now)
        if self.pacing.held:
            return self.pacing.due
        closed = self.terminal_closed_until == float("inf")
        quiet = now - max(self.last_output, self._exit_at) >= EXIT_QUIET
        alone = not tree.alive(os.getpid())
        late = now - self._exit_at >= EXIT_CAP
        if not (closed or (drained and (alone or quiet)) or late):
            return now + 0.01
        if not late and tree.unreaped():  # the answer includes their exit
            return now + 0.001
        if not self._remote_end.reaped(self.spec, now):
            return now + 0.01
        self._publish(Exit.from_wait_status(self._exit_status), now)
        return None

    def _publish(self, exit_: Exit, now: float) -> None:
        if self.killing_reason:
            exit_ = replace(exit_, cause=self.killing_reason)
        elif exit_.code != 0 and self.limits is not None:
            exit_ = replace(exit_, cause=self.limits.out_of_memory())
        self.exit = exit_
        by_kill = bool(self.killing_reason)
        self.state = next_state(self.state, exit_.event(by_kill=by_kill))
        self.reason = self.killing_reason
        if self.spec.target and not self.reason:
            self.fold.catch_up(self.log.end)
            self.reason = self._remote_end.meaning(self.spec, exit_, self.fold.screen.text())
        self.ended = time.time()
        what = f"code {exit_.code}" if exit_.signal is None else f"signal {exit_.signal}"
        self.events.event(now, self.log.end, "x", what)
        self.listener.on_ended(now)

    def failed_to_start(self, reason: str) -> None:
        self.state = next_state(self.state, Event.SPAWN_FAILED)
        self.reason = reason
        self.ended = time.time()

    def close(self) -> None:
        """Release log and terminal."""
        if self.pty is not None:
            self.kernel.close()
            self.pty.close()
            self.pty = None
            if self.limits is not None:
                self.limits.close()
            self.events.close()
            self.log.close()
