"""The values shared by every part of ptyjobs.

Owns the definitions of a job, its state, its end, a verdict and fresh output, and the one table of
state transitions. Never does I/O, never reads a clock. The subtle thing: everything here is frozen
and converts to plain JSON types (`json_values`), because the same values are sent over the holder's
socket, stored in a job's directory and returned in a tool result's `_meta`.
"""

from __future__ import annotations

import enum

from ptyjobs._dataclass import TYPE_CHECKING, dataclass, field

if TYPE_CHECKING:
    from typing import Any, TypeVar

    T = TypeVar("T")

PROTOCOL_VERSION = 2
"""Version of the holder's socket protocol; a client accepts every version up to its own."""


class State(enum.StrEnum):
    """State of a job. Users see `running completed failed killed`."""

    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    KILLED = "killed"

    @property
    def ended(self) -> bool:
        return self in (State.COMPLETED, State.FAILED, State.KILLED)


class Event(enum.StrEnum):
    """Events that change a job's state."""

    SPAWNED = "spawned"
    SPAWN_FAILED = "spawn failed"
    EXITED_ZERO = "exited with code 0"
    EXITED_NONZERO = "exited with another code or by a signal"
    KILLED = "ended by kill, SIGTERM or SIGKILL"
    HOLDER_LOST = "its holder died"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.STARTING, Event.SPAWNED): State.RUNNING,
    (State.STARTING, Event.SPAWN_FAILED): State.FAILED,
    (State.STARTING, Event.KILLED): State.KILLED,
    (State.STARTING, Event.HOLDER_LOST): State.KILLED,
    (State.RUNNING, Event.EXITED_ZERO): State.COMPLETED,
    (State.RUNNING, Event.EXITED_NONZERO): State.FAILED,
    (State.RUNNING, Event.KILLED): State.KILLED,
    (State.RUNNING, Event.HOLDER_LOST): State.KILLED,
}
"""Every legal change of state. A pair that is not listed is an error (law 7)."""


def next_state(state: State, event: Event) -> State:
    """The state after `event`; raises ValueError for a pair the table does not list."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ValueError(f"{event.value!r} cannot happen to a job that is {state}") from None


class Lifetime(enum.StrEnum):
    """Lifetime of a job: until its server's connection ends, or until killed."""

    SESSION = "session"
    PERSISTENT = "persistent"


class Reason(enum.StrEnum):
    """The reason why a wait returned. `quiet` and `timeout` are answers, not errors."""

    WAITING_FOR_INPUT = "waiting_for_input"
    PROMPT = "prompt"
    PASSWORD = "password"
    PATTERN = "pattern"
    EXITED = "exited"
    QUIET = "quiet"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SERVICE_READY = "ready"
    SERVICE_FAILED = "not ready"  # it printed text that means failure
    PERSON = "person"  # a person has answered, declined, or released the job

    @property
    def ready(self) -> bool:
        """True if the program is ready for input, as far as can be determined."""
        return self in (Reason.WAITING_FOR_INPUT, Reason.PROMPT, Reason.PASSWORD, Reason.QUIET)


class Confidence(enum.StrEnum):
    CERTAIN = "certain"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Tier(enum.StrEnum):
    """The evidence about a job that this machine provides (SPEC.md "How we know")."""

    FULL = "full"
    NO_SYSCALL = "no-syscall"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Size:
    rows: int = 40
    cols: int = 120


MAX_SIDE = 1000  # rows or columns of a terminal


def size_of(rows: int, cols: int) -> Size | None:
    """That size; None if no terminal of ours has it."""
    return Size(rows, cols) if 1 <= rows <= MAX_SIDE and 1 <= cols <= MAX_SIDE else None


@dataclass(frozen=True, slots=True)
class Exit:
    """Exit of a process: a code or a signal number, never both.

    `cause` is the reason why ptyjobs ended it ("its time limit of 5 s was over"); empty if it ended
    by itself. A program that handles SIGTERM may then exit with 0, which is not a success.
    """

    code: int | None = None
    signal: int | None = None
    cause: str = ""

    @classmethod
    def from_wait_status(cls, status: int) -> Exit:
        """From the status word of waitpid(2)."""
        import os

        if os.WIFSIGNALED(status):
            return cls(signal=os.WTERMSIG(status))
        return cls(code=os.WEXITSTATUS(status))

    @property
    def shell_code(self) -> int:
        """The number that a shell would show: the code, or 128 + the signal.

        A program that ptyjobs ended and that exited with 0 counts as ended by SIGTERM (143),
        because a script must not take a job cut short for a success.
        """
        if self.cause and self.code == 0:
            return 143
        return self.code if self.code is not None else 128 + (self.signal or 0)

    @property
    def signal_name(self) -> str | None:
        if self.signal is None:
            return None
        from signal import Signals

        try:
            return Signals(self.signal).name
        except ValueError:
            return f"signal {self.signal}"

    def __str__(self) -> str:
        if self.signal is None:
            how = f"exited with code {self.code}"
        else:
            how = f"ended by {self.signal_name}"
        if not self.cause:
            return how
        killed = self.cause if self.cause.startswith("killed") else f"killed: {self.cause}"
        return f"{killed} · {how}"

    def sentence(self, job_id: str) -> str:
        """A sentence for users that says how the job ended."""
        if self.cause:
            return f"Job {job_id!r} has ended: {self}."
        return f"Job {job_id!r} {'has' if self.signal is None else 'was'} {self}."

    def event(self, *, by_kill: bool) -> Event:
        """The state event of this end; SIGTERM and SIGKILL count as killed, from any sender."""
        from signal import SIGKILL, SIGTERM

        if by_kill or self.signal in (SIGTERM, SIGKILL):
            return Event.KILLED
        return Event.EXITED_ZERO if self.code == 0 else Event.EXITED_NONZERO


NOTIFY = ("exited", "asks", "ready")
"""Transitions of a job reported to its session by default; losses always are."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listening socket of a job, and the process that owns it."""

    protocol: str  # "tcp", "udp" or "unix"
    address: str  # "127.0.0.1:3000", "[::]:3000", "unix:/run/x"
    port: int = 0  # 0 for a unix socket
    pid: int = 0
    program: str = ""

    def __str__(self) -> str:
        return self.address + ("/udp" if self.protocol == "udp" else "")


@dataclass(frozen=True, slots=True)
class Service:
    """The state of a job's conditions in `JobSpec.ready`."""

    state: str  # "ready", "not ready", "unhealthy" or "failed"
    since: float = 0.0  # seconds since the epoch
    why: str = ""  # "nothing listens on port 3000"
    listening: tuple[Listening, ...] = ()  # sockets at the time it became ready
    after: float = 0.0  # seconds from the start until it was ready

    @property
    def ready(self) -> bool:
        return self.state == "ready"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """The specification of a job: everything needed to start it again.

    `argv` is executed; `command` is the caller's own text. `env` is the complete environment of the
    child; it is passed to the holder and never written to disk (it may hold secrets).
    """

    job_id: str
    argv: tuple[str, ...]
    command: str
    cwd: str
    size: Size = Size()
    lifetime: Lifetime = Lifetime.SESSION
    env: dict[str, str] = field(default_factory=dict)
    stderr: str = "merged"  # "merged" | "separate": a second pty for descriptor 2
    marks: bool = False  # shell integration: OSC 133 command boundaries
    sandbox: str = "none"  # "none" | "bwrap" | "landlock"
    writable: str = ""  # the folder that a sandboxed job may write; "" is its `cwd`
    network: str = "full"  # for a sandboxed job: "full" | "none"
    read_only: tuple[str, ...] = ()  # paths below `writable` that it may only read
    hidden: tuple[str, ...] = ()  # folders a sandboxed job must not access (our own state)
    target: str = ""  # "" is this machine; otherwise "ssh:host", "slurm", ...
    target_table: dict[str, Any] = field(default_factory=dict)  # its `[targets.NAME]` table
    token: str = ""  # identifies this run on the remote side, so that it can be ended there
    quiet_floor: float = 0.0  # minimum seconds of a quiet settle (remote targets)
    allowed: tuple[str, ...] = ()  # the allow-list, for lines typed at a shell's prompt
    block_dangerous: bool = False
    permissions: dict[str, Any] = field(default_factory=dict)  # rules for lines a shell reads
    log_limit: int = 64 << 20  # bytes of log kept on disk
    log_full: str = "drop"  # "drop" | "wait": on a full log, drop output or block the job
    timeout: float | None = None  # seconds until the job is killed
    grace: float = 1.0  # seconds between SIGTERM and SIGKILL
    idle_limit: float | None = None  # seconds without client or output until a persistent job ends
    replies: bool = True  # answer terminal queries
    on_exit: str = ""  # a command line run when the job has ended
    ready: tuple[str, ...] = ()  # conditions of its readiness as a service (config.ready_syntax)
    session: str = ""  # the agent's session that started it, woken by its events (see `notify`)
    notify: tuple[str, ...] = NOTIFY
    port: str = ""  # "auto" leases a free one; it is in the environment as PORT
    notify_command: str = ""  # a command line run when a person is asked for
    audit: bool = False  # write actions on the job into the journal
    masked: tuple[dict[str, Any], ...] | None = None  # digests of secrets to mask at its end
    memory: int = 0  # bytes that the job may use; 0 is no limit
    cpu: float = 0.0  # processors
    pids: int = 0  # processes and threads
    restart: str = ""  # "on-failure" or "always", with ":N" for at most N times in a row
    run: int = 1  # counts the runs under this name
    tags: dict[str, str] = field(default_factory=dict)  # its labels; files of 0.1 use this name
    login: bool = False  # run it after the start-up files of the user's shell


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "is it my turn?", with its reason (facts: kernel, marks, silence, deadline)."""

    reason: Reason
    confidence: Confidence = Confidence.CERTAIN
    waited: float = 0.0  # seconds between the send and the verdict
    prompt: str = ""  # the text of the cursor row up to the cursor
    doing: str = ""  # on timeout: the job's activity, e.g. "python3 in clock_nanosleep"
    input_consumed: bool = True  # False: the program never took the input (no Enter, stopped)
    continuation: bool = False  # an open block: `...`, `dquote>`, here-document
    pattern: int | None = None  # index of the `until` pattern that matched
    match: str = ""  # the text that it matched
    exit: Exit | None = None  # of the job, once it has ended
    command_exit: int | None = None  # of the command typed into a shell (OSC 133;D)
    tier: Tier = Tier.FULL
    says: str = ""  # the program's own report (OSC 7501), e.g. "blocked (permission): ..."
    why: str = ""  # one phrase for people and transcripts: the deciding fact


@dataclass(frozen=True, slots=True)
class Fresh:
    """Output of the program since the caller's mark, as a person would read it."""

    text: str
    offset: int = 0  # log offset of the mark
    end: int = 0  # log offset of the verdict
    view: str = "lines"  # "lines" | "screen" (alternate screen) | "rows" (changed rows only)
    rows: tuple[int, ...] = ()  # of view "rows": which rows of the screen these are, from 0
    late: str = ""  # output that came between the last answer and this send
    lines: int = 0  # lines in the whole fresh text, kept or not
    omitted_lines: int = 0
    omitted_chars: int = 0
    hidden: bool = False  # contains concealed text, or text in its background's colour
    dropped: int = 0  # bytes of it that the log quota has already discarded
    redrawn: bool = False  # the text is empty, yet rows, or the cursor in a form, changed
    restyled: bool = False  # the screen reads as before the input, but in other styles


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of `interact`, `execute` and `wait` for one job."""

    job_id: str
    state: State
    verdict: Verdict
    fresh: Fresh
    sent: int = 0  # bytes that reached the terminal
    unsent: int = 0  # bytes the program did not take before the deadline
    attached: int = 0  # people attached now
    by_person: bool = False  # an attached person has typed keys in the meantime
    title: str = ""
    notes: tuple[str, ...] = ()  # one-line hints that include the next step
    unmatched: str = ""  # text: the patterns that did not match, and where they did before
    service: Service | None = None  # of a job started with `ready`
    held: str = ""  # the person who holds the job, and since when
    handback: str = ""  # a person's actions during a hold, once, in the first answer after it


@dataclass(frozen=True, slots=True)
class View:
    """The rendered current view of a job (`tail`)."""

    text: str
    size: Size
    cursor: tuple[int, int]  # row, col; from 0
    alternate: bool = False
    title: str = ""
    end: int = 0  # log offset it shows
    first_line: int = 0  # absolute number of the first line in text
    lines_above: int = 0  # lines of scrollback not shown
    hidden: bool = False
    generation: int = 0  # pass it to the next call to get only the rows changed since
    read: int = 0  # log offset up to which this reader has been shown everything; 0: not all of it


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the job's whole text (`output`)."""

    text: str
    offset: int  # log offset of the first line
    next: int  # pass it as `since` to get the following page
    end: int
    floor: int  # oldest offset kept
    matches: int | None = None  # with grep: matching lines found in [offset, next)
    lost: int = 0  # bytes of [since, next) missing from the log: they could not be written to disk
    more: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """Full status of one job; the live fields are absent for an ended job."""

    job_id: str
    state: State
    command: str
    cwd: str
    pid: int | None = None
    holder: int | None = None
    exit: Exit | None = None
    reason: str = ""  # one sentence: why it ended or failed to start
    started: float = 0.0  # seconds since the epoch
    ended: float | None = None
    size: Size = Size()
    lifetime: Lifetime = Lifetime.SESSION
    target: str = ""
    session: str = ""
    # the log
    floor: int = 0
    end: int = 0
    gaps: tuple[tuple[int, int, str], ...] = ()  # (from, to, errno name): bytes not written to disk
    # live only
    waiting: Verdict | None = None  # the current readiness
    output_age: float | None = None  # seconds since the last output
    doing: str = ""
    age: float = 0.0  # seconds since the facts of a flooding job were read; 0: read on request
    stalled: bool = False  # no output, CPU time or I/O lately
    cpu: float = 0.0  # seconds of CPU the tree has used
    rss: int = 0  # bytes of resident memory of the tree
    peak: int = 0  # peak memory: of the job where a cgroup counts it, else of a reaped process
    limits: tuple[str, ...] = ()  # each with the mechanism that enforces it
    processes: tuple[str, ...] = ()  # "pid name" of each process in the tree
    ports: tuple[int, ...] = ()  # TCP ports the tree listens on
    listening: tuple[Listening, ...] = ()  # these and its UDP and unix sockets
    service: Service | None = None  # of a job started with `ready`
    port: int = 0  # leased or given; PORT in its environment
    labels: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()  # variables that `login` has set or changed
    run: int = 1  # earlier runs of the job WEB are kept as WEB.1, WEB.2 ...
    restarts: str = ""  # "restarts in 2.0 s (2 of 5)"
    tries: tuple[str, ...] = ()  # ends of the last runs of a service that restarts
    title: str = ""
    directory: str = ""  # working directory as reported by the program (OSC 7), else of the leader
    progress: str = ""  # OSC 9;4
    attached: int = 0
    people: tuple[str, ...] = ()  # names of the people attached
    held: str = ""  # the person who holds the job, and since when
    asks: str = ""  # the open request for a person
    waiters: int = 0
    tier: Tier = Tier.FULL
    containment: str = ""  # processes that kill reaches on this machine
    errors: tuple[str, ...] = ()  # failures the holder has survived
    unknown_sequences: int = 0
    last_line: str = ""
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def no_room(self) -> str:
        """The failure of the log's last write, such as a full disk; "" if it succeeded."""
        return next((error for error in self.errors if error.startswith("log: ")), "")

    @property
    def lost(self) -> int:
        """Bytes of output that could not be written to disk."""
        return sum(end - start for start, end, _ in self.gaps)
