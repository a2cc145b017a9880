"""`hook`: answer a coding agent's hooks with the jobs that concern its session.

Owns the two texts and their choice of jobs: at the start of a session, jobs below the project's
folder; at its end, jobs that the session's own servers started. Never starts or ends a job. A hook
must never disturb a session, so unreadable input gets an empty answer. The PreToolUse hook is not
here: it runs before every Bash call and cannot wait for this package to load (see
`plugin/hooks/bash_hint.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.model import Lifetime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config
    from ptyjobs.model import Status

MAX_TEXT = 300  # characters of a hook's text, which costs the session tokens
LOST_SHOWN = 86_400.0  # seconds that a lost job is reported
MAX_ANCESTORS = 64


def register(add: Add) -> None:
    hook_parser = add("hook", hook)
    hook_parser.add_argument("event", choices=("session-start", "stop"), help="the hook's event")


def hook(args: argparse.Namespace, settings: Config) -> int:
    """Answer a coding agent's hook: reads the event as JSON on standard input, prints JSON."""
    try:
        event = json.load(sys.stdin)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(event, dict):
        return 0
    if reply := answer(args.event, event, settings):
        print(json.dumps(reply))
    return 0


def answer(name: str, event: Mapping[str, object], settings: Config) -> dict[str, object]:
    """The answer to the hook `name`, for a model; empty if it has nothing to say."""
    reply = _ANSWERS[name](event, settings)
    return _redacted(reply, settings) if reply else {}


def _redacted(reply: dict[str, object], settings: Config) -> dict[str, object]:
    """`reply` without the values of secrets: a command line may hold some."""
    from ptyjobs.client.known_secrets import redactor

    border = redactor(settings)

    def clean(value: object) -> object:
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items()}
        return border.redact(value).text if isinstance(value, str) else value

    return {key: clean(inner) for key, inner in reply.items()}


def _statuses(settings: Config) -> list[Status]:
    from ptyjobs.cli.query import glance
    from ptyjobs.client.registry import Registry

    return glance(Registry(settings.state_dir), brief=True, patience=0.5)


def _session_start(event: Mapping[str, object], settings: Config) -> dict[str, object]:
    folder = os.environ.get("CLAUDE_PROJECT_DIR") or str(event.get("cwd") or os.getcwd())
    text = start_text(_statuses(settings), folder=folder, now=time.time())
    if not text:
        return {}
    output = {"hookEventName": "SessionStart", "additionalContext": text}
    return {"hookSpecificOutput": output}


def start_text(statuses: Sequence[Status], *, folder: str, now: float) -> str:
    """List persistent jobs below `folder` that run or were lost recently; empty if none."""
    below = [status for status in statuses if _is_below(status.cwd, folder=folder)]
    running = [
        status
        for status in below
        if status.lifetime is Lifetime.PERSISTENT and not status.state.ended
    ]
    lost = [
        status
        for status in below
        if status.lifetime is Lifetime.PERSISTENT
        and status.state.ended
        and status.exit is None  # its holder was killed, or the machine restarted
        and now - (status.ended or 0.0) < LOST_SHOWN
    ]
    parts = []
    if running:
        parts.append(f"ptyjobs: {len(running)} running here: {_named(running)}.")
    if lost:
        parts.append(f"{'Lost' if running else 'ptyjobs: lost'}: {_named(lost)}.")
    text = " ".join(parts)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 8] + "… (list)"


def _is_below(path: str, *, folder: str) -> bool:
    folder = os.path.realpath(folder)
    return os.path.commonpath([folder, os.path.realpath(path)]) == folder


def _named(statuses: Sequence[Status]) -> str:
    from ptyjobs.text import sanitize

    words = []
    for status in statuses:
        command = " ".join(status.command.split())
        command = command if len(command) <= 40 else command[:39] + "…"
        words.append(f"{status.job_id} ({command})")
    return sanitize.for_model(", ".join(words))[0]


def _stop(event: Mapping[str, object], settings: Config) -> dict[str, object]:
    """Block once, naming the jobs that the session left asking or running."""
    client = os.environ.get("CLAUDE_PID", "")
    if event.get("stop_hook_active") or not client.isdigit():
        return {}
    mine = [
        status
        for status in _statuses(settings)
        if not status.state.ended and _descends(status.holder, ancestor=int(client))
    ]
    text = stop_text(mine)
    if not text or not _first_time(settings, session=str(event.get("session_id")), text=text):
        return {}
    return {"decision": "block", "reason": text}


def stop_text(statuses: Sequence[Status]) -> str:
    """List the jobs that ask a question and the running background jobs; empty if none.

    A shell or REPL at its prompt is neither: it ends with the session and no one waits for it.
    Its line editor leaves canonical mode, whereas a question is read in canonical mode
    (termios(3)).
    """
    asking, running = [], []
    for status in statuses:
        waiting = status.waiting
        if waiting is None or not waiting.reason.ready:
            running.append(status)
        elif _reads_lines(status.pid):
            asking.append(status)
    parts = []
    if asking:
        parts.append(f"Asking: {_named(asking)}.")
    if running:
        parts.append(f"Still running: {_named(running)}.")
    if not parts:
        return ""
    text = f"ptyjobs: {' '.join(parts)}"[: MAX_TEXT - 70]
    return f"{text} Answer, kill or leave them, and tell the user which ones remain."


def _reads_lines(pid: int | None) -> bool:
    """True if the process's terminal is in canonical mode (False if unknown)."""
    import termios

    try:
        descriptor = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # it exited, or there is no /proc
        return False
    try:
        return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
    except termios.error:  # its input is not a terminal
        return False
    finally:
        os.close(descriptor)


def _descends(pid: int | None, *, ancestor: int) -> bool:
    """True if `ancestor` is among the ancestors of `pid` (/proc; False without it)."""
    for _ in range(MAX_ANCESTORS):
        if not pid or pid == 1:
            return False
        if pid == ancestor:
            return True
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):  # it exited, or there is no /proc
            return False
    return False


def _first_time(settings: Config, *, session: str, text: str) -> bool:
    """True once per session and set of jobs, so that the user is not reminded at every turn."""
    import hashlib

    from ptyjobs.client.files import private_directory

    folder = os.path.join(settings.state_dir, "told")
    name = hashlib.sha256(f"{session}\0{text}".encode()).hexdigest()[:24]
    try:
        from pathlib import Path

        private_directory(Path(folder))
        now = time.time()
        for entry in os.scandir(folder):
            if now - entry.stat().st_mtime > LOST_SHOWN:
                os.unlink(entry.path)
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:  # already reported, or not recordable: stay silent
        return False
    return True


_ANSWERS = {"session-start": _session_start, "stop": _stop}
