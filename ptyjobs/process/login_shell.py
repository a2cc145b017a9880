"""Run a command as from the user's own shell: its start-up files and the project's environment.

Owns the script for it. Never evaluates anything in our own process: the user's login shell runs in
the job, activates the environment tools that the directory is set up for, and is replaced by the
command. The subtle thing: the changed variables are read from the program afterwards
(/proc/PID/environ); the script's own report is not trusted.
"""

from __future__ import annotations

import os
import pwd

# Each step runs only if the tool is installed and the project has a file for it.
SCRIPT = """\
[ -f .nvmrc ] && command -v nvm >/dev/null && nvm use >/dev/null
command -v direnv >/dev/null && eval "$(direnv export bash 2>/dev/null)"
command -v mise >/dev/null && eval "$(mise env -s bash 2>/dev/null)"
if [ -z "$VIRTUAL_ENV" ]; then
  for d in .venv venv; do [ -f "$d/bin/activate" ] && . "$d/bin/activate" && break; done
fi
[ -n "$1" ] && PORT=$1 && export PORT
shift
exec "$@"
"""
POSIX = ("sh", "bash", "zsh", "dash", "ksh", "ash")
"""Shells that read the script; another login shell (fish) only sets the environment for a sh."""


def user_shell(environ: dict[str, str]) -> str:
    """The user's login shell: $SHELL, else from the password file."""
    shell = environ.get("SHELL", "")
    if not shell:
        try:
            shell = pwd.getpwuid(os.getuid()).pw_shell
        except KeyError:  # a user without an entry
            shell = ""
    return shell if os.access(shell or "/", os.X_OK) and os.path.isfile(shell) else "/bin/sh"


def through_login(argv: tuple[str, ...], *, shell: str, port: str = "") -> tuple[str, ...]:
    """The words that run `argv` after the start-up files of `shell`."""
    if os.path.basename(shell) in POSIX:
        return (shell, "-l", "-i", "-c", SCRIPT, "login", port, *argv)
    # Not POSIX syntax: it starts an sh, which inherits its environment.
    inner = ("/bin/sh", "-c", SCRIPT, "login", port, *argv)
    return (shell, "-l", "-i", "-c", " ".join(map(_quoted, inner)))


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'"


def changed(pid: int, before: dict[str, str]) -> tuple[str, ...]:
    """The variables of the running program that differ from its initial environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            items = file.read().split(b"\0")
    except OSError:  # it has exited
        return ()
    now = dict(os.fsdecode(one).split("=", 1) for one in items if b"=" in one)
    names = {name for name in now | before if now.get(name) != before.get(name)}
    return tuple(sorted(names - {"_", "SHLVL", "OLDPWD", "PWD", "PORT"}))
