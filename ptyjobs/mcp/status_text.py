"""Texts about jobs without a call in progress: status, list, matches, ports, killed.

Owns those texts; the rules of `results` apply (short, exact, no invisible characters). Never reads
a clock: `now` is passed in, in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ptyjobs.json_values import to_json
from ptyjobs.mcp.results import (
    SEPARATOR,
    Result,
    block,
    byte_size,
    describe,
    exit_words,
    fit,
    one_line,
    quoted,
    service_words,
)
from ptyjobs.model import Exit, Status
from ptyjobs.text.durations import duration

if TYPE_CHECKING:
    from ptyjobs.client.calls import Killed
    from ptyjobs.client.port_table import PortHolder
    from ptyjobs.client.search import Matches

SHOWN_FORCED = 5  # processes named at most that did not exit within the grace period


def of_status(status: Status, *, now: float) -> Result:
    """Format the full status of a job; `now` in seconds since the epoch."""
    lines = [_status_head(status, now=now), f"command: {status.command}"]
    lines.append(f"directory: {status.directory or status.cwd}")
    where = [f"{status.size.rows}x{status.size.cols}", f"lifetime {status.lifetime}"]
    where += [f"pid {status.pid}"] if status.pid and not status.state.ended else []
    where += [f"on {status.target}"] if status.target else []
    lines.append("terminal: " + SEPARATOR.join(where))
    if status.output_age is not None:
        last = f"{SEPARATOR}{quoted(status.last_line)}" if status.last_line.strip() else ""
        lines.append(f"last output: {duration(status.output_age)} ago{last}")
    if status.doing and not (status.waiting and status.waiting.reason.ready):
        stalled = f"{SEPARATOR}stalled: no output, CPU or I/O lately" if status.stalled else ""
        lines.append(f"doing: {status.doing}{stalled}")
    if status.processes:
        figures = [f"{status.cpu:.1f} s CPU", byte_size(status.rss)]
        what = "still running, kill ends them" if status.state.ended else "processes"
        lines.append(f"{what}: {', '.join(status.processes)}{SEPARATOR}{SEPARATOR.join(figures)}")
    lines += [f"PORT={status.port}"] if status.port and not status.state.ended else []
    lines += [f"limits: {', '.join(status.limits)}"] if status.limits else []
    if status.state.ended and (status.cpu or status.peak):
        lines.append(f"used: {status.cpu:.1f} s CPU, peak {byte_size(status.peak)} of memory")
    if status.listening:
        where = [f"{one} ({one.pid} {one.program})" for one in status.listening]
        lines.append(f"listening on: {', '.join(where)}")
    lines.append(f"log: {status.floor}-{status.end}" + _log_losses(status))
    lines += _rare_facts(status)
    text = "\n".join(one_line(line) for line in lines)
    facts = {k: v for k, v in to_json(status).items() if v not in (None, "", [], {}, False)}
    return Result(fit(text), facts)


def _log_losses(status: Status) -> str:
    losses = [f"{status.floor:,} B dropped by the limit"] if status.floor else []
    losses += [f"{b - a:,} B at {a} lost ({errno})" for a, b, errno in status.gaps]
    return SEPARATOR + SEPARATOR.join(losses) if losses else ""


def _rare_facts(status: Status) -> list[str]:
    lines = [f"run: {status.run}"] if status.run > 1 else []
    lines += [f"labels: {_pairs(status.labels)}"] if status.labels else []
    lines += [f"changed by the login shell: {', '.join(status.changed)}"] if status.changed else []
    lines += [f"ended before: {one}" for one in status.tries]
    lines += [f"title: {status.title}"] if status.title else []
    lines += [f"progress: {status.progress}"] if status.progress else []
    who = f" ({', '.join(status.people)})" if status.people else ""
    lines += [f"attached: {status.attached}{who}"] if status.attached else []
    lines += [status.held] if status.held else []
    lines += [f"asks for a person: {status.asks}"] if status.asks else []
    lines += [f"readiness: {status.tier}"] if status.tier != "full" else []
    weak = status.containment not in ("", "subreaper", "cgroup")
    lines += [f"kill reaches: {status.containment}"] if weak else []
    return lines + [f"fault: {error}" for error in status.errors]


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def _status_head(status: Status, *, now: float) -> str:
    parts = [status.state.value]
    if status.state.ended:
        if status.exit is not None:
            words = exit_words(status.exit, status.state)
            parts = [words] if words.startswith(status.state.value) else [*parts, words]
        if status.reason and not (status.exit and status.exit.cause):
            parts.append(status.reason)
        if status.ended is not None:
            parts.append(f"{duration(max(0.0, now - status.ended))} ago")
        if status.restarts:
            parts.append(status.restarts)
        if status.ended is not None:
            parts.append(f"ran {duration(max(0.0, status.ended - status.started))}")
    else:
        if status.service is not None:
            parts.append(service_words(status.service, now=now))
        elif status.waiting is not None:
            parts.append(describe(status.waiting, status.state))
        parts.append(f"up {duration(max(0.0, now - status.started))}")
    return f"[{status.job_id}] " + SEPARATOR.join(parts)


def of_list(
    statuses: Sequence[Status],
    *,
    now: float,
    ended_hidden: int = 0,
    elsewhere: Collection[str] = (),
) -> Result:
    """One line per job, in the given order; `elsewhere`: other projects' jobs, with directory."""
    if not statuses:
        text = "No jobs." if not ended_hidden else "No running jobs."
        return Result(f"{text} Start one with execute(command=...).", {"jobs": []})
    lines = []
    for status in statuses:
        command = status.command if len(status.command) <= 100 else status.command[:97] + "..."
        where = f"{SEPARATOR}in {status.cwd}" if status.job_id in elsewhere else ""
        lines.append(one_line(f"{_status_head(status, now=now)}{SEPARATOR}{command}{where}"))
    if ended_hidden:
        lines.append(f"({ended_hidden} ended: all=true)")
    keys = ("job_id", "state", "command", "started", "ended", "exit", "pid")
    facts = [{k: to_json(getattr(s, k)) for k in keys} for s in statuses]
    for status, known in zip(statuses, facts, strict=True):
        known |= {"age": status.age} if status.age else {}
    return Result(fit("\n".join(lines)), {"jobs": facts})


def of_matches(matches: Matches, pattern: str) -> Result:
    """The matching lines of all jobs, newest job first."""
    lines = [one_line(f"[{one.job_id}] line {one.line}: {one.text}") for one in matches.found]
    more = "; older ones are left out" if matches.more else ""
    count = f"{len(matches.found)} lines match {quoted(pattern)} in {matches.jobs} jobs{more}"
    facts = {"matches": [to_json(one) for one in matches.found], "more": matches.more}
    return Result(fit("\n".join([f"[*] {count}", *lines])), facts)


def of_ports(holders: Sequence[PortHolder], *, own: int = 0) -> Result:
    """One line per port, ports of jobs first; `own`: pid of this server."""
    lines = []
    for one in holders:
        if one.job_id:
            mine = "this session" if one.session == own else f"session {one.session}"
            who = [f"[{one.job_id}]", mine if one.session else "persistent"]
        else:
            who = [f"pid {one.pid} (user {one.user})" if one.pid else "another user's process"]
        worktree = f" (git {one.worktree}, {one.branch})" if one.branch else ""
        where = f"{one.directory}{worktree}" if one.directory else ""
        parts = [one.address, *who, one.command[:80], where]
        lines.append(one_line(SEPARATOR.join(filter(None, parts))))
    text = "\n".join(lines) or "Nothing listens on a TCP port."
    return Result(fit(text), {"ports": [to_json(one) for one in holders]})


def of_killed(killed: Killed, asked: str) -> Result:
    """Format the answer of kill: `killed`, `already_terminated` or `signalled`."""
    result, processes, status = killed.result, killed.processes, killed.status
    if result == "signalled":
        parts = [f"signal {asked} sent", status.state.value]
        parts += [describe(status.waiting, status.state)] if status.waiting else []
    elif result == "already_terminated":
        parts = ["had already ended"]
        parts += [exit_words(status.exit, status.state)] if status.exit else []
        parts += [f"{processes} left-over processes ended"] if processes else []
    else:
        what = "1 process" if processes == 1 else f"{processes} processes"
        parts = ["killed", f"{what} ended", plain_exit(status.exit), force_words(killed.forced)]
    facts = {
        "job_id": status.job_id,
        "result": result,
        "processes": processes,
        "forced": list(killed.forced),
        "state": status.state.value,
        "exit": to_json(status.exit),
    }
    return Result(block(status.job_id, parts, killed.words), facts)


def plain_exit(end: Exit | None) -> str:
    """The exit code or signal for use after a text that names the cause; "" if unknown."""
    return str(replace(end, cause="")) if end else ""


def force_words(forced: Sequence[str]) -> str:
    """Describe processes that did not exit within the grace period; "" if there were none."""
    if not forced:
        return ""
    shown = ", ".join(forced[:SHOWN_FORCED]) + (" ..." if len(forced) > SHOWN_FORCED else "")
    return f"SIGKILL was needed for {len(forced)}: {shown}"
