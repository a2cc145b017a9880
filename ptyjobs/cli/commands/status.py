"""`status`: the full status of one job."""

from __future__ import annotations

import errno
import os
import sys
import time

from ptyjobs._dataclass import TYPE_CHECKING
from ptyjobs.cli.command import print_json
from ptyjobs.cli.format import age, amount, listening, safe, turn

if TYPE_CHECKING:
    import argparse

    from ptyjobs.cli.command import Add
    from ptyjobs.config import Config
    from ptyjobs.model import Status


def register(add: Add) -> None:
    add("status", status, job=True)


def status(args: argparse.Namespace, settings: Config) -> int:
    """Show the full status of one job."""
    from ptyjobs.client.sync import Jobs

    with Jobs(settings) as jobs:
        found = jobs.status(args.job)
    if args.json:
        print_json(found, indent=2)
        return 0
    print("\n".join(page(found)))
    from ptyjobs.client import viewer_link

    if address := viewer_link.link(settings.state_dir, found.job_id):
        print(f"{'viewer':10} {hyperlink(address) if sys.stdout.isatty() else address}")
    return 0


def hyperlink(address: str) -> str:
    """The address as a clickable terminal hyperlink (OSC 8)."""
    return f"\x1b]8;;{address}\x1b\\{address}\x1b]8;;\x1b\\"


def page(found: Status, *, now: float | None = None) -> list[str]:
    """Format a status for a user, one fact per line."""
    now = time.time() if now is None else now
    ended = found.state.ended
    until = found.ended if found.ended is not None else now
    lasted = f"{'ran' if ended else 'up'} {age(until - found.started)}"
    facts = [
        ("job", f"{found.job_id}: {found.state.value}, {turn(found)}".rstrip(", ")),
        ("why", "" if found.reason in turn(found) else found.reason),
        ("command", safe(found.command)),
        ("directory", found.directory or found.cwd),
        ("target", found.target),
        ("title", safe(found.title)),
        ("progress", found.progress),
        ("started", f"{_clock(found.started)}, {lasted}"),
        ("ended", f"{_clock(until)}, {age(now - until)} ago" if ended else ""),
        ("output", f"{amount(found.end)}, {_silence(found)}" if not ended else amount(found.end)),
        ("last line", safe(found.last_line.strip())),
        ("terminal", f"{found.size.rows} rows, {found.size.cols} columns"),
        ("lifetime", found.lifetime.value if not ended else ""),
        ("attached", ", ".join(map(safe, found.people)) or str(found.attached or "")),
        ("held", safe(found.held)),
        ("asks", safe(found.asks)),
        ("processes", ", ".join(found.processes)),
        ("used", _used(found)),
        ("limits", ", ".join(found.limits)),
        ("peak", f"{amount(found.peak)} of memory" if found.peak else ""),
        ("labels", ", ".join(f"{n}={safe(v)}" for n, v in found.labels.items())),
        ("login", f"it changed {', '.join(found.changed)}" if found.changed else ""),
        ("run", f"{found.run}" if found.run > 1 else ""),
        *(("before", safe(one)) for one in found.tries),
        ("port", f"{found.port}" if found.port else ""),
        ("listening", listening(found)),
        ("dropped", f"the first {amount(found.floor)} of output" if found.floor else ""),
        ("lost", _lost(found)),
        *(("fault", error) for error in found.errors),
    ]  # fmt: skip
    return [f"{name:10} {safe(text)}" for name, text in facts if text]


def _lost(found: Status) -> str:
    if not found.gaps:
        return ""
    start, _, name = found.gaps[-1]
    why = os.strerror(getattr(errno, name)) if hasattr(errno, name) else name
    times = f"in {len(found.gaps)} places, last " if len(found.gaps) > 1 else ""
    return f"{amount(found.lost)} of output {times}at {start}: {why}"


def _used(found: Status) -> str:
    if not (found.rss or found.cpu):
        return ""
    memory = f", {amount(found.rss)} of memory" if found.rss else ""
    return f"{found.cpu:.1f} s of CPU{memory}"


def _silence(found: Status) -> str:
    return "" if found.output_age is None else f"last {age(found.output_age)} ago"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
