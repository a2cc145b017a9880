"""Environment of a job: variables inherited, withheld and set.

Owns the one pure function that builds it. Never reads `os.environ`, never decides which secrets
exist: `env_allow` and `env_deny` are the user's globs. The subtle thing: an inherited variable may
describe something that the job does not have, and programs trust it: another terminal (`TMUX`,
`TERM_PROGRAM`, a stale `COLUMNS`), or our service manager's sockets (`NOTIFY_SOCKET`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

_OURS = ("PTYJOBS_*", "MCP_BG_*")
"""Settings and secrets of the server itself: never for a job, whatever is allowed."""

_OF_ANOTHER_TERMINAL = (
    "COLUMNS", "LINES", "TERMCAP", "COLORTERM", "TERM_*", "TMUX", "TMUX_*",
    "STY", "WINDOW", "WINDOWID", "VTE_VERSION", "KITTY_*", "GHOSTTY_*", "WEZTERM_*",
    "ALACRITTY_*", "ITERM_*", "LC_TERMINAL", "LC_TERMINAL_VERSION", "KONSOLE_*", "WT_SESSION",
    "WT_PROFILE_ID", "SSH_TTY", "GPG_TTY", "INSIDE_EMACS", "VIM_TERMINAL", "NVIM",
)  # fmt: skip
_OF_OUR_SERVICE = (
    "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID",
    "WATCHDOG_USEC", "INVOCATION_ID", "JOURNAL_STREAM", "OLDPWD", "_",
)  # fmt: skip
_NOT_THE_JOBS = (*_OURS, *_OF_ANOTHER_TERMINAL, *_OF_OUR_SERVICE)


def child_env(
    base: Mapping[str, str],
    *,
    extra: Mapping[str, str],
    allow: Sequence[str],
    deny: Sequence[str],
    term: str,
    rows: int,
    cols: int,
    job_id: str,
) -> dict[str, str]:
    """Build the child's complete environment.

    `base` is our own environment; a job inherits the variables that match a glob in `allow` (all,
    if it is empty) and none in `deny`. Both are globs on names; `deny` ignores case, because it is
    a safety net for secrets (`*token*`). `extra` comes from the caller and overrides them. `rows`
    and `cols` are not exported: programs ask the terminal, and a variable would be stale after the
    first resize.
    """
    kept = {
        name: value
        for name, value in base.items()
        if not _any(name, _NOT_THE_JOBS)
        and (not allow or _any(name, allow))
        and not _any(name.upper(), [pattern.upper() for pattern in deny])
    }
    return {**kept, "TERM": term, **extra, "PTYJOBS_JOB": job_id}


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
