"""The values that every part of ptyjobs speaks in.

Owns: what a job, its state, its end, a verdict and fresh output *are*, and the one table of state
transitions. Never does I/O, never reads a clock. Everything here is frozen and turns into plain
JSON types with `to_json` / `from_json`, because the same values travel over the holder's socket,
lie in a job's directory and stand in a tool result's `_meta`.
"""

from __future__ import annotations

import enum
import sys
import types

from ptyjobs._dataclass import MISSING, TYPE_CHECKING, dataclass, field, fields, names_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

PROTOCOL_VERSION = 2
"""Version of the holder's socket protocol; a client accepts every version up to its own."""


class State(enum.StrEnum):
    """Where a job is in its life. `running completed failed killed` are the words users see."""

    STARTING = "starting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    KILLED = "killed"

    @property
    def ended(self) -> bool:
        return self in (State.COMPLETED, State.FAILED, State.KILLED)


class Event(enum.StrEnum):
    """What can happen to a job's state."""

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
    """How long a job may live: until its server's connection ends, or until killed."""

    SESSION = "session"
    PERSISTENT = "persistent"


class Reason(enum.StrEnum):
    """Why a wait came back. `quiet` and `timeout` are answers, not errors."""

    WAITING_FOR_INPUT = "waiting_for_input"
    PROMPT = "prompt"
    PASSWORD = "password"
    PATTERN = "pattern"
    EXITED = "exited"
    QUIET = "quiet"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    SERVICE_READY = "ready"
    SERVICE_FAILED = "not ready"  # it printed what means that it has failed
    PERSON = "person"  # a person has answered, declined, or released the job

    @property
    def ready(self) -> bool:
        """It is the caller's turn to type, as far as we can know."""
        return self in (Reason.WAITING_FOR_INPUT, Reason.PROMPT, Reason.PASSWORD, Reason.QUIET)


class Confidence(enum.StrEnum):
    CERTAIN = "certain"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Tier(enum.StrEnum):
    """What this machine lets us ask about a job (SPEC.md "How we know")."""

    FULL = "full"
    NO_SYSCALL = "no-syscall"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Size:
    rows: int = 40
    cols: int = 120


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: a code or a signal number, never both.

    `cause` says why ptyjobs ended it ("its time limit of 5 s was over"); empty if it ended by
    itself. A program that handles SIGTERM may exit with 0 then, which is no success.
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

        A program that we ended and that exited with 0 counts as ended by SIGTERM (143), because a
        script must not take a job cut short for a success.
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

    def event(self, *, by_kill: bool) -> Event:
        """The state event of this end; SIGTERM and SIGKILL count as killed, whoever sent them."""
        from signal import SIGKILL, SIGTERM

        if by_kill or self.signal in (SIGTERM, SIGKILL):
            return Event.KILLED
        return Event.EXITED_ZERO if self.code == 0 else Event.EXITED_NONZERO


NOTIFY = ("exited", "asks", "ready")
"""Transitions of a job that its session is told unless asked otherwise; losses always are."""


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
    """What the conditions in `JobSpec.ready` say of a job."""

    state: str  # "ready", "not ready", "unhealthy" or "failed"
    since: float = 0.0  # seconds since the epoch
    why: str = ""  # "nothing listens on port 3000"
    listening: tuple[Listening, ...] = ()  # when it became ready
    after: float = 0.0  # seconds from the start until it was ready

    @property
    def ready(self) -> bool:
        return self.state == "ready"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What was asked for: all that is needed to start the job again.

    `argv` is what is executed; `command` what the caller wrote. `env` is the complete environment
    of the child; it is handed to the holder and never written to disk (it may hold secrets).
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
    network: str = "full"  # of a sandboxed job: "full" | "none"
    read_only: tuple[str, ...] = ()  # paths below `writable` that it may only read
    hidden: tuple[str, ...] = ()  # folders a sandboxed job must not touch (our own state)
    target: str = ""  # "" is this machine; otherwise "ssh:host", "slurm", ...
    target_table: dict[str, Any] = field(default_factory=dict)  # its `[targets.NAME]` table
    token: str = ""  # marks this run on the far side, so that it can be ended there
    quiet_floor: float = 0.0  # seconds that a quiet settle waits at least (remote targets)
    allowed: tuple[str, ...] = ()  # the allow-list, for lines typed at a shell's prompt
    block_dangerous: bool = False
    permissions: dict[str, Any] = field(default_factory=dict)  # rules for lines a shell reads
    log_limit: int = 64 << 20  # bytes of log kept on disk
    log_full: str = "drop"  # "drop" | "wait": what a log without room costs, output or time
    timeout: float | None = None  # seconds until the job is killed
    grace: float = 1.0  # seconds between SIGTERM and SIGKILL
    idle_limit: float | None = None  # seconds without client or output until a persistent job ends
    replies: bool = True  # answer terminal queries
    on_exit: str = ""  # a command line run when the job has ended
    ready: tuple[str, ...] = ()  # when it is ready as a service (config.ready_syntax)
    session: str = ""  # the agent's session that started it: who is woken (see `notify`)
    notify: tuple[str, ...] = NOTIFY
    port: str = ""  # "auto" leases a free one; it is in the environment as PORT
    notify_command: str = ""  # a command line run when a person is asked for
    audit: bool = False  # what is done to it goes into the journal
    masked: tuple[dict[str, Any], ...] | None = None  # digests of secrets to mask at its end
    memory: int = 0  # bytes that the job may use; 0 is no limit
    cpu: float = 0.0  # processors
    pids: int = 0  # processes and threads
    restart: str = ""  # "on-failure" or "always", with ":N" for at most N times in a row
    run: int = 1  # counts the runs under this name
    tags: dict[str, str] = field(default_factory=dict)  # its labels; files of 0.1 have this name
    login: bool = False  # run it behind the start-up files of the user's shell


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "is it my turn?", with its reason (facts: kernel, marks, silence, deadline)."""

    reason: Reason
    confidence: Confidence = Confidence.CERTAIN
    waited: float = 0.0  # seconds between the send and the verdict
    prompt: str = ""  # the text of the cursor row up to the cursor
    doing: str = ""  # on timeout: what the job is doing, e.g. "python3 in clock_nanosleep"
    input_consumed: bool = True  # False: the program never took the input (no Enter, stopped)
    continuation: bool = False  # an open block: `...`, `dquote>`, here-document
    pattern: int | None = None  # index of the `until` pattern that matched
    match: str = ""  # the text that it matched
    exit: Exit | None = None  # of the job, once it has ended
    command_exit: int | None = None  # of the command typed into a shell (OSC 133;D)
    tier: Tier = Tier.FULL
    says: str = ""  # what the program says of itself (OSC 7501), e.g. "blocked (permission): ..."
    why: str = ""  # one phrase for people and transcripts: which fact decided


@dataclass(frozen=True, slots=True)
class Fresh:
    """What the program printed since the caller's mark, as a person would say it."""

    text: str
    offset: int = 0  # log offset of the mark
    end: int = 0  # log offset of the verdict
    view: str = "lines"  # "lines" | "screen" (alternate screen) | "rows" (changed rows only)
    rows: tuple[int, ...] = ()  # of view "rows": which rows of the screen these are, from 0
    late: str = ""  # output that came between the last answer and this send
    lines: int = 0  # lines in the whole fresh text, kept or not
    omitted_lines: int = 0
    omitted_chars: int = 0
    hidden: bool = False  # holds concealed text, or text in its background's colour
    dropped: int = 0  # bytes of it that the log quota has already thrown away
    redrawn: bool = False  # the text is empty, yet rows of the screen changed


@dataclass(frozen=True, slots=True)
class Answer:
    """What `interact`, `execute` and `wait` return for one job."""

    job_id: str
    state: State
    verdict: Verdict
    fresh: Fresh
    sent: int = 0  # bytes that reached the terminal
    unsent: int = 0  # bytes the program did not take before the deadline
    attached: int = 0  # people attached now
    by_person: bool = False  # keys came from an attached person meanwhile
    title: str = ""
    notes: tuple[str, ...] = ()  # one-line hints with the next step in them
    unmatched: str = ""  # the patterns that did not match, in words; where they did before
    service: Service | None = None  # of a job started with `ready`
    held: str = ""  # who holds the job and since when
    handback: str = ""  # what a person did while they held it, for the first answer behind that


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
    generation: int = 0  # hand it back to get only the rows changed since
    read: int = 0  # log offset up to which this reader was shown everything now; 0: not all of it


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the job's whole text (`output`)."""

    text: str
    offset: int  # log offset of the first line
    next: int  # hand it back as `since` for the following page
    end: int
    floor: int  # oldest offset kept
    matches: int | None = None  # with grep: matching lines found in [offset, next)
    lost: int = 0  # bytes of [since, next) that are not in the log: no disk took them
    more: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """All that is known of a job; the live half is absent for an ended one."""

    job_id: str
    state: State
    command: str
    cwd: str
    pid: int | None = None
    holder: int | None = None
    exit: Exit | None = None
    reason: str = ""  # a sentence: why it ended, why it failed to start
    started: float = 0.0  # seconds since the epoch
    ended: float | None = None
    size: Size = Size()
    lifetime: Lifetime = Lifetime.SESSION
    target: str = ""
    session: str = ""
    # the log
    floor: int = 0
    end: int = 0
    gaps: tuple[tuple[int, int, str], ...] = ()  # (from, to, errno name): bytes that no disk took
    # live only
    waiting: Verdict | None = None  # the readiness of this moment
    output_age: float | None = None  # seconds since the last output
    doing: str = ""
    stalled: bool = False  # neither output nor CPU nor I/O moved lately
    cpu: float = 0.0  # seconds of CPU the tree has used
    rss: int = 0  # bytes of resident memory of the tree
    peak: int = 0  # the most memory: of the job where a cgroup counts it, else of a reaped process
    limits: tuple[str, ...] = ()  # each with what enforces it
    processes: tuple[str, ...] = ()  # "pid name" of each process in the tree
    ports: tuple[int, ...] = ()  # TCP ports the tree listens on
    listening: tuple[Listening, ...] = ()  # those and its UDP and unix sockets
    service: Service | None = None  # of a job started with `ready`
    port: int = 0  # leased or given; PORT in its environment
    labels: dict[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()  # variables that `login` has set or changed
    run: int = 1  # earlier runs of the job WEB are kept as WEB.1, WEB.2 ...
    restarts: str = ""  # "restarts in 2.0 s (2 of 5)"
    tries: tuple[str, ...] = ()  # how the last runs of a service that restarts have ended
    title: str = ""
    directory: str = ""  # working directory as the program told it (OSC 7), else of the leader
    progress: str = ""  # OSC 9;4
    attached: int = 0
    people: tuple[str, ...] = ()  # names of those attached
    held: str = ""  # who holds it and since when
    asks: str = ""  # what a person is asked for
    waiters: int = 0
    tier: Tier = Tier.FULL
    containment: str = ""  # what kill reaches on this machine
    errors: tuple[str, ...] = ()  # failures the holder outlived
    unknown_sequences: int = 0
    last_line: str = ""
    spec: dict[str, Any] = field(default_factory=dict)


_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """A frozen value as plain JSON types (tuples become lists, enums their words)."""
    cls = type(value)
    if cls in _PLAIN:
        return value
    if fields := names_of(cls):
        return {name: to_json(getattr(value, name)) for name in fields}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, dict):
        return {k: to_json(v) for k, v in value.items()}
    return value


def told(value: Any) -> dict[str, Any]:
    """As `to_json`, without the fields that have their default: `from_json` fills them in."""
    plain: dict[str, Any] = to_json(value)
    for one in fields(type(value)):
        if one.default is not MISSING and getattr(value, one.name) == one.default:
            del plain[one.name]
    return plain


def from_json(cls: type[T], data: Any) -> T:
    """The value that `to_json` wrote. Unknown fields of a newer version are ignored."""
    decoders = _DECODERS.get(cls) or _decoders(cls)
    return cls(**{k: decoders[k](v) for k, v in data.items() if k in decoders})


_DECODERS: dict[type, dict[str, Callable[[Any], Any]]] = {}


def _decoders(cls: type) -> dict[str, Callable[[Any], Any]]:
    """How each field is read. Not by `typing.get_type_hints`, whose import costs 10 ms."""
    names = {**vars(sys.modules[cls.__module__]), "Any": object}
    hints = {name: eval(cls.__annotations__[name], names) for name in names_of(cls)}
    _DECODERS[cls] = {name: _decoder(hint) for name, hint in hints.items()}
    return _DECODERS[cls]


def _same(value: Any) -> Any:
    return value


def _decoder(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, types.UnionType):
        inner = _decoder(next(a for a in hint.__args__ if a is not type(None)))
        return _same if inner is _same else lambda v: None if v is None else inner(v)
    if isinstance(hint, types.GenericAlias) and hint.__origin__ is tuple:
        if hint.__args__[-1] is Ellipsis:
            one = _decoder(hint.__args__[0])
            return tuple if one is _same else lambda v: tuple(map(one, v))
        parts = [_decoder(a) for a in hint.__args__]
        return lambda v: tuple(part(x) for part, x in zip(parts, v, strict=True))
    if names_of(hint):
        return lambda v: from_json(hint, v)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    return _same
