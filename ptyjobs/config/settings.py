"""The settings: one frozen `Config`, whose fields declare each of them once.

Owns their names, kinds, defaults and help, and the table of the documentation. Never reads a file
or a variable, except to find default directories and programs (`load` does).
"""

from __future__ import annotations

import os

from ptyjobs._dataclass import MISSING, TYPE_CHECKING, Field, dataclass, field, fields, replace
from ptyjobs.config import types
from ptyjobs.config.defaults import INTERACT_TIMEOUT, KILL_GRACE, MAX_CHARS, WAIT_TIMEOUT
from ptyjobs.config.types import Kind
from ptyjobs.errors import BadConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HARD_MAX_CHARS = 40_000
"""Characters no tool result exceeds: clients move larger ones out of the model's sight."""


def _setting(
    kind: Kind,
    help: str,
    *,
    default: Any = MISSING,
    factory: Any = MISSING,
    shown: str = "",
    env: tuple[str, ...] = (),
) -> Any:
    metadata = {"kind": kind, "help": help, "env": env, "shown": shown}
    if factory is not MISSING:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def default_state_dir(environ: Mapping[str, str] | None = None) -> str:
    """$XDG_STATE_HOME/ptyjobs or ~/.local/state/ptyjobs; raises BadConfig without a home."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return os.path.join(base, "ptyjobs")
    home = environ.get("HOME") or os.path.expanduser("~")
    if not home.startswith("/"):  # "~": a container's user without an entry
        raise BadConfig(
            f"state_dir: HOME is not set, and user {os.getuid()} has no home in the password file; "
            "set state_dir (PTYJOBS_STATE)."
        )
    return os.path.join(home, ".local", "state", "ptyjobs")


def default_shell() -> str:
    """bash if installed, otherwise sh; absolute path."""
    return types.find_program("bash") or types.find_program("sh") or "/bin/sh"


LIMITS = {
    "memory": replace(types.size(1 << 20, 1 << 50), optional=True),
    "cpu": replace(types.number(0.01, 1024), optional=True),
    "pids": types.integer(1, 1_000_000, optional=True),
}
"""Syntax of a job's limits, as settings and in a call."""


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. Times are in seconds, sizes in bytes; each declaration documents itself."""

    state_dir: str = _setting(
        types.PATH,
        "Directory of all jobs (made with mode 0700).",
        factory=default_state_dir,
        shown="`$XDG_STATE_HOME/ptyjobs`",
        env=("PTYJOBS_STATE",),
    )
    session: str = _setting(
        types.SESSION,
        "The agent's session to which jobs belong and their events go.",
        default="",
        shown="none",
        env=("CLAUDE_CODE_SESSION_ID",),
    )
    # how jobs are started
    shell: str = _setting(
        types.PROGRAM,
        "Shell that runs command lines.",
        factory=default_shell,
        shown="bash, else sh",
    )
    working_dir: str | None = _setting(
        types.DIRECTORY,
        "Working directory of jobs for which none is given.",
        default=None,
        shown="the server's",
        env=("MCP_BG_WORKING_DIR",),
    )
    rows: int = _setting(types.integer(1, 1000), "Rows of a new terminal.", default=40)
    cols: int = _setting(types.integer(1, 1000), "Columns of a new terminal.", default=120)
    term: str = _setting(types.TEXT, "TERM of jobs.", default="xterm-256color")
    stderr: str = _setting(
        types.choice("merged", "separate"),
        "Standard error: on the same terminal, or on a second terminal with a log of its own.",
        default="merged",
    )
    replies: bool = _setting(types.FLAG, "Answer terminal queries for the job.", default=True)
    marks: bool = _setting(
        types.FLAG,
        "Shell integration: command boundaries and exit codes inside shells.",
        default=False,
    )
    login: bool = _setting(
        types.FLAG,
        "Run jobs after the start-up files of the user's shell, with direnv, mise, nvm or a venv.",
        default=False,
    )
    env_allow: tuple[str, ...] = _setting(
        types.WORDS, "Only variables with these names reach jobs (globs; empty: all).", default=()
    )
    env_deny: tuple[str, ...] = _setting(
        types.WORDS, "Variables with these names never reach jobs (globs).", default=()
    )
    # bounds
    max_jobs: int = _setting(
        types.integer(1, 10_000),
        "Jobs that may run at once, not counting ended jobs.",
        default=50,
        env=("MCP_BG_MAX_JOBS",),
    )
    log_limit: int = _setting(
        types.size(1024, 1 << 40),
        "Output kept for each job; the oldest is dropped first, and answers say so.",
        default=64 << 20,
        env=("MCP_BG_MAX_OUTPUT_SIZE",),
    )
    log_full: str = _setting(
        types.choice("drop", "wait"),
        "When log_limit is reached or the disk is full: drop output, and say so, or let the job "
        "wait for room.",
        default="drop",
    )
    log_total: int = _setting(
        types.size(1 << 20, 1 << 50),
        "Output kept for all jobs together (never below log_limit by default).",
        default=1 << 30,
    )
    job_timeout: float | None = _setting(
        types.seconds(1, 31_536_000, optional=True),
        "A job is killed after this time.",
        default=None,
        env=("MCP_BG_JOB_TIMEOUT",),
    )
    memory_limit: int | None = _setting(
        LIMITS["memory"], "Memory that one job may use: by a cgroup, else by rlimits.", default=None
    )
    cpu_limit: float | None = _setting(
        LIMITS["cpu"], "Processors that one job may use, if it can have a cgroup.", default=None
    )
    pids_limit: int | None = _setting(
        LIMITS["pids"], "Processes of one job, if it can have a cgroup.", default=None
    )
    idle_limit: float | None = _setting(
        types.seconds(1, 31_536_000, optional=True),
        "A persistent job ends after this time without a client or output.",
        default=None,
    )
    kill_grace: float = _setting(
        types.seconds(0, 60),
        "Time between the first signals of kill and SIGKILL.",
        default=KILL_GRACE,
    )
    cleanup_interval: float = _setting(
        types.seconds(10, 3600),
        "Interval between removals of ended jobs (retention).",
        default=300.0,
        env=("MCP_BG_CLEANUP_INTERVAL",),
    )
    retention: float | None = _setting(
        types.seconds(0, 31_536_000, optional=True),
        "An ended job is kept this long (none: until removed).",
        default=86_400.0,
    )
    retention_count: int = _setting(
        types.integer(0, 100_000), "Number of ended jobs that are kept, the newest.", default=200
    )
    # what may run
    allowed_commands: tuple[str, ...] = _setting(
        types.PATTERNS,
        "Only command lines whose every simple command matches one of these may run.",
        default=(),
        env=("MCP_BG_ALLOWED_COMMANDS",),
    )
    block_dangerous: bool = _setting(
        types.FLAG,
        "Refuse a few well-known destructive commands (no security boundary).",
        default=False,
    )
    sandbox: str = _setting(
        types.choice("none", "bwrap", "landlock"),
        "Confinement of jobs; if it is not available here, the job is refused.",
        default="none",
    )
    sandbox_network: str = _setting(
        types.choice("full", "none"),
        "Network of sandboxed jobs; none leaves a loopback interface of their own (bwrap only).",
        default="full",
    )
    sandbox_read_only: tuple[str, ...] = _setting(
        types.WORDS,
        "Paths below the working directory that sandboxed jobs may only read (bwrap only).",
        default=(),
    )
    # what the model sees
    interact_timeout: float = _setting(
        types.seconds(0, 240),
        "Default longest wait of interact and execute.",
        default=INTERACT_TIMEOUT,
    )
    wait_timeout: float = _setting(
        types.seconds(0, 240), "Default longest wait of wait.", default=WAIT_TIMEOUT
    )
    max_wait: float = _setting(
        types.seconds(1, 86400),
        "Longest wait of any call: many clients give up after 60 s.",
        default=50.0,
    )
    task_after: float = _setting(
        types.seconds(0, 240),
        "Seconds until a wait becomes an MCP task, where the client supports tasks.",
        default=15.0,
    )
    max_chars: int = _setting(
        types.integer(500, HARD_MAX_CHARS), "Characters of output in one result.", default=MAX_CHARS
    )
    share_heap: bool = _setting(
        types.FLAG,
        "Let job processes share more memory, where a trial shows that this Python allows it.",
        default=True,
    )
    redact: bool = _setting(
        types.FLAG,
        "Keep secrets from the model: configured ones, those typed at no-echo prompts, and values "
        "of variables that env_deny matches or whose names look secret.",
        default=True,
    )
    log_redact: bool = _setting(
        types.FLAG,
        "Mask the same secrets in a job's files once it has ended.",
        default=False,
    )
    redact_tokens: bool = _setting(
        types.FLAG,
        "Also redact text in the form of a well-known token or private key (docs/person.md).",
        default=False,
    )
    structured: bool = _setting(
        types.FLAG,
        "Add structuredContent (some clients then hide the text, so it repeats it).",
        default=False,
    )
    compat: str = _setting(
        types.choice("none", "mcp-background-job", "mcp-bgtask"),
        "Serve the tools of an older server instead.",
        default="none",
    )
    http: str = _setting(
        types.ADDRESS,
        "Serve streamable HTTP at this address instead of stdio.",
        default="none",
    )
    http_token: str = _setting(
        types.choice("file", "none"),
        "Callers over TCP need the token in `state_dir`/http-token, or none at all.",
        default="file",
    )
    hold_key: str = _setting(
        types.TEXT,
        "Key that holds an attached job or releases it (a control key, or none).",
        default="C-]",
    )
    notify_command: str = _setting(
        types.TEXT,
        "Shell line run when a person is asked for: $PTYJOBS_JOB, $PTYJOBS_MESSAGE.",
        default="",
        shown="none",
    )
    audit: bool = _setting(
        types.FLAG,
        "Keep a journal of who started, typed, held and killed what (ptyjobs audit).",
        default=True,
    )
    boundary: str = _setting(
        types.choice("auto", "always", "never"),
        "Fence what programs printed in results: where a line could be taken for ours, or always.",
        default="auto",
    )
    viewer: str = _setting(
        types.choice("none", "read", "write"),
        "Serve the viewer with the MCP server; browsers may read, or also type.",
        default="none",
    )
    detach_key: str = _setting(
        types.TEXT, "Key that leaves an attached job (a control key).", default="C-\\"
    )
    # tables
    permissions: dict[str, Any] = _setting(
        types.PERMISSIONS,
        "Rules for commands (docs/permissions.md): lists `allow`, `ask`, `deny`; `otherwise`.",
        factory=dict,
        shown="",
    )
    targets: dict[str, dict[str, Any]] = _setting(
        types.TABLES, "`[targets.NAME]`: other places to run jobs.", factory=dict, shown=""
    )
    secrets: dict[str, str] = _setting(
        types.REFERENCES,
        'Secrets for interact(secret=NAME): `NAME = "env:VARIABLE"` or `"file:PATH"`; a variable '
        "`PTYJOBS_SECRET_NAME` declares itself.",
        factory=dict,
        shown="",
    )


SETTINGS: tuple[Field[Any], ...] = fields(Config)


def docs_table() -> str:
    """Markdown table of all settings, as in docs/reference/ and SPEC.md."""
    lines = ["| setting | default | values | environment | meaning |", "|---|---|---|---|---|"]
    for setting in SETTINGS:
        meta = setting.metadata
        names = () if meta["kind"].file_only else (f"PTYJOBS_{setting.name.upper()}", *meta["env"])
        cells = (
            f"`{setting.name}`",
            _shown_default(setting),
            meta["kind"].words + (", or none" if meta["kind"].optional else ""),
            " ".join(f"`{name}`" for name in names),
            meta["help"],
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _shown_default(setting: Field[Any]) -> str:
    shown: str = setting.metadata["shown"]
    if shown or setting.default is MISSING:
        return shown
    if setting.default is None:
        return "none"
    if setting.metadata["kind"].words.startswith("bytes"):
        return types.show_size(setting.default)
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    if isinstance(setting.default, float):
        return f"{setting.default:g}"
    return "none" if setting.default == () else str(setting.default)
