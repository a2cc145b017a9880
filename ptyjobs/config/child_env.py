"""The environment of a job: what of ours it gets, what is withheld, what is set.

Owns the one pure function that makes it. Never reads `os.environ`, never decides which secrets
exist: `env_allow` and `env_deny` are the user's globs. The subtle thing: a variable may describe
something that the job does not have, and programs believe it: another terminal (`TMUX`,
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
    """The child's whole environment.

    `base` is ours; of it a job gets what one of `allow` matches (all, if that is empty) and none
    of `deny` does. Both are globs on names; `deny` ignores the case, because it is a net for
    secrets (`*token*`). `extra` is the caller's and beats them. `rows` and `cols` are asked of
    the terminal by programs; a variable would go stale at the first resize, so none is set.
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
